//! `pointsman_node_messages_total`: one per recipient, by what became of it.

use super::{NodeExit, Observer};
use crate::metrics::{Kind, Metrics, SeriesId, name};
use crate::outcome::OutcomeClass;
use crate::plan::{BusinessId, NodeId, Plan};
use std::collections::BTreeMap;

/// Series are made at first use: most nodes see few of the businesses.
#[derive(Default)]
pub(super) struct Messages(BTreeMap<(NodeId, BusinessId, OutcomeClass), Option<SeriesId>>);

impl Observer for Messages {
    fn exit(&mut self, plan: &Plan, exit: &NodeExit<'_>, metrics: &mut Metrics) {
        if !exit.is_message {
            return;
        }
        for (outcome, count) in exit.verdict.tally.iter() {
            let series = self.0.entry((exit.node, exit.business, outcome)).or_insert_with(|| {
                let (node, business) = (plan.node(exit.node)?, plan.business_by_id(exit.business)?);
                let labels = [
                    ("node", &*node.name),
                    ("channel", &node.channel),
                    ("business", &business.name),
                    ("outcome", outcome.as_str()),
                ];
                metrics.series(Kind::Counter, name("pointsman_node_messages_total", &labels))
            });
            metrics.add(*series, count.into());
        }
    }
}
