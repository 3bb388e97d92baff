//! What a guest does with a stream: let it go on, close it, answer its client.

use super::super::memory::{Outcome, Span, parts};
use super::super::{Deferred, VmState};
use super::buffer::owned;
use crate::abi::{Status, StreamKind};
use crate::filter::{Half, LocalReply};
use wasmtime::Caller;

/// The highest status of gRPC; above it, and at -1, there is none.
const LAST_GRPC_STATUS: u32 = 16;

/// Letting go of either half puts the request's maps out of reach, as in Envoy.
pub(super) fn resume(caller: &mut Caller<'_, VmState>, kind: u32) -> Outcome {
    let half = match StreamKind::try_from(kind)? {
        StreamKind::Request => Half::Request,
        StreamKind::Response => Half::Response,
        // An HTTP filter has no TCP client to read on from.
        StreamKind::Downstream => return Ok(()),
        StreamKind::Upstream => return Err(Status::Unimplemented.into()),
    };
    let state = caller.data_mut();
    let id = state.context_id();
    if let Some(stream) = state.stream() {
        stream.request.hide();
        state.defer(Deferred::Continue(id, half))?;
    }
    Ok(())
}

pub(super) fn close(caller: &mut Caller<'_, VmState>, kind: u32) -> Outcome {
    let kind = StreamKind::try_from(kind)?;
    let state = caller.data_mut();
    let id = state.context_id();
    if matches!(kind, StreamKind::Request | StreamKind::Response) && state.stream().is_some() {
        state.defer(Deferred::Close(id))?;
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the ABI passes each pointer and length on its own")]
pub(super) fn send_local_response(
    caller: &mut Caller<'_, VmState>,
    code: u32,
    details: u32,
    details_size: u32,
    body: u32,
    body_size: u32,
    pairs: u32,
    pairs_size: u32,
    grpc_status: u32,
) -> Outcome {
    let (memory, state) = parts(caller)?;
    let details = Span(details, details_size).of(memory)?;
    let body = Span(body, body_size).of(memory)?;
    let headers = Span(pairs, pairs_size).pairs(memory)?;
    let id = state.context_id();
    state.stop_iteration = true;
    let Some(stream) = state.stream() else { return Ok(()) };
    if std::mem::replace(&mut stream.replied, true) {
        return Ok(());
    }
    let reply = LocalReply {
        status: u16::try_from(code).unwrap_or(u16::MAX),
        body: owned(body),
        headers,
        grpc_status: (grpc_status <= LAST_GRPC_STATUS).then_some(grpc_status),
        details: String::from_utf8_lossy(details).replace(char::is_whitespace, "_"),
    };
    state.defer(Deferred::Reply(id, reply))?;
    Ok(())
}
