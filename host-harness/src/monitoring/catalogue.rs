//! Every metric of the filter with its labels: the one table by which generated queries are judged.
//!
//! `docs/metrics.md` says what each of them counts; a test holds the two to each other.

/// What a metric is to Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Buckets, a sum and a count: three series names.
    Histogram,
}

/// A metric of the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name, without the suffix of a histogram's series.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels in alphabetical order, without `le`.
    pub labels: &'static [&'static str],
    /// When it is exported.
    pub shown: Shown,
}

/// When a metric is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// From the start, or from the first push on.
    Always,
    /// Once something has happened that is not an ordinary push, or with a part of the config that asks for it.
    Sometimes,
}

use Kind::{Counter, Gauge, Histogram};
use Shown::{Always, Sometimes};

/// Every metric of the filter, in alphabetical order.
pub const METRICS: &[Metric] = &[
    metric("pointsman_build_info", Gauge, &["version"], Always),
    metric("pointsman_business_value_total", Counter, &["business", "outcome"], Always),
    metric("pointsman_bypassed_total", Counter, &["reason"], Always),
    metric("pointsman_channel_quota_ratio", Gauge, &["channel"], Sometimes),
    metric("pointsman_channel_state", Gauge, &["channel", "state"], Always),
    metric("pointsman_channel_switches_total", Counter, &["from", "reason", "to"], Sometimes),
    metric("pointsman_config_total", Counter, &["result"], Always),
    metric("pointsman_drill_calls_total", Counter, &["channel", "result"], Sometimes),
    metric("pointsman_drills_active", Gauge, &["channel"], Sometimes),
    metric("pointsman_failovers_in_flight", Gauge, &[], Sometimes),
    metric("pointsman_failovers_total", Counter, &["from", "result", "to"], Sometimes),
    metric("pointsman_held_released_total", Counter, &["reason"], Always),
    metric("pointsman_limited_total", Counter, &["channel"], Sometimes),
    metric("pointsman_message_duration_milliseconds", Histogram, &["channel"], Always),
    metric("pointsman_message_on_time_total", Counter, &["channel", "met"], Always),
    metric("pointsman_message_statuses_total", Counter, &["channel", "status"], Sometimes),
    metric("pointsman_node_blocked", Gauge, &["age", "business", "channel", "node"], Always),
    metric("pointsman_node_calls_total", Counter, &["channel", "node", "outcome"], Always),
    metric("pointsman_node_duration_milliseconds", Histogram, &["channel", "node"], Always),
    metric("pointsman_node_in_flight", Gauge, &["business", "channel", "node"], Always),
    metric("pointsman_node_messages_total", Counter, &["business", "channel", "node", "outcome"], Always),
    metric("pointsman_node_on_time_total", Counter, &["channel", "met", "node"], Always),
    metric("pointsman_receipts_total", Counter, &["channel", "result"], Sometimes),
    metric("pointsman_records_dropped_total", Counter, &["reason"], Always),
    metric("pointsman_records_total", Counter, &["kind"], Sometimes),
    metric("pointsman_shed_total", Counter, &["business", "channel"], Sometimes),
    metric("pointsman_status_conflicts_total", Counter, &["from", "to"], Sometimes),
    metric("pointsman_stitches_total", Counter, &["result"], Always),
    metric("pointsman_trace_contexts_total", Counter, &["result"], Always),
    metric("pointsman_vendor_codes_total", Counter, &["channel", "code"], Always),
];

const fn metric(name: &'static str, kind: Kind, labels: &'static [&'static str], shown: Shown) -> Metric {
    Metric { name, kind, labels, shown }
}

/// The metric that a series belongs to: by its own name, or for a histogram by that of its `_bucket`, `_sum` or `_count`.
pub fn of_series(series: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| match metric.kind {
        Counter | Gauge => metric.name == series,
        Histogram => series.strip_prefix(metric.name).is_some_and(|rest| HISTOGRAM_SERIES.contains(&rest)),
    })
}

/// What is appended to a histogram's name in its series.
pub const HISTOGRAM_SERIES: [&str; 3] = ["_bucket", "_sum", "_count"];

impl Metric {
    /// Whether a series of it may have this label: its own, and of a bucket its bound.
    pub fn has_label(&self, label: &str) -> bool {
        self.labels.contains(&label) || (self.kind == Histogram && label == "le")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, labels and whether the words of each row that has a metric begin with `histogram`.
    fn documented() -> Vec<(String, Vec<String>, bool)> {
        let rows = include_str!("../../../docs/metrics.md").lines().filter(|line| line.starts_with("| `pointsman_"));
        rows.map(|row| {
            let mut cells = row.trim_matches('|').split('|').map(str::trim);
            let name = cells.next().unwrap().trim_matches('`').to_owned();
            let labels = cells.next().unwrap().split(',').map(|label| label.trim().to_owned());
            let mut labels: Vec<String> = labels.filter(|label| !label.is_empty()).collect();
            labels.sort_unstable();
            (name, labels, cells.next().unwrap().starts_with("histogram"))
        })
        .collect()
    }

    #[test]
    fn the_table_is_that_of_the_documentation() {
        let mut documented = documented();
        documented.sort_unstable();
        let table: Vec<_> = METRICS
            .iter()
            .map(|metric| {
                let labels = metric.labels.iter().map(|label| (*label).to_owned()).collect();
                (metric.name.to_owned(), labels, metric.kind == Histogram)
            })
            .collect();
        assert_eq!(documented, table);
    }

    #[test]
    fn names_tell_counters_and_labels_are_in_order() {
        for metric in METRICS {
            assert_eq!(metric.kind == Counter, metric.name.ends_with("_total"), "{}", metric.name);
            assert!(metric.labels.is_sorted(), "{}", metric.name);
        }
        assert!(METRICS.is_sorted_by_key(|metric| metric.name));
    }

    #[test]
    fn a_series_of_a_histogram_belongs_to_it_and_the_bare_name_is_no_series() {
        for suffix in HISTOGRAM_SERIES {
            let found = of_series(&format!("pointsman_node_duration_milliseconds{suffix}")).unwrap();
            assert_eq!(found.name, "pointsman_node_duration_milliseconds");
        }
        assert_eq!(of_series("pointsman_node_duration_milliseconds"), None);
        assert_eq!(of_series("pointsman_node_calls_total_count"), None);
        assert!(of_series("pointsman_node_calls_total").is_some_and(|metric| metric.has_label("outcome")));
    }
}
