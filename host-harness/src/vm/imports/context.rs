//! Contexts, their timers and the time.

use super::super::memory::{Outcome, Place, give, parts, write, write_u32};
use super::super::{Context, Deferred, VmState};
use crate::abi::Status;
use std::time::Duration;
use wasmtime::Caller;

pub(super) fn get_status(caller: &mut Caller<'_, VmState>, code: u32, message: u32, message_size: u32) -> Outcome {
    let (memory, state) = parts(caller)?;
    let (status, text) = state.root().map(|(_, root)| root.status.clone()).unwrap_or_default();
    write_u32(memory, code, status)?;
    give(caller, text.as_bytes(), Place { pointer: message, size: message_size })
}

pub(super) fn set_effective(caller: &mut Caller<'_, VmState>, id: u32) -> Outcome {
    let state = caller.data_mut();
    if id != 0 && !state.contexts.contains_key(&id) {
        return Err(Status::BadArgument.into());
    }
    state.effective = id;
    Ok(())
}

pub(super) fn done(caller: &mut Caller<'_, VmState>) -> Outcome {
    let state = caller.data_mut();
    let id = state.context_id();
    let ending = matches!(state.context(), Some(Context::Root(root)) if root.ending);
    if !ending {
        return Err(Status::NotFound.into());
    }
    state.defer(Deferred::Done(id))?;
    Ok(())
}

pub(super) fn set_tick_period(caller: &mut Caller<'_, VmState>, period_ms: u32) -> Outcome {
    let state = caller.data_mut();
    let Some((root, _)) = state.root() else { return Ok(()) };
    let period = (period_ms > 0).then(|| Duration::from_millis(period_ms.into()));
    state.defer(Deferred::SetTick(root, period))?;
    Ok(())
}

pub(super) fn get_current_time(caller: &mut Caller<'_, VmState>, time: u32) -> Outcome {
    let (memory, state) = parts(caller)?;
    write(memory, time, &nanoseconds(state.environment.clock.wall()).to_le_bytes())?;
    Ok(())
}

/// A time as guests read it.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
