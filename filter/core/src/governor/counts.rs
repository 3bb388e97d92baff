//! What is counted of switches, failovers, messages that had to wait and statuses that contradict each other. Series are made
//! at first use.

use super::SwitchReason;
use crate::labels::{Label, label};
use crate::lifecycle::Status;
use crate::metrics::{Kind, Metrics, SeriesId, name};
use crate::plan::{BusinessId, ChannelId, Node, Plan};
use std::collections::BTreeMap;

label! {
    /// What became of a message that another channel was asked to take after its own had failed.
    pub enum FailoverResult {
        /// The other channel has taken it.
        Sent = "sent",
        /// The other channel has surely not sent it.
        Refused = "refused",
        /// The other channel may have sent it.
        Unsure = "unsure",
    }
}

label! {
    /// What a drill has done to a call.
    pub enum DrillResult {
        /// It has failed it.
        Failed = "failed",
        /// It has made it slow.
        Delayed = "delayed",
        /// Another channel has taken the message of a failed one.
        Saved = "saved",
        /// No other channel has.
        Lost = "lost",
    }
}

/// The name of a counter and the values of its labels, as far as they are known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Switch { from: ChannelId, to: ChannelId, reason: &'static str },
    Failover { from: ChannelId, to: ChannelId, result: &'static str },
    Shed { channel: ChannelId, business: BusinessId },
    Limited { channel: ChannelId },
    Drill { channel: ChannelId, result: &'static str },
    Conflict { from: Status, to: Status },
}

/// The counters of one worker.
#[derive(Debug, Default)]
pub(crate) struct Counts(BTreeMap<Key, Option<SeriesId>>);

impl Counts {
    /// Messages of `from` were sent by `to` before `from` was asked.
    pub(crate) fn switched(
        &mut self,
        plan: &Plan,
        (from, to, reason): (ChannelId, ChannelId, SwitchReason),
        messages: u32,
        metrics: &mut Metrics,
    ) {
        let labels = [("from", channel(plan, from)), ("to", channel(plan, to)), ("reason", reason.as_str())];
        let key = Key::Switch { from, to, reason: reason.as_str() };
        self.add(key, "pointsman_channel_switches_total", &labels, messages, metrics);
    }

    /// `to` was asked to take messages on which `from` had failed.
    pub(crate) fn failed_over(
        &mut self,
        plan: &Plan,
        (from, to, result): (ChannelId, ChannelId, FailoverResult),
        messages: u32,
        metrics: &mut Metrics,
    ) {
        let labels = [("from", channel(plan, from)), ("to", channel(plan, to)), ("result", result.as_str())];
        let key = Key::Failover { from, to, result: result.as_str() };
        self.add(key, "pointsman_failovers_total", &labels, messages, metrics);
    }

    /// Callers were told to wait with messages of a business.
    pub(crate) fn shed(
        &mut self,
        plan: &Plan,
        (id, business): (ChannelId, BusinessId),
        messages: u32,
        metrics: &mut Metrics,
    ) {
        let name = plan.business_by_id(business).map_or("none", |business| &business.name);
        let labels = [("channel", channel(plan, id)), ("business", name)];
        self.add(Key::Shed { channel: id, business }, "pointsman_shed_total", &labels, messages, metrics);
    }

    /// Messages were over the limit of a channel.
    pub(crate) fn limited(&mut self, plan: &Plan, id: ChannelId, messages: u32, metrics: &mut Metrics) {
        let labels = [("channel", channel(plan, id))];
        self.add(Key::Limited { channel: id }, "pointsman_limited_total", &labels, messages, metrics);
    }

    /// A drill has hit a call, with this result.
    pub(crate) fn drilled(&mut self, plan: &Plan, id: ChannelId, result: DrillResult, metrics: &mut Metrics) {
        let labels = [("channel", channel(plan, id)), ("result", result.as_str())];
        self.add(
            Key::Drill { channel: id, result: result.as_str() },
            "pointsman_drill_calls_total",
            &labels,
            1,
            metrics,
        );
    }

    /// A message was reported to have taken a step that its lifecycle does not allow.
    pub(crate) fn status_conflict(&mut self, plan: &Plan, from: Status, to: Status, metrics: &mut Metrics) {
        let labels = [("from", plan.lifecycle.name(from)), ("to", plan.lifecycle.name(to))];
        self.add(Key::Conflict { from, to }, "pointsman_status_conflicts_total", &labels, 1, metrics);
    }

    fn add(&mut self, key: Key, metric: &str, labels: &[(&str, &str)], count: u32, metrics: &mut Metrics) {
        let series = self.0.entry(key).or_insert_with(|| metrics.series(Kind::Counter, name(metric, labels)));
        metrics.add(*series, count.into());
    }
}

fn channel(plan: &Plan, id: ChannelId) -> &str {
    plan.channel(id).map_or(Node::NO_CHANNEL, |channel| &channel.name)
}
