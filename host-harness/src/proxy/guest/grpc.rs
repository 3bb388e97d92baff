//! A gRPC call of the guest over HTTP/2: each message in a frame of one flag, four bytes of length and the message.

use crate::abi::Headers;
use crate::filter::{GrpcCall, GrpcEvent, grpc_status};
use crate::proxy::frames::{self, FrameReader, FrameWriter};
use crate::proxy::headers::{Outgoing, of_response, of_trailers};
use crate::proxy::pools::Pools;
use crate::proxy::upstream::{Failure, Reply};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use std::time::Duration;

/// The most bytes of one message.
const MAX_MESSAGE_BYTES: usize = 4 << 20;
const PREFIX_BYTES: usize = 5;

/// Status codes of gRPC.
const UNKNOWN: u32 = 2;
const RESOURCE_EXHAUSTED: u32 = 8;
const INTERNAL: u32 = 13;
const UNAVAILABLE: u32 = 14;

/// What Envoy calls a response that came from a server.
const VIA_UPSTREAM: &str = "via_upstream";

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

/// How a call ended.
struct End {
    status: u32,
    /// The server's message.
    message: String,
    /// Envoy's word for how the response came about, which it tells with the message.
    details: String,
}

impl End {
    fn new(status: u32, message: &str, details: &str) -> Self {
        Self { status, message: message.to_owned(), details: details.to_owned() }
    }

    /// As the metadata says, if it says a status.
    fn of(metadata: &Headers, details: &str) -> Option<Self> {
        let status = metadata.get_str("grpc-status")?.parse().unwrap_or(UNKNOWN);
        Some(Self::new(status, metadata.get_str("grpc-message").unwrap_or_default(), details))
    }

    fn event(self) -> GrpcEvent {
        let Self { status, message, details } = self;
        let message = if message.is_empty() { details } else { format!("{message}{{{details}}}") };
        GrpcEvent::Close { status, message }
    }
}

/// Sends a call and tells what comes of it; the last event is [`GrpcEvent::Close`].
pub(super) async fn exchange(pools: &Pools, request: Request, tell: &impl Fn(GrpcEvent)) {
    let timeout = request.timeout;
    let talk = talk(pools, request, tell);
    let end = match timeout {
        None => talk.await,
        Some(timeout) => tokio::time::timeout(timeout, talk)
            .await
            .unwrap_or_else(|_| End::new(UNAVAILABLE, "upstream request timeout", "response_timeout")),
    };
    tell(end.event());
}

/// What came of a call that had no answer: the proxy's own, which has trailers only.
fn unanswered(status: u32, message: &str, details: &str, tell: &impl Fn(GrpcEvent)) -> End {
    let mut trailers = Headers::new();
    trailers.push(":status", "200");
    trailers.push("content-type", "application/grpc");
    trailers.push("grpc-status", status.to_string());
    trailers.push("grpc-message", message);
    trailers_only(trailers, End::new(status, message, details), tell)
}

/// Trailers that stand in the headers.
fn trailers_only(trailers: Headers, end: End, tell: &impl Fn(GrpcEvent)) -> End {
    tell(GrpcEvent::InitialMetadata(Headers::new()));
    tell(GrpcEvent::TrailingMetadata(trailers));
    end
}

async fn talk(pools: &Pools, request: Request, tell: &impl Fn(GrpcEvent)) -> End {
    let failed = |failure: &Failure| {
        let reply = failure.reply(false);
        unanswered(UNAVAILABLE, &String::from_utf8_lossy(&reply.body), &reply.details, tell)
    };
    let Some(pool) = pools.get(&request.cluster) else { return failed(&Failure::NoHealthyUpstream) };
    let outgoing = match Outgoing::new(&request.headers, request.body) {
        Ok(outgoing) => outgoing,
        Err(refused) => {
            let status = grpc_status(refused.status());
            return unanswered(status, &refused.to_string(), &refused.details(), tell);
        }
    };
    let Reply { response, lease, .. } = match pool.send(outgoing, true).await {
        Ok(reply) => reply,
        Err(failure) => return failed(&failure),
    };
    let (head, body) = response.into_parts();
    let initial = of_response(&head);
    let end = End::of(&initial, VIA_UPSTREAM).filter(|_| body.is_end_stream());
    if let Some(end) = end {
        return trailers_only(initial, end, tell);
    }
    tell(GrpcEvent::InitialMetadata(initial));
    let end = match head.status {
        http::StatusCode::OK => read(body, tell).await,
        status => Err(End::new(grpc_status(status.as_u16()), "", VIA_UPSTREAM)),
    };
    drop(lease);
    end.unwrap_or_else(|broken| {
        tell(GrpcEvent::TrailingMetadata(Headers::new()));
        broken
    })
}

/// Tells the messages up to the trailers.
///
/// # Errors
/// None came.
async fn read(mut body: Incoming, tell: &impl Fn(GrpcEvent)) -> Result<End, End> {
    let mut waiting = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| End::new(INTERNAL, "", &Failure::of(&error).reply(true).details))?;
        match frame.into_data() {
            Ok(data) => {
                waiting.extend_from_slice(&data);
                while let Some(message) = next_message(&mut waiting)? {
                    tell(GrpcEvent::Message(message));
                }
            }
            Err(frame) => {
                let Ok(trailers) = frame.into_trailers() else { continue };
                let trailers = of_trailers(&trailers);
                let end = End::of(&trailers, VIA_UPSTREAM).unwrap_or_else(|| End::new(UNKNOWN, "", VIA_UPSTREAM));
                tell(GrpcEvent::TrailingMetadata(trailers));
                return Ok(end);
            }
        }
    }
    Err(End::new(UNKNOWN, "", VIA_UPSTREAM))
}

fn next_message(waiting: &mut BytesMut) -> Result<Option<Bytes>, End> {
    let Some((prefix, _)) = waiting.split_first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
    let [compressed, length @ ..] = *prefix;
    if compressed != 0 {
        return Err(End::new(INTERNAL, "the message is compressed", VIA_UPSTREAM));
    }
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > MAX_MESSAGE_BYTES {
        let message = format!("the message is longer than {MAX_MESSAGE_BYTES} bytes");
        return Err(End::new(RESOURCE_EXHAUSTED, &message, VIA_UPSTREAM));
    }
    if waiting.len() < PREFIX_BYTES + length {
        return Ok(None);
    }
    waiting.advance(PREFIX_BYTES);
    Ok(Some(waiting.split_to(length).freeze()))
}
