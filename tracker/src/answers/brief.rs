//! A message in one line.

use super::meaning;
use crate::event::Event;
use crate::store::Message;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;

/// The most ids of vendors, and the most traces, that a line tells.
const MAX_IDS: usize = 20;

/// A message in one line. Text is empty where nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Brief {
    /// By which it is asked for: 24 hexadecimal digits.
    pub key: String,
    /// Whose it is.
    pub tenant: String,
    /// Its id; empty if only a vendor's id or a trace is known.
    pub id: String,
    /// Where it is.
    pub status: String,
    /// The channel of the event that decides where it is.
    pub channel: String,
    /// The node of the same event.
    pub node: String,
    /// The outcome class of the same event.
    pub outcome: String,
    /// The vendor's code in the same event.
    pub code: String,
    /// What the code means, by the adapter of the channel.
    pub meaning: Option<String>,
    /// The business.
    pub business: String,
    /// The template.
    pub template: String,
    /// When its first event happened, in milliseconds since 1970.
    pub begun_ms: u64,
    /// When its last event happened, in milliseconds since 1970.
    pub last_ms: u64,
    /// Whether two visits were both accepted for one recipient.
    pub doubled: bool,
    /// Whether a drill has struck it.
    pub drill: bool,
    /// Steps between statuses that cannot be.
    pub conflicts: Vec<Conflict>,
    /// How many recipients are told.
    pub recipients: u64,
    /// Whether another channel was asked in the place of the first.
    pub switched: bool,
    /// The vendors' own ids; the first 20.
    pub vendor_ids: Vec<String>,
    /// Its traces; the first 20.
    pub trace_ids: Vec<String>,
}

/// A step that cannot be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Conflict {
    /// The status before.
    pub from: String,
    /// The status after.
    pub to: String,
}

impl From<&Message> for Brief {
    fn from(message: &Message) -> Self {
        let Message { key, tenant, id, events, summary } = message;
        let conflict = |(from, to): &(String, String)| Conflict { from: from.clone(), to: to.clone() };
        Self {
            key: key.to_string(),
            tenant: tenant.clone(),
            id: id.clone(),
            status: summary.status.clone(),
            channel: summary.channel.clone(),
            node: summary.node.clone(),
            outcome: summary.outcome.clone(),
            code: summary.code.clone(),
            meaning: meaning(&summary.channel, &summary.code, &summary.outcome),
            business: summary.business.clone(),
            template: summary.template.clone(),
            begun_ms: summary.begun_ms,
            last_ms: summary.last_ms,
            doubled: summary.doubled,
            drill: summary.drill,
            conflicts: summary.conflicts.iter().map(conflict).collect(),
            recipients: told(events, |event| &event.recipient).len() as u64,
            switched: events.iter().any(|event| !event.facts.switched_from.is_empty()),
            vendor_ids: first(told(events, |event| &event.vendor_id)),
            trace_ids: first(events.iter().filter_map(|event| event.trace_id).collect()),
        }
    }
}

fn told<'a>(events: &'a [Event], of: impl Fn(&'a Event) -> &'a String) -> BTreeSet<&'a str> {
    events.iter().map(|event| of(event).as_str()).filter(|text| !text.is_empty()).collect()
}

fn first<T: ToString>(ids: BTreeSet<T>) -> Vec<String> {
    ids.iter().take(MAX_IDS).map(T::to_string).collect()
}
