//! What is told by name of messages that did not arrive, or of which nobody knows.
//!
//! Only of channels that a rule names: whoever has no rules sees failures in the metrics.

use super::context::Trace;
use super::visit::Visit;
use super::{Command, Effects, Shell};
use crate::classify::Verdict;
use crate::event::Event;
use crate::outcome::Fate;
use crate::plan::{Content, Plan};
use crate::redact;
use crate::worker::Worker;

/// Tells of a send that has ended so, with no channel left for it.
pub(super) fn of_end(
    worker: &mut Worker,
    visit: &Visit,
    verdict: &Verdict,
    shell: &mut dyn Shell,
    effects: &mut Effects,
) {
    match verdict.fate {
        _ if !visit.is_message() => {}
        Fate::Unsure => unsure(worker, visit, effects),
        Fate::NotSent | Fate::Rejected if verdict.call.is_of_channel() => {
            let Some(event) = dead(worker, visit, verdict) else { return };
            if worker.tells_records() {
                worker.tell_event(&event, shell.wall_clock(), shell.now());
            } else {
                effects.commands.push(Command::Record(Box::new(event)));
            }
        }
        _ => {}
    }
}

/// The message has surely not been sent, and no channel is left.
fn dead(worker: &mut Worker, visit: &Visit, verdict: &Verdict) -> Option<Event> {
    let event = describe(worker, visit, Event::DEAD_LETTER)?;
    let code = verdict.code.as_deref().map(|code| visit.without_recipients(code));
    Some(
        event
            .with("push.outcome", verdict.call.as_str())
            .with("push.fate", verdict.fate.as_str())
            .with_some("push.vendor.code", code),
    )
}

/// The message may have been sent or not. A collector is told so of every visit.
pub(super) fn unsure(worker: &mut Worker, visit: &Visit, effects: &mut Effects) {
    if worker.tells_records() {
        return;
    }
    if let Some(event) = describe(worker, visit, Event::STATUS) {
        let event = event.with("push.status", "failed").with("push.fate", Fate::Unsure.as_str());
        effects.commands.push(Command::Record(Box::new(event)));
    }
}

fn describe(worker: &mut Worker, visit: &Visit, name: &'static str) -> Option<Event> {
    let plan = std::rc::Rc::clone(&worker.plan);
    let channel = plan.channel(visit.asked?.first).filter(|channel| !channel.policy.is_empty())?;
    if !worker.tells_records() && !worker.may_record() {
        return None;
    }
    // A line of the log names a trace that somebody else knows of; a collector knows those that went on unwritten too.
    let trace_id = |trace: &Trace| match worker.tells_records() {
        true => Some(trace.own.trace_id.to_string()),
        false => trace.written_id(),
    };
    let event = Event::new(name)
        .with("push.channel", &*channel.name)
        .with_some("push.node", plan.node(visit.node).map(|node| &*node.name))
        .with("push.tenant", visit.tenant(worker))
        .with("push.message.id", visit.facts.message_ids.clone())
        .with("push.recipient.count", visit.facts.messages())
        .with_some("push.recipient.hash", plan.route(visit.route).map(|route| visit.hashes(worker, route)))
        .with_some("push.template.id", visit.facts.template.clone())
        .with_some("push.business", visit.business_name(worker))
        .with_some("push.drill", visit.is_drill.then_some(true))
        .with_some(Event::TRACE_ID, visit.trace.as_ref().and_then(trace_id));
    Some(with_content(event, &plan, visit))
}

/// The same with what the config lets be told of the message's content.
fn with_content(event: Event, plan: &Plan, visit: &Visit) -> Event {
    let Content { title, body } = plan.settings.content;
    let message = visit.original.as_ref().filter(|_| title || body).and_then(|original| original.message(plan, visit));
    let Some(message) = message else { return event };
    let shown = |told: bool, text: &Option<String>| {
        let text = text.as_deref().filter(|_| told)?;
        Some(redact::content(text, message.recipient.expose()))
    };
    event.with_some("push.title", shown(title, &message.title)).with_some("push.body", shown(body, &message.body))
}
