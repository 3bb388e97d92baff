//! `pointsman_business_value_total`: recipients times what one message of their business is worth, by what became of them.
//! Only of messages to channels: the same message on its way to them would count again.

use super::{NodeExit, Observer};
use crate::metrics::{Kind, Metrics, SeriesId, name};
use crate::outcome::OutcomeClass;
use crate::plan::{BusinessId, Plan};
use std::collections::BTreeMap;

/// Made at first use, as the messages of each business are.
#[derive(Default)]
pub(super) struct Values(BTreeMap<(BusinessId, OutcomeClass), Option<SeriesId>>);

impl Observer for Values {
    fn exit(&mut self, plan: &Plan, exit: &NodeExit<'_>, metrics: &mut Metrics) {
        if !exit.is_message || !plan.node(exit.node).is_some_and(crate::plan::Node::is_channel) {
            return;
        }
        let Some(business) = plan.business_by_id(exit.business) else { return };
        for (outcome, count) in exit.verdict.tally.iter() {
            let series = self.0.entry((exit.business, outcome)).or_insert_with(|| {
                let labels = [("business", &*business.name), ("outcome", outcome.as_str())];
                metrics.series(Kind::Counter, name("pointsman_business_value_total", &labels))
            });
            metrics.add(*series, u64::from(count).saturating_mul(business.value.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::Verdict;
    use crate::config;
    use crate::outcome::Fate;
    use crate::plan::{NodeId, RouteId};
    use std::time::Duration;

    #[test]
    fn each_recipient_of_a_channel_counts_what_the_business_is_worth() {
        let config = r#"{"service": "push", "channels": ["xiaomi"], "businesses": [{"name": "order", "value": 5}, {"name": "ad"}]}"#;
        let plan = config::load(config).unwrap();
        let (mut values, mut metrics) = (Values::default(), Metrics::default());
        let channel = plan.nodes().find(|(_, node)| node.is_channel()).map(|(id, _)| id).unwrap();
        let other = plan.nodes().find(|(_, node)| !node.is_channel()).map(|(id, _)| id).unwrap();
        let mut exit = |node: NodeId, business: &str, class, is_message| {
            let verdict = Verdict::uniform(class, Fate::Accepted, 3);
            let exit = NodeExit {
                node,
                route: RouteId(0),
                business: plan.business(Some(business)),
                verdict: &verdict,
                is_message,
                duration: Duration::ZERO,
                message_time: None,
                receipt: None,
            };
            values.exit(&plan, &exit, &mut metrics);
        };
        exit(channel, "order", OutcomeClass::Ok, true);
        exit(channel, "order", OutcomeClass::Ok, true);
        exit(channel, "ad", OutcomeClass::RateLimited, true);
        exit(channel, "order", OutcomeClass::Ok, false);
        exit(other, "order", OutcomeClass::Ok, true);
        let counts = metrics.take_counts();
        let named = counts.iter().map(|(id, count)| (metrics.get(*id).unwrap().name.as_str(), *count));
        assert_eq!(
            named.collect::<Vec<_>>(),
            [
                ("business=.=order;.;outcome=.=ok;.;pointsman_business_value_total", 30),
                ("business=.=ad;.;outcome=.=rate_limited;.;pointsman_business_value_total", 3),
            ]
        );
    }
}
