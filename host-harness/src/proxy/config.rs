//! What an operator says of a proxy, checked: every relation between its parts holds once [`ProxyConfig::check`] finds no
//! fault. It is a value, so that a program can make one with no file.

mod check;
mod decode;
mod effective;
mod records;
mod wire;

pub use decode::load;
pub use pointsman_core::config::{Fault, Faults};

use crate::filter::{FailurePolicy, Limits, Node, TrafficDirection};
use crate::process::BucketSetting;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

/// A proxy: listeners in front, one filter, clusters behind.
#[derive(Clone, Debug, PartialEq)]
pub struct ProxyConfig {
    /// What the filter reads as `xds.node`.
    pub node: Node,
    /// How many threads serve, each with a VM of its own.
    pub workers: usize,
    /// The most client connections at a time, over all listeners; further ones wait in the listeners' backlogs.
    pub max_connections: usize,
    /// How long streams may take to end once the proxy is told to stop.
    pub drain_timeout: Duration,
    /// The filter.
    pub plugin: PluginConfig,
    /// Where clients come in.
    pub listeners: Vec<ListenerConfig>,
    /// Where requests and the filter's calls go.
    pub clusters: Vec<ClusterConfig>,
    /// Where `/metrics`, `/ready` and `/config` are served.
    pub admin: Option<SocketAddr>,
    /// Where access log lines go.
    pub access_log: Option<AccessLogConfig>,
    /// Where the proxy's own spans go.
    pub tracing: Option<TracingConfig>,
    /// The buckets of the filter's histograms, in the order of preference. They are part of the
    /// [`Process`](crate::process::Process), which whoever starts the proxy makes.
    pub histogram_buckets: Vec<BucketSetting>,
}

/// A filter and its settings, in the terms of Envoy's `PluginConfig` and `VmConfig`.
#[derive(Clone, PartialEq)]
pub struct PluginConfig {
    /// The module.
    pub wasm: Source,
    /// What `proxy_on_configure` can read.
    pub configuration: Source,
    /// The name in logs and statistics.
    pub name: String,
    /// Tells root contexts of one VM apart.
    pub root_id: String,
    /// VMs of one id share data and queues.
    pub vm_id: String,
    /// What `proxy_on_vm_start` can read.
    pub vm_configuration: Source,
    /// What the guest finds in its environment. Values may be secrets.
    pub environment_variables: BTreeMap<String, String>,
    /// What becomes of streams when the VM fails.
    pub failure_policy: FailurePolicy,
    /// Whether pausing in a headers callback lets body callbacks go on.
    pub allow_on_headers_stop_iteration: bool,
    /// What one VM may use.
    pub limits: Limits,
}

/// Bytes, or the file that holds them.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// The bytes themselves.
    Inline(Bytes),
    /// A file, read at the start and again whenever it changes.
    File(PathBuf),
}

/// Where clients come in.
#[derive(Clone, Debug, PartialEq)]
pub struct ListenerConfig {
    /// The name, by which its bound address is found.
    pub name: String,
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// Which side of the service it is, as `xds.listener_direction`.
    pub direction: TrafficDirection,
    /// Envoy's `per_connection_buffer_limit_bytes`: the most that waits of one half of a stream.
    pub buffer_limit_bytes: usize,
    /// How long a client may take to send the headers of a request.
    pub request_headers_timeout: Option<Duration>,
    /// How long a stream may be silent in both directions.
    pub stream_idle_timeout: Option<Duration>,
    /// How long a client may take to send a whole request.
    pub request_timeout: Option<Duration>,
    /// Where requests go: the most specific authority wins, then the first route whose path matches.
    pub routes: Vec<RouteConfig>,
}

/// Where some requests go.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteConfig {
    /// The name, as `xds.route_name`.
    pub name: String,
    /// `*`, `api.example.com` or `*.example.com`; a port in the request does not matter.
    pub authority: String,
    /// What the path begins with.
    pub path_prefix: String,
    /// The cluster.
    pub cluster: ClusterChoice,
    /// How long the upstream may take from the end of the request to the end of the response.
    pub timeout: Option<Duration>,
}

/// How a route names its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterChoice {
    /// By its name.
    Named(String),
    /// By the value of a request header, which a filter may set.
    FromHeader(String),
}

/// Some endpoints that are as good as each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterConfig {
    /// The name.
    pub name: String,
    /// Where it is; none answers 503.
    pub endpoints: Vec<Endpoint>,
    /// What is spoken to it.
    pub protocol: Protocol,
    /// How it is encrypted; `None` is clear text.
    pub tls: Option<TlsConfig>,
    /// What every request to it carries as its credential.
    pub credential: Option<CredentialConfig>,
    /// How long connecting may take, TLS included.
    pub connect_timeout: Duration,
    /// How long a connection may be idle before it is closed.
    pub idle_timeout: Duration,
    /// The most HTTP/1 connections.
    pub max_connections: usize,
    /// The most requests that wait for a connection.
    pub max_pending: usize,
    /// The most requests at a time.
    pub max_requests: usize,
}

