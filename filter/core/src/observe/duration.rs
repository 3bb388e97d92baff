//! `pointsman_node_duration_milliseconds`: from the first byte of the request to the last of the answer.

use super::{NodeExit, Observer};
use crate::metrics::{Kind, Metrics, SeriesId, name};
use crate::plan::Plan;
use crate::time::as_millis;

/// By node.
pub(super) struct Durations(Vec<Option<SeriesId>>);

impl Durations {
    pub(super) fn new(plan: &Plan, metrics: &mut Metrics) -> Self {
        let of_node = plan.nodes().map(|(_, node)| {
            let labels = [("node", &*node.name), ("channel", &node.channel)];
            metrics.series(Kind::Histogram, name("pointsman_node_duration_milliseconds", &labels))
        });
        Self(of_node.collect())
    }
}

impl Observer for Durations {
    fn exit(&mut self, _: &Plan, exit: &NodeExit<'_>, metrics: &mut Metrics) {
        metrics.record(self.0.get(exit.node.index()).copied().flatten(), as_millis(exit.duration));
    }
}
