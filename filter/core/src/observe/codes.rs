//! `pointsman_vendor_codes_total`: the vendors' own codes, one per recipient. Codes that the adapter does not list are
//! `other`, so that a vendor cannot make series at will.

use super::{NodeExit, Observer};
use crate::classify::CodeId;
use crate::metrics::{Kind, Metrics, SeriesId, name};
use crate::plan::{Plan, RouteId};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Codes(BTreeMap<(RouteId, CodeId), Option<SeriesId>>);

impl Observer for Codes {
    fn exit(&mut self, plan: &Plan, exit: &NodeExit<'_>, metrics: &mut Metrics) {
        if !exit.is_message {
            return;
        }
        let Some(node) = plan.node(exit.node).filter(|node| node.is_channel()) else { return };
        for (code, count) in &exit.verdict.codes {
            let series = self.0.entry((exit.route, *code)).or_insert_with(|| {
                let label = plan.route(exit.route)?.classifier.code_book().label(*code);
                let labels = [("channel", &*node.channel), ("code", label)];
                metrics.series(Kind::Counter, name("pointsman_vendor_codes_total", &labels))
            });
            metrics.add(*series, (*count).into());
        }
    }
}
