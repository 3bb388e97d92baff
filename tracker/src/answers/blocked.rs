//! Visits that have begun and not ended.

use super::rest::Rest;
use crate::event::Event;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// Visits that have begun and not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Blocked {
    /// The oldest first.
    pub visits: Vec<BlockedVisit>,
    /// How many each node has, of all that were looked at: the 10,000 oldest.
    pub by_node: Vec<BlockedNode>,
}

/// A visit that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BlockedVisit {
    /// The node.
    pub node: String,
    /// The channel.
    pub channel: String,
    /// The message; empty if none is told.
    pub message_id: String,
    /// By which the message is asked for: 24 hexadecimal digits.
    pub key: String,
    /// The business.
    pub business: String,
    /// When it began, in milliseconds since 1970.
    pub since_ms: u64,
    /// How long that is ago.
    pub age_ms: u64,
    /// The visit.
    pub span_id: String,
}

/// A node with visits that have not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BlockedNode {
    /// The node.
    pub node: String,
    /// How many.
    pub n: u64,
    /// How old the oldest is, in milliseconds.
    pub oldest_ms: u64,
}

impl BlockedVisit {
    /// What an enter event says of a visit. A late one says how long it has been open already.
    pub(super) fn of(event: &Event, now_ms: u64) -> Self {
        let facts = &*event.facts;
        let open_ms = Rest::of(event).number("push.open_for_ms").unwrap_or_default();
        let since_ms = event.at_ms.saturating_sub(open_ms);
        Self {
            node: facts.node.clone(),
            channel: facts.channel.clone(),
            message_id: event.message_id.clone(),
            key: event.subject().key().to_string(),
            business: facts.business.clone(),
            since_ms,
            age_ms: now_ms.saturating_sub(since_ms),
            span_id: event.span_id.map(|id| id.to_string()).unwrap_or_default(),
        }
    }
}

impl Blocked {
    /// Of the enter events of open visits those that are at least so old; `limit` of them by name.
    pub fn new(open: &[Event], now_ms: u64, after_ms: u64, limit: usize) -> Self {
        let visits = open.iter().map(|event| BlockedVisit::of(event, now_ms));
        let mut visits: Vec<BlockedVisit> = visits.filter(|visit| visit.age_ms >= after_ms).collect();
        visits.sort_by_key(|visit| visit.since_ms);
        let mut nodes: BTreeMap<&str, BlockedNode> = BTreeMap::new();
        for visit in &visits {
            let new = || BlockedNode { node: visit.node.clone(), n: 0, oldest_ms: visit.age_ms };
            nodes.entry(&visit.node).or_insert_with(new).n += 1;
        }
        let mut by_node: Vec<BlockedNode> = nodes.into_values().collect();
        by_node.sort_by_key(|node| std::cmp::Reverse(node.n));
        visits.truncate(limit);
        Self { visits, by_node }
    }
}
