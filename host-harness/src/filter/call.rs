//! HTTP and gRPC calls of guests.

use crate::abi::Headers;
use bytes::Bytes;
use std::time::Duration;

/// A call of one worker; the guest knows it by this number, whose two low bits tell HTTP and gRPC apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u32);

/// A request that a guest makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCall {
    /// Where to.
    pub cluster: String,
    /// With `:method`, `:path` and `:authority`.
    pub headers: Headers,
    /// The whole body.
    pub body: Bytes,
    /// Sent after the body, if there are any.
    pub trailers: Headers,
    /// When to give up: `None` never does. A call that is given up is answered with 504.
    pub timeout: Option<Duration>,
}

/// How an HTTP call ended. What never connected or took too long is a response too, with 503 or 504, as in Envoy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallResult {
    /// The whole response.
    Response {
        /// With `:status`.
        headers: Headers,
        /// The whole body.
        body: Bytes,
        /// Empty if there were none.
        trailers: Headers,
    },
    /// The stream was reset.
    Reset,
}

/// A gRPC call that a guest begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcCall {
    /// Where to.
    pub cluster: String,
    /// The service's full name.
    pub service: String,
    /// The method's name.
    pub method: String,
    /// Initial metadata.
    pub metadata: Headers,
    /// The only message of a unary call; `None` opens a stream.
    pub message: Option<Bytes>,
    /// When to give up a unary call.
    pub timeout: Option<Duration>,
}

/// What comes back from a gRPC call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GrpcEvent {
    /// The initial metadata.
    InitialMetadata(Headers),
    /// A message, without frame.
    Message(Bytes),
    /// The trailing metadata.
    TrailingMetadata(Headers),
    /// The end; nothing follows.
    Close {
        /// The gRPC status code.
        status: u32,
        /// The gRPC status message.
        message: String,
    },
}
