//! Reads and writes of a guest's memory for host functions. A pointer that leads out of the memory is a status for the guest
//! and never a trap; what the guest itself traps in (its allocator) is passed on.

use super::VmState;
use crate::abi::{Headers, Status, decode_pairs};
use wasmtime::{AsContextMut, Caller, Memory};

/// How a host function ends when it does not end well.
#[derive(Debug)]
pub(super) enum Failure {
    /// The guest is told.
    Status(Status),
    /// The guest's call ends here.
    Trap(wasmtime::Error),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

impl From<wasmtime::Error> for Failure {
    fn from(trap: wasmtime::Error) -> Self {
        Self::Trap(trap)
    }
}

/// What a host function gives back.
pub(super) type Outcome = Result<(), Failure>;

/// A pointer of the guest and the length that it gave with it.
#[derive(Clone, Copy)]
pub(super) struct Span(pub(super) u32, pub(super) u32);

impl Span {
    /// The bytes; a length of zero needs a pointer inside the memory too, as in Envoy.
    pub(super) fn of(self, memory: &[u8]) -> Result<&[u8], Status> {
        memory.get(range(self.0, self.1)).ok_or(Status::InvalidMemoryAccess)
    }

    /// The header map that stands there; what cannot be read counts as an empty one, as in Envoy.
    pub(super) fn pairs(self, memory: &[u8]) -> Result<Headers, Status> {
        Ok(decode_pairs(self.of(memory)?).unwrap_or_default())
    }
}

/// Where the guest wants pointer and length of a result.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Where the pointer goes.
    pub(super) pointer: u32,
    /// Where the length goes.
    pub(super) size: u32,
}

const fn range(pointer: u32, len: u32) -> std::ops::Range<usize> {
    let start = pointer as usize;
    start..start.saturating_add(len as usize)
}

/// The guest's memory beside what host functions work on.
pub(super) fn parts<'a>(caller: &'a mut Caller<'_, VmState>) -> Result<(&'a mut [u8], &'a mut VmState), Failure> {
    let memory = memory(caller)?;
    Ok(memory.data_and_store_mut(caller.as_context_mut()))
}

fn memory(caller: &mut Caller<'_, VmState>) -> Result<Memory, Status> {
    match caller.data().memory {
        Some(memory) => Ok(memory),
        // A start section runs before the instance is there.
        None => caller.get_export("memory").and_then(|export| export.into_memory()).ok_or(Status::InvalidMemoryAccess),
    }
}

/// Writes bytes to where the guest wants them.
pub(super) fn write(memory: &mut [u8], pointer: u32, bytes: &[u8]) -> Result<(), Status> {
    let len = u32::try_from(bytes.len()).map_err(|_| Status::InvalidMemoryAccess)?;
    memory.get_mut(range(pointer, len)).ok_or(Status::InvalidMemoryAccess)?.copy_from_slice(bytes);
    Ok(())
}

/// Writes a number to where the guest wants it.
pub(super) fn write_u32(memory: &mut [u8], pointer: u32, value: u32) -> Result<(), Status> {
    write(memory, pointer, &value.to_le_bytes())
}

/// Reads a number of the guest's.
pub(super) fn read_u32(memory: &[u8], pointer: u32) -> Result<u32, Status> {
    let bytes = Span(pointer, 4).of(memory)?.first_chunk().ok_or(Status::InvalidMemoryAccess)?;
    Ok(u32::from_le_bytes(*bytes))
}

/// Gives the guest a result in memory of its own allocator.
pub(super) fn give(caller: &mut Caller<'_, VmState>, bytes: &[u8], place: Place) -> Outcome {
    give_with(caller, bytes.len(), place, |target, _| target.copy_from_slice(bytes))
}

/// Gives the guest a result of `len` bytes that `fill` writes straight into the guest's memory. No result needs no memory.
pub(super) fn give_with(
    caller: &mut Caller<'_, VmState>,
    len: usize,
    place: Place,
    fill: impl FnOnce(&mut [u8], &mut VmState),
) -> Outcome {
    let (pointer, size) = put(caller, len, fill)?;
    let (memory, _) = parts(caller)?;
    write_u32(memory, place.pointer, pointer)?;
    write_u32(memory, place.size, size)?;
    Ok(())
}

/// Puts `len` bytes into memory of the guest's allocator; null if there are none. Gives pointer and length.
pub(super) fn put(
    caller: &mut Caller<'_, VmState>,
    len: usize,
    fill: impl FnOnce(&mut [u8], &mut VmState),
) -> Result<(u32, u32), Failure> {
    let size = u32::try_from(len).map_err(|_| Status::InvalidMemoryAccess)?;
    if size == 0 {
        return Ok((0, 0));
    }
    let pointer = allocate(caller, size)?;
    // Only now, since the allocator may have moved the memory.
    let (memory, state) = parts(caller)?;
    fill(memory.get_mut(range(pointer, size)).ok_or(Status::InvalidMemoryAccess)?, state);
    Ok((pointer, size))
}

/// Calls the guest's allocator, as the VM's own context.
fn allocate(caller: &mut Caller<'_, VmState>, size: u32) -> Result<u32, Failure> {
    let state = caller.data_mut();
    let allocate = state.allocate.clone().ok_or(Status::InvalidMemoryAccess)?;
    let (current, effective) = (std::mem::take(&mut state.current), std::mem::take(&mut state.effective));
    let pointer = allocate.call(&mut *caller, size);
    let state = caller.data_mut();
    (state.current, state.effective) = (current, effective);
    match pointer? {
        0 => Err(Status::InvalidMemoryAccess.into()),
        pointer => Ok(pointer),
    }
}
