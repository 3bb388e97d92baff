//! One HTTP stream with one filter.
use crate::abi::Headers;
use bytes::Bytes;

/// A response that does not come from an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalReply {
    /// The HTTP status.
    pub status: u16,
    /// The body; with one, `content-type: text/plain` is added.
    pub body: Bytes,
    /// Further headers.
    pub headers: Headers,
    /// What a gRPC client gets in place of a status and a body.
    pub grpc_status: Option<u32>,
    /// Envoy's word for why, as `response.code_details`.
    pub details: String,
}
