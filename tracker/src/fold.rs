//! What a message's events say together: where it is, and what is wrong with it. Neither order nor repetition matters.

use crate::event::{Event, Identity, Kind, SpanId};
use pointsman_core::lifecycle::{Life, Lifecycle, Status};
use pointsman_core::time::WallClock;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Where it is; empty if no event says so.
    pub status: String,
    /// A bit for each status that it has had, by its place in the lifecycle.
    pub reached: u16,
    /// Of the event that decides where it is: its channel, or empty.
    pub channel: String,
    /// Of the same event: the node.
    pub node: String,
    /// Of the same event: the outcome class.
    pub outcome: String,
    /// Of the same event: the vendor's code.
    pub code: String,
    /// The first that is told.
    pub business: String,
    /// The first that is told.
    pub template: String,
    /// When the first event happened.
    pub begun_ms: u64,
    /// When the last event happened.
    pub last_ms: u64,
    /// Whether two visits were both accepted for one recipient.
    pub doubled: bool,
    /// Whether a drill has struck it.
    pub drill: bool,
    /// Steps that cannot be: the statuses before and after.
    pub conflicts: Vec<(String, String)>,
}

/// Sums up the events of one message. `None` if there are none.
///
/// Custom statuses that the lifecycle does not know move nothing.
pub fn summarise<'a>(lifecycle: &Lifecycle, events: impl IntoIterator<Item = &'a Event> + Clone) -> Option<Summary> {
    let mut summary = Summary { begun_ms: u64::MAX, ..Summary::default() };
    let (mut life, mut any) = (Life::default(), false);
    let (mut business, mut template) = (None, None);
    let mut accepted: BTreeMap<&str, BTreeSet<Option<SpanId>>> = BTreeMap::new();
    for event in events.clone() {
        any = true;
        summary.begun_ms = summary.begun_ms.min(event.at_ms);
        summary.last_ms = summary.last_ms.max(event.at_ms);
        summary.drill |= event.facts.drill;
        first(&mut business, event, &event.facts.business);
        first(&mut template, event, &event.facts.template);
        let Some(status) = status_of(lifecycle, event) else { continue };
        life.event(status, wall(event.at_ms));
        if status == Status::Sent && !event.facts.node.is_empty() && event.span_id.is_some() {
            accepted.entry(&event.recipient).or_default().insert(event.span_id);
        }
    }
    summary.doubled = accepted.values().any(|visits| visits.len() > 1);
    summary.business = business.map(|(.., text)| text.to_owned()).unwrap_or_default();
    summary.template = template.map(|(.., text)| text.to_owned()).unwrap_or_default();
    let name = |status| lifecycle.name(status).to_owned();
    summary.conflicts = life.conflicts(lifecycle).map(|(from, to)| (name(from), name(to))).collect();
    if let Some(status) = life.status(lifecycle) {
        let deciding =
            events.into_iter().filter(|event| status_of(lifecycle, event) == Some(status)).max_by(|one, other| {
                let by_identity = || one.identity().cmp(&other.identity());
                one.at_ms.cmp(&other.at_ms).then_with(by_identity)
            });
        if let Some(event) = deciding {
            summary.channel.clone_from(&event.facts.channel);
            summary.node.clone_from(&event.facts.node);
            summary.outcome.clone_from(&event.facts.outcome);
            summary.code.clone_from(&event.facts.code);
        }
        summary.status = name(status);
    }
    for (bit, status) in lifecycle.all().enumerate() {
        if life.has(status) {
            summary.reached |= 1 << bit;
        }
    }
    any.then_some(summary)
}

/// The status that an event tells, if the lifecycle knows it.
pub fn status_of(lifecycle: &Lifecycle, event: &Event) -> Option<Status> {
    (event.facts.kind == Kind::Status).then(|| lifecycle.by_name(&event.facts.status)).flatten()
}

fn first<'a>(known: &mut Option<(u64, Identity, &'a str)>, event: &Event, text: &'a str) {
    if text.is_empty() || known.is_some_and(|(at_ms, ..)| at_ms < event.at_ms) {
        return;
    }
    let new = (event.at_ms, event.identity(), text);
    if known.is_none_or(|known| new < known) {
        *known = Some(new);
    }
}

const fn wall(at_ms: u64) -> WallClock {
    WallClock(at_ms.saturating_mul(1_000_000))
}

#[cfg(test)]
mod tests;
