//! Buffers: bodies, answers to calls, configurations.

use super::super::VmState;
use super::super::memory::{Outcome, Place, Span, give_with, parts, write_u32};
use crate::abi::{BufferKind, Status};
use crate::filter::Half;
use bytes::{Bytes, BytesMut};
use wasmtime::Caller;

pub(super) fn get_bytes(
    caller: &mut Caller<'_, VmState>,
    buffer: u32,
    start: u32,
    length: u32,
    bytes: u32,
    bytes_size: u32,
) -> Outcome {
    let buffer = BufferKind::try_from(buffer)?;
    let available = view(caller.data_mut(), buffer).ok_or(Status::NotFound)?.len();
    let (start, end) = (start as usize, (start as usize).saturating_add(length as usize).min(available));
    let place = Place { pointer: bytes, size: bytes_size };
    give_with(caller, end.saturating_sub(start), place, |target, state| {
        if let Some(source) = view(state, buffer).and_then(|bytes| bytes.get(start..end)) {
            target.copy_from_slice(source);
        }
    })
}

pub(super) fn get_status(caller: &mut Caller<'_, VmState>, buffer: u32, length: u32, flags: u32) -> Outcome {
    let buffer = BufferKind::try_from(buffer)?;
    let (memory, state) = parts(caller)?;
    let available = view(state, buffer).ok_or(Status::NotFound)?.len();
    write_u32(memory, length, u32::try_from(available).unwrap_or(u32::MAX))?;
    write_u32(memory, flags, 0)?;
    Ok(())
}

pub(super) fn set_bytes(
    caller: &mut Caller<'_, VmState>,
    buffer: u32,
    start: u32,
    length: u32,
    bytes: u32,
    bytes_size: u32,
) -> Outcome {
    let buffer = BufferKind::try_from(buffer)?;
    let (memory, state) = parts(caller)?;
    view(state, buffer).ok_or(Status::NotFound)?;
    let bytes = Span(bytes, bytes_size).of(memory)?;
    let body = body(state, buffer).ok_or(Status::BadArgument)?;
    Ok(splice(body, start as usize, length as usize, bytes)?)
}

/// The most that a guest can make of a body.
const MAX_BODY_BYTES: usize = 256 << 20;

/// Envoy can put bytes in the place of the first `length` ones, or behind all, and no more.
fn splice(body: &mut BytesMut, start: usize, length: usize, bytes: &[u8]) -> Result<(), Status> {
    if body.len().saturating_add(bytes.len()) > MAX_BODY_BYTES {
        return Err(Status::InternalFailure);
    }
    if start == 0 {
        let kept = body.get(length..).unwrap_or_default();
        let mut whole = BytesMut::with_capacity(bytes.len() + kept.len());
        whole.extend_from_slice(bytes);
        whole.extend_from_slice(kept);
        *body = whole;
        Ok(())
    } else if start >= body.len() {
        body.extend_from_slice(bytes);
        Ok(())
    } else {
        Err(Status::BadArgument)
    }
}

/// What a buffer holds. Bodies, connections and messages that are not there now are empty, as in Envoy; only the answer to a
/// call and the plugin's configuration are not there at all outside of their callbacks.
fn view(state: &mut VmState, buffer: BufferKind) -> Option<&[u8]> {
    match buffer {
        BufferKind::HttpRequestBody | BufferKind::HttpResponseBody => {
            Some(body(state, buffer).map_or(&[], |body| &**body))
        }
        BufferKind::HttpCallResponseBody => state.root()?.1.http_call.as_ref().map(|call| &*call.body),
        BufferKind::GrpcReceiveBuffer => {
            Some(state.root().and_then(|(_, root)| root.grpc.message.as_deref()).unwrap_or_default())
        }
        BufferKind::VmConfiguration => Some(&state.plugin.vm_configuration),
        BufferKind::PluginConfiguration => {
            let (_, root) = state.root()?;
            root.configuring.then_some(&*root.plugin.configuration)
        }
        BufferKind::CallData | BufferKind::NetworkDownstreamData | BufferKind::NetworkUpstreamData => Some(&[]),
    }
}

fn body(state: &mut VmState, buffer: BufferKind) -> Option<&mut BytesMut> {
    let half = match buffer {
        BufferKind::HttpRequestBody => Half::Request,
        BufferKind::HttpResponseBody => Half::Response,
        _ => return None,
    };
    state.stream()?.half(half).body.as_mut()
}

/// Bytes that the guest hands over for good.
pub(super) fn owned(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}
