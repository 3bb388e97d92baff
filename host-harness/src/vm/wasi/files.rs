//! Descriptors of files: only standard output and error are there, and they can only be written to.

use super::super::VmState;
use super::super::memory::{parts, write};
use super::{Answer, Errno, fault};
use wasmtime::Caller;

/// The right to write, in WASI's set of rights.
const RIGHT_TO_WRITE: u64 = 64;

pub(super) fn fd_fdstat_get(caller: &mut Caller<'_, VmState>, file: u32, stat: u32) -> Answer {
    if !matches!(file, 1 | 2) {
        return Err(Errno::BadFile);
    }
    let (memory, _) = fault(parts(caller))?;
    let mut bytes = [0; 24];
    let (_, rights) = bytes.split_at_mut(8);
    rights.iter_mut().zip(RIGHT_TO_WRITE.to_le_bytes()).for_each(|(to, from)| *to = from);
    write(memory, stat, &bytes).map_err(|_| Errno::Fault)
}

/// There is no directory that was opened before.
pub(super) fn fd_prestat_get(_: &mut Caller<'_, VmState>, _file: u32, _stat: u32) -> Answer {
    Err(Errno::BadFile)
}

/// Nothing was open, so nothing fails, as in Envoy.
pub(super) fn fd_close(_: &mut Caller<'_, VmState>, _file: u32) -> Answer {
    Ok(())
}

/// Nothing moves and nothing fails, as in Envoy.
pub(super) fn fd_seek(_: &mut Caller<'_, VmState>, _file: u32, _offset: i64, _whence: u32, _position: u32) -> Answer {
    Ok(())
}
