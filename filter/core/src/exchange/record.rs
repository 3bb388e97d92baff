//! What a visit leaves behind for others to read: its span, the states of its messages, the vendor's own ids for them.

use super::Shell;
use super::visit::Visit;
use crate::classify::Verdict;
use crate::event::Event;
use crate::export::RecordKind;
use crate::hold::StreamId;
use crate::otlp::{Attributes, Link, Log, Span};
use crate::outcome::Fate;
use crate::plan::{Direction, Node};
use crate::receipt::Reported;
use crate::time::{Monotonic, WallClock};
use crate::trace::{Incoming, Seen, TraceParent};
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
    /// Whether somebody has got the request: what has not left, no tracer has written to.
    has_left: bool,
    written: Option<TraceParent>,
    came: Option<TraceParent>,
    span: Option<Box<Span>>,
}

/// Tells all that a visit has come to.
pub(super) fn of_exit(visit: &Visit, ending: &Ending<'_>, worker: &mut Worker, shell: &mut dyn Shell) {
    let tied = states::tied(visit, ending, worker, shell);
    let span = span::of(visit, ending, &tied, worker, shell).map(Box::new);
    // A call of our own is written by nobody else.
    let direction = visit.direction.filter(|direction| worker.tracers.of(*direction).looks());
    if let Some(direction) = direction.filter(|_| worker.untold.len() < MAX_UNTOLD) {
        let written = visit.trace.as_ref().filter(|trace| trace.written).map(|trace| trace.own);
        let has_left = visit.has_left;
        worker.untold.push(Untold { stream: visit.stream, direction, has_left, written, came: visit.came, span });
    } else if let Some(span) = span {
        worker.tell_span(*span, ending.now);
    }
    if worker.tells_records() {
        states::of(visit, ending, &tied, worker, shell);
    }
}

/// The exchange is over, and what its request has left with is known.
pub(super) fn tell_the_rest(stream: StreamId, worker: &mut Worker, shell: &mut dyn Shell) {
    while let Some(place) = worker.untold.iter().position(|untold| untold.stream == stream) {
        let Untold { direction, has_left, written, came, span, .. } = worker.untold.swap_remove(place);
        let out = match shell.went_out_with().filter(|_| has_left) {
            Some(Incoming::Valid(out)) => Some(Some(out)),
            Some(_) => Some(None),
            None => None,
        };
        let seen = out.map(|out| worker.tracers.of(direction).saw(written.as_ref(), came.as_ref(), out.as_ref()));
        if matches!(seen, Some(Seen::Theirs(_))) {
            worker.trace_result(TraceResult::Observed);
        }
        if let Some(mut span) = span {
            if let Some(Seen::Theirs(context)) = seen {
                observe(&mut span, &context);
            }
            worker.tell_span(*span, shell.now());
        }
    }
}

/// The request has told all that it will, and goes on.
pub(super) fn of_departure(visit: &Visit, worker: &mut Worker, shell: &mut dyn Shell) {
    let plan = Rc::clone(&worker.plan);
    let (Some(records), Some(node)) = (&plan.settings.records, plan.node(visit.node)) else { return };
    visit.name(worker);
    if node.enter {
        let at = shell.wall_clock();
        let log = log(Event::ENTER, visit, at, of_enter(visit, node, worker));
        worker.tell(RecordKind::Enter, log, visit.entered);
    }
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

/// A visit is open for longer than it should be: whose it is, while it lasts.
pub(super) fn of_enter(visit: &Visit, node: &Node, worker: &Worker) -> Attributes {
    let mut attributes = Attributes::default();
    attributes.put_some("push.message.id", visit.facts.message_ids.first().map(String::as_str));
    place(visit, node, worker, &mut attributes);
    attributes
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

fn outcome(visit: &Visit, verdict: &Verdict, attributes: &mut Attributes) {
    attributes.put("push.outcome", verdict.call.as_str());
    if verdict.fate == Fate::Unsure {
        attributes.put("push.fate", verdict.fate.as_str());
    }
    attributes.put_some("push.drill", visit.is_drill.then_some(true));
}
