//! Foreign functions: those of Envoy's that make sense here. CEL expressions and signatures are not offered; a guest that
//! asks for them, or for any other name, hears that there is no such function.

use super::super::VmState;
use super::super::memory::{Failure, Outcome, Span, parts, put, write_u32};
use super::protobuf;
use crate::abi::Status;
use flate2::Compression;
use flate2::read::{ZlibDecoder, ZlibEncoder};
use std::io::Read;
use wasmtime::Caller;

pub(super) fn call(
    caller: &mut Caller<'_, VmState>,
    name: u32,
    name_size: u32,
    arguments: u32,
    arguments_size: u32,
    results: u32,
    results_size: u32,
) -> Outcome {
    let (memory, state) = parts(caller)?;
    let name = Span(name, name_size).of(memory)?;
    let arguments = Span(arguments, arguments_size).of(memory)?;
    let answer = match name {
        b"clear_route_cache" => Ok(Vec::new()),
        b"compress" => compress(arguments),
        b"uncompress" => uncompress(arguments, state.plugin.limits.memory_bytes),
        b"declare_property" => declare_property(state, arguments),
        b"set_envoy_filter_state" => set_envoy_filter_state(arguments),
        _ => return Err(Status::NotFound.into()),
    };
    let bytes = answer.as_deref().unwrap_or_default();
    give_results(caller, bytes, results, results_size)?;
    answer.map(|_| ()).map_err(Failure::from)
}

/// A guest that does not want the results, or their length, passes null for where they go.
fn give_results(caller: &mut Caller<'_, VmState>, bytes: &[u8], results: u32, results_size: u32) -> Outcome {
    if results != 0 {
        let (pointer, _) = put(caller, bytes.len(), |target, _| target.copy_from_slice(bytes))?;
        write_u32(parts(caller)?.0, results, pointer)?;
    }
    if results_size != 0 {
        write_u32(parts(caller)?.0, results_size, u32::try_from(bytes.len()).unwrap_or(u32::MAX))?;
    }
    Ok(())
}

/// In zlib's form.
fn compress(bytes: &[u8]) -> Result<Vec<u8>, Status> {
    let mut out = Vec::new();
    ZlibEncoder::new(bytes, Compression::default()).read_to_end(&mut out).map_err(|_| Status::SerializationFailure)?;
    Ok(out)
}

/// What would not fit into the guest's memory is not unpacked.
fn uncompress(bytes: &[u8], limit_bytes: usize) -> Result<Vec<u8>, Status> {
    let limit = u64::try_from(limit_bytes).unwrap_or(u64::MAX);
    let mut out = Vec::new();
    let read = ZlibDecoder::new(bytes).take(limit.saturating_add(1)).read_to_end(&mut out);
    match read {
        Ok(read) if read <= limit_bytes => Ok(out),
        _ => Err(Status::SerializationFailure),
    }
}

/// Notes that a property was declared, which works once. Its type is of no use here: each keeps the bytes that it was given.
fn declare_property(state: &mut VmState, arguments: &[u8]) -> Result<Vec<u8>, Status> {
    let fields = protobuf::fields(arguments).ok_or(Status::BadArgument)?;
    let name = protobuf::bytes(&fields, 1).unwrap_or_default();
    let (root, _) = state.root().ok_or(Status::BadArgument)?;
    if state.declared.insert((root, name.to_vec())) { Ok(Vec::new()) } else { Err(Status::BadArgument) }
}

/// Nothing here reads Envoy's filter state, so no key of it is known.
fn set_envoy_filter_state(arguments: &[u8]) -> Result<Vec<u8>, Status> {
    protobuf::fields(arguments).ok_or(Status::BadArgument)?;
    Err(Status::NotFound)
}
