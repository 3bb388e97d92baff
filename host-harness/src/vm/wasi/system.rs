//! Arguments, environment, clocks, randomness, and the end of a program.

use super::super::VmState;
use super::super::imports::{log_line, nanoseconds};
use super::super::memory::{Span, parts, write, write_u32};
use super::{Answer, Errno, fault};
use crate::abi::{LogLevel, Status};
use wasmtime::Caller;

/// The most random bytes at once (proxy-wasm-cpp-host, limits.h).
const MAX_RANDOM_BYTES: u32 = 64 << 10;
/// Bytes of one subscription of `poll_oneoff`.
const SUBSCRIPTION_BYTES: usize = 48;
/// Bytes of one event of `poll_oneoff`.
const EVENT_BYTES: usize = 32;
/// The kind of a subscription or an event: a clock.
const CLOCK: u8 = 0;

impl From<Status> for Errno {
    fn from(_: Status) -> Self {
        Self::Fault
    }
}

pub(super) fn args_get(_: &mut Caller<'_, VmState>, _arguments: u32, _text: u32) -> Answer {
    Ok(())
}

/// A guest has no arguments.
pub(super) fn args_sizes_get(caller: &mut Caller<'_, VmState>, count: u32, text_size: u32) -> Answer {
    let (memory, _) = fault(parts(caller))?;
    write_u32(memory, count, 0)?;
    write_u32(memory, text_size, 0)?;
    Ok(())
}

pub(super) fn environ_get(caller: &mut Caller<'_, VmState>, variables: u32, text: u32) -> Answer {
    let (memory, state) = fault(parts(caller))?;
    let (mut variable, mut text) = (variables, text);
    for (name, value) in &state.plugin.environment_variables {
        let line = format!("{name}={value}\0");
        write_u32(memory, variable, text)?;
        write(memory, text, line.as_bytes())?;
        variable = variable.checked_add(4).ok_or(Errno::Fault)?;
        text = u32::try_from(line.len()).ok().and_then(|len| text.checked_add(len)).ok_or(Errno::Fault)?;
    }
    Ok(())
}

pub(super) fn environ_sizes_get(caller: &mut Caller<'_, VmState>, count: u32, text_size: u32) -> Answer {
    let (memory, state) = fault(parts(caller))?;
    let variables = &state.plugin.environment_variables;
    let size: usize = variables.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
    write_u32(memory, count, u32::try_from(variables.len()).map_err(|_| Errno::Fault)?)?;
    write_u32(memory, text_size, u32::try_from(size).map_err(|_| Errno::Fault)?)?;
    Ok(())
}

pub(super) fn clock_time_get(caller: &mut Caller<'_, VmState>, clock: u32, _precision: u64, time: u32) -> Answer {
    let (memory, state) = fault(parts(caller))?;
    let now = match clock {
        0 => state.environment.clock.wall(),
        1 => state.environment.clock.monotonic(),
        _ => return Err(Errno::NotSupported),
    };
    write(memory, time, &nanoseconds(now).to_le_bytes())?;
    Ok(())
}

pub(super) fn clock_res_get(caller: &mut Caller<'_, VmState>, clock: u32, resolution: u32) -> Answer {
    if clock > 1 {
        return Err(Errno::NotSupported);
    }
    let (memory, _) = fault(parts(caller))?;
    write(memory, resolution, &1_u64.to_le_bytes())?;
    Ok(())
}

pub(super) fn random_get(caller: &mut Caller<'_, VmState>, bytes: u32, bytes_size: u32) -> Answer {
    if bytes_size > MAX_RANDOM_BYTES {
        return Err(Errno::Invalid);
    }
    if bytes_size == 0 {
        return Ok(());
    }
    let (memory, state) = fault(parts(caller))?;
    Span(bytes, bytes_size).of(memory)?;
    let mut random = vec![0; bytes_size as usize];
    state.environment.random.fill_bytes(&mut random);
    write(memory, bytes, &random)?;
    Ok(())
}

/// There is no other thread to run.
pub(super) fn sched_yield(_: &mut Caller<'_, VmState>) -> Answer {
    Ok(())
}

/// Nothing waits: a clock has always run out. Anything else is not supported.
pub(super) fn poll_oneoff(
    caller: &mut Caller<'_, VmState>,
    subscriptions: u32,
    events: u32,
    count: u32,
    ready: u32,
) -> Answer {
    if count == 0 {
        return Err(Errno::Invalid);
    }
    let (memory, _) = fault(parts(caller))?;
    let size = count.checked_mul(SUBSCRIPTION_BYTES as u32).ok_or(Errno::Fault)?;
    let asked = Span(subscriptions, size).of(memory)?;
    let told: Vec<u8> = asked.chunks_exact(SUBSCRIPTION_BYTES).flat_map(event).collect();
    write(memory, events, &told)?;
    write_u32(memory, ready, count)?;
    Ok(())
}

/// An event begins with what the guest gave the subscription to know it by, an error number and the kind.
fn event(subscription: &[u8]) -> [u8; EVENT_BYTES] {
    let kind = subscription.get(8).copied().unwrap_or(CLOCK);
    let errno = if kind == CLOCK { 0 } else { Errno::NotSupported as u16 };
    let known_by = subscription.get(..8).unwrap_or_default();
    let head = known_by.iter().copied().chain(errno.to_le_bytes()).chain([kind]);
    let mut event = [0; EVENT_BYTES];
    event.iter_mut().zip(head).for_each(|(to, from)| *to = from);
    event
}

/// The guest goes on after this, as in Envoy: what stands behind the call is usually a trap.
pub(super) fn proc_exit(caller: &mut Caller<'_, VmState>, code: u32) {
    log_line(caller.data_mut(), LogLevel::Trace, format!("proc_exit({code})").as_bytes());
}
