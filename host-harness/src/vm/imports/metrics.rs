//! Metrics that a guest defines. An id is the metric's number in this VM, from 1, with the kind in its two low bits.

use super::super::VmState;
use super::super::memory::{Outcome, Span, parts, write, write_u32};
use crate::abi::{MetricKind, Status};
use crate::process::Metric;
use wasmtime::Caller;

/// Bits of an id that tell the kind.
const KIND_BITS: u32 = 2;
const KIND_MASK: u32 = 3;

/// What one VM can define; another definition is refused.
const MAX_METRICS: usize = 100_000;

pub(super) fn define(caller: &mut Caller<'_, VmState>, kind: u32, name: u32, name_size: u32, id: u32) -> Outcome {
    let (memory, state) = parts(caller)?;
    let name = Span(name, name_size).of(memory)?;
    let kind = MetricKind::try_from(kind)?;
    let name = String::from_utf8_lossy(name).into_owned();
    let number = number_of(state, kind, name)?;
    write_u32(memory, id, (number << KIND_BITS) | kind as u32)?;
    Ok(())
}

/// Defining a name again gives the number that it has.
fn number_of(state: &mut VmState, kind: MetricKind, name: String) -> Result<u32, Status> {
    let of_kind = state.metric_numbers.entry(kind).or_default();
    if let Some(number) = of_kind.get(&name) {
        return Ok(*number);
    }
    if state.metrics.len() >= MAX_METRICS {
        return Err(Status::InternalFailure);
    }
    state.metrics.push((kind, state.process.metrics.define(kind, &name)));
    let number = u32::try_from(state.metrics.len()).unwrap_or(u32::MAX);
    of_kind.insert(name, number);
    Ok(number)
}

pub(super) fn increment(caller: &mut Caller<'_, VmState>, id: u32, offset: i64) -> Outcome {
    let metric = countable(caller.data(), id)?;
    metric.increment(offset).map_err(|_| Status::BadArgument)?;
    Ok(())
}

pub(super) fn record(caller: &mut Caller<'_, VmState>, id: u32, value: u64) -> Outcome {
    find(caller.data(), id)?.record(value);
    Ok(())
}

pub(super) fn get(caller: &mut Caller<'_, VmState>, id: u32, value: u32) -> Outcome {
    let (memory, state) = parts(caller)?;
    let read = countable(state, id)?.get().map_err(|_| Status::BadArgument)?;
    write(memory, value, &read.to_le_bytes())?;
    Ok(())
}

/// A counter or gauge. A histogram's id is a bad argument, whether it exists or not.
fn countable(state: &VmState, id: u32) -> Result<&Metric, Status> {
    match MetricKind::try_from(id & KIND_MASK)? {
        MetricKind::Counter | MetricKind::Gauge => find(state, id),
        MetricKind::Histogram => Err(Status::BadArgument),
    }
}

fn find(state: &VmState, id: u32) -> Result<&Metric, Status> {
    let index = (id >> KIND_BITS).checked_sub(1).and_then(|index| usize::try_from(index).ok());
    match index.and_then(|index| state.metrics.get(index)) {
        Some((kind, metric)) if *kind as u32 == id & KIND_MASK => Ok(metric),
        _ => Err(Status::NotFound),
    }
}
