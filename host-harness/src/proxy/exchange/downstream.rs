//! The client's side of a stream.

use crate::abi::Headers;
use crate::proxy::frames::{self, FrameReader, FrameWriter};
use crate::proxy::headers::{to_client, to_map};
use bytes::Bytes;
use http::{Method, Response, StatusCode, Version};
use hyper::body::{Body as _, Incoming};
use std::task::{Context, Poll};
use tokio::sync::oneshot;

/// The client's side of a stream.
pub(super) struct Downstream {
    pub(super) body: Option<Incoming>,
    pub(super) http2: bool,
    /// Whether more of the request is wanted.
    pub(super) reading: bool,
    pub(super) request_ended: bool,
    /// Of a HEAD request no body is answered; hyper drops it unread, which is no sign that the client has left.
    is_head: bool,
    buffer_limit_bytes: usize,
    reply: Option<oneshot::Sender<Response<FrameReader>>>,
    body_out: Option<FrameWriter>,
}

impl Downstream {
    pub(super) fn new(
        body: Incoming,
        head: &http::request::Parts,
        reply: oneshot::Sender<Response<FrameReader>>,
        buffer_limit_bytes: usize,
    ) -> Self {
        Self {
            body: Some(body),
            http2: head.version == Version::HTTP_2,
            reading: true,
            request_ended: false,
            is_head: head.method == Method::HEAD,
            buffer_limit_bytes,
            reply: Some(reply),
            body_out: None,
        }
    }

    /// Whether nothing follows the headers.
    pub(super) fn is_header_only(&mut self) -> bool {
        let header_only = self.body.as_ref().is_none_or(|body| body.is_end_stream());
        if header_only {
            self.body = None;
        }
        header_only
    }

    /// Begins the response; with a status that HTTP does not have, the stream is broken off.
    pub(super) fn begin(&mut self, status: u16, headers: &Headers, end: bool) {
        let Some(reply) = self.reply.take() else { return };
        let Ok(status) = StatusCode::from_u16(status) else { return };
        let body = if end {
            frames::empty()
        } else {
            let (writer, reader) = frames::channel();
            self.body_out = Some(writer);
            reader
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = to_client(headers);
        // A client that has left is noticed when the stream is polled.
        let _ = reply.send(response);
    }

    pub(super) fn data(&self, data: Bytes) {
        if let Some(body) = &self.body_out {
            body.data(data);
        }
    }

    /// Ends the response. Trailers go to HTTP/2 clients only, as in Envoy.
    pub(super) fn end(&mut self, trailers: Option<&Headers>) {
        let Some(body) = self.body_out.take() else { return };
        match trailers {
            Some(trailers) if self.http2 => body.trailers(to_map(trailers)),
            _ => body.end(),
        }
    }

    /// Whether the client takes more of the response now.
    pub(super) fn has_room(&self, cx: &Context<'_>) -> bool {
        let Some(body) = &self.body_out else { return true };
        body.wake_on_change(cx);
        body.waiting_bytes() < self.buffer_limit_bytes
    }

    /// Ready when the client has left.
    pub(super) fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(reply) = &mut self.reply {
            return reply.poll_closed(cx);
        }
        match &self.body_out {
            Some(body) if !self.is_head => {
                body.wake_on_change(cx);
                if body.is_abandoned() { Poll::Ready(()) } else { Poll::Pending }
            }
            _ => Poll::Pending,
        }
    }
}
