//! Queues between VMs.

use super::super::VmState;
use super::super::memory::{Outcome, Place, Span, give, parts, write_u32};
use crate::abi::Status;
use crate::process::QueueOwner;
use std::borrow::Cow;
use std::sync::Arc;
use wasmtime::Caller;

/// The root context hears of the queue, whichever context registers it.
pub(super) fn register(caller: &mut Caller<'_, VmState>, name: u32, name_size: u32, token: u32) -> Outcome {
    let (memory, state) = parts(caller)?;
    let name = Span(name, name_size).of(memory)?;
    let (root_context, _) = state.root().ok_or(Status::BadArgument)?;
    let owner = QueueOwner { root_context, wake: Arc::clone(&state.wake) };
    let registered = state.process.queues.register(&state.plugin.vm_id, name, owner).map_err(Status::from)?;
    write_u32(memory, token, registered)?;
    Ok(())
}

pub(super) fn resolve(
    caller: &mut Caller<'_, VmState>,
    vm_id: u32,
    vm_id_size: u32,
    name: u32,
    name_size: u32,
    token: u32,
) -> Outcome {
    let (memory, state) = parts(caller)?;
    let vm_id = String::from_utf8_lossy(Span(vm_id, vm_id_size).of(memory)?);
    let name = Span(name, name_size).of(memory)?;
    let vm_id = if vm_id.is_empty() { Cow::from(state.plugin.vm_id.as_str()) } else { vm_id };
    let found = state.process.queues.resolve(&vm_id, name).ok_or(Status::NotFound)?;
    write_u32(memory, token, found)?;
    Ok(())
}

pub(super) fn enqueue(caller: &mut Caller<'_, VmState>, token: u32, value: u32, value_size: u32) -> Outcome {
    let (memory, state) = parts(caller)?;
    let value = Span(value, value_size).of(memory)?;
    state.process.queues.enqueue(token, value).map_err(Status::from)?;
    Ok(())
}

pub(super) fn dequeue(caller: &mut Caller<'_, VmState>, token: u32, value: u32, value_size: u32) -> Outcome {
    let taken = caller.data_mut().process.queues.dequeue(token).map_err(Status::from)?;
    give(caller, &taken, Place { pointer: value, size: value_size })
}
