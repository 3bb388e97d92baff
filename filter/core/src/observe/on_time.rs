//! `pointsman_node_on_time_total`: visits within the node's objective, whatever their outcome. A histogram is exact only
//! at its buckets; this is exact at the objective.

use super::{NodeExit, Observer};
use crate::metrics::{Kind, Metrics, SeriesId, name};
use crate::plan::Plan;

/// By node: met, and missed.
pub(super) struct OnTime(Vec<(Option<SeriesId>, Option<SeriesId>)>);

impl OnTime {
    pub(super) fn new(plan: &Plan, metrics: &mut Metrics) -> Self {
        let of_node = plan.nodes().map(|(_, node)| {
            let mut series = |met: &str| {
                let labels = [("node", &*node.name), ("channel", &node.channel), ("met", met)];
                metrics.series(Kind::Counter, name("pointsman_node_on_time_total", &labels))
            };
            (series("true"), series("false"))
        });
        Self(of_node.collect())
    }
}

impl Observer for OnTime {
    fn exit(&mut self, plan: &Plan, exit: &NodeExit<'_>, metrics: &mut Metrics) {
        let (Some(node), Some((met, missed))) = (plan.node(exit.node), self.0.get(exit.node.index())) else { return };
        metrics.add(if exit.duration <= node.objective.limit { *met } else { *missed }, 1);
    }
}
