//! What a guest logs.

use super::super::VmState;
use super::super::memory::{Outcome, Span, parts, write_u32};
use crate::abi::LogLevel;
use crate::process::LogLine;
use wasmtime::Caller;

pub(super) fn log(caller: &mut Caller<'_, VmState>, level: u32, message: u32, message_size: u32) -> Outcome {
    let level = LogLevel::try_from(level)?;
    let (memory, state) = parts(caller)?;
    log_line(state, level, Span(message, message_size).of(memory)?);
    Ok(())
}

pub(super) fn get_level(caller: &mut Caller<'_, VmState>, level: u32) -> Outcome {
    let (memory, state) = parts(caller)?;
    write_u32(memory, level, state.environment.log.level() as u32)?;
    Ok(())
}

/// Hands a line to the operator's log, if it matters enough.
pub(crate) fn log_line(state: &mut VmState, level: LogLevel, message: &[u8]) {
    if level < state.environment.log.level() {
        return;
    }
    let plugin = match state.root() {
        Some((_, root)) => root.plugin.name.clone(),
        None => state.plugin.name.clone(),
    };
    let message = String::from_utf8_lossy(message).into_owned();
    state.environment.log.log(LogLine { plugin, level, message });
}
