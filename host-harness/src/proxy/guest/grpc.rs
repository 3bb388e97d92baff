//! A gRPC call of the guest over HTTP/2: each message in a frame of one flag, four bytes of length and the message.

use crate::abi::Headers;
use crate::filter::{GrpcCall, GrpcEvent};
use crate::proxy::frames::{self, FrameReader, FrameWriter};
use crate::proxy::headers::{Outgoing, of_response, of_trailers};
use crate::proxy::pools::Pools;
use crate::proxy::upstream::{Failure, Reply};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::BodyExt;
use std::time::Duration;

/// The most bytes of one message.
const MAX_MESSAGE_BYTES: usize = 4 << 20;
const PREFIX_BYTES: usize = 5;

/// Status codes of gRPC.
const UNKNOWN: u32 = 2;
const RESOURCE_EXHAUSTED: u32 = 8;
const INTERNAL: u32 = 13;
const UNAVAILABLE: u32 = 14;

/// A call that is ready to go.
pub(super) struct Request {
    cluster: String,
    headers: Headers,
    body: FrameReader,
    timeout: Option<Duration>,
}

/// A call's request, and for a stream the end into which messages are written.
pub(super) fn request(call: GrpcCall) -> (Request, Option<FrameWriter>) {
    let mut headers = Headers::new();
    headers.push(":method", "POST");
    headers.push(":path", format!("/{}/{}", call.service, call.method));
    headers.push(":authority", &call.cluster);
    headers.push("te", "trailers");
    headers.push("content-type", "application/grpc");
    if let Some(timeout) = call.timeout {
        headers.push("grpc-timeout", format!("{}m", timeout.as_millis()));
    }
    for (name, value) in call.metadata.iter() {
        headers.push(name, value);
    }
    let (writer, body) = frames::channel();
    let messages = match call.message {
        Some(message) => {
            write(&writer, &message, true);
            None
        }
        None => Some(writer),
    };
    (Request { cluster: call.cluster, headers, body, timeout: call.timeout }, messages)
}

/// Writes a message, which may be the last.
pub(super) fn write(messages: &FrameWriter, message: &Bytes, end: bool) {
    let mut frame = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    messages.data(frame.freeze());
    if end {
        messages.end();
    }
}

/// Sends a call and tells what comes of it; the last event is [`GrpcEvent::Close`].
pub(super) async fn exchange(pools: &Pools, request: Request, tell: &impl Fn(GrpcEvent)) {
    let timeout = request.timeout;
    let talk = talk(pools, request, tell);
    let (status, message) = match timeout {
        None => talk.await,
        Some(timeout) => {
            let late = (UNAVAILABLE, String::from("upstream request timeout"));
            tokio::time::timeout(timeout, talk).await.unwrap_or(late)
        }
    };
    tell(GrpcEvent::Close { status, message });
}

async fn talk(pools: &Pools, request: Request, tell: &impl Fn(GrpcEvent)) -> (u32, String) {
    let failed = |failure: &Failure| (UNAVAILABLE, String::from_utf8_lossy(&failure.reply(false).body).into_owned());
    let Some(pool) = pools.get(&request.cluster) else { return failed(&Failure::NoHealthyUpstream) };
    let Ok(outgoing) = Outgoing::new(&request.headers, request.body) else {
        return (INTERNAL, String::from("the service or method is no path"));
    };
    let Reply { response, lease, .. } = match pool.send(outgoing, true).await {
        Ok(reply) => reply,
        Err(failure) => return failed(&failure),
    };
    let (head, mut body) = response.into_parts();
    if head.status != http::StatusCode::OK {
        return (status_of_http(head.status.as_u16()), String::new());
    }
    let initial = of_response(&head);
    // Only trailers: all of them stand in the headers.
    if let Some(end) = status_of(&initial) {
        tell(GrpcEvent::TrailingMetadata(initial));
        return end;
    }
    tell(GrpcEvent::InitialMetadata(initial));
    let mut waiting = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return (UNAVAILABLE, String::from("the stream was reset")) };
        match frame.into_data() {
            Ok(data) => {
                waiting.extend_from_slice(&data);
                loop {
                    match next_message(&mut waiting) {
                        Ok(Some(message)) => tell(GrpcEvent::Message(message)),
                        Ok(None) => break,
                        Err(end) => return end,
                    }
                }
            }
            Err(frame) => {
                let Ok(trailers) = frame.into_trailers() else { continue };
                drop(lease);
                let trailers = of_trailers(&trailers);
                let end = status_of(&trailers).unwrap_or((UNKNOWN, String::new()));
                tell(GrpcEvent::TrailingMetadata(trailers));
                return end;
            }
        }
    }
    (UNKNOWN, String::from("the stream ended without a status"))
}

fn next_message(waiting: &mut BytesMut) -> Result<Option<Bytes>, (u32, String)> {
    let Some((prefix, _)) = waiting.split_first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
    let [compressed, length @ ..] = *prefix;
    if compressed != 0 {
        return Err((INTERNAL, String::from("the message is compressed")));
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > MAX_MESSAGE_BYTES {
        return Err((RESOURCE_EXHAUSTED, format!("the message is longer than {MAX_MESSAGE_BYTES} bytes")));
    }
    if waiting.len() < PREFIX_BYTES + length {
        return Ok(None);
    }
    waiting.advance(PREFIX_BYTES);
    Ok(Some(waiting.split_to(length).freeze()))
}

fn status_of(metadata: &Headers) -> Option<(u32, String)> {
    let status = metadata.get_str("grpc-status")?.parse().unwrap_or(UNKNOWN);
    Some((status, metadata.get_str("grpc-message").unwrap_or_default().to_owned()))
}

/// The gRPC project's mapping (http-grpc-status-mapping.md).
const fn status_of_http(status: u16) -> u32 {
    match status {
        400 => INTERNAL,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => UNAVAILABLE,
        _ => UNKNOWN,
    }
}
