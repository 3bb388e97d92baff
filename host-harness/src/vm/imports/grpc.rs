//! gRPC calls and streams.

use super::super::memory::{Failure, Outcome, Span, parts, write_u32};
use super::super::{Deferred, VmState};
use super::buffer::owned;
use super::http_call::{CallKind, begin};
use super::inline_headers::collect;
use super::protobuf;
use crate::abi::{MapKind, Status};
use crate::filter::{CallId, GrpcCall};
use crate::process::Admission;
use bytes::Bytes;
use std::time::Duration;
use wasmtime::Caller;

#[expect(clippy::too_many_arguments, reason = "the ABI passes each pointer and length on its own")]
pub(super) fn call(
    caller: &mut Caller<'_, VmState>,
    target: u32,
    target_size: u32,
    service: u32,
    service_size: u32,
    method: u32,
    method_size: u32,
    metadata: u32,
    metadata_size: u32,
    message: u32,
    message_size: u32,
    timeout_ms: u32,
    token: u32,
) -> Outcome {
    let (memory, state) = parts(caller)?;
    let request = Request {
        target: Span(target, target_size),
        service: Span(service, service_size),
        method: Span(method, method_size),
        metadata: Span(metadata, metadata_size),
        message: Some((Span(message, message_size), timeout_ms)),
    };
    // A call whose number the guest could not learn must not go out.
    write_u32(memory, token, 0)?;
    let call = request.send(memory, state)?;
    Ok(write_u32(memory, token, call.0)?)
}

#[expect(clippy::too_many_arguments, reason = "the ABI passes each pointer and length on its own")]
pub(super) fn stream(
    caller: &mut Caller<'_, VmState>,
    target: u32,
    target_size: u32,
    service: u32,
    service_size: u32,
    method: u32,
    method_size: u32,
    metadata: u32,
    metadata_size: u32,
    token: u32,
) -> Outcome {
    let (memory, state) = parts(caller)?;
    let request = Request {
        target: Span(target, target_size),
        service: Span(service, service_size),
        method: Span(method, method_size),
        metadata: Span(metadata, metadata_size),
        message: None,
    };
    write_u32(memory, token, 0)?;
    let call = request.send(memory, state)?;
    Ok(write_u32(memory, token, call.0)?)
}

/// A call as the guest passes it; one without a message is a stream.
struct Request {
    target: Span,
    service: Span,
    method: Span,
    metadata: Span,
    message: Option<(Span, u32)>,
}

impl Request {
    fn send(&self, memory: &[u8], state: &mut VmState) -> Result<CallId, Failure> {
        let target = self.target.of(memory)?;
        let service = String::from_utf8_lossy(self.service.of(memory)?).into_owned();
        let method = String::from_utf8_lossy(self.method.of(memory)?).into_owned();
        let metadata = self.metadata.pairs(memory)?;
        let message = self.message.map(|(message, _)| message.of(memory)).transpose()?.map(owned);
        let cluster = admit(state, target)?;
        let kind = if message.is_some() { CallKind::Grpc } else { CallKind::GrpcStream };
        let call = begin(state, kind)?;
        let timeout = self.message.and_then(|(_, ms)| (ms > 0).then(|| Duration::from_millis(ms.into())));
        let metadata = collect(MapKind::RequestHeaders, &metadata);
        let request = GrpcCall { cluster, service, method, metadata, message, timeout };
        state.defer(Deferred::GrpcCall(call, request))?;
        Ok(call)
    }
}

/// The cluster that a target names, if a call to it can begin. A target is Envoy's `GrpcService` or a cluster's name.
fn admit(state: &VmState, target: &[u8]) -> Result<String, Status> {
    let upstreams = &state.environment.upstreams;
    let Some(fields) = protobuf::fields(target) else {
        let cluster = String::from_utf8_lossy(target).into_owned();
        return match upstreams.admit(&cluster) {
            Admission::Unknown => Err(Status::ParseFailure),
            Admission::Refused => Err(Status::InternalFailure),
            Admission::Ready => Ok(cluster),
        };
    };
    let envoy_grpc = protobuf::bytes(&fields, 1).and_then(protobuf::fields).ok_or(Status::BadArgument)?;
    let cluster = protobuf::bytes(&envoy_grpc, 1).unwrap_or_default();
    let cluster = String::from_utf8_lossy(cluster).into_owned();
    match upstreams.admit(&cluster) {
        Admission::Ready => Ok(cluster),
        Admission::Unknown | Admission::Refused => Err(Status::InternalFailure),
    }
}

pub(super) fn send(caller: &mut Caller<'_, VmState>, token: u32, message: u32, message_size: u32, end: u32) -> Outcome {
    let (memory, state) = parts(caller)?;
    let message: Bytes = owned(Span(message, message_size).of(memory)?);
    if CallKind::of(token) != Some(CallKind::GrpcStream) {
        return Err(Status::BadArgument.into());
    }
    let call = pending(state, token)?;
    state.defer(Deferred::GrpcSend(call, message, end != 0))?;
    Ok(())
}

/// Forgets a call or resets a stream: the guest hears no more of it.
pub(super) fn cancel(caller: &mut Caller<'_, VmState>, token: u32) -> Outcome {
    let state = caller.data_mut();
    kind(token)?;
    let call = pending(state, token)?;
    state.pending_calls.remove(&call);
    state.defer(Deferred::Cancel(call))?;
    Ok(())
}

/// Forgets a call, but only ends the sending of a stream: it stays pending and its answers still come.
pub(super) fn close(caller: &mut Caller<'_, VmState>, token: u32) -> Outcome {
    let state = caller.data_mut();
    let kind = kind(token)?;
    let call = pending(state, token)?;
    if kind == CallKind::Grpc {
        state.pending_calls.remove(&call);
        state.defer(Deferred::Cancel(call))?;
    } else {
        state.defer(Deferred::GrpcClose(call))?;
    }
    Ok(())
}

fn kind(token: u32) -> Result<CallKind, Status> {
    match CallKind::of(token) {
        Some(kind @ (CallKind::Grpc | CallKind::GrpcStream)) => Ok(kind),
        Some(CallKind::Http) | None => Err(Status::BadArgument),
    }
}

fn pending(state: &VmState, token: u32) -> Result<CallId, Status> {
    let call = CallId(token);
    if state.pending_calls.contains_key(&call) { Ok(call) } else { Err(Status::NotFound) }
}
