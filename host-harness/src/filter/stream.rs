//! One HTTP stream with one filter: what of it waits where.

use super::{Half, StreamInfo};
use crate::abi::Headers;
use crate::vm::StreamContext;
use bytes::{Bytes, BytesMut};

/// A response that does not come from an upstream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalReply {
    /// The HTTP status.
    pub status: u16,
    /// The body; with one, `content-type: text/plain` is added if the headers name no other.
    pub body: Bytes,
    /// Further headers.
    pub headers: Headers,
    /// What a gRPC client gets in place of a status and a body; `None` derives it from the HTTP status.
    pub grpc_status: Option<u32>,
    /// Envoy's word for why, as `response.code_details`.
    pub details: String,
}

/// Who looks at a stream.
pub(super) enum Filter {
    /// The guest of the running VM, which has the stream's context.
    Guest,
    /// The guest of a VM that has failed since: decided at the next callback.
    Orphan(Box<StreamContext>),
    /// Nobody: everything passes.
    Nobody(Box<StreamContext>),
}

/// How far Envoy's filter manager lets one half of a stream go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum Iteration {
    /// What comes is shown to the filter and passed on.
    #[default]
    Flowing,
    /// Headers or a part of the body wait; what comes is shown to the filter.
    Stopped,
    /// Everything waits and the filter is not asked (`StopAllIteration...`).
    StoppedAll {
        /// Whether the peer is made to wait when too much waits here (`...AndWatermark`), or the stream is refused
        /// (`...AndBuffer`).
        watermark: bool,
    },
}

/// One half of a stream.
#[derive(Default)]
pub(super) struct Side {
    pub(super) iteration: Iteration,
    /// Whether the headers have been passed on.
    pub(super) headers_passed: bool,
    /// Whether the peer has sent everything.
    pub(super) ended: bool,
    /// Whether trailers came from the peer or the guest.
    pub(super) has_trailers: bool,
    /// Whether the end has been passed on, or nothing more may be.
    pub(super) finished: bool,
    /// The part of the body that waits out of the guest's reach.
    pub(super) waiting: Option<BytesMut>,
    /// Whether the part that waits is in the guest's reach, because it paused in a body callback.
    pub(super) buffering: bool,
    /// Whether the peer was told to stop sending.
    pub(super) throttled: bool,
}

/// One HTTP stream.
pub(super) struct Stream {
    pub(super) filter: Filter,
    /// Whether the guest knows the stream (`proxy_on_context_create` was called).
    pub(super) created: bool,
    /// The root context, so that it lives as long as its streams.
    pub(super) root: u32,
    pub(super) buffer_limit_bytes: usize,
    pub(super) request: Side,
    pub(super) response: Side,
    /// Whether the request is gRPC, which local replies must be too.
    pub(super) grpc: bool,
    /// Whether the request is HEAD, whose replies have no body.
    pub(super) head: bool,
    /// Whether response headers have come, from upstream or from a local reply.
    pub(super) responding: bool,
    /// Whether the failure of a VM has been answered.
    pub(super) failed: bool,
}

impl Stream {
    pub(super) fn new(filter: Filter, root: u32, buffer_limit_bytes: usize) -> Self {
        Self {
            filter,
            created: false,
            root,
            buffer_limit_bytes,
            request: Side::default(),
            response: Side::default(),
            grpc: false,
            head: false,
            responding: false,
            failed: false,
        }
    }

    /// Learns what local replies must look like.
    pub(super) fn note_request(&mut self, headers: &Headers) {
        self.head = headers.get(":method") == Some(b"HEAD");
        let kind = headers.get("content-type").and_then(|kind| kind.strip_prefix(b"application/grpc"));
        self.grpc = kind.is_some_and(|rest| matches!(rest.first(), None | Some(b'+')));
    }

    /// From now on everything passes.
    pub(super) fn unfilter(&mut self) {
        if let Filter::Orphan(view) = &mut self.filter {
            let view = std::mem::replace(view, Box::new(StreamContext::new(0, StreamInfo::default())));
            self.filter = Filter::Nobody(view);
        }
    }

    pub(super) fn side(&mut self, half: Half) -> &mut Side {
        match half {
            Half::Request => &mut self.request,
            Half::Response => &mut self.response,
        }
    }
}
