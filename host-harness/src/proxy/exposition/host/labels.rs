//! Labels of the host's own metrics, and a counter that keeps its name.

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::{MetricType, TypedMetric};
use std::fmt;

/// A listener.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ListenerLabels {
    /// The listener's name.
    pub envoy_http_conn_manager_prefix: String,
}

/// A listener and a class of statuses.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ListenerClassLabels {
    /// The first digit of the status.
    pub envoy_response_code_class: u8,
    /// The listener's name.
    pub envoy_http_conn_manager_prefix: String,
}

/// A cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ClusterLabels {
    /// The cluster's name.
    pub envoy_cluster_name: String,
}

/// A cluster and a class of statuses.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ClusterClassLabels {
    /// The first digit of the status.
    pub envoy_response_code_class: u8,
    /// The cluster's name.
    pub envoy_cluster_name: String,
}

impl ListenerLabels {
    pub(super) fn with_class(&self, envoy_response_code_class: u8) -> ListenerClassLabels {
        let envoy_http_conn_manager_prefix = self.envoy_http_conn_manager_prefix.clone();
        ListenerClassLabels { envoy_response_code_class, envoy_http_conn_manager_prefix }
    }
}

impl ClusterLabels {
    pub(super) fn with_class(&self, envoy_response_code_class: u8) -> ClusterClassLabels {
        ClusterClassLabels { envoy_response_code_class, envoy_cluster_name: self.envoy_cluster_name.clone() }
    }
}

/// A counter that is shown by its name alone, as Envoy's are: OpenMetrics would have `_total` behind it.
#[derive(Clone, Debug, Default)]
pub struct Count(Counter);

impl Count {
    /// Counts one.
    pub fn inc(&self) {
        self.0.inc();
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

impl TypedMetric for Count {
    const TYPE: MetricType = MetricType::Unknown;
}

impl EncodeMetric for Count {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_gauge(&self.get())
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}
