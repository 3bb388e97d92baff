//! Values that the VMs of one id share.

use super::super::VmState;
use super::super::memory::{Outcome, Place, Span, give, parts, write_u32};
use crate::abi::Status;
use wasmtime::Caller;

pub(super) fn get(
    caller: &mut Caller<'_, VmState>,
    key: u32,
    key_size: u32,
    value: u32,
    value_size: u32,
    cas: u32,
) -> Outcome {
    let (memory, state) = parts(caller)?;
    let key = Span(key, key_size).of(memory)?;
    let (bytes, version) = state.process.shared_data.get(&state.plugin.vm_id, key).ok_or(Status::NotFound)?;
    give(caller, &bytes, Place { pointer: value, size: value_size })?;
    let (memory, _) = parts(caller)?;
    write_u32(memory, cas, version)?;
    Ok(())
}

pub(super) fn set(
    caller: &mut Caller<'_, VmState>,
    key: u32,
    key_size: u32,
    value: u32,
    value_size: u32,
    cas: u32,
) -> Outcome {
    let (memory, state) = parts(caller)?;
    let key = Span(key, key_size).of(memory)?;
    let value = Span(value, value_size).of(memory)?;
    state.process.shared_data.set(&state.plugin.vm_id, key, value, cas).map_err(Status::from)?;
    Ok(())
}
