//! Metrics that guests define, by their encoded names.
use crate::abi::MetricKind;
use std::sync::Arc;

/// One counter, gauge or histogram, shared by all who defined its name.
#[derive(Debug)]
pub struct Metric {}

/// Why a metric did not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricError {
    /// Its kind takes no such call.
    BadArgument,
}

/// Counters, gauges and histograms by encoded name.
#[derive(Default)]
pub struct Metrics {}

impl Metrics {
    /// Defines a metric, or finds it.
    pub fn define(&self, kind: MetricKind, name: &str) -> Arc<Metric> {
        let _ = (kind, name);
        Arc::new(Metric {})
    }
}

impl Metric {
    /// `proxy_increment_metric`: adds to a counter (positive only) or a gauge.
    ///
    /// # Errors
    /// [`MetricError::BadArgument`].
    pub fn increment(&self, offset: i64) -> Result<(), MetricError> {
        let _ = offset;
        Ok(())
    }

    /// `proxy_record_metric`: adds to a counter, sets a gauge, records into a histogram.
    pub fn record(&self, value: u64) {
        let _ = value;
    }

    /// `proxy_get_metric`.
    ///
    /// # Errors
    /// [`MetricError::BadArgument`] for a histogram.
    pub fn get(&self) -> Result<u64, MetricError> {
        Ok(0)
    }
}
