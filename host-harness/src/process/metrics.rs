//! Metrics that guests define, by their encoded names: `label=.=value;.;name`.
//!
//! Each kind has names of its own, as in Envoy: a counter and a gauge of one name are two metrics. A metric is never freed,
//! so that a VM that is made anew counts on.

mod histogram;

use crate::abi::{MetricKind, Status};
use histogram::Histogram;
pub use histogram::{DEFAULT_BUCKETS, Distribution};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

/// Why a metric did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetricError {
    /// Its kind takes no such call.
    #[error("a metric of this kind takes no such call")]
    BadArgument,
}

impl From<MetricError> for Status {
    fn from(MetricError::BadArgument: MetricError) -> Self {
        Self::BadArgument
    }
}

/// One counter, gauge or histogram, shared by all who defined its name.
#[derive(Debug)]
pub struct Metric {
    value: Value,
}

#[derive(Debug)]
enum Value {
    Counter(AtomicU64),
    Gauge(AtomicU64),
    Histogram(Histogram),
}

/// What a metric says at one moment.
#[derive(Clone, Debug, PartialEq)]
pub enum Reading {
    /// The sum of what was added.
    Counter(u64),
    /// The last value. One that went below zero has wrapped around, as in Envoy.
    Gauge(u64),
    /// Values by size.
    Histogram(Distribution),
}

/// The bounds of a histogram's buckets, for those whose encoded name begins with a prefix. Envoy's
/// `histogram_bucket_settings`, with Envoy's own prefix `wasmcustom.` left out.
#[derive(Clone, Debug, PartialEq)]
pub struct BucketSetting {
    /// How the encoded name begins; empty for every name.
    pub prefix: String,
    /// The upper bounds, in the unit of what is recorded. They are sorted, and what is not a number is left out.
    pub bounds: Vec<f64>,
}

/// Counters, gauges and histograms by encoded name.
#[derive(Default)]
pub struct Metrics {
    buckets: Vec<BucketSetting>,
    registry: RwLock<Registry>,
    unlisted: AtomicU64,
}

#[derive(Default)]
struct Registry {
    metrics: BTreeMap<String, Kinds>,
    count: usize,
    name_bytes: usize,
}

/// The metrics of one name, by kind.
type Kinds = [Option<Arc<Metric>>; 3];

impl Metrics {
    /// How many metrics guests may define. Envoy has no bound. A metric that is one too many works for the guest that defined it
    /// but is not listed: most guests take no error here and would fail.
    pub const MAX_METRICS: usize = 100_000;

    /// How many bytes the names of all metrics may have together.
    pub const MAX_NAME_BYTES: usize = 32 << 20;

    /// No metrics yet. The first setting that fits a histogram's name counts; [`DEFAULT_BUCKETS`] if none does.
    pub fn with_buckets(buckets: Vec<BucketSetting>) -> Self {
        Self { buckets, ..Self::default() }
    }

    /// Defines a metric, or finds it.
    pub fn define(&self, kind: MetricKind, name: &str) -> Arc<Metric> {
        if let Some(known) = self.find(kind, name) {
            return known;
        }
        let metric = Arc::new(self.new_metric(kind, name));
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        registry.insert(kind, name, &metric).unwrap_or_else(|| {
            self.unlisted.fetch_add(1, Relaxed);
            metric
        })
    }

    /// A metric that is defined.
    pub fn find(&self, kind: MetricKind, name: &str) -> Option<Arc<Metric>> {
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        registry.metrics.get(name)?.get(kind as usize)?.clone()
    }

    /// Every metric with its encoded name: in the order of names; for one name the counter, the gauge, the histogram.
    pub fn readings(&self) -> Vec<(String, Reading)> {
        let registry = self.registry.read().unwrap_or_else(PoisonError::into_inner);
        let named = |(name, kinds): (&String, &Kinds)| {
            kinds.iter().flatten().map(|metric| (name.clone(), metric.read())).collect::<Vec<_>>()
        };
        registry.metrics.iter().flat_map(named).collect()
    }

    /// How many definitions came when there was no room, so that they are in no reading.
    pub fn unlisted(&self) -> u64 {
        self.unlisted.load(Relaxed)
    }

    fn new_metric(&self, kind: MetricKind, name: &str) -> Metric {
        let value = match kind {
            MetricKind::Counter => Value::Counter(AtomicU64::new(0)),
            MetricKind::Gauge => Value::Gauge(AtomicU64::new(0)),
            MetricKind::Histogram => Value::Histogram(Histogram::new(self.bounds(name))),
        };
        Metric { value }
    }

    fn bounds(&self, name: &str) -> &[f64] {
        let setting = self.buckets.iter().find(|setting| name.starts_with(&setting.prefix));
        setting.map_or(&DEFAULT_BUCKETS, |setting| &setting.bounds)
    }
}

impl Registry {
    /// The metric that stands here now: another thread's if it was faster; `None` if there is no room.
    fn insert(&mut self, kind: MetricKind, name: &str, metric: &Arc<Metric>) -> Option<Arc<Metric>> {
        let known = self.metrics.get(name).and_then(|kinds| kinds.get(kind as usize)?.clone());
        if known.is_some() {
            return known;
        }
        let name_bytes = self.name_bytes + name.len();
        if self.count >= Metrics::MAX_METRICS || name_bytes > Metrics::MAX_NAME_BYTES {
            return None;
        }
        let place = self.metrics.entry(name.to_owned()).or_default().get_mut(kind as usize)?;
        *place = Some(Arc::clone(metric));
        (self.count, self.name_bytes) = (self.count + 1, name_bytes);
        Some(Arc::clone(metric))
    }
}

impl Metric {
    /// `proxy_increment_metric`: adds to a counter (positive only) or a gauge.
    ///
    /// # Errors
    /// [`MetricError::BadArgument`] for a counter that should not grow, and for a histogram.
    pub fn increment(&self, offset: i64) -> Result<(), MetricError> {
        match &self.value {
            Value::Counter(value) if offset > 0 => value.fetch_add(offset.unsigned_abs(), Relaxed),
            Value::Gauge(value) => value.fetch_add(offset.cast_unsigned(), Relaxed),
            Value::Counter(_) | Value::Histogram(_) => return Err(MetricError::BadArgument),
        };
        Ok(())
    }

    /// `proxy_record_metric`: adds to a counter, sets a gauge, records into a histogram.
    pub fn record(&self, value: u64) {
        match &self.value {
            Value::Counter(counter) => {
                counter.fetch_add(value, Relaxed);
            }
            Value::Gauge(gauge) => gauge.store(value, Relaxed),
            Value::Histogram(histogram) => histogram.record(value),
        }
    }

    /// `proxy_get_metric`.
    ///
    /// # Errors
    /// [`MetricError::BadArgument`] for a histogram.
    pub fn get(&self) -> Result<u64, MetricError> {
        match &self.value {
            Value::Counter(value) | Value::Gauge(value) => Ok(value.load(Relaxed)),
            Value::Histogram(_) => Err(MetricError::BadArgument),
        }
    }

    /// What it says now.
    pub fn read(&self) -> Reading {
        match &self.value {
            Value::Counter(value) => Reading::Counter(value.load(Relaxed)),
            Value::Gauge(value) => Reading::Gauge(value.load(Relaxed)),
            Value::Histogram(histogram) => Reading::Histogram(histogram.read()),
        }
    }
}

#[cfg(test)]
mod tests;
