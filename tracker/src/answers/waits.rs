//! How long messages lie between two services: mostly in a queue.

use super::Visit;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// From the end of a visit in one service to the beginning of the next one in another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Wait {
    /// The node that it left.
    pub from_node: String,
    /// The node that it came to.
    pub to_node: String,
    /// The service that it left.
    pub from_service: String,
    /// The service that it came to.
    pub to_service: String,
    /// How long it lay in between, in milliseconds.
    pub wait_ms: u64,
}

/// How long messages lie between services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Waits {
    /// The longest first, by their p99.
    pub edges: Vec<WaitEdge>,
    /// How many messages were looked at.
    pub sampled: u64,
}

/// How long messages lie between two nodes of different services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WaitEdge {
    /// The service that they left.
    pub from_service: String,
    /// The node that they left.
    pub from_node: String,
    /// The service that they came to.
    pub to_service: String,
    /// The node that they came to.
    pub to_node: String,
    /// How many were measured.
    pub samples: u64,
    /// Half of them lay no longer than this, in milliseconds.
    pub p50_ms: u64,
    /// 99 % of them lay no longer than this.
    pub p99_ms: u64,
    /// The longest.
    pub max_ms: u64,
}

/// The waits between these visits, which are in the order in which they began.
///
/// A visit has been waited for if the one before it was in another service. The wait begins when the last of the visits in
/// other services had ended; where all of them were still open, one service has called the other and nothing has waited.
pub fn waits(visits: &[Visit]) -> Vec<Wait> {
    let mut found = Vec::new();
    let told: Vec<&Visit> = visits.iter().filter(|visit| !visit.service.is_empty()).collect();
    for (index, to) in told.iter().enumerate().skip(1) {
        let earlier = told.get(..index).unwrap_or_default();
        if earlier.last().is_none_or(|before| before.service == to.service) {
            continue;
        }
        let ended = |from: &&&Visit| from.service != to.service && from.end_ms().is_some_and(|end| end <= to.start_ms);
        let Some(from) = earlier.iter().filter(ended).max_by_key(|from| from.end_ms()) else { continue };
        found.push(Wait {
            from_node: from.node.clone(),
            to_node: to.node.clone(),
            from_service: from.service.clone(),
            to_service: to.service.clone(),
            wait_ms: to.start_ms.saturating_sub(from.end_ms().unwrap_or(to.start_ms)),
        });
    }
    found
}

/// Waits of many messages by where they lay.
pub fn aggregate(all: impl IntoIterator<Item = Wait>, sampled: u64) -> Waits {
    let mut by_edge: BTreeMap<[String; 4], Vec<u64>> = BTreeMap::new();
    for Wait { from_service, from_node, to_service, to_node, wait_ms } in all {
        by_edge.entry([from_service, from_node, to_service, to_node]).or_default().push(wait_ms);
    }
    let edge = |([from_service, from_node, to_service, to_node], mut waits): ([String; 4], Vec<u64>)| {
        waits.sort_unstable();
        WaitEdge {
            from_service,
            from_node,
            to_service,
            to_node,
            samples: waits.len() as u64,
            p50_ms: quantile(&waits, 50),
            p99_ms: quantile(&waits, 99),
            max_ms: waits.last().copied().unwrap_or_default(),
        }
    };
    let mut edges: Vec<WaitEdge> = by_edge.into_iter().map(edge).collect();
    edges.sort_by_key(|edge| std::cmp::Reverse(edge.p99_ms));
    Waits { edges, sampled }
}

/// Of sorted lengths the one below or at which so many per cent lie.
fn quantile(sorted: &[u64], percent: usize) -> u64 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(service: &str, node: &str, start_ms: u64, duration_ms: Option<u64>) -> Visit {
        let (service, node) = (service.to_owned(), node.to_owned());
        Visit { service, node, start_ms, duration_ms, ..Visit::default() }
    }

    fn found(visits: &[Visit]) -> Vec<(String, String, u64)> {
        waits(visits).into_iter().map(|wait| (wait.from_node, wait.to_node, wait.wait_ms)).collect()
    }

    #[test]
    fn a_wait_is_from_the_last_end_in_one_service_to_the_beginning_in_the_other() {
        let queued = [
            visit("api", "IN", 0, Some(50)),
            visit("api", "ENQUEUE", 10, Some(20)),
            visit("sender", "SEND_A", 200, Some(30)),
            visit("sender", "SEND_B", 240, Some(10)),
            visit("receipts", "RECEIPT", 900, Some(5)),
        ];
        let expected = [("IN", "SEND_A", 150), ("SEND_B", "RECEIPT", 650)];
        assert_eq!(found(&queued), expected.map(|(from, to, wait)| (from.to_owned(), to.to_owned(), wait)));
    }

    #[test]
    fn a_call_from_one_service_to_the_other_is_no_wait() {
        let nested = [
            visit("api", "IN", 0, Some(500)),
            visit("users", "QUERY", 20, Some(30)),
            visit("api", "SEND", 60, Some(100)),
        ];
        assert_eq!(found(&nested), [("QUERY".to_owned(), "SEND".to_owned(), 10)]);
        assert!(found(&[visit("api", "IN", 0, None), visit("users", "QUERY", 20, None)]).is_empty());
        assert!(found(&[visit("", "IN", 0, Some(1)), visit("users", "QUERY", 20, None)]).is_empty());
    }

    #[test]
    fn quantiles_are_those_of_the_samples() {
        let wait = |wait_ms| Wait {
            from_node: "A".to_owned(),
            to_node: "B".to_owned(),
            from_service: "a".to_owned(),
            to_service: "b".to_owned(),
            wait_ms,
        };
        let all = aggregate((1..=100).rev().map(wait), 100);
        let edge = &all.edges[0];
        assert_eq!((edge.samples, edge.p50_ms, edge.p99_ms, edge.max_ms), (100, 50, 99, 100));
        assert_eq!(aggregate([], 0).edges, []);
    }
}
