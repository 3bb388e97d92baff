//! The host's own metrics, under the names that Envoy gives to the same things, so that its dashboards work.

mod labels;
mod reloads;

pub use labels::{ClusterClassLabels, ClusterLabels, Count, ListenerClassLabels, ListenerLabels};
pub use reloads::Reloads;

use super::guests::sample_names;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Metric, Registry};
use reloads::ReloadsByPlugin;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// The host's own metrics. Clones are the same metrics.
#[derive(Clone, Debug, Default)]
pub struct HostMetrics {
    /// Requests that came in.
    pub downstream_rq: Family<ListenerLabels, Counter>,
    /// Requests that were answered, by class of the status.
    pub downstream_rq_xx: Family<ListenerClassLabels, Count>,
    /// Requests that are being served.
    pub downstream_rq_active: Family<ListenerLabels, Gauge>,
    /// Connections that came in.
    pub downstream_cx: Family<ListenerLabels, Counter>,
    /// Connections that are open.
    pub downstream_cx_active: Family<ListenerLabels, Gauge>,
    /// Requests that went to an upstream.
    pub upstream_rq: Family<ClusterLabels, Counter>,
    /// Answers of an upstream, by class of the status.
    pub upstream_rq_xx: Family<ClusterClassLabels, Count>,
    /// Requests that wait for an upstream.
    pub upstream_rq_active: Family<ClusterLabels, Gauge>,
    /// Requests that an upstream did not answer in time.
    pub upstream_rq_timeout: Family<ClusterLabels, Count>,
    /// Requests that were refused, since too many are at the upstream.
    pub upstream_rq_pending_overflow: Family<ClusterLabels, Count>,
    /// Connections that could not be made.
    pub upstream_cx_connect_fail: Family<ClusterLabels, Count>,
    /// Configurations that came into use after the first.
    pub config_update_success: Count,
    /// Configurations that were refused.
    pub config_update_rejected: Count,
    /// VMs that there are.
    pub wasm_vm_count: Gauge,
    /// Guests that failed; Envoy has no such number.
    pub wasm_traps: Counter,
    /// Calls of guests that wait for an answer; Envoy has no such number.
    pub wasm_calls_pending: Gauge,
    reloads: Arc<ReloadsByPlugin>,
}

/// The metrics of one listener, looked up once.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Requests that came in.
    pub rq: Counter,
    /// Requests that are being served.
    pub rq_active: Gauge,
    /// Connections that came in.
    pub cx: Counter,
    /// Connections that are open.
    pub cx_active: Gauge,
    rq_xx: [Count; 5],
}

/// The metrics of one cluster, looked up once.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Requests that went out.
    pub rq: Counter,
    /// Requests that wait for an answer.
    pub rq_active: Gauge,
    /// Requests that were not answered in time.
    pub rq_timeout: Count,
    /// Requests that were refused, since too many are out.
    pub rq_pending_overflow: Count,
    /// Connections that could not be made.
    pub cx_connect_fail: Count,
    rq_xx: [Count; 5],
}

impl HostMetrics {
    /// The metrics of a listener; all of them are shown from now on.
    pub fn listener(&self, stat_prefix: &str) -> Listener {
        let labels = ListenerLabels { envoy_http_conn_manager_prefix: stat_prefix.to_owned() };
        Listener {
            rq: self.downstream_rq.get_or_create_owned(&labels),
            rq_active: self.downstream_rq_active.get_or_create_owned(&labels),
            cx: self.downstream_cx.get_or_create_owned(&labels),
            cx_active: self.downstream_cx_active.get_or_create_owned(&labels),
            rq_xx: [1, 2, 3, 4, 5].map(|class| self.downstream_rq_xx.get_or_create_owned(&labels.with_class(class))),
        }
    }

    /// The metrics of a cluster; all of them are shown from now on.
    pub fn cluster(&self, name: &str) -> Cluster {
        let labels = ClusterLabels { envoy_cluster_name: name.to_owned() };
        Cluster {
            rq: self.upstream_rq.get_or_create_owned(&labels),
            rq_active: self.upstream_rq_active.get_or_create_owned(&labels),
            rq_timeout: self.upstream_rq_timeout.get_or_create_owned(&labels),
            rq_pending_overflow: self.upstream_rq_pending_overflow.get_or_create_owned(&labels),
            cx_connect_fail: self.upstream_cx_connect_fail.get_or_create_owned(&labels),
            rq_xx: [1, 2, 3, 4, 5].map(|class| self.upstream_rq_xx.get_or_create_owned(&labels.with_class(class))),
        }
    }

