//! The config as its file has it.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The whole file; lists stay values, so that each element is read, and refused, on its own.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ProxyWire {
    pub(super) node: Option<Value>,
    pub(super) workers: Option<usize>,
    pub(super) max_connections: Option<usize>,
    pub(super) drain_timeout: Option<String>,
    pub(super) plugin: Option<Value>,
    pub(super) listeners: Vec<Value>,
    pub(super) clusters: Vec<Value>,
    pub(super) admin: Option<Value>,
    pub(super) access_log: Option<Value>,
    pub(super) tracing: Option<Value>,
    pub(super) histogram_buckets: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NodeWire {
    pub(super) id: Option<String>,
    pub(super) cluster: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PluginWire {
    pub(super) wasm: PathBuf,
    pub(super) configuration: Option<PathBuf>,
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) root_id: String,
    #[serde(default)]
    pub(super) vm_id: String,
    pub(super) vm_configuration: Option<PathBuf>,
    #[serde(default)]
    pub(super) environment_variables: EnvironmentWire,
    #[serde(default)]
    pub(super) failure_policy: FailurePolicyWire,
    pub(super) reload_backoff: Option<String>,
    #[serde(default)]
    pub(super) allow_on_headers_stop_iteration: bool,
    #[serde(default)]
    pub(super) limits: LimitsWire,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EnvironmentWire {
    pub(super) host_env_keys: Vec<String>,
    pub(super) key_values: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq, Eq)]
pub(super) enum FailurePolicyWire {
    #[default]
    #[serde(rename = "fail_closed")]
    Closed,
    #[serde(rename = "fail_open")]
    Open,
    #[serde(rename = "fail_reload")]
    Reload,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsWire {
    pub(super) memory_bytes: Option<usize>,
    pub(super) call_time: Option<String>,
    pub(super) pending_calls: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListenerWire {
    pub(super) name: String,
    pub(super) address: String,
    #[serde(default)]
    pub(super) direction: DirectionWire,
    pub(super) buffer_limit_bytes: Option<usize>,
    pub(super) request_headers_timeout: Option<String>,
    pub(super) stream_idle_timeout: Option<String>,
    pub(super) request_timeout: Option<String>,
    #[serde(default)]
    pub(super) routes: Vec<Value>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DirectionWire {
    #[default]
    Unspecified,
    Inbound,
    Outbound,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteWire {
    #[serde(default)]
    pub(super) name: String,
    pub(super) authority: Option<String>,
    pub(super) path_prefix: Option<String>,
    pub(super) cluster: Option<String>,
    pub(super) cluster_header: Option<String>,
    pub(super) timeout: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClusterWire {
    pub(super) name: String,
    pub(super) endpoints: Vec<String>,
    #[serde(default)]
    pub(super) protocol: ProtocolWire,
    pub(super) tls: Option<TlsWire>,
    pub(super) credential: Option<CredentialWire>,
    pub(super) connect_timeout: Option<String>,
    pub(super) idle_timeout: Option<String>,
    pub(super) max_connections: Option<usize>,
    pub(super) max_pending: Option<usize>,
    pub(super) max_requests: Option<usize>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ProtocolWire {
    #[default]
    Http1,
    Http2,
    Auto,
    Downstream,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TlsWire {
    pub(super) sni: Option<String>,
    pub(super) ca_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CredentialWire {
    #[serde(default = "authorization")]
    pub(super) header: String,
    pub(super) file: PathBuf,
}

fn authorization() -> String {
    String::from("authorization")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AdminWire {
    pub(super) address: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AccessLogWire {
    pub(super) path: PathBuf,
    #[serde(default)]
    pub(super) failures_only: bool,
    #[serde(default)]
    pub(super) log_query: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TracingWire {
    pub(super) endpoint: String,
    pub(super) service_name: Option<String>,
    pub(super) sampling: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BucketsWire {
    #[serde(default)]
    pub(super) prefix: String,
    pub(super) bounds: Vec<f64>,
}
