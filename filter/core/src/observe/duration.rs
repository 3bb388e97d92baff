//! `pointsman_node_duration_milliseconds`: from the first byte of the request to the last of the answer.

use super::{NodeExit, Observer};
use crate::metrics::{Kind, Metrics, SeriesId, name};
use crate::plan::{NodeId, Plan};
use crate::time::as_millis;
use std::collections::HashMap;

pub(super) struct Durations(HashMap<NodeId, Option<SeriesId>>);

impl Durations {
    pub(super) fn new(plan: &Plan, metrics: &mut Metrics) -> Self {
        let mut series = HashMap::new();
        for (id, node) in plan.nodes() {
            let labels = [("node", &*node.name), ("channel", &node.channel)];
            series.insert(id, metrics.series(Kind::Histogram, name("pointsman_node_duration_milliseconds", &labels)));
        }
        Self(series)
    }
}

impl Observer for Durations {
    fn exit(&mut self, _: &Plan, exit: &NodeExit<'_>, metrics: &mut Metrics) {
        metrics.record(self.0.get(&exit.node).copied().flatten(), as_millis(exit.duration));
    }
}
