//! `pointsman_message_duration_milliseconds` and `pointsman_message_on_time_total`: from submission to acceptance by a
//! vendor, for messages whose request says when they were submitted.

use super::{NodeExit, Observer};
use crate::metrics::{Kind, Metrics, SeriesId, name};
use crate::outcome::OutcomeClass;
use crate::plan::Plan;
use crate::time::as_millis;
use std::collections::HashMap;

#[derive(Clone, Copy)]
struct OfChannel {
    duration: Option<SeriesId>,
    met: Option<SeriesId>,
    missed: Option<SeriesId>,
}

pub(super) struct MessageTime(HashMap<Box<str>, OfChannel>);

impl MessageTime {
    pub(super) fn new(plan: &Plan, metrics: &mut Metrics) -> Self {
        let mut series = HashMap::new();
        for (_, node) in plan.nodes().filter(|(_, node)| node.is_channel()) {
            let channel = [("channel", &*node.channel)];
            let mut on_time = |met: &str| {
                let labels = [("channel", &*node.channel), ("met", met)];
                metrics.series(Kind::Counter, name("pointsman_message_on_time_total", &labels))
            };
            let (met, missed) = (on_time("true"), on_time("false"));
            let duration = metrics.series(Kind::Histogram, name("pointsman_message_duration_milliseconds", &channel));
            series.insert(node.channel.clone(), OfChannel { duration, met, missed });
        }
        Self(series)
    }
}

impl Observer for MessageTime {
    fn exit(&mut self, plan: &Plan, exit: &NodeExit<'_>, metrics: &mut Metrics) {
        let (Some(time), Some(node)) = (exit.message_time, plan.node(exit.node)) else { return };
        let Some(series) = self.0.get(&node.channel) else { return };
        let met = time <= plan.settings.message_objective.limit;
        metrics.record(series.duration, as_millis(time));
        let accepted =
            exit.verdict.tally.iter().find(|(class, _)| *class == OutcomeClass::Ok).map_or(0, |(_, count)| count);
        metrics.add(if met { series.met } else { series.missed }, accepted.into());
    }
}
