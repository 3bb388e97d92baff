//! The states of messages, and the ids that vendors give them.

use super::super::Shell;
use super::super::visit::Visit;
use super::{Ending, log, place};
use crate::classify::of_recipients;
use crate::event::Event;
use crate::export::RecordKind;
use crate::lifecycle::Status;
use crate::otlp::Attributes;
use crate::outcome::{Fate, OutcomeClass};
use crate::receipt::Reported;
use crate::stitch::{Tied, UNTIMED};
use crate::time::{WallClock, as_millis};
use crate::worker::Worker;
use std::rc::Rc;
use std::time::Duration;

/// More recipients of one call are told by no record of their own.
const MAX_STATES: usize = 1_000;
/// More ids of one answer, or of one receipt, are not tied to messages: each costs calls to the host.
const MAX_TIED: usize = 64;

/// A time of a vendor's further ahead of ours is not one: clocks differ, but not so much.
const MAX_AHEAD: Duration = Duration::from_secs(24 * 3_600);

/// One message, or one of its recipients, in a new state.
#[derive(Clone, Copy, Default)]
struct State<'a> {
    message_id: Option<&'a str>,
    /// As a hash.
    recipient: Option<&'a str>,
    outcome: Option<OutcomeClass>,
    code: Option<&'a str>,
    vendor_id: Option<&'a str>,
    conflict: Option<Status>,
}

/// What is known of the sends that a receipt speaks of, in its order.
pub(super) fn tied(visit: &Visit, ending: &Ending<'_>, worker: &Worker, shell: &mut dyn Shell) -> Vec<Option<Tied>> {
    let Some(node) = worker.plan.node(visit.node) else { return Vec::new() };
    let of = |reported: &Reported| {
        let id = reported.vendor_id.as_deref()?;
        worker.memory.tied(&node.channel, id, ending.now, shell.shared())
    };
    ending.statuses.iter().take(MAX_TIED).map(of).collect()
}

/// The messages of a call that has ended.
pub(super) fn of(
    visit: &Visit,
    ending: &Ending<'_>,
    tied: &[Option<Tied>],
    worker: &mut Worker,
    shell: &mut dyn Shell,
) {
    if !ending.statuses.is_empty() {
        return reported(visit, ending, tied, worker, shell);
    }
    if !visit.is_message() || visit.is_dry_run(worker) {
        return;
    }
    if visit.is_vendor_send() { sent(visit, ending, worker, shell) } else { passed(visit, ending, worker) }
}

/// A send begins.
pub(super) fn sending(visit: &Visit, at: WallClock, worker: &mut Worker) {
    for id in visit.facts.message_ids.iter().take(MAX_STATES) {
        let state = State { message_id: Some(id), ..State::default() };
        let attributes = attributes(visit, &state, Status::Sending, worker);
        worker.tell(RecordKind::Status, log(Event::STATUS, visit, at, attributes), visit.entered);
    }
}

/// A message has passed a node that is no vendor's: the config says what that makes of it.
fn passed(visit: &Visit, ending: &Ending<'_>, worker: &mut Worker) {
    let plan = Rc::clone(&worker.plan);
    let Some(node) = plan.node(visit.node) else { return };
    let Some((_, to)) = node.statuses.iter().find(|(class, _)| *class == ending.verdict.call) else { return };
    for id in visit.facts.message_ids.iter().take(MAX_STATES) {
        let state = State { message_id: Some(id), outcome: Some(ending.verdict.call), ..State::default() };
        tell(visit, &state, *to, ending, worker);
    }
}

/// A vendor has taken messages or refused them, recipient by recipient where it says so.
fn sent(visit: &Visit, ending: &Ending<'_>, worker: &mut Worker, shell: &mut dyn Shell) {
    let plan = Rc::clone(&worker.plan);
    let (Some(node), Some(route)) = (plan.node(visit.node), plan.route(visit.route)) else { return };
    let (verdict, ids) = (ending.verdict, &visit.facts.message_ids);
    let hashes = visit.hash_each(worker, route);
    let recipients = &visit.facts.recipients_kept;
    let results = of_recipients(verdict, recipients, ids, route.recipient_kind, plan.settings.country_code);
    let paired = ids.len() > 1 && ids.len() == recipients.len();
    // Of a list that was not read to its end, one id is not that of all.
    let single = ids.len() == 1 && !(visit.facts.is_cut && visit.facts.ids_are_listed);
    let beyond =
        visit.facts.messages().saturating_sub(u32::try_from(results.len().min(MAX_STATES)).unwrap_or(u32::MAX));
    worker.lose_records(beyond);
    let mut room = MAX_TIED;
    for result in results.into_iter().take(MAX_STATES) {
        let id = match result.recipient.filter(|_| paired) {
            Some(place) => ids.get(place),
            None => ids.first().filter(|_| single),
        };
        let state = State {
            message_id: id.map(String::as_str),
            recipient: result.recipient.and_then(|place| hashes.get(place)?.as_deref()),
            outcome: Some(result.class),
            code: result.code,
            vendor_id: result.vendor_id,
            conflict: None,
        };
        let taken = matches!(result.class, OutcomeClass::Ok | OutcomeClass::Duplicate);
        tell(visit, &state, if taken { Status::Sent } else { Status::Failed }, ending, worker);
        if let (true, Some(id), Some(vendor_id)) = (taken, state.message_id, state.vendor_id) {
            // Some vendors know a message by the caller's own id.
            if id != vendor_id {
                alias(visit, (id, vendor_id), ending, worker);
            }
            if let (Some(trace), true) = (&visit.trace, room > 0) {
                room = room.saturating_sub(1);
                let tied = Tied {
                    message_id: id.to_owned(),
                    tenant: visit.foreign_tenant(worker).map(str::to_owned),
                    trace: trace.own.trace_id,
                    span: trace.own.parent_id,
                    sent_at: ending.at,
                };
                worker.memory.tie(&node.channel, vendor_id, &tied, ending.now, shell.shared());
            }
        }
    }
    if ids.len() > 1 && !paired {
        // Nobody can tell which recipients are whose, but what became of the call is told of each.
        let taken = verdict.fate == Fate::Accepted;
        for id in ids.iter().take(MAX_STATES) {
            let state = State { message_id: Some(id), outcome: Some(verdict.call), ..State::default() };
            tell(visit, &state, if taken { Status::Sent } else { Status::Failed }, ending, worker);
        }
    }
}

