//! What a visit leaves behind for others to read: its span, the states of its messages, the vendor's own ids for them.

use super::Shell;
use super::visit::Visit;
use crate::classify::Verdict;
use crate::hold::StreamId;
use crate::otlp::{Attributes, Link, Log, Span};
use crate::plan::{Direction, Node};
use crate::receipt::Reported;
use crate::time::{Monotonic, WallClock};
use crate::trace::TraceParent;
use crate::worker::{TraceResult, Worker};
use std::rc::Rc;
use std::time::Duration;

mod span;
mod states;

/// More visits than this whose request's headers are still to be looked at are told without that.
const MAX_UNTOLD: usize = 4_096;

/// How a visit has ended.
pub(super) struct Ending<'a> {
    pub(super) verdict: &'a Verdict,
    /// What a receipt reports that counts.
    pub(super) statuses: &'a [Reported],
    pub(super) now: Monotonic,
    pub(super) at: WallClock,
    pub(super) duration: Duration,
}

/// A visit whose request's headers are to be looked at once its exchange is over.
pub(crate) struct Untold {
    pub(crate) stream: StreamId,
    direction: Direction,
    ended: Monotonic,
    /// Whether somebody has got the request: what has not left, no tracer has written to.
    has_left: bool,
    written: Option<TraceParent>,
    came: Option<TraceParent>,
    span: Option<Box<Span>>,
}

/// Tells what has become of the messages of a visit, and makes its span, if that is to be told.
pub(super) fn of_exit(
    visit: &Visit,
    ending: &Ending<'_>,
    worker: &mut Worker,
    shell: &mut dyn Shell,
) -> Option<Box<Span>> {
    let tied = states::tied(visit, ending, worker, shell);
    states::of(visit, ending, &tied, worker, shell);
    span::of(visit, ending, &tied, worker, shell).map(Box::new)
}

/// Tells the span, now or once it is known what the request has left with, where that is worth a look.
pub(super) fn tell_or_look(visit: &Visit, span: Option<Box<Span>>, now: Monotonic, worker: &mut Worker) {
    // A call of our own is written by nobody else.
    let direction = visit.direction.filter(|direction| worker.tracers.of(*direction).looks());
    if let Some(direction) = direction.filter(|_| worker.untold.len() < MAX_UNTOLD) {
        let written = visit.trace.as_ref().filter(|trace| trace.written).map(|trace| trace.own);
        worker.untold.push(Untold {
            stream: visit.stream,
            direction,
            ended: now,
            has_left: visit.has_left,
            written,
            came: visit.came,
            span,
        });
    } else if let Some(span) = span {
        worker.tell_span(*span, now);
    }
}

/// The exchange is over, and what its request has left with is known.
pub(super) fn tell_the_rest(stream: StreamId, worker: &mut Worker, shell: &mut dyn Shell) {
    while let Some(place) = worker.untold.iter().position(|untold| untold.stream == stream) {
        let Untold { direction, ended, has_left, written, came, span, .. } = worker.untold.swap_remove(place);
        let out = has_left.then(|| shell.went_out_with()).flatten();
        let tracer = worker.tracers.of(direction);
        let theirs = out.and_then(|out| tracer.saw(written.as_ref(), came.as_ref(), out.valid()));
        if theirs.is_some() {
            worker.trace_result(TraceResult::Observed);
        }
        if let Some(mut span) = span {
            if let Some(context) = theirs {
                observe(&mut span, &context);
            }
            worker.tell_span(*span, ended);
        }
    }
}

/// The request has told all that it will, and goes on.
pub(super) fn of_departure(visit: &Visit, worker: &mut Worker, shell: &mut dyn Shell) {
    let plan = Rc::clone(&worker.plan);
    let (Some(records), Some(node)) = (&plan.settings.records, plan.node(visit.node)) else { return };
    let name = visit.name(worker);
    if node.enter {
        worker.tell_enter((visit.node, visit.business), &name, None, (visit.entered, shell.wall_clock()));
    }
    visit.is_of(name, worker);
    if records.sending && visit.is_vendor_send() {
        let at = shell.wall_clock();
        states::sending(visit, at, worker);
    }
}

/// The proxy's own tracer has sent the request with `context`: the visit goes under its span, or is tied to it.
fn observe(span: &mut Span, context: &TraceParent) {
    if context.trace_id == span.trace_id {
        span.parent = Some(context.parent_id);
    } else {
        let (trace_id, span_id) = (context.trace_id, context.parent_id);
        span.links.push(Link { trace_id, span_id, attributes: Attributes::default() });
    }
}

/// Where it is, and whose.
fn place(visit: &Visit, node: &Node, worker: &Worker, attributes: &mut Attributes) {
    attributes.put_some("push.tenant", visit.foreign_tenant(worker));
    attributes.put("push.node", &*node.name);
    if node.is_channel() {
        attributes.put("push.channel", &*node.channel);
    }
    attributes.put_some("push.business", visit.business_name(worker));
}

fn log(event: &'static str, visit: &Visit, at: WallClock, attributes: Attributes) -> Log {
    let trace = visit.trace.as_ref().map(|trace| (trace.own.trace_id, Some(trace.own.parent_id), trace.own.flags));
    Log { event, at, is_error: false, trace, attributes }
}
