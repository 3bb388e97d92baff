//! Small HTTP helpers on hyper, shared by the stand-ins, the demo and the tests.
//!
//! The client sends what it is given: header values as bytes, repeated headers as repeated lines. Nothing is
//! followed, decoded or retried, so that what a caller reads is what was on the wire.

mod client;
mod pool;
mod raw;
mod server;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};

pub use client::{ClientError, TIMEOUT, Version, open, send, send_within};
pub use pool::Client;
pub use raw::{RAW_MAX_BYTES, RAW_TIMEOUT, raw};
pub use server::{Connection, MAX_CONNECTIONS, serve, serve_until};

/// The body type of every response that this crate serves.
pub type Body = BoxBody<Bytes, std::io::Error>;

/// The most bytes of one body that the client keeps, and that a stand-in reads.
pub const MAX_BODY_BYTES: usize = 32 << 20;

/// A whole response, as it came.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status line's code.
    pub status: StatusCode,
    /// The headers, in the order received; a repeated header keeps all its values.
    pub headers: HeaderMap,
    /// The body, with transfer encoding undone and content encoding left alone.
    pub body: Bytes,
    /// The trailers, if there were any.
    pub trailers: Option<HeaderMap>,
}

impl Response {
    /// The first value of a header as text; `None` if it is missing or not visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as text, with bytes that are not UTF-8 replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; `None` if it is not JSON.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// A response body of known bytes.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

#[cfg(test)]
mod tests;
