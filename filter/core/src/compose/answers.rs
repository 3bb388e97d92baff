//! A vendor's answers in its own words, given by Pointsman in its place.

use super::encode::plain;
use super::shape::{Known, Shape};
use super::template::Template;
use super::{Canonical, ComposeFault, Faults};
use crate::adapter::{Adapter, AnswerWire, ContentType};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// An answer to be given to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// The answers of one vendor.
#[derive(Clone, Debug)]
pub struct Answers {
    ok: AnswerShape,
    failed: AnswerShape,
    busy: AnswerShape,
}

#[derive(Clone, Debug)]
struct AnswerShape {
    status: u16,
    code: Option<Value>,
    headers: Vec<(Box<str>, bool, Template)>,
    body: Option<Shape>,
}

/// What an answer tells of its message.
#[derive(Clone, Copy, Default)]
struct Told<'t> {
    vendor_id: Option<&'t str>,
    message: Option<&'t Canonical>,
    code: Option<&'t Value>,
    retry_after: Option<u64>,
}

impl Answers {
    /// The answers of an adapter.
    ///
    /// # Errors
    /// Every fault, with its path below the adapter.
    pub fn new(adapter: &Adapter) -> Result<Self, Faults> {
        let mut faults = Faults::new();
        let wire = &adapter.answers;
        let ids = ["vendor_id", "vendor_number", "vendor_digits", "vendor_uuid", "recipient", "message_id", "null"];
        let mut shape = |wire, name: &str, names: &[&str]| {
            AnswerShape::new(wire, Known { names, params: false }, &format!("answers.{name}"), &mut faults)
        };
        let answers = Self {
            ok: shape(&wire.ok, "ok", &ids),
            failed: shape(&wire.failed, "failed", &["code", "null"]),
            busy: shape(&wire.busy, "busy", &["code", "retry_after", "null"]),
        };
        if faults.is_empty() { Ok(answers) } else { Err(faults) }
    }

    /// It was taken, as `vendor_id`: the id that whoever took it gave, or one of Pointsman's own.
    pub fn ok(&self, vendor_id: &str, message: &Canonical) -> Answer {
        self.ok.fill(Told { vendor_id: Some(vendor_id), message: Some(message), ..Told::default() })
    }

    /// It failed on the vendor's side; with `status` or the vendor's `code` in place of the usual ones.
    pub fn failed(&self, status: Option<u16>, code: Option<&str>) -> Answer {
        let own = self.failed.code.as_ref();
        let code = code.map(|code| like(code, own));
        let mut answer = self.failed.fill(Told { code: code.as_ref().or(own), ..Told::default() });
        answer.status = status.unwrap_or(answer.status);
        answer
    }

    /// Too fast: to be tried again after so long, told in whole seconds, at least one.
    pub fn busy(&self, retry_after: Duration) -> Answer {
        let part = u64::from(retry_after.subsec_nanos() > 0);
        let seconds = retry_after.as_secs().saturating_add(part).max(1);
        let told = Told { code: self.busy.code.as_ref(), retry_after: Some(seconds), ..Told::default() };
        let mut answer = self.busy.fill(told);
        if !answer.headers.iter().any(|(name, _)| name == "retry-after") {
            answer.headers.push(("retry-after".to_owned(), seconds.to_string()));
        }
        answer
    }
}

/// A code in the type that the vendor's own have.
fn like(code: &str, own: Option<&Value>) -> Value {
    match (own, code.parse::<i64>()) {
        (Some(Value::Number(_)), Ok(number)) => number.into(),
        _ => code.into(),
    }
}

