//! Header maps. What is not there now reads as empty in whole and is a bad argument by name; after the end of a stream its
//! maps can only be read.

use super::super::memory::{Outcome, Place, Span, give, parts, write_u32};
use super::super::{Context, MapView, StreamContext, VmState};
use super::inline_headers::{append, collect, known_as};
use crate::abi::{Headers, MAX_PAIRS_BYTES, MapKind, Status, encode_pairs};
use wasmtime::Caller;

pub(super) fn get_pairs(caller: &mut Caller<'_, VmState>, map: u32, pairs: u32, pairs_size: u32) -> Outcome {
    let map = MapKind::try_from(map)?;
    let bytes = match readable(caller.data_mut(), map) {
        Some(headers) if !headers.is_empty() => encode_pairs(headers.iter()),
        _ => Vec::new(),
    };
    give(caller, &bytes, Place { pointer: pairs, size: pairs_size })
}

/// Everything that stood there goes, pseudo-headers too.
pub(super) fn set_pairs(caller: &mut Caller<'_, VmState>, map: u32, pairs: u32, pairs_size: u32) -> Outcome {
    let map = MapKind::try_from(map)?;
    let (memory, state) = parts(caller)?;
    let pairs = Span(pairs, pairs_size).pairs(memory)?;
    *writable(state, map)? = collect(map, &pairs);
    Ok(())
}

/// Counts as an access that may change the map, as in Envoy: it makes trailers where a guest may make them.
pub(super) fn get_size(caller: &mut Caller<'_, VmState>, map: u32, size: u32) -> Outcome {
    let map = MapKind::try_from(map)?;
    let (memory, state) = parts(caller)?;
    let bytes = writable(state, map)?.byte_size();
    write_u32(memory, size, u32::try_from(bytes).unwrap_or(u32::MAX))?;
    Ok(())
}

/// Gives the first value of a name.
pub(super) fn get_value(
    caller: &mut Caller<'_, VmState>,
    map: u32,
    name: u32,
    name_size: u32,
    value: u32,
    value_size: u32,
) -> Outcome {
    let map = MapKind::try_from(map)?;
    let (memory, state) = parts(caller)?;
    let name = known_as(map, Span(name, name_size).of(memory)?);
    let absent = if is_logging(state) { Status::NotFound } else { Status::BadArgument };
    let headers = readable(state, map).ok_or(absent)?;
    let found = headers.get(&name).ok_or(Status::NotFound)?.to_vec();
    give(caller, &found, Place { pointer: value, size: value_size })
}

/// A map that has more than this takes no more.
const MAX_ENTRIES: usize = 4_096;

pub(super) fn add_value(
    caller: &mut Caller<'_, VmState>,
    map: u32,
    name: u32,
    name_size: u32,
    value: u32,
    value_size: u32,
) -> Outcome {
    let map = MapKind::try_from(map)?;
    let (memory, state) = parts(caller)?;
    let name = known_as(map, Span(name, name_size).of(memory)?);
    let value = Span(value, value_size).of(memory)?;
    let headers = writable(state, map)?;
    if headers.byte_size() > MAX_PAIRS_BYTES || headers.len() > MAX_ENTRIES {
        return Err(Status::InternalFailure.into());
    }
    append(headers, map, &name, value);
    Ok(())
}

pub(super) fn replace_value(
    caller: &mut Caller<'_, VmState>,
    map: u32,
    name: u32,
    name_size: u32,
    value: u32,
    value_size: u32,
) -> Outcome {
    let map = MapKind::try_from(map)?;
    let (memory, state) = parts(caller)?;
    let name = known_as(map, Span(name, name_size).of(memory)?);
    let value = Span(value, value_size).of(memory)?;
    writable(state, map)?.set(name, value);
    Ok(())
}

pub(super) fn remove_value(caller: &mut Caller<'_, VmState>, map: u32, name: u32, name_size: u32) -> Outcome {
    let map = MapKind::try_from(map)?;
    let (memory, state) = parts(caller)?;
    let name = known_as(map, Span(name, name_size).of(memory)?);
    writable(state, map)?.remove(name);
    Ok(())
}

/// Whether `proxy_on_log` runs: then what is not there is not found.
fn is_logging(state: &mut VmState) -> bool {
    let Some(stream) = state.stream() else { return false };
    [&stream.request, &stream.response].iter().any(|half| matches!(half.headers, MapView::Logged(_)))
}

/// A map to read.
fn readable(state: &mut VmState, map: MapKind) -> Option<&Headers> {
    use MapKind::{RequestHeaders, RequestTrailers, ResponseHeaders, ResponseTrailers};
    match map {
        RequestHeaders | RequestTrailers | ResponseHeaders | ResponseTrailers => match state.context()? {
            Context::Stream(stream) => stream_map(stream, map),
            Context::Root(_) => None,
        },
        _ => call_map(state, map),
    }
}

fn stream_map(stream: &StreamContext, map: MapKind) -> Option<&Headers> {
    match map {
        MapKind::RequestHeaders => stream.request.headers.get(),
        MapKind::RequestTrailers => stream.request.trailers.get(),
        MapKind::ResponseHeaders => stream.response.headers.get(),
        MapKind::ResponseTrailers => stream.response.trailers.get(),
        _ => None,
    }
}

fn call_map(state: &mut VmState, map: MapKind) -> Option<&Headers> {
    let (_, root) = state.root()?;
    match map {
        MapKind::GrpcReceiveInitialMetadata => root.grpc.initial_metadata.as_ref(),
        MapKind::GrpcReceiveTrailingMetadata => root.grpc.trailing_metadata.as_ref(),
        MapKind::HttpCallResponseHeaders => root.http_call.as_ref().map(|call| &call.headers),
        MapKind::HttpCallResponseTrailers => {
            root.http_call.as_ref().map(|call| &call.trailers).filter(|trailers| !trailers.is_empty())
        }
        _ => None,
    }
}

/// A map to change; makes trailers where a guest may make them.
fn writable(state: &mut VmState, map: MapKind) -> Result<&mut Headers, Status> {
    let stream = state.stream().ok_or(Status::BadArgument)?;
    let (half, trailers) = match map {
        MapKind::RequestHeaders => (&mut stream.request, false),
        MapKind::RequestTrailers => (&mut stream.request, true),
        MapKind::ResponseHeaders => (&mut stream.response, false),
        MapKind::ResponseTrailers => (&mut stream.response, true),
        _ => return Err(Status::BadArgument),
    };
    if trailers && half.may_add_trailers && matches!(half.trailers, MapView::Absent) {
        half.trailers = MapView::Live(Headers::new());
    }
    match if trailers { &mut half.trailers } else { &mut half.headers } {
        MapView::Live(headers) => Ok(headers),
        MapView::Absent | MapView::Logged(_) => Err(Status::BadArgument),
    }
}