/// A vendor reports what has become of messages.
fn reported(visit: &Visit, ending: &Ending<'_>, tied: &[Option<Tied>], worker: &mut Worker, shell: &mut dyn Shell) {
    let plan = Rc::clone(&worker.plan);
    let (Some(node), Some(route)) = (plan.node(visit.node), plan.route(visit.route)) else { return };
    for (place, reported) in ending.statuses.iter().enumerate() {
        let tied = tied.get(place).and_then(Option::as_ref);
        let recipient = reported.recipient.as_ref();
        let happened = reported.at.filter(|at| *at <= ending.at.after(MAX_AHEAD));
        let conflict = reported.vendor_id.as_deref().filter(|_| place < MAX_TIED).and_then(|id| {
            let of = (&*node.channel, id, recipient.map(|recipient| recipient.expose()));
            let event = (reported.status, happened.unwrap_or(UNTIMED));
            worker.memory.report(&plan.lifecycle, of, event, tied, ending.now, shell.shared()).conflict
        });
        if let Some((from, to)) = conflict {
            worker.status_conflict(from, to);
        }
        let tenant = tied.and_then(|tied| tied.tenant.as_deref());
        let hash = recipient.and_then(|recipient| visit.hash_of_report(worker, route, tenant, recipient));
        let state = State {
            message_id: tied.map(|tied| tied.message_id.as_str()),
            recipient: hash.as_deref(),
            vendor_id: reported.vendor_id.as_deref(),
            conflict: conflict.map(|(from, to)| if to == reported.status { from } else { to }),
            ..State::default()
        };
        let mut attributes = attributes(visit, &state, reported.status, worker);
        attributes.put_some("push.tenant", tenant.filter(|_| visit.foreign_tenant(worker).is_none()));
        let mut log = log(Event::STATUS, visit, happened.unwrap_or(ending.at), attributes);
        log.is_error = reported.status == Status::Failed || conflict.is_some();
        if let Some(tied) = tied {
            log.trace = Some((tied.trace, Some(tied.span), Default::default()));
        }
        worker.tell(RecordKind::Status, log, ending.now);
    }
}

fn tell(visit: &Visit, state: &State<'_>, status: Status, ending: &Ending<'_>, worker: &mut Worker) {
    let mut attributes = attributes(visit, state, status, worker);
    let limit = worker.plan.node(visit.node).map(|node| node.objective.limit);
    attributes.put("push.duration_ms", i64::try_from(as_millis(ending.duration)).unwrap_or(i64::MAX));
    attributes.put_some("push.on_time", limit.map(|limit| ending.duration <= limit));
    let attempt = visit.known.as_ref().and_then(|known| known.attempt).filter(|attempt| *attempt > 1);
    attributes.put_some("push.attempt", attempt.map(i64::from));
    // Of an answer that takes some and does not say whom, nobody knows either.
    let is_open = ending.verdict.call == OutcomeClass::Partial && state.outcome == Some(OutcomeClass::Unknown);
    if status == Status::Failed && (ending.verdict.fate == Fate::Unsure || is_open) {
        attributes.put("push.fate", Fate::Unsure.as_str());
    }
    let mut log = log(Event::STATUS, visit, ending.at, attributes);
    log.is_error = status == Status::Failed;
    worker.tell(RecordKind::Status, log, ending.now);
}

fn attributes(visit: &Visit, state: &State<'_>, status: Status, worker: &Worker) -> Attributes {
    let mut attributes = Attributes::default();
    attributes.put_some("push.message.id", state.message_id);
    attributes.put("push.status", worker.plan.lifecycle.name(status));
    if let Some(node) = worker.plan.node(visit.node) {
        place(visit, node, worker, &mut attributes);
    }
    attributes.put_some("push.outcome", state.outcome.map(OutcomeClass::as_str));
    attributes.put_some("push.vendor.code", state.code.map(|code| visit.without_recipients(code)));
    attributes.put_some("push.vendor.message_id", state.vendor_id);
    attributes.put_some("push.recipient.hash", state.recipient);
    attributes.put_some("push.template.id", visit.facts.template.as_deref());
    attributes.put_some("push.switched_from", visit.switched_from(worker));
    attributes.put_some("push.drill", visit.is_drill.then_some(true));
    attributes.put_some("push.status.conflict", state.conflict.map(|status| worker.plan.lifecycle.name(status)));
    attributes
}

fn alias(visit: &Visit, (id, vendor_id): (&str, &str), ending: &Ending<'_>, worker: &mut Worker) {
    let mut attributes = Attributes::default();
    attributes.put_some("push.tenant", visit.foreign_tenant(worker));
    attributes.put("push.message.id", id);
    attributes.put("push.vendor.message_id", vendor_id);
    attributes.put_some("push.channel", worker.plan.node(visit.node).map(|node| &*node.channel));
    worker.tell(RecordKind::Alias, log(Event::ALIAS, visit, ending.at, attributes), ending.now);
}