impl AnswerShape {
    fn new(wire: &AnswerWire, known: Known<'_>, at: &str, faults: &mut Faults) -> Self {
        if !(200..=599).contains(&wire.status) {
            faults.push((format!("{at}.status"), ComposeFault::Status(wire.status)));
        }
        let mut headers = Vec::new();
        for (name, value) in &wire.headers {
            let at = format!("{at}.headers.{name}");
            let bare = name.strip_suffix('?').unwrap_or(name);
            let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
            if bare.is_empty() || !bare.bytes().all(is_name) || matches!(bare, "content-length" | "transfer-encoding") {
                faults.push((at.clone(), ComposeFault::Header(name.clone())));
            }
            let optional = bare.len() < name.len();
            headers.extend(known.template(value, &at, faults).map(|value| (bare.into(), optional, value)));
        }
        let body = wire.body.as_ref().map(|body| Shape::new(body, known, &format!("{at}.body"), faults));
        let of_headers = headers
            .iter()
            .flat_map(|(_, optional, value): &(_, bool, Template)| value.names().map(move |name| (name, *optional)));
        let names: Vec<(&str, bool)> = of_headers.chain(body.iter().flat_map(Shape::names)).collect();
        if wire.code.is_none() && names.iter().any(|(name, _)| *name == "code") {
            faults.push((at.to_owned(), ComposeFault::NoCode));
        }
        if names.contains(&("message_id", false)) {
            faults.push((at.to_owned(), ComposeFault::NotAlways("message_id")));
        }
        Self { status: wire.status, code: wire.code.clone(), headers, body }
    }

    fn fill(&self, told: Told<'_>) -> Answer {
        let mut headers = Vec::new();
        if self.body.as_ref().is_some_and(Shape::is_json) && !self.names("content-type") {
            headers.push(("content-type".to_owned(), ContentType::Json.header().to_owned()));
        }
        for (name, _, value) in &self.headers {
            let value = value.text(&mut |name| told.value(name).map(plain));
            // What a vendor gave as an id may hold anything.
            let clean = |value: String| value.chars().filter(|c| matches!(c, ' '..='~')).collect();
            headers.extend(value.ok().map(|value| (name.to_string(), clean(value))));
        }
        let body = self.body.as_ref().and_then(|body| body.fill(&mut |name| told.value(name), |_| true).ok());
        Answer { status: self.status, headers, body: body.map(plain).unwrap_or_default().into_bytes() }
    }

    fn names(&self, header: &str) -> bool {
        self.headers.iter().any(|(name, _, _)| **name == *header)
    }
}

/// There is no such value.
struct Lacking;

impl Told<'_> {
    fn value(self, name: &str) -> Result<Value, Lacking> {
        let value = match name {
            "vendor_id" => self.vendor_id.map(Value::from),
            "vendor_number" => self.vendor_id.map(|id| number(id).into()),
            "vendor_digits" => self.vendor_id.map(|id| number(id).to_string().into()),
            "vendor_uuid" => self.vendor_id.map(|id| uuid(id).into()),
            "recipient" => self.message.map(|message| message.recipient.expose().into()),
            "message_id" => self.message.and_then(|message| message.message_id.clone()).map(Value::String),
            "code" => self.code.cloned(),
            "retry_after" => self.retry_after.map(Value::from),
            "null" => Some(Value::Null),
            _ => None,
        };
        value.ok_or(Lacking)
    }
}

/// `id` as the number that it is, else a number made of it that every JSON reader can hold.
fn number(id: &str) -> u64 {
    let is_plain = id.len() <= 18 && !id.starts_with('0') && id.bytes().all(|byte| byte.is_ascii_digit());
    let made = || u64::from_be_bytes(digest(id)) >> 11;
    id.parse().ok().filter(|_| is_plain).unwrap_or_else(made)
}

/// `id` as the UUID that it is, else one made of it (RFC 9562, version 8).
fn uuid(id: &str) -> String {
    let is_hyphen = |index| matches!(index, 8 | 13 | 18 | 23);
    let fits = |(index, byte): (usize, u8)| if is_hyphen(index) { byte == b'-' } else { byte.is_ascii_hexdigit() };
    if id.len() == 36 && id.bytes().enumerate().all(fits) {
        return id.to_owned();
    }
    let made = u128::from_be_bytes(digest(id)) & !(0xf_u128 << 76 | 0b11 << 62) | (8 << 76 | 0b10 << 62);
    let digits = format!("{made:032x}");
    let mut text = String::with_capacity(36);
    for digit in digits.chars() {
        if is_hyphen(text.len()) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

/// The first bytes of a digest of `text`.
fn digest<const N: usize>(text: &str) -> [u8; N] {
    let digest = Sha256::digest(text.as_bytes());
    digest.first_chunk::<N>().copied().unwrap_or([0; N])
}
