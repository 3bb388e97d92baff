//! HAR 1.2, as far as it tells of an exchange: <http://www.softwareishard.com/blog/har-12-spec/>.
//!
//! Recorders take liberties, so little is insisted on: unknown fields are ignored, and what is missing or `null` is as if
//! nothing had been recorded.

use super::{failure, text};
use pointsman_core::time::WallClock;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::fmt;

/// Recorded traffic.
#[derive(Clone, Debug, Deserialize)]
#[serde(expecting = "an object with `log`")]
pub struct Har {
    log: Log,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(expecting = "an object with `entries`")]
struct Log {
    entries: Vec<Entry>,
}

/// One exchange.
#[derive(Clone, Debug, Deserialize)]
#[serde(expecting = "an object with `request` and `response`")]
pub(super) struct Entry {
    #[serde(rename = "startedDateTime", default, deserialize_with = "instant")]
    pub(super) started: Option<WallClock>,
    /// From the beginning to the end, in milliseconds.
    #[serde(default, deserialize_with = "lenient")]
    time: f64,
    pub(super) request: Request,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) response: Response,
    #[serde(default)]
    pub(super) timings: Option<Timings>,
    #[serde(default)]
    pub(super) comment: Value,
    #[serde(default, rename = "_error")]
    pub(super) error: Value,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(expecting = "an object with `method` and `url`")]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) url: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) headers: Vec<Header>,
    #[serde(default, rename = "postData", deserialize_with = "lenient")]
    pub(super) post_data: PostData,
    /// -1 if it is not known.
    #[serde(default, rename = "bodySize", deserialize_with = "lenient")]
    pub(super) body_size: f64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(expecting = "an object with `name` and `value`")]
pub(super) struct Header {
    pub(super) name: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) value: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(expecting = "an object with `text` or `params`")]
pub(super) struct PostData {
    #[serde(default, rename = "mimeType", deserialize_with = "lenient")]
    pub(super) mime_type: String,
    #[serde(flatten, default)]
    pub(super) text: Text,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) params: Vec<Param>,
}

/// A field of a form, decoded.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object with `name` and `value`")]
pub(super) struct Param {
    pub(super) name: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) value: String,
    #[serde(default)]
    pub(super) file_name: Option<String>,
    #[serde(default)]
    pub(super) content_type: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object with `status` and `headers`")]
pub(super) struct Response {
    /// 0 or less if there was no answer.
    #[serde(default, deserialize_with = "lenient")]
    status: f64,
    #[serde(default)]
    pub(super) status_text: Value,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) headers: Vec<Header>,
    #[serde(default, deserialize_with = "lenient")]
    pub(super) content: Content,
    #[serde(default)]
    pub(super) comment: Value,
    /// Chrome's and mitmproxy's word for what went wrong.
    #[serde(default, rename = "_error")]
    pub(super) error: Value,
    /// Playwright's.
    #[serde(default, rename = "_failureText")]
    pub(super) failure_text: Value,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(expecting = "an object with `size` and `text`")]
pub(super) struct Content {
    /// Of the decoded body; -1 if it is not known.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) size: f64,
    #[serde(flatten, default)]
    pub(super) text: Text,
}

/// A body without its transfer and content encodings, which the recorder has undone.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "TextWire")]
pub(super) struct Text(pub(super) Option<Vec<u8>>);

#[derive(Deserialize)]
struct TextWire {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    encoding: Option<String>,
}

impl TryFrom<TextWire> for Text {
    type Error = &'static str;

    fn try_from(wire: TextWire) -> Result<Self, Self::Error> {
        let is_base64 = wire.encoding.is_some_and(|encoding| encoding.eq_ignore_ascii_case("base64"));
        Ok(Self(match wire.text {
            Some(text) if is_base64 => Some(text::base64(&text).ok_or("`text` is not base64, as `encoding` says")?),
            plain => plain.map(String::into_bytes),
        }))
    }
}

/// How long each step took, in milliseconds; -1 if it did not happen.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(expecting = "an object with `send`, `wait` and `receive`")]
pub(super) struct Timings {
    #[serde(default)]
    pub(super) blocked: Option<f64>,
    #[serde(default)]
    pub(super) dns: Option<f64>,
    #[serde(default)]
    pub(super) connect: Option<f64>,
    #[serde(default)]
    pub(super) send: Option<f64>,
    #[serde(default)]
    pub(super) wait: Option<f64>,
    #[serde(default)]
    pub(super) receive: Option<f64>,
}

/// What is wrong with a HAR.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HarFault {
    /// Where, as a JSONPath such as `$.log.entries[3].request`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub remedy: &'static str,
}

impl fmt::Display for HarFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.path, self.message, self.remedy)
    }
}

impl std::error::Error for HarFault {}

impl HarFault {
    fn not_json(error: &serde_json::Error) -> Self {
        let remedy = if error.is_eof() {
            "the file ends too soon: record it again, or copy it whole"
        } else {
            "give a HAR 1.2 file, as a browser or a proxy saves it"
        };
        Self { path: "$".to_owned(), message: format!("is not JSON: {error}"), remedy }
    }
}

impl Har {
    /// Reads a HAR.
    ///
    /// # Errors
    /// It is no JSON, or an exchange in it lacks what an exchange must have.
    pub fn parse(bytes: &[u8]) -> Result<Self, HarFault> {
        // Some recorders on Windows begin a file with a byte order mark.
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let har = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
            if !error.inner().is_data() {
                return HarFault::not_json(error.inner());
            }
            let path = error.path().to_string();
            let path = if path == "." { "$".to_owned() } else { format!("$.{path}") };
            let remedy = "this is no HAR 1.2: export the traffic anew as HAR, or mend this place";
            HarFault { path, message: error.into_inner().to_string(), remedy }
        })?;
        deserializer.end().map_err(|error| HarFault::not_json(&error))?;
        Ok(har)
    }

    /// How many exchanges there are.
    pub fn len(&self) -> usize {
        self.log.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.log.entries.is_empty()
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.log.entries
    }
}

impl Entry {
    /// How long it took, in nanoseconds.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float that is too large or no number saturates, and below 0 there is nothing"
    )]
    pub(super) fn duration_ns(&self) -> u64 {
        let sum = || self.timings.map_or(0.0, Timings::sum);
        let millis = if self.time > 0.0 { self.time } else { sum() };
        (millis.max(0.0) * 1e6) as u64
    }

    /// The failure of the way to the other side that was recorded in place of an answer, or behind half of one.
    pub(super) fn failure(&self) -> Option<failure::Failure> {
        failure::of(self)
    }
}

impl Timings {
    fn sum(self) -> f64 {
        let steps = [self.blocked, self.dns, self.connect, self.send, self.wait, self.receive];
        steps.into_iter().flatten().filter(|step| *step > 0.0).sum()
    }
}

impl Response {
    /// The status; `None` if there was no answer.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is within the range of statuses")]
    pub(super) fn status(&self) -> Option<u16> {
        (100.0..1_000.0).contains(&self.status).then_some(self.status as u16)
    }
}

/// What is `null` is as if it were not there.
fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<WallClock>, D::Error> {
    let Some(written) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    let instant = text::instant(&written).ok_or_else(|| {
        D::Error::custom(format!(
            "{written:?} is no date and time with a zone, such as \"2026-11-27T09:30:00.000+08:00\""
        ))
    })?;
    Ok(Some(instant))
}

#[cfg(test)]
mod tests;
