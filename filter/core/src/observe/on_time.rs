//! `pointsman_node_on_time_total`: visits within the node's objective, whatever their outcome. A histogram is exact only
//! at its buckets; this is exact at the objective.

use super::{NodeExit, Observer};
use crate::metrics::{Kind, Metrics, SeriesId, name};
use crate::plan::{NodeId, Plan};
use std::collections::HashMap;

pub(super) struct OnTime(HashMap<(NodeId, bool), Option<SeriesId>>);

impl OnTime {
    pub(super) fn new(plan: &Plan, metrics: &mut Metrics) -> Self {
        let mut series = HashMap::new();
        for (id, node) in plan.nodes() {
            for (met, label) in [(true, "true"), (false, "false")] {
                let labels = [("node", &*node.name), ("channel", &node.channel), ("met", label)];
                series.insert((id, met), metrics.series(Kind::Counter, name("pointsman_node_on_time_total", &labels)));
            }
        }
        Self(series)
    }
}

impl Observer for OnTime {
    fn exit(&mut self, plan: &Plan, exit: &NodeExit<'_>, metrics: &mut Metrics) {
        let Some(node) = plan.node(exit.node) else { return };
        let met = exit.duration <= node.objective.limit;
        metrics.add(self.0.get(&(exit.node, met)).copied().flatten(), 1);
    }
}
