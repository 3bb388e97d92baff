//! The trace context of a request: continue it, stitch it, derive it, draw it, or leave it alone.

use super::{Command, Effects};
use crate::extract::Facts;
use crate::headers::Headers;
use crate::plan::{B3Style, Direction};
use crate::trace::{self, B3, Incoming, SpanId, StateVerdict, TraceId, TraceParent};
use crate::worker::{TraceResult, Worker};

/// The trace of one visit.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    /// The visit's own span.
    pub(super) own: TraceParent,
    /// The span that it stands under.
    pub(super) parent: Option<SpanId>,
    /// What else it belongs to.
    pub(super) links: Vec<TraceParent>,
    /// Whether the request went on with it.
    pub(super) written: bool,
}

impl Trace {
    /// A span below `context`.
    pub(super) fn below(context: &TraceParent, sampled: bool, worker: &mut Worker) -> Self {
        let own = context.child(worker.span_id(), sampled);
        Self { own, parent: Some(context.parent_id), links: Vec::new(), written: false }
    }

    /// The first span of a trace.
    pub(super) fn begin(trace_id: TraceId, sampled: bool, worker: &mut Worker) -> Self {
        let own = TraceParent::begin(trace_id, worker.span_id(), sampled);
        Self { own, parent: None, links: Vec::new(), written: false }
    }

    /// The trace that the request went on with.
    pub(super) fn written_id(&self) -> Option<String> {
        self.written.then(|| self.own.trace_id.to_string())
    }
}

/// What the headers brought.
#[derive(Debug)]
pub(super) struct Arrived {
    incoming: Incoming,
    state: StateVerdict,
    /// Header lines to remove before the one that is set.
    stray_parents: bool,
    edge: bool,
    direction: Direction,
    /// Whether there is a B3 header.
    b3: bool,
    /// Whether the trace is recorded, where that has been decided.
    decision: Option<bool>,
}

impl Arrived {
    pub(super) fn read(headers: &Headers<'_>, direction: Direction, edge: bool) -> Self {
        let w3c = trace::incoming(headers.all("traceparent"));
        let state = w3c.tracestate(headers.all("tracestate"));
        let stray_parents = headers.all("traceparent").nth(1).is_some();
        let b3 = B3::read(headers);
        let (incoming, decision) = match (w3c, b3) {
            (Incoming::None, B3::Context(context)) => (Incoming::Valid(context), Some(context.flags.sampled())),
            (Incoming::None, B3::Undecided(context)) => (Incoming::Valid(context), None),
            (Incoming::None, B3::Decision(sampled)) => (w3c, Some(sampled)),
            (Incoming::Valid(context), _) => (w3c, Some(context.flags.sampled())),
            _ => (w3c, None),
        };
        let decision = decision.filter(|_| !edge);
        Self { incoming, state, stray_parents, edge, direction, b3: b3 != B3::Absent, decision }
    }

    /// A context that can be continued.
    pub(super) fn continued(&self) -> Option<&TraceParent> {
        self.incoming.valid().filter(|_| !self.edge)
    }

    /// Continues the incoming context with a span of our own.
    pub(super) fn go_on(&self, context: &TraceParent, worker: &mut Worker, effects: &mut Effects) -> Trace {
        worker.trace_result(TraceResult::Continued);
        let sampled = self.decision.unwrap_or_else(|| worker.samples(&context.trace_id));
        let mut trace = Trace::below(context, sampled, worker);
        trace.written = self.write(&trace.own, worker, effects);
        if !trace.written {
            return trace;
        }
        match &self.state {
            StateVerdict::Absent | StateVerdict::KeepAsIs => {}
            StateVerdict::Drop => effects.commands.push(remove("tracestate")),
            StateVerdict::Rewrite(state) => {
                effects.commands.push(remove("tracestate"));
                effects.commands.push(Command::SetRequestHeader("tracestate", state.clone()));
            }
        }
        trace
    }

