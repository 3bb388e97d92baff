//! What an operator says of a filter.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// What becomes of the streams of a VM that has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailurePolicy {
    /// They get 503, and so does every later one.
    Closed,
    /// The stream in which it failed gets 503; later ones pass unfiltered.
    Open,
    /// They get 503; a later one makes the VM anew, no sooner than `backoff` (and up to half as much again) after the last
    /// time.
    Reload {
        /// The least time between two VMs.
        backoff: Duration,
    },
}

/// What one VM may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The linear memory of the VM; growing beyond it fails as in a full machine.
    pub memory_bytes: usize,
    /// The longest that one call into the guest may take before it is a trap.
    pub call_time: Duration,
    /// HTTP and gRPC calls that may wait for an answer; one more is refused.
    pub pending_calls: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory_bytes: 256 << 20, call_time: Duration::from_secs(1), pending_calls: 4_096 }
    }
}

/// The proxy that a filter runs in, as Envoy's `node`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// What guests read as `xds.node.id`.
    pub id: String,
    /// What guests read as `xds.node.cluster`.
    pub cluster: String,
}

/// A filter's configuration, as in Envoy's `PluginConfig` and `VmConfig`.
#[derive(Clone)]
pub struct Plugin {
    /// The name in logs and statistics.
    pub name: String,
    /// Tells root contexts of one VM apart.
    pub root_id: String,
    /// VMs of one id share data and queues.
    pub vm_id: String,
    /// What `proxy_on_vm_start` can read.
    pub vm_configuration: Bytes,
    /// What `proxy_on_configure` can read.
    pub configuration: Bytes,
    /// What the guest finds in its environment.
    pub environment_variables: BTreeMap<String, String>,
    /// What becomes of streams when the VM fails.
    pub failure_policy: FailurePolicy,
    /// Whether pausing in a headers callback lets body callbacks go on (Envoy's field of this name).
    pub allow_on_headers_stop_iteration: bool,
    /// What one VM may use.
    pub limits: Limits,
    /// The proxy.
    pub node: Node,
}

impl Default for Plugin {
    fn default() -> Self {
        Self {
            name: String::from("filter"),
            root_id: String::new(),
            vm_id: String::new(),
            vm_configuration: Bytes::new(),
            configuration: Bytes::new(),
            environment_variables: BTreeMap::new(),
            failure_policy: FailurePolicy::Closed,
            allow_on_headers_stop_iteration: false,
            limits: Limits::default(),
            node: Node::default(),
        }
    }
}

/// Without configurations and the values of variables, which may hold secrets.
impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.name)
            .field("root_id", &self.root_id)
            .field("vm_id", &self.vm_id)
            .field("environment_variables", &self.environment_variables.keys())
            .field("failure_policy", &self.failure_policy)
            .finish_non_exhaustive()
    }
}
