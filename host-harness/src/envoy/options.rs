//! What a caller may choose about an Envoy of its own.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::Value;

use super::EnvoyError;

/// The environment variable that names the Envoy binary; `scripts/run` and `scripts/test` set it.
pub const BINARY_VARIABLE: &str = "POINTSMAN_ENVOY";

/// The Envoy binary that [`BINARY_VARIABLE`] names.
///
/// # Errors
/// [`EnvoyError::NoBinary`], which says how to get one.
pub fn binary_from_env() -> Result<PathBuf, EnvoyError> {
    match std::env::var_os(BINARY_VARIABLE) {
        Some(binary) if !binary.is_empty() => Ok(binary.into()),
        _ => Err(EnvoyError::NoBinary),
    }
}

/// What stands in the filter chains of both listeners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// A proxy-wasm module.
    Wasm(PathBuf),
    /// Nothing: the filter is taken out, for comparison.
    None,
}

/// What stands in the rules file when Envoy starts. Without a filter it has no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rules {
    /// A plugin configuration, wrapped as `pointsman render --target ecds` does it.
    Config(String),
    /// The whole file, as it is.
    Raw(String),
    /// Nobody has put rules there. As `envoy/start` does it, an empty file takes their place: Envoy would not start
    /// without one.
    Missing,
}

/// How Envoy speaks to an upstream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Protocol {
    /// As the bootstrap has it; what it leaves to ALPN becomes HTTP/1.1, since there is no TLS.
    #[default]
    AsShipped,
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
}

/// Where a cluster leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upstream {
    /// A server in plain TCP.
    pub addr: SocketAddr,
    /// What it is spoken to in.
    pub protocol: Protocol,
}

impl From<SocketAddr> for Upstream {
    fn from(addr: SocketAddr) -> Self {
        Self { addr, protocol: Protocol::default() }
    }
}

/// A last change to the adapted bootstrap.
pub type Edit = Box<dyn FnOnce(&mut Value) + Send>;

/// How to start an Envoy. [`Options::new`] has defaults for all but three.
pub struct Options {
    /// The Envoy program.
    pub binary: PathBuf,
    /// The bootstrap that ships, `envoy/bootstrap.yaml`.
    pub bootstrap: PathBuf,
    /// The filter in both chains.
    pub filter: Filter,
    /// The rules at start; [`Rules::Missing`] by default.
    pub rules: Rules,
    /// Where clusters lead, by the cluster's name; all others refuse connections.
    pub upstreams: BTreeMap<String, Upstream>,
    /// What stands in the header that a cluster's requests carry as credential, by the cluster's name; none by default.
    pub credentials: BTreeMap<String, String>,
    /// The number of worker threads; 1 by default.
    pub concurrency: u32,
    /// What `POINTSMAN_SECRET` is for Envoy; unset by default, whatever this process's own environment says.
    pub secret: Option<String>,
    /// What to log more of, as for `--component-log-level`: `wasm:trace` shows every host call.
    pub log_level: Option<String>,
    /// A change to the bootstrap, after all others.
    pub edit: Option<Edit>,
}

impl Options {
    /// One worker, no rules, no secret, no upstreams.
    pub fn new(binary: impl Into<PathBuf>, bootstrap: impl Into<PathBuf>, filter: Filter) -> Self {
        Self {
            binary: binary.into(),
            bootstrap: bootstrap.into(),
            filter,
            rules: Rules::Missing,
            upstreams: BTreeMap::new(),
            credentials: BTreeMap::new(),
            concurrency: 1,
            secret: None,
            log_level: None,
            edit: None,
        }
    }

    /// Leads a cluster to an upstream.
    #[must_use]
    pub fn upstream(mut self, cluster: &str, upstream: impl Into<Upstream>) -> Self {
        self.upstreams.insert(cluster.to_owned(), upstream.into());
        self
    }

    /// Gives a cluster its credential, such as `Bearer ...`. The bootstrap must have a place for it.
    #[must_use]
    pub fn credential(mut self, cluster: &str, value: &str) -> Self {
        self.credentials.insert(cluster.to_owned(), value.to_owned());
        self
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither secrets nor the closure has anything to show.
        f.debug_struct("Options")
            .field("binary", &self.binary)
            .field("filter", &self.filter)
            .field("rules", &self.rules)
            .field("upstreams", &self.upstreams)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}
