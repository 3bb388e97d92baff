//! How many series a plan can make, so that a config that would flood Prometheus is refused before it runs.

use crate::breaker::State;
use crate::few;
use crate::governor::{DrillResult, FailoverResult, SwitchReason};
use crate::labels::Label;
use crate::observe::ReceiptResult;
use crate::outcome::OutcomeClass;
use crate::plan::{Channel, Plan};
use crate::policy::{ForceAction, Over, Policy, Target};

/// The most series of one filter.
pub const MAX_SERIES: usize = 5_000;

/// Series that do not depend on the plan: trace results, reasons and the like.
const FIXED: usize = 75;

/// Businesses of every plan: `none` and `other`.
const UNLISTED: usize = 2;

/// States of a channel.
const STATES: usize = State::LABELS.len();
/// Why a message is switched: by hand, over a limit, or what has tripped a breaker.
const REASONS: usize = SwitchReason::COUNT;
/// How a failover ends.
const FAILOVER_RESULTS: usize = FailoverResult::ALL.len();
/// How a call fares that a drill looks at.
const DRILL_RESULTS: usize = DrillResult::ALL.len();

/// The most series that `plan` can make, and the label that makes most of them.
pub fn bound(plan: &Plan) -> (usize, &'static str) {
    let nodes = plan.nodes.len();
    let businesses = plan.businesses.len();
    let ages = plan.settings.blocked_after.len();
    let outcomes = OutcomeClass::ALL.len();
    let channels = few::set(plan.nodes().map(|(_, node)| &node.channel)).len();
    let codes: usize = plan
        .nodes()
        .filter(|(_, node)| node.is_channel() && node.counts_messages)
        .map(|(id, _)| plan.code_books(id).map(|book| book.len()).max().unwrap_or(0))
        .sum();
    let of_messages = plan.nodes().filter(|(_, node)| node.counts_messages).count();
    // In flight and blocked, and messages by outcome; where there are no messages, there is no business either. What the
    // messages are worth is by outcome alone.
    let each_business = of_messages * (1 + ages + outcomes) + outcomes;
    let by_business = businesses * each_business + (nodes - of_messages) * (1 + ages);
    // Calls by outcome, on time or not, duration; whole-message duration and on time; receipts by result and status.
    let receipt_nodes = plan.receipt_nodes().count();
    let receipts = receipt_nodes * (ReceiptResult::ALL.len() + plan.lifecycle.all().count());
    // Only receipts contradict each other.
    let conflicts = if receipt_nodes > 0 { plan.lifecycle.conflicts() } else { 0 };
    let by_node = nodes * (outcomes + 3) + channels * 3 + receipts + conflicts;
    let by_rule = of_rules(plan);
    // Which messages had to wait.
    let waiting = businesses * plan.channels().filter(|(_, channel)| sheds(&channel.policy)).count();
    // `none` and `other` come with every node: only the businesses that the config lists can be cut.
    let listed = businesses.saturating_sub(UNLISTED) * each_business;
    let largest =
        [(listed + waiting, "business"), (by_business - listed + by_node, "node"), (codes, "code"), (by_rule, "to")];
    let label = largest.iter().max_by_key(|(count, _)| *count).map_or("node", |(_, label)| label);
    (FIXED + by_business + by_node + codes + by_rule + waiting, label)
}

/// Series of what rules do, without those by business.
fn of_rules(plan: &Plan) -> usize {
    let each = |(_, channel): (_, &Channel)| {
        let policy = &channel.policy;
        let has_limit = usize::from(policy.limit.is_some());
        let is_drilled = usize::from(!policy.drills.is_empty());
        let pairs = distinct(policy.targets()) * REASONS + distinct(failover_targets(policy)) * FAILOVER_RESULTS;
        // The share of its quota beside its states, and whether a drill is active beside what that does.
        STATES + 1 + has_limit + is_drilled * (1 + DRILL_RESULTS) + pairs
    };
    let has_failover = plan.channels().any(|(_, channel)| channel.policy.failover.is_some());
    plan.channels().map(each).sum::<usize>() + usize::from(has_failover)
}

fn failover_targets(policy: &Policy) -> impl Iterator<Item = &Target> {
    policy.failover.iter().flat_map(|failover| &failover.to)
}

fn distinct<'a>(targets: impl Iterator<Item = &'a Target>) -> usize {
    few::set(targets.map(|target| target.channel)).len()
}

/// Whether a rule may answer messages of the channel by "try later".
fn sheds(policy: &Policy) -> bool {
    let forced = policy.force.iter().any(|force| matches!(force.action, ForceAction::Shed { .. }));
    let limited = policy.limit.iter().any(|limit| matches!(limit.over, Over::Shed { .. }));
    forced || limited || !policy.shed.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    /// How many more series there are with `rules` than without, for two channels of one adapter and two businesses.
    fn added(rules: &str) -> usize {
        let config = |rules: &str| {
            format!(
                r#"{{"channels": [{{"name": "a", "adapter": "generic-json", "hosts": ["a.internal"]}},
                                  {{"name": "b", "adapter": "generic-json", "hosts": ["b.internal"]}}],
                    "businesses": [{{"name": "order", "priority": 9}}, {{"name": "promo", "priority": 1}}],
                    "hold_request": true, "rules": [{rules}]}}"#
            )
        };
        let series = |rules: &str| bound(&config::load(&config(rules)).unwrap_or_else(|faults| panic!("{faults}"))).0;
        series(rules) - series("")
    }

    #[test]
    fn each_status_adds_its_own_series_and_those_of_the_steps_that_it_may_not_take() {
        let series = |statuses: &str| {
            let text = format!(
                r#"{{"channels": ["oppo"], "receipts": [{{"path": "/a", "adapter": "oppo"}}], "statuses": [{statuses}]}}"#
            );
            bound(&config::load(&text).unwrap_or_else(|faults| panic!("{faults}"))).0
        };
        let clicked = r#"{"name": "clicked", "rank": 40, "after": ["read"]}"#;
        // It may follow two of the six that are built in, and none may follow it.
        assert_eq!(series(clicked) - series(""), 1 + 4 + 6);
    }

    #[test]
    fn each_rule_adds_the_series_of_the_pairs_that_it_names() {
        let auto = r#"{"name": "auto", "auto": {"channel": "a", "to": ["b"]}}"#;
        assert_eq!(added(auto), REASONS);
        let failover = r#"{"name": "failover", "failover": {"channel": "a", "to": ["b"]}}"#;
        assert_eq!(added(failover), REASONS + FAILOVER_RESULTS + 1);
        let both = format!("{auto}, {failover}");
        assert_eq!(added(&both), REASONS + FAILOVER_RESULTS + 1, "a pair counts once");
        let limit = r#"{"name": "limit", "limit": {"channel": "a", "calls_at_once": 5}}"#;
        assert_eq!(added(limit), 1 + 4, "and each business may have to wait");
        let limit =
            r#"{"name": "limit", "limit": {"channel": "a", "calls_at_once": 5, "over": "switch", "to": ["b"]}}"#;
        assert_eq!(added(limit), 1 + REASONS);
        let shed = r#"{"name": "shed", "shed": {"channel": "a", "below_priority": 5, "when": ["quota"]}}"#;
        assert_eq!(added(shed), 4);
        let drill = r#"{"name": "drill", "by": "a", "reason": "b", "until": "2026-11-27T22:30:00Z",
                        "drill": {"channel": "a", "share": 0.1, "fault": "refused"}}"#;
        assert_eq!(added(&format!("{auto}, {drill}")), REASONS + 1 + DRILL_RESULTS);
    }
}
