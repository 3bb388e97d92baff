//! `pointsman_node_calls_total`: one per visit, whatever the number of recipients.

use super::{NodeExit, Observer};
use crate::metrics::{Kind, Metrics, SeriesId, name};
use crate::outcome::OutcomeClass;
use crate::plan::{NodeId, Plan};
use std::collections::HashMap;

pub(super) struct Calls(HashMap<(NodeId, OutcomeClass), Option<SeriesId>>);

impl Calls {
    /// All outcomes of all nodes exist from the start: a rate over a series that appears with its first failure is wrong.
    pub(super) fn new(plan: &Plan, metrics: &mut Metrics) -> Self {
        let mut series = HashMap::new();
        for (id, node) in plan.nodes() {
            for outcome in OutcomeClass::ALL {
                let labels = [("node", &*node.name), ("channel", &node.channel), ("outcome", outcome.as_str())];
                series
                    .insert((id, outcome), metrics.series(Kind::Counter, name("pointsman_node_calls_total", &labels)));
            }
        }
        Self(series)
    }
}

impl Observer for Calls {
    fn exit(&mut self, _: &Plan, exit: &NodeExit<'_>, metrics: &mut Metrics) {
        metrics.add(self.0.get(&(exit.node, exit.verdict.call)).copied().flatten(), 1);
    }
}
