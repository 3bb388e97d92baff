//! What the stand-ins have in common: a vendor's API as a function from request to answer.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde_json::Value;

use super::fault::{FaultError, Refusal};
use super::received::Received;

/// One vendor's API. A new vendor is a file with one of these and a line in [`super::ALL`].
pub(crate) trait Api: Send + Sync {
    /// The name of the channel.
    fn name(&self) -> &'static str;

    /// The authority under which the real vendor serves this API.
    fn host(&self) -> &'static str;

    /// The verdict on accepted recipients: the vendor's code, or the status where an answer has no code.
    fn accepted_code(&self) -> &'static str;

    /// Whether method, path and headers ask for a send, right or wrong.
    fn is_send(&self, head: &Parts) -> bool;

    /// Answers a request; a send that passes the vendor's checks is refused if `refusal` says so. `number` makes
    /// the ids of the answer unique.
    fn answer(&self, request: &Received, refusal: Option<&Refusal>, number: u64) -> Answer;

    /// Whether the vendor can refuse like that.
    fn check(&self, refusal: &Refusal) -> Result<(), FaultError>;

    /// A send that passes the vendor's checks.
    fn example(&self) -> Example;

    /// What the vendor posts to the sender when it has handed over what `answer` accepts; `None` for stand-ins that report nothing.
    fn receipt(&self, _answer: &Answer) -> Option<Value> {
        None
    }

    /// Whether the vendor shows a recipient but one of several sends with the same message id.
    fn removes_repeats(&self) -> bool {
        false
    }

    /// The answer to a send without the credential that was asked for, or with another's.
    fn unauthorized(&self) -> Answer {
        let body = serde_json::json!({"code": 401, "message": "unauthorized"});
        Answer::send(StatusCode::UNAUTHORIZED, Verdict::refused("401", 1)).json("application/json", &body)
    }
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// A message to one or more recipients.
    Send,
    /// A send that the vendor only checks.
    DryRun,
    /// All that is no send: token calls, unknown paths.
    Other,
}

/// An answer with the verdicts that it gives.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) operation: Operation,
    pub(crate) status: StatusCode,
    pub(crate) headers: Vec<(&'static str, HeaderValue)>,
    pub(crate) body: Bytes,
    pub(crate) verdicts: Vec<Verdict>,
    /// Whom it accepts, with the message.
    pub(crate) deliveries: Vec<Delivery>,
}

/// A recipient whom the vendor has accepted a message for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Delivery {
    /// The sender's own id of the message; empty if the request has none.
    pub(crate) message_id: String,
    pub(crate) recipient: String,
}

/// What the vendor said of some recipients of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) code: String,
    pub(crate) recipients: u64,
    pub(crate) accepted: bool,
}

/// A valid request, for command lines and tests.
#[derive(Debug, Clone)]
pub(crate) struct Example {
    pub(crate) path: &'static str,
    pub(crate) headers: &'static [(&'static str, &'static str)],
    pub(crate) body: String,
}

impl Verdict {
    pub(crate) fn accepted(code: impl Into<String>, recipients: usize) -> Self {
        Self { code: code.into(), recipients: recipients as u64, accepted: true }
    }

    pub(crate) fn refused(code: impl Into<String>, recipients: usize) -> Self {
        Self { code: code.into(), recipients: recipients as u64, accepted: false }
    }
}

impl Answer {
    /// An answer to a send.
    pub(crate) fn send(status: StatusCode, verdict: Verdict) -> Self {
        Self { operation: Operation::Send, verdicts: vec![verdict], ..Self::other(status) }
    }

    /// An answer to anything else.
    pub(crate) fn other(status: StatusCode) -> Self {
        Self {
            operation: Operation::Other,
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            verdicts: Vec::new(),
            deliveries: Vec::new(),
        }
    }

    /// The page that a proxy before the vendor serves in its place: no verdict of the vendor on anyone.
    pub(crate) fn bad_gateway(recipients: u64) -> Self {
        let recipients = usize::try_from(recipients).unwrap_or(usize::MAX);
        let mut answer = Self::send(StatusCode::BAD_GATEWAY, Verdict::refused("502", recipients));
        answer.body = page(502);
        answer.header("content-type", "text/html")
    }

    /// Adds a JSON body under the vendor's own content type.
    pub(crate) fn json(mut self, content_type: &str, body: &Value) -> Self {
        self.body = body.to_string().into();
        self.header("content-type", content_type)
    }

    /// Says whom the vendor accepts a message for.
    pub(crate) fn delivers(mut self, message_id: Option<&str>, recipient: Option<&str>) -> Self {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        self.deliveries.push(Delivery { message_id: text(message_id), recipient: text(recipient) });
        self
    }

    /// Adds a header; a value that HTTP does not allow is left out.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// All recipients of the call.
    pub(crate) fn recipients(&self) -> u64 {
        self.verdicts.iter().map(|verdict| verdict.recipients).sum()
    }
}

/// The page of a proxy before a vendor that has nothing better to say than a status.
pub(crate) fn page(status: u16) -> Bytes {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Error");
    let title = format!("{status} {reason}");
    let page = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n</body>\r\n\
         </html>\r\n"
    );
    page.into()
}

/// A UUID of version 4 in form, unique by its number.
pub(crate) fn uuid(number: u64) -> String {
    format!("00000000-0000-4000-8000-{:012x}", number & 0xffff_ffff_ffff)
}

/// A refusal that some vendors cannot express: only part of the recipients.
pub(crate) fn whole(vendor: &'static str, refusal: &Refusal) -> Result<(), FaultError> {
    match refusal.recipients {
        None => Ok(()),
        Some(_) => Err(FaultError::Whole { vendor }),
    }
}

/// The code as a number, where the vendor's codes are numbers.
pub(crate) fn number(vendor: &'static str, code: &str) -> Result<i64, FaultError> {
    code.parse().map_err(|_| FaultError::Code { vendor, code: code.to_owned() })
}
