//! What a stub answers.

use crate::http::{Body, full};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::{BodyExt as _, Full};
use std::time::Duration;

/// What a stub answers to one request.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(super) what: What,
    pub(super) delay: Duration,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Response { status: u16, headers: Vec<Line>, body: Bytes, trailers: Vec<Line> },
    Reset,
}

/// A name and a value, not looked at yet.
type Line = (Bytes, Bytes);

impl Answer {
    /// A response with this status and body.
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        let what = What::Response { status, headers: Vec::new(), body: body.into(), trailers: Vec::new() };
        Self { what, delay: Duration::ZERO }
    }

    /// No response: the connection is reset, or the stream of an HTTP/2 connection.
    pub const fn reset() -> Self {
        Self { what: What::Reset, delay: Duration::ZERO }
    }

    /// With one more header.
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        if let What::Response { headers, .. } = &mut self.what {
            headers.push(line(name.as_ref(), value.as_ref()));
        }
        self
    }

    /// With one more trailer. Over HTTP/1.1 trailers pass only if the request says `te: trailers`; a stub of HTTP/2 always
    /// sends them.
    pub fn trailer(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        if let What::Response { trailers, .. } = &mut self.what {
            trailers.push(line(name.as_ref(), value.as_ref()));
        }
        self
    }

    /// So long after the request has come whole.
    pub const fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// The response, or `None` for a reset.
    pub(super) fn response(&self) -> Result<Option<Response<Body>>, http::Error> {
        let What::Response { status, headers, body, trailers } = &self.what else { return Ok(None) };
        let mut response = Response::builder().status(*status).body(full(body.clone()))?;
        *response.headers_mut() = map(headers)?;
        if !trailers.is_empty() {
            let trailers = map(trailers)?;
            for name in trailers.keys() {
                response.headers_mut().append(http::header::TRAILER, HeaderValue::from_str(name.as_str())?);
            }
            let body = Full::new(body.clone()).with_trailers(async { Some(Ok(trailers)) });
            *response.body_mut() = body.map_err(|never| match never {}).boxed();
        }
        Ok(Some(response))
    }
}

/// A status of its own alone, such as `200`, with no body.
impl From<u16> for Answer {
    fn from(status: u16) -> Self {
        Self::new(status, Bytes::new())
    }
}

impl<B: Into<Bytes>> From<Response<B>> for Answer {
    fn from(response: Response<B>) -> Self {
        let (head, body) = response.into_parts();
        let lines = head.headers.iter();
        lines.fold(Self::new(head.status.as_u16(), body), |answer, (name, value)| answer.header(name, value))
    }
}

fn line(name: &[u8], value: &[u8]) -> Line {
    (Bytes::copy_from_slice(name), Bytes::copy_from_slice(value))
}

fn map(lines: &[Line]) -> Result<HeaderMap, http::Error> {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(HeaderName::from_bytes(name)?, HeaderValue::from_bytes(value)?);
    }
    Ok(map)
}
