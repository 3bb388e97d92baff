//! HTTP calls, and the numbers by which guests know their calls.

use super::super::memory::{Failure, Outcome, Span, parts, write_u32};
use super::super::{Deferred, VmState};
use super::buffer::owned;
use super::inline_headers::collect;
use crate::abi::{Headers, MapKind, Status};
use crate::filter::{CallId, HttpCall};
use crate::process::Admission;
use std::time::Duration;
use wasmtime::Caller;

/// What a request cannot do without.
const REQUIRED: [&str; 3] = [":path", ":method", ":authority"];

/// What a call's number says in its two low bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallKind {
    /// An HTTP call.
    Http = 0,
    /// A gRPC call with one message.
    Grpc = 1,
    /// A gRPC stream.
    GrpcStream = 2,
}

const KIND_BITS: u32 = 2;
const KIND_MASK: u32 = 3;

impl CallKind {
    /// The kind of the call with this number; `None` if it cannot be the number of a call.
    pub(super) const fn of(token: u32) -> Option<Self> {
        match token & KIND_MASK {
            0 => Some(Self::Http),
            1 => Some(Self::Grpc),
            2 => Some(Self::GrpcStream),
            _ => None,
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "the ABI passes each pointer and length on its own")]
pub(super) fn call(
    caller: &mut Caller<'_, VmState>,
    cluster: u32,
    cluster_size: u32,
    pairs: u32,
    pairs_size: u32,
    body: u32,
    body_size: u32,
    trailers: u32,
    trailers_size: u32,
    timeout_ms: u32,
    token: u32,
) -> Outcome {
    let (memory, state) = parts(caller)?;
    let cluster = String::from_utf8_lossy(Span(cluster, cluster_size).of(memory)?).into_owned();
    let body = owned(Span(body, body_size).of(memory)?);
    let headers = Span(pairs, pairs_size).pairs(memory)?;
    let trailers = Span(trailers, trailers_size).pairs(memory)?;
    // A call whose number the guest could not learn must not go out.
    write_u32(memory, token, 0)?;
    let timeout = timeout(timeout_ms)?;
    let admission = state.environment.upstreams.admit(&cluster);
    if admission == Admission::Unknown {
        return Err(Status::BadArgument.into());
    }
    let headers = request_headers(&headers, body.len())?;
    if admission == Admission::Refused {
        return Err(Status::InternalFailure.into());
    }
    let call = begin(state, CallKind::Http)?;
    state.defer(Deferred::HttpCall(call, HttpCall { cluster, headers, body, trailers, timeout }))?;
    Ok(write_u32(memory, token, call.0)?)
}

/// A timeout as guests give it: none is 0, and a negative one is a bad argument.
fn timeout(timeout_ms: u32) -> Result<Option<Duration>, Status> {
    let timeout_ms = i32::try_from(timeout_ms).map_err(|_| Status::BadArgument)?;
    Ok((timeout_ms > 0).then(|| Duration::from_millis(u64::from(timeout_ms.unsigned_abs()))))
}

fn request_headers(pairs: &Headers, body_bytes: usize) -> Result<Headers, Status> {
    let mut headers = collect(MapKind::RequestHeaders, pairs);
    if REQUIRED.iter().any(|name| headers.get(name).is_none()) {
        return Err(Status::BadArgument);
    }
    if body_bytes > 0 {
        headers.set("content-length", body_bytes.to_string());
    }
    Ok(headers)
}

/// Gives a call its number and notes who waits for it, unless too many wait already.
pub(super) fn begin(state: &mut VmState, kind: CallKind) -> Result<CallId, Failure> {
    let (root, _) = state.root().ok_or(Status::InternalFailure)?;
    if state.pending_calls.len() >= state.plugin.limits.pending_calls {
        return Err(Status::InternalFailure.into());
    }
    let call = loop {
        let last = state.last_calls.get_mut(kind as usize).ok_or(Status::InternalFailure)?;
        *last = last.wrapping_add(1);
        let call = CallId((*last << KIND_BITS) | kind as u32);
        if call.0 >> KIND_BITS != 0 && !state.pending_calls.contains_key(&call) {
            break call;
        }
    };
    state.pending_calls.insert(call, root);
    Ok(call)
}
