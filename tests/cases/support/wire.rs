//! Requests and answers as they go over the wire.

use super::file::{Request, Response};
use serde::Deserialize;
use serde_json::Value;
use std::error::Error;

/// Pieces of a body; more than about a thousand of them are not read on.
const MAX_PIECES: usize = 1_000;

const BOUNDARY: &str = "----PointsmanCasesBoundary7MA4YWxkTrZu0gW";

/// How bodies come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pieces {
    /// At once, of a length that the head announces.
    Whole,
    /// Byte by byte, then trailers.
    Bytes,
}

/// A request on the wire.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) is_inbound: bool,
    /// The header lines, `:method` and its like among them.
    pub(crate) lines: Vec<(String, String)>,
    /// `None` if the request ends with its headers.
    pub(crate) body: Option<String>,
}

/// An answer on the wire.
#[derive(Clone)]
pub(crate) struct Answer {
    /// Envoy's word for where it comes from.
    pub(crate) details: &'static str,
    /// The header lines, `:status` among them.
    pub(crate) lines: Vec<(String, String)>,
    /// `None` if the answer ends with its headers.
    pub(crate) body: Option<String>,
}

/// What the network makes of an exchange.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Failure {
    /// Nobody listens.
    Refused,
    /// The name has no address.
    Unresolved,
    /// The connection breaks before there is an answer.
    Reset,
    /// There is no answer in time.
    Timeout,
}

impl Sent {
    pub(super) fn outbound(request: &Request) -> Result<Self, Box<dyn Error>> {
        Self::new(request, false)
    }

    pub(super) fn inbound(request: &Request) -> Result<Self, Box<dyn Error>> {
        Self::new(request, true)
    }

    fn new(request: &Request, is_inbound: bool) -> Result<Self, Box<dyn Error>> {
        let (content_type, body) = match (&request.body, &request.form, &request.multipart) {
            (None, None, None) => (None, None),
            (Some(body), None, None) => (Some("application/json".to_owned()), Some(text(body))),
            (None, Some(form), None) => {
                let mut body = form_urlencoded::Serializer::new(String::new());
                for (name, value) in form {
                    body.append_pair(name, &text(value));
                }
                (Some("application/x-www-form-urlencoded".to_owned()), Some(body.finish()))
            }
            (None, None, Some(parts)) => {
                (Some(format!("multipart/form-data; boundary={BOUNDARY}")), Some(multipart(parts)))
            }
            _ => return Err(format!("{} has several bodies", request.url).into()),
        };
        let mut lines = target(request)?;
        let content_type = content_type.filter(|_| !request.headers.contains_key("content-type"));
        lines.extend(content_type.map(|value| ("content-type".to_owned(), value)));
        lines.extend(request.headers.clone());
        Ok(Self { is_inbound, lines, body })
    }
}

/// The pseudo-header lines.
fn target(request: &Request) -> Result<Vec<(String, String)>, Box<dyn Error>> {
    let (_, rest) = request.url.split_once("://").ok_or("the URL has no scheme")?;
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, "/"),
    };
    let method = request.method.as_deref().unwrap_or("POST");
    let line = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Ok(vec![line(":method", method), line(":authority", authority), line(":path", path)])
}

fn multipart(parts: &[(String, String)]) -> String {
    let part = |(name, value): &(String, String)| {
        format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let parts: String = parts.iter().map(part).collect();
    format!("{parts}--{BOUNDARY}--\r\n")
}

impl Answer {
    pub(super) fn of_vendor(response: &Response) -> Self {
        let status = (":status".to_owned(), response.status.to_string());
        Self {
            details: "via_upstream",
            lines: std::iter::once(status).chain(response.headers.clone()).collect(),
            body: response.body.as_ref().map(text),
        }
    }

    /// The local reply that Envoy gives where there is no answer.
    pub(super) fn of_envoy(failure: Failure) -> Self {
        let (status, details, body) = match failure {
            Failure::Refused => (
                "503",
                "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}",
                "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure",
            ),
            Failure::Unresolved => ("503", "dns_resolution_failure", "DNS resolution failure"),
            Failure::Reset => (
                "503",
                "upstream_reset_before_response_started{connection_termination}",
                "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
            ),
            Failure::Timeout => ("504", "response_timeout", "upstream request timeout"),
        };
        let line = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let lines = vec![line(":status", status), line("content-type", "text/plain")];
        Self { details, lines, body: Some(body.to_owned()) }
    }
}

impl Pieces {
    /// A body as it comes.
    pub(crate) fn of(self, body: &str) -> Vec<&[u8]> {
        match self {
            Self::Whole => vec![body.as_bytes()],
            Self::Bytes => body.as_bytes().chunks(body.len().div_ceil(MAX_PIECES).max(1)).collect(),
        }
    }

    /// The header lines of a message with that body.
    pub(crate) fn lines<'a>(
        self,
        lines: &'a [(String, String)],
        body: Option<&str>,
    ) -> impl Iterator<Item = (&'a str, String)> {
        let length = body.filter(|_| self == Self::Whole).map(|body| ("content-length", body.len().to_string()));
        lines.iter().map(|(name, value)| (name.as_str(), value.clone())).chain(length)
    }
}

/// Text as it is, anything else as JSON.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
