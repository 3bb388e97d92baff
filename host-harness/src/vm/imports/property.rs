//! Properties: the attributes of a stream, and what guests leave there.

use super::super::memory::{Outcome, Place, Span, give, parts};
use super::super::{VmState, attributes};
use crate::abi::Status;
use wasmtime::Caller;

pub(super) fn get(caller: &mut Caller<'_, VmState>, path: u32, path_size: u32, value: u32, value_size: u32) -> Outcome {
    let (memory, state) = parts(caller)?;
    let found = attributes::get(state, Span(path, path_size).of(memory)?)?;
    give(caller, &found, Place { pointer: value, size: value_size })
}

/// The properties of one stream that a guest can set, and their bytes; another one is refused.
const MAX_PROPERTIES: usize = 1_024;
const MAX_PROPERTY_BYTES: usize = 1 << 20;

/// Only streams keep properties: elsewhere there is nothing that could hold them.
pub(super) fn set(caller: &mut Caller<'_, VmState>, path: u32, path_size: u32, value: u32, value_size: u32) -> Outcome {
    let (memory, state) = parts(caller)?;
    let path = Span(path, path_size).of(memory)?;
    let value = Span(value, value_size).of(memory)?;
    let stream = state.stream().ok_or(Status::NotFound)?;
    let kept: usize = stream.properties.iter().map(|(path, value)| path.len() + value.len()).sum();
    if stream.properties.len() >= MAX_PROPERTIES || kept + path.len() + value.len() > MAX_PROPERTY_BYTES {
        return Err(Status::InternalFailure.into());
    }
    stream.properties.insert(path.to_vec(), value.to_vec());
    Ok(())
}
