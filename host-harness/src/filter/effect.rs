//! What a worker asks of the one who drives it.

use super::call::{CallId, GrpcCall, HttpCall};
use crate::abi::Headers;
use bytes::Bytes;
use std::time::Duration;

/// One HTTP stream of a worker; never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub u64);

/// A half of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Half {
    /// From client to upstream.
    Request,
    /// From upstream to client.
    Response,
}

/// What a worker asks for.
#[derive(Debug)]
pub enum Effect {
    /// Something for a stream.
    Stream(StreamId, StreamEffect),
    /// Send an HTTP request; answer with [`super::Worker::call_finished`].
    HttpCall(CallId, HttpCall),
    /// Begin a gRPC call; answer with [`super::Worker::grpc_event`].
    GrpcCall(CallId, GrpcCall),
    /// Send a message on a gRPC stream.
    GrpcSend {
        /// Which one.
        call: CallId,
        /// The message, without frame.
        message: Bytes,
        /// Whether it is the last.
        end: bool,
    },
    /// End the sending on a gRPC stream; answers still come.
    GrpcClose(CallId),
    /// Forget a call: no answer is wanted.
    Cancel(CallId),
    /// Call [`super::Worker::tick`] of this root context after every period from now on, or never (`None`). Envoy arms the timer
    /// anew when a tick has ended.
    SetTick {
        /// Whose.
        root_context: u32,
        /// How often.
        period: Option<Duration>,
    },
}

/// What a worker asks for a stream.
#[derive(Debug)]
pub enum StreamEffect {
    /// Route and send the request: the headers, and whether nothing follows.
    RequestHeaders(Headers, bool),
    /// Send a piece of the request's body, perhaps empty, and whether it ends the request.
    RequestData(Bytes, bool),
    /// End the request with trailers.
    RequestTrailers(Headers),
    /// No more of the upstream's response is wanted: a reply of the proxy's own takes its place.
    CancelUpstream,
    /// Begin the response to the client: the headers, and whether nothing follows.
    ResponseHeaders(Headers, bool),
    /// Send a piece of the response's body, perhaps empty, and whether it ends the response.
    ResponseData(Bytes, bool),
    /// End the response with trailers.
    ResponseTrailers(Headers),
    /// The response cannot be ended: break the client's stream off.
    Reset,
    /// Read on (`true`) or stop reading (`false`) this half's peer: what waits in the filter is full.
    Read(Half, bool),
}
