//! `pointsman_receipts_total`: receipts of vendors by what became of them; and `pointsman_message_statuses_total`: the
//! statuses that they report, one per recipient.

use super::{NodeExit, Observer, ReceiptResult};
use crate::few;
use crate::labels::Label;
use crate::lifecycle::Status;
use crate::metrics::{Kind, Metrics, SeriesId, name};
use crate::plan::Plan;
use std::collections::BTreeMap;

struct OfChannel {
    results: Vec<Option<SeriesId>>,
    statuses: BTreeMap<Status, Option<SeriesId>>,
}

/// By node: only the nodes that receipts visit.
pub(super) struct Receipts(BTreeMap<usize, OfChannel>);

impl Receipts {
    pub(super) fn new(plan: &Plan, metrics: &mut Metrics) -> Self {
        let of_node = plan.receipt_nodes().map(|(id, node)| {
            let mut series = |metric: &str, label: &str, value: &str| {
                metrics.series(Kind::Counter, name(metric, &[("channel", &*node.channel), (label, value)]))
            };
            let results = ReceiptResult::ALL
                .iter()
                .map(|result| series("pointsman_receipts_total", "result", result.as_str()))
                .collect();
            let lifecycle = &plan.lifecycle;
            let mut of = |status| series("pointsman_message_statuses_total", "status", lifecycle.name(status));
            let statuses = few::map(lifecycle.all().map(|status| (status, of(status))));
            (id.index(), OfChannel { results, statuses })
        });
        Self(of_node.collect())
    }
}

impl Observer for Receipts {
    fn exit(&mut self, _: &Plan, exit: &NodeExit<'_>, metrics: &mut Metrics) {
        let (Some(receipt), Some(series)) = (exit.receipt, self.0.get(&exit.node.index())) else { return };
        metrics.add(series.results.get(receipt.result.index()).copied().flatten(), 1);
        for reported in receipt.statuses {
            metrics.add(series.statuses.get(&reported.status).copied().flatten(), 1);
        }
    }
}
