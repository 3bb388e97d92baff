//! Ties the visits of one message to each other, by what the sidecar remembers of it.
//!
//! The application need not hand anything on: the message's own id is the thread. On the way in the visit's context is kept
//! under it, on the way out it is looked up, and two that may be meant are never guessed between.

use super::Shell;
use super::context::Trace;
use super::visit::Visit;
use crate::extract::Facts;
use crate::hash::hash;
use crate::plan::{Direction, NodeId};
use crate::slots::Update;
use crate::stitch::Recalled;
use crate::time::Monotonic;
use crate::trace::{SpanId, TraceId, TraceParent};
use crate::worker::{StitchResult, Worker};

/// Of more messages that come in at once the context is not kept: each costs calls to the host.
const MAX_KEPT: usize = 64;

/// What was known of a message when a request for it left.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) recalled: Recalled,
    /// Which of the visits of its node and recipients this is, once that has been counted.
    pub(super) attempt: Option<u32>,
}

/// What is known of the message that `facts` tell of, if they tell of one; counts it too as a visit of the kind `counted`.
fn look_up(
    facts: &Facts,
    counted: Option<u32>,
    now: Monotonic,
    worker: &mut Worker,
    shell: &mut dyn Shell,
) -> Option<Known> {
    let key = worker.slot_key(facts)?;
    Some(match counted {
        Some(visit) => {
            let (recalled, attempt) = worker.memory.recall_and_count(&key, visit, now, shell.shared());
            Known { recalled, attempt: Some(attempt) }
        }
        None => Known { recalled: worker.memory.recall(&key, now, shell.shared()), attempt: None },
    })
}

/// What is known of the message, by which its trace may begin. `leaves` is the visit, if nothing can keep it from leaving
/// any more and all is known of it: then it is counted with the same look.
pub(super) fn recall(
    facts: &Facts,
    leaves: Option<&Visit>,
    now: Monotonic,
    worker: &mut Worker,
    shell: &mut dyn Shell,
) -> Option<Known> {
    let counts = leaves.filter(|visit| worker.tells_records() && visit.is_message() && !visit.is_dry_run(worker));
    let counted = counts.map(|visit| kind(visit.node, facts, worker));
    let known = look_up(facts, counted, now, worker, shell)?;
    tell(&known, worker);
    Some(known)
}

fn tell(known: &Known, worker: &mut Worker) {
    worker.stitched(match known.recalled.contexts.len() {
        0 => StitchResult::Missed,
        1 => StitchResult::Found,
        _ => StitchResult::Ambiguous,
    });
}

/// The request has told all that it will: what comes in is kept, what goes out is counted, and a visit whose trace could not
/// be written has one all the same.
pub(super) fn settle(visit: &mut Visit, worker: &mut Worker, shell: &mut dyn Shell) {
    match visit.direction {
        Some(Direction::Inbound) => keep(visit, worker, shell),
        Some(Direction::Outbound) | None => count(visit, worker, shell),
    }
    match (&mut visit.trace, &visit.known) {
        (None, _) if worker.tells_records() => visit.trace = Some(unwritten(visit, worker)),
        // A trace that began before the message was known is not under it, but belongs to it.
        (Some(trace), Some(known)) if visit.came.is_none() && trace.parent.is_none() && trace.links.is_empty() => {
            trace.links.extend(&known.recalled.contexts);
        }
        _ => {}
    }
}

fn keep(visit: &mut Visit, worker: &mut Worker, shell: &mut dyn Shell) {
    if visit.facts.message_ids.is_empty() {
        return;
    }
    let own = match &visit.trace {
        Some(trace) => trace.own,
        None => visit.trace.insert(unwritten(visit, worker)).own,
    };
    let entered_at = shell.wall_clock();
    let only = worker.slot_key(&visit.facts);
    for id in visit.facts.message_ids.iter().take(MAX_KEPT) {
        let key = only.unwrap_or_else(|| worker.key_of(visit.facts.tenant.as_deref(), id));
        worker.stitched(match worker.memory.keep(&key, &own, entered_at, visit.entered, shell.shared()) {
            Update::Done | Update::Left => StitchResult::Kept,
            Update::Displaced => StitchResult::Displaced,
            Update::Contended => StitchResult::Contended,
        });
    }
}

/// Counts the attempt, where anybody is told of it, and looks up what has not been looked up yet.
fn count(visit: &mut Visit, worker: &mut Worker, shell: &mut dyn Shell) {
    let is_counted = visit.known.as_ref().is_some_and(|known| known.attempt.is_some());
    if !visit.is_message() || is_counted {
        return;
    }
    // Where no context came in and nothing was looked up before, it was too late to write one.
    let is_late = visit.known.is_none() && visit.came.is_none() && visit.direction.is_some();
    let is_timed = visit.known.is_some() || visit.facts.submitted_at.is_some();
    if !worker.tells_records() && is_timed && !is_late {
        return;
    }
    let counted = worker.tells_records().then(|| kind(visit.node, &visit.facts, worker));
    let Some(known) = look_up(&visit.facts, counted, visit.entered, worker, shell) else { return };
    if is_late {
        tell(&known, worker);
    }
    // What the trace began with stands.
    visit.known = Some(match visit.known.take() {
        Some(before) => Known { attempt: known.attempt, ..before },
        None => known,
    });
}

/// What is the same for every try of a message at one node for the same recipients.
fn kind(node: NodeId, facts: &Facts, worker: &Worker) -> u32 {
    let node = worker.plan.node(node).map(|node| node.name.as_bytes()).unwrap_or_default();
    let mut parts = vec![node];
    parts.extend(facts.recipients_kept.iter().map(|recipient| recipient.expose().as_bytes()));
    hash(&parts) as u32
}

/// The trace of a visit that could not write one: it came too late, or its message has no id where one was promised.
fn unwritten(visit: &Visit, worker: &mut Worker) -> Trace {
    let contexts = visit.known.as_ref().map_or(&[][..], |known| &known.recalled.contexts);
    if let [context] = contexts {
        return Trace::below(context, context.flags.sampled(), worker);
    }
    let trace_id = worker.derived_trace(&visit.facts).unwrap_or_else(|| worker.random_trace_id());
    let mut trace = Trace::begin(trace_id, worker.samples(&trace_id), worker);
    trace.links.extend(contexts);
    trace
}

/// The context that stands for a message's derived trace where none of its spans is known: the last eight bytes of the trace
/// id are the span id (docs/hash.md).
pub(super) fn of_derived(trace_id: TraceId, sampled: bool) -> Option<TraceParent> {
    let last = trace_id.as_bytes().last_chunk::<8>().copied()?;
    Some(TraceParent::begin(trace_id, SpanId::from_bytes(last)?, sampled))
}
