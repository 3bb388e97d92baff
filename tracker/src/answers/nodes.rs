//! What goes through each node at present.

use super::blocked::BlockedVisit;
use crate::event::{Event, Kind};
use crate::histogram::Histogram;
use crate::store::{Count, Dimension};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The most nodes of an answer.
const MAX_NODES: usize = 1_000;

/// What goes through each node at present.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Nodes {
    /// Those with the most messages first.
    pub nodes: Vec<Node>,
}

/// What goes through a node, with one channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Node {
    /// The node.
    pub node: String,
    /// The channel; empty if it has none.
    pub channel: String,
    /// Messages that have left it: statuses that it has told, or its spans where there are more of them.
    pub messages: u64,
    /// The same in a second.
    pub per_second: f64,
    /// Those of them that have failed.
    pub failed: u64,
    /// Half of the visits took less than this, in milliseconds; null if none tells.
    pub p50_ms: Option<u64>,
    /// 99 % of the visits took less than this.
    pub p99_ms: Option<u64>,
    /// How many were within the objective, from 0 to 1; null if none tells.
    pub on_time_ratio: Option<f64>,
    /// Visits that are known to have begun and not ended.
    pub in_flight: u64,
    /// Those of them that are older than `blocked_after`.
    pub blocked: u64,
    /// How old the oldest of those is; null if there is none.
    pub oldest_blocked_ms: Option<u64>,
}

/// What nodes are counted by.
pub const NODE_DIMENSIONS: [Dimension; 5] =
    [Dimension::Kind, Dimension::Node, Dimension::Channel, Dimension::Status, Dimension::Outcome];

#[derive(Default)]
struct Tally {
    events: u64,
    failed: u64,
    on_time: u64,
    late: u64,
    durations: Histogram,
}

impl Tally {
    fn add(&mut self, count: &Count, failed: bool) {
        self.events = self.events.saturating_add(count.events);
        self.failed = self.failed.saturating_add(if failed { count.events } else { 0 });
        self.on_time = self.on_time.saturating_add(count.on_time);
        self.late = self.late.saturating_add(count.late);
        self.durations.merge(&count.durations);
    }
}

/// Whether an event with this status and outcome tells of a failure.
pub(super) fn is_failure(status: &str, outcome: &str) -> bool {
    status == "failed" || !matches!(outcome, "" | "ok" | "partial")
}

/// The nodes of counts by [`NODE_DIMENSIONS`] over so many milliseconds, with the visits that are open now.
pub fn nodes(counts: &[Count], length_ms: u64, open: &[Event], now_ms: u64, blocked_after_ms: u64) -> Nodes {
    let mut tallies: BTreeMap<(String, String), [Tally; 2]> = BTreeMap::new();
    for count in counts {
        let [kind, node, channel, status, outcome] = count.group.as_slice() else { continue };
        let is_span = *kind == Kind::Span.name();
        if node.is_empty() || !(is_span || *kind == Kind::Status.name()) {
            continue;
        }
        let [statuses, spans] = tallies.entry((node.clone(), channel.clone())).or_default();
        let tally = if is_span { spans } else { statuses };
        tally.add(count, is_failure(status, outcome));
    }
    let mut nodes: BTreeMap<(String, String), Node> =
        tallies.into_iter().map(|(name, tallies)| (name.clone(), node(name, tallies, length_ms))).collect();
    for visit in open.iter().map(|event| BlockedVisit::of(event, now_ms)) {
        let name = (visit.node.clone(), visit.channel.clone());
        let new = || Node { node: visit.node.clone(), channel: visit.channel.clone(), ..Node::default() };
        let node = nodes.entry(name).or_insert_with(new);
        node.in_flight += 1;
        if visit.age_ms >= blocked_after_ms {
            node.blocked += 1;
            node.oldest_blocked_ms = node.oldest_blocked_ms.max(Some(visit.age_ms));
        }
    }
    let mut nodes: Vec<Node> = nodes.into_values().collect();
    nodes.sort_by_key(|node| std::cmp::Reverse(node.messages));
    nodes.truncate(MAX_NODES);
    Nodes { nodes }
}

/// Spans may be a sample, and successes of some nodes tell no status: whichever are more speak for the node, but failures are
/// always told by spans.
fn node((node, channel): (String, String), [statuses, spans]: [Tally; 2], length_ms: u64) -> Node {
    let failed = statuses.failed.max(spans.failed);
    let most = if spans.events > statuses.events { spans } else { statuses };
    let objective = most.on_time.saturating_add(most.late);
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let ratio = |part: u64, whole: u64| part as f64 / whole as f64;
    Node {
        node,
        channel,
        messages: most.events,
        per_second: ratio(most.events.saturating_mul(1_000), length_ms.max(1)),
        failed,
        p50_ms: most.durations.quantile(0.5),
        p99_ms: most.durations.quantile(0.99),
        on_time_ratio: (objective > 0).then(|| ratio(most.on_time, objective)),
        ..Node::default()
    }
}
