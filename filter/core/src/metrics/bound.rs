//! How many series a plan can make, so that a config that would flood Prometheus is refused before it runs.

use crate::labels::Label;
use crate::observe::ReceiptResult;
use crate::outcome::{OutcomeClass, Status};
use crate::plan::Plan;
use std::collections::BTreeSet;

/// The most series of one filter.
pub const MAX_SERIES: usize = 5_000;

/// Series that do not depend on the plan: trace results, reasons and the like.
const FIXED: usize = 50;

/// Businesses of every plan: `none` and `other`.
const UNLISTED: usize = 2;

/// The most series that `plan` can make, and the label that makes most of them.
pub fn bound(plan: &Plan) -> (usize, &'static str) {
    let nodes = plan.nodes.len();
    let businesses = plan.businesses.len();
    let ages = plan.settings.blocked_after.len();
    let outcomes = OutcomeClass::ALL.len();
    let channels = plan.nodes().map(|(_, node)| &node.channel).collect::<BTreeSet<_>>().len();
    let codes: usize = plan
        .nodes()
        .filter(|(_, node)| node.is_channel() && node.counts_messages)
        .map(|(id, _)| plan.code_books(id).map(|book| book.len()).max().unwrap_or(0))
        .sum();
    let of_messages = plan.nodes().filter(|(_, node)| node.counts_messages).count();
    // In flight and blocked, and messages by outcome; where there are no messages, there is no business either.
    let each_business = of_messages * (1 + ages + outcomes);
    let by_business = businesses * each_business + (nodes - of_messages) * (1 + ages);
    // Calls by outcome, on time or not, duration; whole-message duration and on time; receipts by result and status.
    let receipts = plan.receipt_nodes().count() * (ReceiptResult::ALL.len() + Status::ALL.len());
    let by_node = nodes * (outcomes + 3) + channels * 3 + receipts;
    // `none` and `other` come with every node: only the businesses that the config lists can be cut.
    let listed = businesses.saturating_sub(UNLISTED) * each_business;
    let largest = [(listed, "business"), (by_business - listed + by_node, "node"), (codes, "code")];
    let label = largest.iter().max_by_key(|(count, _)| *count).map_or("node", |(_, label)| label);
    (FIXED + by_business + by_node + codes, label)
}
