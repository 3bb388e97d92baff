//! The span of a visit.

use super::super::Shell;
use super::super::context::Trace;
use super::super::stitch::of_derived;
use super::super::visit::Visit;
use super::{Ending, place};
use crate::otlp::{Attributes, Link, Span, SpanKind};
use crate::outcome::{Fate, OutcomeClass};
use crate::plan::Direction;
use crate::stitch::Tied;
use crate::time::Monotonic;
use crate::trace::TraceParent;
use crate::worker::Worker;
use std::rc::Rc;

/// More messages of a batch are linked by their derived traces alone: each look costs a call to the host.
const MAX_LOOKED_UP: usize = 64;

/// The span of the visit, if it is sampled or worth it all the same.
pub(super) fn of(
    visit: &Visit,
    ending: &Ending<'_>,
    tied: &[Option<Tied>],
    worker: &mut Worker,
    shell: &mut dyn Shell,
) -> Option<Span> {
    let plan = Rc::clone(&worker.plan);
    plan.settings.records.as_ref().filter(|records| records.spans)?;
    let (trace, node) = (visit.trace.as_ref()?, plan.node(visit.node)?);
    let Ending { verdict, duration, .. } = ending;
    let failed = !matches!(verdict.call, OutcomeClass::Ok | OutcomeClass::Partial | OutcomeClass::Duplicate);
    let slow = *duration > node.objective.limit;
    if !(trace.own.flags.sampled() || failed || slow || visit.switched_from(worker).is_some() || visit.is_drill) {
        return None;
    }
    let is_send = visit.is_vendor_send();
    let inbound = visit.direction == Some(Direction::Inbound);
    let mut attributes = Attributes::default();
    if let Some(line) = &visit.line {
        attributes.put("http.request.method", &*line.method);
        if !inbound {
            attributes.put("server.address", &*line.host);
        }
    }
    attributes.put_some("http.response.status_code", visit.status.map(i64::from));
    attributes.put_some("error.type", failed.then_some(verdict.call.as_str()));
    let attempt = visit.known.as_ref().and_then(|known| known.attempt).unwrap_or(1);
    if is_send {
        let channel = visit.asked.and_then(|asked| plan.channel(asked.now));
        attributes.put_some("messaging.system", channel.map(|channel| &*channel.adapter));
        attributes.put("messaging.operation.name", "send");
        attributes.put("messaging.operation.type", "send");
        attributes.put("messaging.destination.name", &*node.channel);
        if visit.facts.messages() > 1 {
            attributes.put("messaging.batch.message_count", i64::from(visit.facts.messages()));
        }
    }
    if attempt > 1 {
        attributes.put("push.attempt", i64::from(attempt));
        attributes.put("http.request.resend_count", i64::from(attempt.saturating_sub(1)));
    }
    if let [id] = visit.facts.message_ids.as_slice() {
        attributes.put("messaging.message.id", id.as_str());
    }
    place(visit, node, worker, &mut attributes);
    attributes.put("push.outcome", verdict.call.as_str());
    let unsure = Some(verdict.fate.as_str()).filter(|_| verdict.fate == Fate::Unsure);
    attributes.put_some("push.fate", unsure);
    attributes.put_some("push.drill", visit.is_drill.then_some(true));
    let code = verdict.code.as_deref().filter(|_| node.is_channel());
    attributes.put_some("push.vendor.code", code.map(|code| visit.without_recipients(code)));
    attributes.put_some("push.template.id", visit.facts.template.as_deref());
    attributes.put_some("push.switched_from", visit.switched_from(worker));
    Some(Span {
        trace_id: trace.own.trace_id,
        span_id: trace.own.parent_id,
        parent: trace.parent,
        flags: trace.own.flags,
        name: if is_send { format!("send {}", node.channel) } else { node.name.clone().into() },
        kind: match visit.direction {
            Some(Direction::Inbound) => SpanKind::Server,
            // Nobody has made the message known to a tracer before: this is where its trace begins.
            _ if is_send && trace.parent.is_none() => SpanKind::Producer,
            _ => SpanKind::Client,
        },
        start: ending.at.before(*duration),
        end: ending.at,
        is_error: failed,
        attributes,
        links: links(visit, trace, tied, worker, ending.now, shell),
    })
}

/// What belongs to it and is no parent: of a receipt the sends of its messages, of a batch the contexts of each, of a single
/// message those that may be meant.
fn links(
    visit: &Visit,
    trace: &Trace,
    tied: &[Option<Tied>],
    worker: &mut Worker,
    now: Monotonic,
    shell: &mut dyn Shell,
) -> Vec<Link> {
    let link = |context: &TraceParent, id: Option<&str>| {
        let mut attributes = Attributes::default();
        attributes.put_some("push.message.id", id);
        Link { trace_id: context.trace_id, span_id: context.parent_id, attributes }
    };
    let mut links: Vec<Link> = trace.links.iter().map(|context| link(context, None)).collect();
    links.extend(tied.iter().flatten().map(|tied| {
        let context = TraceParent::begin(tied.trace, tied.span, false);
        link(&context, Some(&tied.message_id))
    }));
    if visit.facts.message_ids.len() > 1 {
        for (place, id) in visit.facts.message_ids.iter().enumerate() {
            let key = worker.key_of(visit.facts.tenant.as_deref(), id);
            let looks = place < MAX_LOOKED_UP;
            let known = if looks { worker.memory.recall(&key, now, shell.shared()).contexts } else { Vec::new() };
            let derived = || of_derived(worker.trace_of(&key)?, false);
            let contexts = if known.is_empty() { derived().into_iter().collect() } else { known };
            links.extend(contexts.iter().map(|context| link(context, Some(id))));
        }
    } else if visit.came.is_some() {
        let derived = worker.derived_trace(&visit.facts).filter(|derived| *derived != trace.own.trace_id);
        links.extend(derived.and_then(|derived| of_derived(derived, false)).map(|context| link(&context, None)));
    }
    links
}
