//! Standard output and error: lines of the operator's log.

use super::super::VmState;
use super::super::imports::log_line;
use super::super::memory::{Span, parts, read_u32, write_u32};
use super::{Answer, Errno, fault};
use crate::abi::{LogLevel, Status};
use wasmtime::Caller;

/// Bytes of a pointer and a length.
const PIECE_BYTES: u32 = 8;

/// Standard output is worth knowing, standard error is an error.
pub(super) fn fd_write(caller: &mut Caller<'_, VmState>, file: u32, pieces: u32, count: u32, written: u32) -> Answer {
    let level = match file {
        1 => LogLevel::Info,
        2 => LogLevel::Error,
        _ => return Err(Errno::BadFile),
    };
    let (memory, state) = fault(parts(caller))?;
    let text = gather(memory, pieces, count).map_err(|_| Errno::Fault)?;
    if !text.is_empty() {
        log_line(state, level, text.strip_suffix(b"\n").unwrap_or(&text));
    }
    let len = u32::try_from(text.len()).map_err(|_| Errno::Invalid)?;
    write_u32(memory, written, len).map_err(|_| Errno::Fault)
}

fn gather(memory: &[u8], pieces: u32, count: u32) -> Result<Vec<u8>, Status> {
    let mut text = Vec::new();
    for index in 0..count {
        let piece = index
            .checked_mul(PIECE_BYTES)
            .and_then(|offset| pieces.checked_add(offset))
            .ok_or(Status::InvalidMemoryAccess)?;
        let len = read_u32(memory, piece.saturating_add(4))?;
        if len == 0 {
            continue;
        }
        // Pieces may overlap, so that a small memory could otherwise be told to be a large text.
        if text.len() + len as usize > memory.len() {
            return Err(Status::InvalidMemoryAccess);
        }
        text.extend_from_slice(Span(read_u32(memory, piece)?, len).of(memory)?);
    }
    Ok(text)
}
