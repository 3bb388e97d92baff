//! Responses that do not come from an upstream.
//!
//! Source: Envoy, source/common/http/filter_manager.cc (`sendLocalReply`) and source/common/http/utility.cc
//! (`prepareLocalReply`, `encodeLocalReply`).

use super::worker::Worker;
use super::{Half, LocalReply, StreamEffect, StreamId};
use crate::abi::Headers;
use bytes::Bytes;

impl Worker {
    /// Answers a stream: through the filter if no response has begun, past it if one has begun and was not sent; and breaks the
    /// stream off if one was sent.
    pub(super) fn reply(&mut self, id: StreamId, reply: LocalReply) {
        let Some(stream) = self.stream(id).filter(|stream| !stream.response.finished) else { return };
        stream.request.finished = true;
        let cancel = stream.request.headers_passed;
        let responding = std::mem::replace(&mut stream.responding, true);
        let headers_passed = stream.response.headers_passed;
        let (status, details) = (reply.status, reply.details.clone());
        let (headers, body) = if stream.grpc { grpc_reply(reply) } else { http_reply(reply, stream.head) };
        let end = body.is_empty();
        if cancel {
            self.emit(id, StreamEffect::CancelUpstream);
        }
        if let Some(info) = self.info(id) {
            info.response_code_details = details;
            if !headers_passed {
                info.response_code = Some(status);
            }
        }
        if headers_passed {
            self.break_off(id);
            return;
        }
        if responding {
            self.reply_directly(id, headers, body);
            return;
        }
        self.headers(id, Half::Response, headers, end);
        if !end {
            self.data(id, Half::Response, body, true);
        }
    }

    fn reply_directly(&mut self, id: StreamId, headers: Headers, body: Bytes) {
        let Some(side) = self.side(id, Half::Response) else { return };
        side.finished = true;
        side.headers_passed = true;
        if let Some(view) = self.view(id) {
            view.response.hide();
            view.response.hidden_headers = Some(headers.clone());
        }
        let end = body.is_empty();
        self.emit(id, StreamEffect::ResponseHeaders(headers, end));
        if !end {
            self.emit(id, StreamEffect::ResponseData(body, true));
        }
    }

    /// Ends a stream with no answer.
    pub(super) fn break_off(&mut self, id: StreamId) {
        let Some(stream) = self.stream(id) else { return };
        stream.request.finished = true;
        if !std::mem::replace(&mut stream.response.finished, true) {
            self.emit(id, StreamEffect::Reset);
        }
    }

    /// Answers a stream whose guest has failed.
    pub(super) fn fail_stream(&mut self, id: StreamId) {
        let Some(stream) = self.stream(id) else { return };
        stream.unfilter();
        if !std::mem::replace(&mut stream.failed, true) {
            self.reply(id, plain(503, "", "wasm_fail_stream"));
        }
    }

    /// Too much of a body waits.
    pub(super) fn too_large(&mut self, id: StreamId, half: Half) {
        self.reply(
            id,
            match half {
                Half::Request => plain(413, "Payload Too Large", "request_payload_too_large"),
                Half::Response => plain(500, "Internal Server Error", "response_payload_too_large"),
            },
        );
    }
}

fn plain(status: u16, body: &'static str, details: &str) -> LocalReply {
    LocalReply {
        status,
        body: Bytes::from_static(body.as_bytes()),
        headers: Headers::new(),
        grpc_status: None,
        details: details.to_owned(),
    }
}

fn http_reply(reply: LocalReply, head: bool) -> (Headers, Bytes) {
    let mut headers = Headers::new();
    headers.push(":status", reply.status.to_string());
    if !reply.body.is_empty() {
        headers.push("content-length", reply.body.len().to_string());
        if reply.headers.get("content-type").is_none() {
            headers.push("content-type", "text/plain");
        }
    }
    add_own(&mut headers, &reply.headers);
    (headers, if head { Bytes::new() } else { reply.body })
}

/// What the replier adds, except what the reply itself decides.
fn add_own(headers: &mut Headers, own: &Headers) {
    for (name, value) in own.iter().filter(|(name, _)| !matches!(*name, b":status" | b"content-length")) {
        headers.push(name, value);
    }
}

/// A gRPC client gets 200, and status and message in headers.
fn grpc_reply(reply: LocalReply) -> (Headers, Bytes) {
    let mut headers = Headers::new();
    headers.push(":status", "200");
    headers.push("content-type", "application/grpc");
    headers.push("grpc-status", reply.grpc_status.unwrap_or_else(|| grpc_status(reply.status)).to_string());
    if !reply.body.is_empty() {
        headers.push("grpc-message", percent_encode(&reply.body));
    }
    add_own(&mut headers, &reply.headers);
    (headers, Bytes::new())
}

/// The gRPC status of an HTTP status (grpc/doc/http-grpc-status-mapping.md).
pub(crate) const fn grpc_status(status: u16) -> u32 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502..=504 => 14,
        _ => 2,
    }
}

/// `grpc-message` keeps visible ASCII but "%" (gRPC over HTTP/2, "Percent-Encoded").
fn percent_encode(message: &[u8]) -> String {
    let mut out = String::with_capacity(message.len());
    for byte in message {
        match byte {
            b' '..=b'$' | b'&'..=b'~' => out.push(char::from(*byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
