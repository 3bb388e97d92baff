//! Series of the core as metrics of the host.

use crate::host::{self, HostError, MetricKind};
use pointsman_core::metrics::{Kind, Metrics, SeriesId};
use std::collections::HashMap;

/// The host's ids of the series that have been defined.
#[derive(Default)]
pub(crate) struct HostMetrics {
    by_series: Vec<Option<u32>>,
    gauges: HashMap<String, u32>,
}

impl HostMetrics {
    /// Defines every series that exists, so that it is exported as zero.
    pub(crate) fn define_all(&mut self, metrics: &Metrics) {
        for id in metrics.ids() {
            self.host_id(metrics, id);
        }
    }

    /// Hands the counts that wait to the host. What the host refuses is lost: there is nowhere to keep it.
    pub(crate) fn flush(&mut self, metrics: &mut Metrics) {
        for (id, count) in metrics.take_counts() {
            if let Some(host_id) = self.host_id(metrics, id) {
                let _ = host::increment_metric(host_id, count);
            }
        }
        self.record_samples(metrics);
    }

    /// Hands the histogram values that wait to the host.
    pub(crate) fn record_samples(&mut self, metrics: &mut Metrics) {
        while let Some((id, value)) = metrics.take_sample() {
            if let Some(host_id) = self.host_id(metrics, id) {
                let _ = host::record_metric(host_id, value);
            }
        }
    }

    /// Sets a gauge.
    pub(crate) fn set_gauge(&mut self, name: &str, value: u64) -> Result<(), HostError> {
        let id = match self.gauges.get(name) {
            Some(id) => *id,
            None => {
                let id = host::define_metric(MetricKind::Gauge, name)?;
                self.gauges.insert(name.to_owned(), id);
                id
            }
        };
        host::record_metric(id, value)
    }

    fn host_id(&mut self, metrics: &Metrics, id: SeriesId) -> Option<u32> {
        if let Some(known) = self.by_series.get(id.index()).copied().flatten() {
            return Some(known);
        }
        let series = metrics.get(id)?;
        let kind = match series.kind {
            Kind::Counter => MetricKind::Counter,
            Kind::Histogram => MetricKind::Histogram,
        };
        let host_id = host::define_metric(kind, &series.name).ok()?;
        if self.by_series.len() <= id.index() {
            self.by_series.resize(id.index().checked_add(1)?, None);
        }
        *self.by_series.get_mut(id.index())? = Some(host_id);
        Some(host_id)
    }
}