    /// Starts a trace for the message that `facts` tell of, or goes on with the only one of the contexts with which it is
    /// `known` to have come in; `id` says how well they know it. Returns nothing if nothing was to be written.
    pub(super) fn start(
        &self,
        facts: &Facts,
        id: Id,
        known: &[TraceParent],
        worker: &mut Worker,
        effects: &mut Effects,
    ) -> Option<Trace> {
        self.count_refusal(worker);
        let Some((result, mut trace)) = self.begun(facts, id, known, worker) else {
            let missing = id == Id::Promised && facts.message_ids.is_empty();
            worker.trace_result(if missing { TraceResult::MissingId } else { TraceResult::TooLate });
            if worker.tracers.of(self.direction).writes() {
                self.remove_refused(effects);
            }
            return None;
        };
        // What the public says of a trace is not believed, and still worth a look.
        trace.links.extend(self.incoming.valid());
        worker.trace_result(result);
        if self.stray_parents && worker.tracers.of(self.direction).writes() {
            effects.commands.push(remove("traceparent"));
        }
        trace.written = self.write(&trace.own, worker, effects);
        if self.state != StateVerdict::Absent && trace.written {
            effects.commands.push(remove("tracestate"));
        }
        Some(trace)
    }

    fn begun(&self, facts: &Facts, id: Id, known: &[TraceParent], worker: &mut Worker) -> Option<(TraceResult, Trace)> {
        if id == Id::TooLate || (id == Id::Promised && facts.message_ids.is_empty()) {
            return None;
        }
        if let [context] = known {
            return Some((TraceResult::Stitched, Trace::below(context, context.flags.sampled(), worker)));
        }
        let (result, trace_id) = match (worker.derived_trace(facts), facts.message_ids.len()) {
            (Some(trace_id), _) => (TraceResult::Derived, trace_id),
            // A batch of several messages is in no single message's trace.
            (None, 2..) => (TraceResult::Random, worker.random_trace_id()),
            (None, 0) if id != Id::Useless => (TraceResult::Random, worker.random_trace_id()),
            (None, _) => (TraceResult::NoSecret, worker.random_trace_id()),
        };
        let sampled = self.decision.unwrap_or_else(|| worker.samples(&trace_id));
        let mut trace = Trace::begin(trace_id, sampled, worker);
        trace.links.extend(known);
        Some((result, trace))
    }

    /// Writes `context` into the request, unless the proxy's own tracer does that; `false` if it does.
    fn write(&self, context: &TraceParent, worker: &mut Worker, effects: &mut Effects) -> bool {
        if !worker.tracers.of(self.direction).writes() {
            return false;
        }
        effects.commands.push(Command::SetRequestHeader("traceparent", context.to_string()));
        let style = worker.plan.settings.trace.b3;
        // What the public has said of a trace is not handed on in any form.
        if self.b3 && (style != B3Style::None || self.continued().is_none()) {
            effects.commands.extend(B3::HEADERS.map(remove));
        }
        effects.commands.extend(b3_headers(context, style).map(|(name, value)| Command::SetRequestHeader(name, value)));
        true
    }

    fn count_refusal(&self, worker: &mut Worker) {
        match self.incoming {
            Incoming::Invalid(_) => worker.trace_result(TraceResult::Invalid),
            Incoming::Valid(_) if self.edge => worker.trace_result(TraceResult::Edge),
            _ => {}
        }
    }

    /// A context that is not continued must not go on beside the trace that spans and records will use.
    fn remove_refused(&self, effects: &mut Effects) {
        if !matches!(self.incoming, Incoming::None) {
            effects.commands.push(remove("traceparent"));
        }
        if self.state != StateVerdict::Absent {
            effects.commands.push(remove("tracestate"));
        }
        if self.b3 {
            effects.commands.extend(B3::HEADERS.map(remove));
        }
    }
}

/// What is known of the message's id when the trace must start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Id {
    /// All that can be known is known.
    Known,
    /// So it is, and the config promised an id.
    Promised,
    /// It may stand in a body that is not in yet.
    TooLate,
    /// So may it, but there is no secret to derive a trace id from.
    Useless,
}

/// What is written of `context` beside `traceparent`.
pub(super) fn b3_headers(
    context: &TraceParent,
    style: B3Style,
) -> impl Iterator<Item = (&'static str, String)> + use<> {
    let headers = match style {
        B3Style::None => Vec::new(),
        B3Style::Single => vec![("b3", B3::write_single(context))],
        B3Style::Multi => B3::write_multi(context).to_vec(),
    };
    headers.into_iter()
}

fn remove(name: &str) -> Command {
    Command::RemoveRequestHeader(name.to_owned())
}
