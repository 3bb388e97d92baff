//! The guests' metrics as families of Prometheus.
//!
//! Guests can call their metrics anything, so that two can come to one name, or to a name that belongs to another kind or to
//! the host. A scraper may refuse the whole answer for that (Envoy's, which shows a name twice): who comes first in the order
//! of names is shown, the others are hidden and counted.

use super::host::HostMetrics;
use super::name::decode;
use crate::process::{Distribution, Process, Reading};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// How many of the guests' metrics are not shown.
pub(super) const HIDDEN: &str = "pointsman_host_metrics_hidden";

type Labels = Vec<(String, String)>;

/// One name and kind: its series by labels.
type Groups = BTreeMap<(String, Kind), BTreeMap<Labels, Reading>>;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Reads the guests' metrics for each scrape.
pub(super) struct Guests {
    process: Arc<Process>,
    host: HostMetrics,
}

impl Guests {
    pub(super) const fn new(process: Arc<Process>, host: HostMetrics) -> Self {
        Self { process, host }
    }
}

impl fmt::Debug for Guests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guests").finish_non_exhaustive()
    }
}

impl Collector for Guests {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (groups, mut hidden) = grouped(self.process.metrics.readings());
        let mut taken = self.host.reserved();
        taken.insert(HIDDEN.to_owned());
        for ((name, kind), series) in &groups {
            match Family::claim(name, *kind, &mut taken) {
                Some(family) => family.encode(&mut encoder, series)?,
                None => hidden += series.len() as u64,
            }
        }
        let help = "Metrics of the filter that are not shown, since another has the name or there are too many.";
        let mut gauge = encoder.encode_descriptor(HIDDEN, help, None, MetricType::Gauge)?;
        gauge.encode_gauge(&hidden.saturating_add(self.process.metrics.unlisted()))
    }
}

/// The readings by name and kind, and how many have no place.
fn grouped(readings: Vec<(String, Reading)>) -> (Groups, u64) {
    let (mut groups, mut hidden) = (Groups::new(), 0);
    for (encoded, reading) in readings {
        let Some(series) = decode(&encoded) else {
            hidden += 1;
            continue;
        };
        let kind = match &reading {
            Reading::Counter(_) => Kind::Counter,
            Reading::Gauge(_) => Kind::Gauge,
            Reading::Histogram(_) => Kind::Histogram,
        };
        match groups.entry((series.name, kind)).or_default().entry(series.labels) {
            Entry::Vacant(place) => drop(place.insert(reading)),
            Entry::Occupied(_) => hidden += 1,
        }
    }
    (groups, hidden)
}

/// The name and type under which a group is shown.
struct Family<'a> {
    name: &'a str,
    metric_type: MetricType,
}

impl<'a> Family<'a> {
    /// Takes the names that a family needs. A counter that can't have those of a counter is shown as `unknown`.
    fn claim(name: &'a str, kind: Kind, taken: &mut HashSet<String>) -> Option<Self> {
        let total = name.strip_suffix("_total").filter(|base| !base.is_empty());
        let shapes: &[_] = match (kind, total) {
            (Kind::Counter, Some(base)) => &[(base, MetricType::Counter), (name, MetricType::Unknown)],
            (Kind::Counter, None) => &[(name, MetricType::Unknown)],
            (Kind::Gauge, _) => &[(name, MetricType::Gauge)],
            (Kind::Histogram, _) => &[(name, MetricType::Histogram)],
        };
        let mut fits = |name: &str, metric_type| {
            let names = sample_names(name, metric_type);
            let free = names.iter().all(|name| !taken.contains(name));
            if free {
                taken.extend(names);
            }
            free
        };
        let shape = shapes.iter().find(|(name, metric_type)| fits(name, *metric_type));
        shape.map(|(name, metric_type)| Self { name, metric_type: *metric_type })
    }

    fn encode(&self, encoder: &mut DescriptorEncoder<'_>, series: &BTreeMap<Labels, Reading>) -> fmt::Result {
        let mut metrics = encoder.encode_descriptor(self.name, "Defined by the filter.", None, self.metric_type)?;
        for (labels, reading) in series {
            let mut metric = metrics.encode_family(labels)?;
            match reading {
                Reading::Counter(value) if matches!(self.metric_type, MetricType::Counter) => {
                    metric.encode_counter::<NoLabelSet, _, f64>(value, None)?;
                }
                Reading::Counter(value) | Reading::Gauge(value) => metric.encode_gauge(value)?,
                Reading::Histogram(distribution) => encode_histogram(&mut metric, distribution)?,
            }
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a sum above 2^53 is a float in Prometheus too")]
fn encode_histogram(metric: &mut MetricEncoder<'_>, distribution: &Distribution) -> fmt::Result {
    let above = (f64::INFINITY, distribution.above);
    let buckets: Vec<_> = distribution.buckets.iter().copied().chain([above]).collect();
    metric.encode_histogram::<NoLabelSet>(distribution.sum as f64, distribution.count(), &buckets, None)
}

/// The names that no other family may have beside a family.
pub(super) fn sample_names(family: &str, metric_type: MetricType) -> Vec<String> {
    let suffixes: &[&str] = match metric_type {
        MetricType::Counter => &["", "_total", "_created"],
        MetricType::Histogram => &["", "_bucket", "_sum", "_count", "_created"],
        MetricType::Gauge | MetricType::Unknown | MetricType::Info => &[""],
    };
    suffixes.iter().map(|suffix| format!("{family}{suffix}")).collect()
}
