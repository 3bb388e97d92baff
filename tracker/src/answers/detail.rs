//! One message with everything that is known of it.

use super::{Brief, Record, Visit, Wait, visits, waits};
use crate::event::Event;
use crate::fold::{status_of, summarise};
use crate::store::Message;
use pointsman_core::lifecycle::Lifecycle;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The most events of an answer; the rest is asked for with `events_after`.
pub const MAX_RAW: usize = 2_000;
/// The most recipients of an answer.
const MAX_LINES: usize = 2_000;

/// One message with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Detail {
    /// The message in one line.
    pub message: Brief,
    /// Where each of its recipients is; at most 2,000.
    pub recipients: Vec<RecipientLine>,
    /// The statuses that it has had, in the order in which they were first told.
    pub statuses: Vec<StatusLine>,
    /// The nodes that it was in, in the order in which it came to them; at most 2,000.
    pub visits: Vec<Visit>,
    /// How long it lay between services.
    pub waits: Vec<Wait>,
    /// Its events in the order in which they happened, at most 2,000 from `events_after` on.
    pub raw: Vec<Record>,
    /// Where its trace can be looked at.
    pub trace_link: Option<String>,
    /// Whether there are further events.
    pub more: bool,
}

/// One recipient of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RecipientLine {
    /// The keyed hash.
    pub recipient: String,
    /// Where the message is for this one.
    pub status: String,
    /// The channel of the event that decides that.
    pub channel: String,
    /// The vendor's code in it.
    pub code: String,
    /// The outcome class in it.
    pub outcome: String,
    /// When the last event happened, in milliseconds since 1970.
    pub last_ms: u64,
}

/// A status that the message has had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StatusLine {
    /// The status.
    pub status: String,
    /// When it was first told, in milliseconds since 1970.
    pub first_ms: u64,
    /// When it was last told.
    pub last_ms: u64,
    /// The channel of the last event that tells it.
    pub channel: String,
}

/// Puts it together. `link` has `{trace_id}` where the trace goes.
pub fn detail(lifecycle: &Lifecycle, message: &Message, events_after: usize, link: Option<&str>) -> Detail {
    let events = &message.events;
    let brief = Brief::from(message);
    let trace_link = link.zip(brief.trace_ids.first()).map(|(link, trace)| link.replace("{trace_id}", trace));
    let visits = visits(events);
    let waits = waits(&visits);
    Detail {
        recipients: recipients(lifecycle, events),
        statuses: statuses(lifecycle, events),
        visits,
        waits,
        raw: events.iter().skip(events_after).take(MAX_RAW).cloned().map(Record).collect(),
        trace_link,
        more: events.len() > events_after.saturating_add(MAX_RAW),
        message: brief,
    }
}

fn recipients(lifecycle: &Lifecycle, events: &[Event]) -> Vec<RecipientLine> {
    let mut by_recipient: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
    for event in events.iter().filter(|event| !event.recipient.is_empty()) {
        by_recipient.entry(&event.recipient).or_default().push(event);
    }
    let line = |(recipient, events): (&str, Vec<&Event>)| {
        let summary = summarise(lifecycle, events.iter().copied())?;
        Some(RecipientLine {
            recipient: recipient.to_owned(),
            status: summary.status,
            channel: summary.channel,
            code: summary.code,
            outcome: summary.outcome,
            last_ms: summary.last_ms,
        })
    };
    by_recipient.into_iter().filter_map(line).take(MAX_LINES).collect()
}

fn statuses(lifecycle: &Lifecycle, events: &[Event]) -> Vec<StatusLine> {
    let mut lines: Vec<StatusLine> = Vec::new();
    for event in events {
        let Some(status) = status_of(lifecycle, event).map(|status| lifecycle.name(status)) else { continue };
        let channel = &event.facts.channel;
        match lines.iter_mut().find(|line| line.status == status) {
            Some(line) => {
                line.last_ms = event.at_ms;
                line.channel.clone_from(channel);
            }
            None => lines.push(StatusLine {
                status: status.to_owned(),
                first_ms: event.at_ms,
                last_ms: event.at_ms,
                channel: channel.clone(),
            }),
        }
    }
    lines
}