    /// How the VMs of a plugin were made anew: `envoy_wasm_<plugin>_vm_reload_success` and its like.
    pub fn reloads(&self, plugin: &str) -> Reloads {
        self.reloads.of(plugin)
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        for (name, help, metric) in self.families() {
            registry.register(name, help, Shown(metric));
        }
        registry.register_collector(Box::new(Arc::clone(&self.reloads)));
    }

    /// The names that guests can't have.
    pub(super) fn reserved(&self) -> HashSet<String> {
        let families = self.families().into_iter();
        let own = families.flat_map(|(name, _, metric)| sample_names(name, metric.metric_type()));
        own.chain(self.reloads.names()).collect()
    }

    fn families(&self) -> [(&'static str, &'static str, Box<dyn Metric>); 16] {
        [
            ("envoy_http_downstream_rq", "Requests that came in", Box::new(self.downstream_rq.clone())),
            ("envoy_http_downstream_rq_xx", "Answered requests", Box::new(self.downstream_rq_xx.clone())),
            ("envoy_http_downstream_rq_active", "Requests being served", Box::new(self.downstream_rq_active.clone())),
            ("envoy_http_downstream_cx", "Connections that came in", Box::new(self.downstream_cx.clone())),
            ("envoy_http_downstream_cx_active", "Open connections", Box::new(self.downstream_cx_active.clone())),
            ("envoy_cluster_upstream_rq", "Requests to the upstream", Box::new(self.upstream_rq.clone())),
            ("envoy_cluster_upstream_rq_xx", "Answers of the upstream", Box::new(self.upstream_rq_xx.clone())),
            ("envoy_cluster_upstream_rq_active", "Waiting requests", Box::new(self.upstream_rq_active.clone())),
            ("envoy_cluster_upstream_rq_timeout", "Not answered in time", Box::new(self.upstream_rq_timeout.clone())),
            (
                "envoy_cluster_upstream_rq_pending_overflow",
                "Requests refused, since too many are out",
                Box::new(self.upstream_rq_pending_overflow.clone()),
            ),
            (
                "envoy_cluster_upstream_cx_connect_fail",
                "Connections that could not be made",
                Box::new(self.upstream_cx_connect_fail.clone()),
            ),
            (
                "envoy_listener_manager_lds_update_success",
                "Configurations that came into use",
                Box::new(self.config_update_success.clone()),
            ),
            (
                "envoy_listener_manager_lds_update_rejected",
                "Configurations that were refused",
                Box::new(self.config_update_rejected.clone()),
            ),
            ("envoy_wasm_wasm_vm_count", "VMs", Box::new(self.wasm_vm_count.clone())),
            ("pointsman_host_wasm_traps", "Guests that failed", Box::new(self.wasm_traps.clone())),
            (
                "pointsman_host_wasm_calls_pending",
                "Calls of guests that wait for an answer",
                Box::new(self.wasm_calls_pending.clone()),
            ),
        ]
    }
}

impl Listener {
    /// A request was answered with this status.
    pub fn answered(&self, status: u16) {
        count_class(&self.rq_xx, status);
    }
}

impl Cluster {
    /// The upstream answered with this status.
    pub fn answered(&self, status: u16) {
        count_class(&self.rq_xx, status);
    }
}

/// A metric in the table of families; the registry takes no boxes.
#[derive(Debug)]
struct Shown(Box<dyn Metric>);

impl EncodeMetric for Shown {
    fn encode(&self, encoder: MetricEncoder<'_>) -> fmt::Result {
        self.0.encode(encoder)
    }

    fn metric_type(&self) -> MetricType {
        self.0.metric_type()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn count_class(classes: &[Count; 5], status: u16) {
    if let Some(class) = usize::from(status / 100).checked_sub(1).and_then(|class| classes.get(class)) {
        class.inc();
    }
}