/// What is spoken to a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Protocol {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2; without TLS with prior knowledge.
    Http2,
    /// What the endpoint chooses by ALPN; needs TLS.
    Auto,
    /// What the client speaks.
    Downstream,
}

/// How a cluster is encrypted.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TlsConfig {
    /// The name that the endpoint must have; `None` takes the endpoint's host.
    pub sni: Option<String>,
    /// The authorities that may have signed it, as PEM; `None` takes those that browsers trust.
    pub ca: Option<Source>,
}

/// A header that every request to a cluster carries, be it a client's or a call of the filter. It takes the place of what
/// the request had; as long as there is none, the request passes as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialConfig {
    /// The header's name, in lower case.
    pub header: String,
    /// Its value, without the line end that a file has. A file that is not there, or is empty, is no credential yet.
    pub value: Source,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// An address.
    Socket(SocketAddr),
    /// A name to be looked up.
    Name {
        /// The name.
        host: String,
        /// The port.
        port: u16,
    },
}

/// Where access log lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLogConfig {
    /// The file, to which lines are added; `/dev/stdout` works.
    pub path: PathBuf,
    /// Only what failed: a status of 500 or more, or a response flag.
    pub failures_only: bool,
    /// Whether paths are logged with their query, which may hold tokens.
    pub log_query: bool,
}

/// Where the proxy's own spans go.
#[derive(Clone, Debug, PartialEq)]
pub struct TracingConfig {
    /// An OTLP/HTTP endpoint such as `http://127.0.0.1:4318`.
    pub endpoint: String,
    /// The `service.name`.
    pub service_name: String,
    /// The share of new traces that are recorded.
    pub sampling: f64,
}

/// One worker, nothing that it could do: fill in the rest.
impl Default for ProxyConfig {
    fn default() -> Self {
        Self {
            node: Node { id: String::from("pointsman"), cluster: String::from("pointsman") },
            workers: 1,
            max_connections: 20_000,
            drain_timeout: Duration::from_secs(30),
            plugin: PluginConfig::default(),
            listeners: Vec::new(),
            clusters: Vec::new(),
            admin: None,
            access_log: None,
            tracing: None,
            histogram_buckets: Vec::new(),
        }
    }
}

impl Default for PluginConfig {
    fn default() -> Self {
        Self {
            wasm: Source::default(),
            configuration: Source::default(),
            name: String::from("filter"),
            root_id: String::new(),
            vm_id: String::new(),
            vm_configuration: Source::default(),
            environment_variables: BTreeMap::new(),
            failure_policy: FailurePolicy::Closed,
            allow_on_headers_stop_iteration: false,
            limits: Limits::default(),
        }
    }
}

/// Without the values of variables, which may hold secrets.
impl fmt::Debug for PluginConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginConfig")
            .field("wasm", &self.wasm)
            .field("configuration", &self.configuration)
            .field("name", &self.name)
            .field("environment_variables", &self.environment_variables.keys())
            .finish_non_exhaustive()
    }
}

impl Default for Source {
    fn default() -> Self {
        Self::Inline(Bytes::new())
    }
}

/// Envoy's defaults on a free loopback port.
impl Default for ListenerConfig {
    fn default() -> Self {
        Self {
            name: String::from("inbound"),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            direction: TrafficDirection::Inbound,
            buffer_limit_bytes: 1 << 20,
            request_headers_timeout: Some(Duration::from_secs(10)),
            stream_idle_timeout: Some(Duration::from_secs(300)),
            request_timeout: None,
            routes: Vec::new(),
        }
    }
}

impl RouteConfig {
    /// Every request to one cluster, with Envoy's timeout of 15 s.
    pub fn to(cluster: impl Into<String>) -> Self {
        Self {
            name: String::new(),
            authority: String::from("*"),
            path_prefix: String::from("/"),
            cluster: ClusterChoice::Named(cluster.into()),
            timeout: Some(Duration::from_secs(15)),
        }
    }
}

impl ClusterConfig {
    /// HTTP/1.1 in clear text, with Envoy's limits.
    pub fn new(name: impl Into<String>, endpoints: Vec<Endpoint>) -> Self {
        Self {
            name: name.into(),
            endpoints,
            protocol: Protocol::Http1,
            tls: None,
            credential: None,
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(30),
            max_connections: 1024,
            max_pending: 1024,
            max_requests: 1024,
        }
    }
}

impl Source {
    /// The bytes, read anew if they are in a file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(&self) -> std::io::Result<Bytes> {
        match self {
            Self::Inline(bytes) => Ok(bytes.clone()),
            Self::File(path) => std::fs::read(path).map(Bytes::from),
        }
    }
}

/// How many bytes, or which file: the bytes may hold secrets.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inline(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Socket(address));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(|| format!("\"{text}\" is not HOST:PORT"))?;
        let port = port.parse().map_err(|_| format!("\"{text}\" has no port from 0 to 65535 behind the colon"))?;
        if host.is_empty() || host.contains([':', '/', ' ']) {
            return Err(format!("\"{text}\" is not HOST:PORT"));
        }
        Ok(Self::Name { host: host.to_owned(), port })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}
