//! Response bodies that no vendor would wish to send.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::TRAILER;
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::api::Answer;
use super::ledger::Entry;
use crate::http::{Body, Connection};

/// How long a broken answer waits between its first half and the reset. A reset takes bytes with it that the peer
/// has not read yet, and the point of this fault is that the peer has begun to read.
const BEFORE_RESET: Duration = Duration::from_millis(50);

/// The trailer that the fault of that name sends.
const TRAILER_NAME: &str = "x-vendor-trailer";

/// The first half of the body.
pub(super) fn cut(mut answer: Answer) -> Answer {
    answer.body.truncate(answer.body.len() / 2);
    answer
}

/// The body in gzip.
pub(super) fn gzip(mut answer: Answer) -> Answer {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail; if it did, the plain answer would still be a true one.
    let written = encoder.write_all(&answer.body);
    match written.and_then(|()| encoder.finish()) {
        Ok(bytes) => {
            answer.body = bytes.into();
            answer.header("content-encoding", "gzip")
        }
        Err(_) => answer,
    }
}

/// The same response with trailers behind its body.
pub(super) fn trailers(response: Response<Body>) -> Response<Body> {
    let mut response = response.map(|body| {
        let mut trailers = HeaderMap::new();
        trailers.insert(TRAILER_NAME, HeaderValue::from_static("done"));
        // A boxed body loses its exact length, which would rule trailers out in HTTP/1.1.
        let body = Unsized(body);
        body.with_trailers(std::future::ready(Some(Ok(trailers)))).boxed()
    });
    let names = HeaderValue::from_static(TRAILER_NAME);
    response.headers_mut().insert(TRAILER, names);
    response
}

/// The headers of the response, then a blank at each interval until the client leaves.
pub(super) fn endless(response: Response<Body>, interval: Duration, entry: Entry) -> Response<Body> {
    response.map(|_| Drip { interval, next: Box::pin(tokio::time::sleep(Duration::ZERO)), _entry: entry }.boxed())
}

/// The headers of the response and half of its body, then an error that breaks the exchange off.
pub(super) fn broken(response: Response<Body>, connection: Option<Connection>, entry: Entry) -> Response<Body> {
    response.map(|body| Broken { body, end: None, connection, _entry: entry }.boxed())
}

/// A body of unknown length.
struct Unsized(Body);

impl hyper::body::Body for Unsized {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Pin::new(&mut self.0).poll_frame(cx)
    }
}

/// One blank per interval, for ever.
struct Drip {
    interval: Duration,
    next: Pin<Box<Sleep>>,
    /// Open as long as the body is being written.
    _entry: Entry,
}

impl hyper::body::Body for Drip {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        std::task::ready!(self.next.as_mut().poll(cx));
        let next = Instant::now() + self.interval;
        self.next.as_mut().reset(next);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))))
    }
}

/// Half of a body, a moment, an error.
struct Broken {
    body: Body,
    end: Option<Pin<Box<Sleep>>>,
    connection: Option<Connection>,
    /// Open until the break.
    _entry: Entry,
}

impl hyper::body::Body for Broken {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(end) = &mut self.end {
            std::task::ready!(end.as_mut().poll(cx));
            if let Some(connection) = &self.connection {
                connection.reset_on_close();
            }
            return Poll::Ready(Some(Err(io::Error::other("broken off by a fault"))));
        }
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.end = Some(Box::pin(tokio::time::sleep(BEFORE_RESET)));
        match frame.map(|frame| frame.map(Frame::into_data)) {
            Some(Ok(Ok(mut data))) => {
                data.truncate(data.len() / 2);
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            // No body to halve, so the break follows the headers.
            _ => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    /// The length that is promised; without a body to halve none is, for a promise of nothing would be kept.
    fn size_hint(&self) -> SizeHint {
        match self.body.size_hint() {
            hint if hint.exact() == Some(0) => SizeHint::default(),
            hint => hint,
        }
    }
}
