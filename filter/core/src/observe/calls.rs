//! `pointsman_node_calls_total`: one per visit, whatever the number of recipients.

use super::{NodeExit, Observer};
use crate::metrics::{Kind, Metrics, SeriesId, name};
use crate::outcome::OutcomeClass;
use crate::plan::Plan;

/// By node, then by outcome.
pub(super) struct Calls(Vec<[Option<SeriesId>; OutcomeClass::ALL.len()]>);

impl Calls {
    /// All outcomes of all nodes exist from the start: a rate over a series that appears with its first failure is wrong.
    pub(super) fn new(plan: &Plan, metrics: &mut Metrics) -> Self {
        let of_node = plan.nodes().map(|(_, node)| {
            OutcomeClass::ALL.map(|outcome| {
                let labels = [("node", &*node.name), ("channel", &node.channel), ("outcome", outcome.as_str())];
                metrics.series(Kind::Counter, name("pointsman_node_calls_total", &labels))
            })
        });
        Self(of_node.collect())
    }
}

impl Observer for Calls {
    fn exit(&mut self, _: &Plan, exit: &NodeExit<'_>, metrics: &mut Metrics) {
        let outcomes = self.0.get(exit.node.index());
        metrics.add(outcomes.and_then(|outcomes| outcomes.get(exit.verdict.call.index())).copied().flatten(), 1);
    }
}
