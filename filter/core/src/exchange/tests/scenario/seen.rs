//! What is seen of a scenario: by the upstream, by the caller, and in the metrics.

use super::super::world::Asked;
use super::Scenario;
use crate::report::VisitReport;
use crate::time::{Monotonic, as_millis};
use std::collections::BTreeMap;

impl Scenario {
    /// The lines of a request header as the upstream sees them.
    pub(in crate::exchange::tests) fn upstream(&self, name: &str) -> Vec<String> {
        let lines = self.headers.iter().filter(|(known, _)| known == name);
        lines.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
    }

    /// The request headers as the upstream sees them, without those of the trace.
    pub(in crate::exchange::tests) fn upstream_without_trace(&self) -> Vec<(String, Vec<u8>)> {
        let is_trace = |name: &str| matches!(name, "traceparent" | "tracestate");
        self.headers.iter().filter(|(name, _)| !is_trace(name)).cloned().collect()
    }

    /// The body of the last answer of our own.
    pub(in crate::exchange::tests) fn reply(&self) -> (u16, String) {
        let reply = self.replies.last().expect("no answer of our own");
        (reply.status, String::from_utf8_lossy(&reply.body).into_owned())
    }

    /// A header of the last call of our own.
    pub(in crate::exchange::tests) fn called(&self, name: &str) -> Option<&str> {
        let call = self.calls.last().expect("nobody was called");
        call.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(in crate::exchange::tests) fn is_held(&self) -> bool {
        self.held
    }

    pub(in crate::exchange::tests) fn asked(&self) -> Asked {
        self.shell.asked
    }

    /// Bytes of bodies that were copied in this exchange.
    pub(in crate::exchange::tests) fn copied(&self) -> usize {
        self.shell.copied
    }

    /// What was reported of this exchange, once at most.
    pub(in crate::exchange::tests) fn report(&self) -> Option<&VisitReport> {
        assert!(self.reports.len() <= 1, "{:?}", self.reports);
        self.reports.first()
    }

    /// What the caller was told in headers of the answer.
    pub(in crate::exchange::tests) fn told(&self) -> Vec<(&str, &str)> {
        self.told.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    pub(in crate::exchange::tests) fn is_answer_held(&self) -> bool {
        self.answer_held
    }

    /// Every count so far, by encoded name.
    pub(in crate::exchange::tests) fn all_counts(&mut self) -> BTreeMap<String, u64> {
        for (id, count) in self.worker.metrics.take_counts() {
            let name = self.worker.metrics.get(id).unwrap().name.clone();
            *self.totals.entry(name).or_default() += count;
        }
        self.totals.clone()
    }

    /// The counts of one metric: the values of its labels, then the count.
    pub(in crate::exchange::tests) fn counts(&mut self, metric: &str) -> Vec<String> {
        decoded(&self.all_counts(), metric)
    }

    /// What a histogram got so far: the values of its labels, then the value.
    pub(in crate::exchange::tests) fn samples(&mut self, metric: &str) -> Vec<String> {
        while let Some((id, value)) = self.worker.metrics.take_sample() {
            self.samples.push((self.worker.metrics.get(id).unwrap().name.clone(), value));
        }
        self.samples.iter().filter_map(|(name, value)| decode(name, metric, *value)).collect()
    }

    /// The gauges of one metric that every worker knows, as far as they are not zero.
    pub(in crate::exchange::tests) fn agreed(&mut self, metric: &str) -> Vec<String> {
        let mut gauges = self.worker.agreed_gauges(self.shell.now);
        gauges.retain(|_, value| *value > 0);
        decoded(&gauges, metric)
    }

    /// The gauges of one metric that are not zero, as [`counts`](Self::counts).
    pub(in crate::exchange::tests) fn gauges(&self, metric: &str) -> Vec<String> {
        let mut gauges = self.worker.gauges(self.shell.now);
        gauges.retain(|_, value| *value > 0);
        decoded(&gauges, metric)
    }

    pub(in crate::exchange::tests) fn now_ms(&self) -> u64 {
        as_millis(self.shell.now.since(Monotonic(0)))
    }
}

fn decoded(values: &BTreeMap<String, u64>, metric: &str) -> Vec<String> {
    values.iter().filter_map(|(name, value)| decode(name, metric, *value)).collect()
}

fn decode(name: &str, metric: &str, value: u64) -> Option<String> {
    let labels = name.strip_suffix(metric)?;
    let values = labels.split_terminator(";.;").filter_map(|label| label.split_once("=.=")).map(|(_, value)| value);
    Some(values.chain([value.to_string().as_str()]).collect::<Vec<_>>().join(" "))
}
