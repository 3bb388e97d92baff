//! What becomes of single messages, from the records that the filter exports, and by nothing but the message's id: no caller of
//! the demo sends a trace context, and its service passes none on.

mod text;

use std::collections::{HashMap, VecDeque};

use super::rules::{BACKUP, REPORTING};
use crate::otlp::{Kind, Record, Signal};

/// The most messages that are kept; then the oldest goes for each that comes.
const MAX_MESSAGES: usize = 8_192;

/// The most steps of one message that are kept.
const MAX_STEPS: usize = 64;

const SENT: &str = "sent";
const DELIVERED: &str = "delivered";

/// The messages of late, by id.
#[derive(Debug, Default)]
pub(super) struct Stories {
    by_id: HashMap<String, Story>,
    /// Their ids in the order in which they were first heard of.
    ids: VecDeque<String>,
}

/// What is known of one message, in no order.
#[derive(Debug, Clone, Default)]
pub(super) struct Story {
    id: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    what: What,
    /// Nanoseconds since 1970.
    at: u64,
    /// Of a status, when it was.
    until: u64,
    node: String,
    channel: String,
    trace_id: String,
    span_id: String,
    /// Of a status, nothing.
    parent_id: String,
    /// Of a visit its outcome, else the status.
    how: String,
    code: String,
    /// The channel that would have had it.
    switched_from: String,
    attempt: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// The service was asked.
    Visit,
    /// A vendor was asked.
    Send,
    /// The message has a new status.
    Status,
}

/// How many messages that a vendor took, and that it reports on, can be followed from end to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Followed {
    pub(super) whole: usize,
    pub(super) sent: usize,
}

impl Stories {
    /// Takes a record; those that are about no single message are left out.
    pub(super) fn put(&mut self, record: &Record) {
        let id = record.text("push.message.id").or_else(|| record.text("messaging.message.id"));
        let (Some(id), Some(step)) = (id, Step::of(record)) else { return };
        if !self.by_id.contains_key(id) {
            if self.ids.len() >= MAX_MESSAGES {
                self.ids.pop_front().and_then(|oldest| self.by_id.remove(&oldest));
            }
            self.ids.push_back(id.to_owned());
        }
        let story = self.by_id.entry(id.to_owned()).or_default();
        story.id = id.to_owned();
        if story.steps.len() < MAX_STEPS {
            story.steps.push(step);
        }
    }

    /// The message with most to tell among the last `among`: one that has moved to another channel, else one whose story is
    /// whole, the latest of them.
    pub(super) fn example(&self, among: usize) -> Option<Story> {
        let latest =
            || self.ids.iter().rev().take(among).filter_map(|id| self.by_id.get(id)).filter(|it| it.is_whole());
        latest().find(|story| story.has_moved()).or_else(|| latest().next()).cloned()
    }

    /// Counts the stories that have to be whole, and those that are.
    pub(super) fn followed(&self) -> Followed {
        let sent = || self.by_id.values().filter(|story| story.is_reported_on());
        Followed { whole: sent().filter(|story| story.is_whole()).count(), sent: sent().count() }
    }

    /// The first story that has to be whole and is not.
    pub(super) fn broken(&self) -> Option<Story> {
        let mut stories = self.ids.iter().filter_map(|id| self.by_id.get(id));
        stories.find(|story| story.is_reported_on() && !story.is_whole()).cloned()
    }
}

impl Story {
    fn visits(&self, what: What) -> impl Iterator<Item = &Step> {
        let mut steps: Vec<&Step> = self.steps.iter().filter(|step| step.what == what).collect();
        steps.sort_by_key(|step| step.at);
        steps.into_iter()
    }

    fn status(&self, status: &str) -> impl Iterator<Item = &Step> {
        self.visits(What::Status).filter(move |step| step.how == status)
    }

    /// Whether a vendor took it that will say whether it has arrived.
    fn is_reported_on(&self) -> bool {
        self.status(SENT).any(|step| REPORTING.contains(&step.channel.as_str()))
    }

    pub(super) fn has_moved(&self) -> bool {
        self.visits(What::Send).any(|step| step.channel == BACKUP)
            && self.status(SENT).any(|step| !step.switched_from.is_empty())
    }

    /// Whether one trace leads from the service to the vendor that took the message, and to its report.
    pub(super) fn is_whole(&self) -> bool {
        let Some(asked) = self.visits(What::Visit).next() else { return false };
        let belongs = |step: &Step| step.trace_id == asked.trace_id;
        // A call that another channel is asked by after a failure may stand below the one that failed.
        let above = |send: &Step| {
            let mut spans = self.visits(What::Send).chain([asked]);
            spans.any(|span| span.span_id == send.parent_id && span.at <= send.at)
        };
        self.visits(What::Send).all(|send| belongs(send) && above(send))
            && self.visits(What::Status).all(belongs)
            && self.status(DELIVERED).next().is_some_and(|report| {
                self.visits(What::Send).any(|send| send.span_id == report.span_id && send.until <= report.at)
            })
    }
}

impl Step {
    fn of(record: &Record) -> Option<Self> {
        let text = |name| record.text(name).unwrap_or_default().to_owned();
        let what = match (record.signal, record.kind, record.event_name.as_str()) {
            (Signal::Span, Some(Kind::Server), _) => What::Visit,
            (Signal::Span, ..) => What::Send,
            (Signal::Log, _, "push.message.status") => What::Status,
            (Signal::Log, ..) => return None,
        };
        Some(Self {
            what,
            at: record.time_unix_nano,
            until: record.end_time_unix_nano.max(record.time_unix_nano),
            node: text("push.node"),
            channel: text("push.channel"),
            trace_id: record.trace_id.clone(),
            span_id: record.span_id.clone(),
            parent_id: record.parent_span_id.clone(),
            how: text(if what == What::Status { "push.status" } else { "push.outcome" }),
            code: text("push.vendor.code"),
            switched_from: text("push.switched_from"),
            attempt: record.attributes.get("push.attempt").and_then(serde_json::Value::as_u64).unwrap_or(1),
        })
    }
}

#[cfg(test)]
mod tests;
