//! The trace context of a request: continue it, derive it, draw it, or leave it alone.

use super::{Command, Effects};
use crate::extract::Facts;
use crate::headers::Headers;
use crate::trace::{self, Incoming, StateVerdict, TraceParent};
use crate::worker::{TraceResult, Worker};

/// What the headers brought.
#[derive(Debug)]
pub(super) struct Arrived {
    incoming: Incoming,
    state: StateVerdict,
    /// Header lines to remove before the one that is set.
    stray_parents: bool,
    edge: bool,
}

impl Arrived {
    pub(super) fn read(headers: &Headers<'_>, edge: bool) -> Self {
        let incoming = trace::incoming(headers.all("traceparent"));
        let state = incoming.tracestate(headers.all("tracestate"));
        let stray_parents = headers.all("traceparent").nth(1).is_some();
        Self { incoming, state, stray_parents, edge }
    }

    /// A context that can be continued.
    pub(super) fn continued(&self) -> Option<&TraceParent> {
        match &self.incoming {
            Incoming::Valid(context) if !self.edge => Some(context),
            _ => None,
        }
    }

    /// Continues the incoming context with a span of our own.
    pub(super) fn go_on(&self, context: &TraceParent, worker: &mut Worker, effects: &mut Effects) -> TraceParent {
        worker.trace_result(TraceResult::Continued);
        let ours = context.child(worker.span_id(), context.flags.sampled());
        effects.commands.push(set_parent(&ours));
        match &self.state {
            StateVerdict::Absent | StateVerdict::KeepAsIs => {}
            StateVerdict::Drop => effects.commands.push(remove("tracestate")),
            StateVerdict::Rewrite(state) => {
                effects.commands.push(remove("tracestate"));
                effects.commands.push(Command::SetRequestHeader("tracestate", state.clone()));
            }
        }
        ours
    }

    /// Starts a trace for the message that `facts` tell of; `id` says how well they know it. Returns the context that was
    /// written, if one was.
    pub(super) fn start(
        &self,
        facts: &Facts,
        id: Id,
        worker: &mut Worker,
        effects: &mut Effects,
    ) -> Option<TraceParent> {
        self.count_refusal(worker);
        let tenant = facts.tenant.as_deref().unwrap_or(&worker.plan.settings.tenant);
        let derived = match facts.message_ids.as_slice() {
            [message_id] => worker.key.as_ref().map(|key| key.trace_id(tenant, message_id)),
            _ => None,
        };
        let (result, trace_id) = match (id, derived, facts.message_ids.len()) {
            (Id::TooLate, ..) => (TraceResult::TooLate, None),
            (Id::Promised, _, 0) => (TraceResult::MissingId, None),
            (_, Some(trace_id), _) => (TraceResult::Derived, Some(trace_id)),
            (Id::Useless, ..) | (_, None, 1) => (TraceResult::NoSecret, Some(worker.random_trace_id())),
            // A batch of several messages is in no single message's trace.
            _ => (TraceResult::Random, Some(worker.random_trace_id())),
        };
        worker.trace_result(result);
        let Some(trace_id) = trace_id else {
            self.remove_refused(effects);
            return None;
        };
        let sampled = trace::sampled(&trace_id, worker.plan.settings.sample_ratio);
        let ours = TraceParent::begin(trace_id, worker.span_id(), sampled);
        if self.stray_parents {
            effects.commands.push(remove("traceparent"));
        }
        effects.commands.push(set_parent(&ours));
        if self.state != StateVerdict::Absent {
            effects.commands.push(remove("tracestate"));
        }
        Some(ours)
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

fn set_parent(context: &TraceParent) -> Command {
    Command::SetRequestHeader("traceparent", String::from_utf8_lossy(&context.to_header()).into_owned())
}

fn remove(name: &str) -> Command {
    Command::RemoveRequestHeader(name.to_owned())
}
