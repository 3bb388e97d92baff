//! A file to a [`ProxyConfig`], reporting every fault and not only the first: each element of a list is read on its own.

use super::wire::{
    AccessLogWire, AdminWire, BucketsWire, ClusterWire, CredentialWire, DirectionWire, FailurePolicyWire, ListenerWire,
    NodeWire, PluginWire, ProtocolWire, ProxyWire, RouteWire, TlsWire, TracingWire,
};
use super::{
    AccessLogConfig, ClusterChoice, ClusterConfig, CredentialConfig, Faults, ListenerConfig, PluginConfig, Protocol,
    ProxyConfig, RouteConfig, Source, TlsConfig, TracingConfig,
};
use crate::filter::{FailurePolicy, Limits, Node, TrafficDirection};
use crate::process::BucketSetting;
use pointsman_core::time::parse_duration;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Envoy's default of `reload_config.backoff.base_interval`.
const RELOAD_BACKOFF: Duration = Duration::from_secs(1);

/// Reads a config in YAML or JSON. Paths in it are relative to `directory`; `environment` gives the values of
/// `host_env_keys`.
///
/// # Errors
/// Every fault, each with its place.
pub fn load(text: &str, directory: &Path, environment: impl Fn(&str) -> Option<String>) -> Result<ProxyConfig, Faults> {
    let mut faults = Faults::default();
    // `off` is a word here, as in YAML 1.2.
    let options = serde_saphyr::options! { strict_booleans: true };
    let mut is_whole = true;
    let config = match serde_saphyr::from_str_with_options::<Value>(text, options) {
        Ok(document) => {
            let mut reader = Reader { directory, environment: &environment, faults: &mut faults, is_whole: true };
            let config = reader.proxy(document);
            is_whole = reader.is_whole;
            config
        }
        Err(error) => {
            faults.add("$", format!("is not YAML: {error}"));
            None
        }
    };
    // With an element missing, places would be wrong and names seem unknown.
    if let Some(config) = config.as_ref().filter(|_| is_whole) {
        config.check_into(&mut faults);
    }
    match config {
        Some(config) if faults.is_empty() => Ok(config),
        _ => Err(faults),
    }
}

struct Reader<'a> {
    directory: &'a Path,
    environment: &'a dyn Fn(&str) -> Option<String>,
    faults: &'a mut Faults,
    /// Whether nothing had to be left out.
    is_whole: bool,
}

impl Reader<'_> {
    fn section<T: DeserializeOwned>(&mut self, place: &str, value: Value) -> Option<T> {
        match serde_path_to_error::deserialize(value) {
            Ok(wire) => Some(wire),
            Err(error) => {
                let inner = error.path().to_string();
                let place = if inner == "." { place.to_owned() } else { format!("{place}.{inner}") };
                self.faults.add(place, error.inner());
                None
            }
        }
    }

    fn proxy(&mut self, document: Value) -> Option<ProxyConfig> {
        let wire: ProxyWire = self.section("$", document)?;
        let default = ProxyConfig::default();
        let plugin = match wire.plugin {
            Some(plugin) => self.section("$.plugin", plugin).map(|wire| self.plugin(wire)),
            None => {
                self.faults.add("$.plugin", "is missing: name the filter's .wasm file");
                None
            }
        };
        let admin = wire.admin.and_then(|admin| self.section("$.admin", admin));
        let admin = admin.and_then(|admin: AdminWire| self.address("$.admin.address", &admin.address));
        let access_log = wire.access_log.and_then(|log| self.section("$.access_log", log));
        let tracing = wire.tracing.and_then(|tracing| self.section("$.tracing", tracing));
        Some(ProxyConfig {
            node: self.node(wire.node),
            workers: wire.workers.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)),
            max_connections: wire.max_connections.unwrap_or(default.max_connections),
            drain_timeout: self.duration("$.drain_timeout", wire.drain_timeout, default.drain_timeout),
            plugin: plugin.unwrap_or(default.plugin),
            listeners: self.elements("$.listeners", wire.listeners, Self::listener),
            clusters: self.elements("$.clusters", wire.clusters, Self::cluster),
            admin,
            access_log: access_log.map(|wire: AccessLogWire| AccessLogConfig {
                path: self.directory.join(wire.path),
                failures_only: wire.failures_only,
                log_query: wire.log_query,
            }),
            tracing: tracing.map(|wire: TracingWire| TracingConfig {
                endpoint: wire.endpoint,
                service_name: wire.service_name.unwrap_or_else(|| String::from("pointsman")),
                sampling: wire.sampling.unwrap_or(1.0),
            }),
            histogram_buckets: self.elements("$.histogram_buckets", wire.histogram_buckets, Self::buckets),
        })
    }

    fn elements<W: DeserializeOwned, T>(
        &mut self,
        place: &str,
        values: Vec<Value>,
        read: impl Fn(&mut Self, &str, W) -> Option<T>,
    ) -> Vec<T> {
        let count = values.len();
        let element = |(index, value)| {
            let place = format!("{place}[{index}]");
            let wire = self.section(&place, value)?;
            read(self, &place, wire)
        };
        let elements: Vec<T> = values.into_iter().enumerate().filter_map(element).collect();
        self.is_whole &= elements.len() == count;
        elements
    }

    fn node(&mut self, node: Option<Value>) -> Node {
        let node: NodeWire = node.and_then(|node| self.section("$.node", node)).unwrap_or_default();
        let default = ProxyConfig::default().node;
        Node { id: node.id.unwrap_or(default.id), cluster: node.cluster.unwrap_or(default.cluster) }
    }

    fn plugin(&mut self, wire: PluginWire) -> PluginConfig {
        let backoff = self.duration("$.plugin.reload_backoff", wire.reload_backoff.clone(), RELOAD_BACKOFF);
        if wire.reload_backoff.is_some() && wire.failure_policy != FailurePolicyWire::Reload {
            self.faults.add("$.plugin.reload_backoff", "has no effect without failure_policy: fail_reload");
        }
        let limits = Limits::default();
        let mut environment_variables: BTreeMap<String, String> = wire.environment_variables.key_values;
        for key in wire.environment_variables.host_env_keys {
            // As in Envoy, what is not set is not there.
            if let Some(value) = (self.environment)(&key)
                && environment_variables.insert(key.clone(), value).is_some()
            {
                self.faults.add("$.plugin.environment_variables", format!("{key} stands in both lists"));
            }
        }
        PluginConfig {
            wasm: self.file(wire.wasm),
            configuration: wire.configuration.map(|path| self.file(path)).unwrap_or_default(),
            name: wire.name.unwrap_or_else(|| PluginConfig::default().name),
            root_id: wire.root_id,
            vm_id: wire.vm_id,
            vm_configuration: wire.vm_configuration.map(|path| self.file(path)).unwrap_or_default(),
            environment_variables,
            failure_policy: match wire.failure_policy {
                FailurePolicyWire::Closed => FailurePolicy::Closed,
                FailurePolicyWire::Open => FailurePolicy::Open,
                FailurePolicyWire::Reload => FailurePolicy::Reload { backoff },
            },
            allow_on_headers_stop_iteration: wire.allow_on_headers_stop_iteration,
            limits: Limits {
                memory_bytes: wire.limits.memory_bytes.unwrap_or(limits.memory_bytes),
                call_time: self.duration("$.plugin.limits.call_time", wire.limits.call_time, limits.call_time),
                pending_calls: wire.limits.pending_calls.unwrap_or(limits.pending_calls),
            },
        }
    }

    fn listener(&mut self, place: &str, wire: ListenerWire) -> Option<ListenerConfig> {
        let default = ListenerConfig::default();
        let at = |field: &str| format!("{place}.{field}");
        let headers = wire.request_headers_timeout;
        Some(ListenerConfig {
            name: wire.name,
            direction: match wire.direction {
                DirectionWire::Unspecified => TrafficDirection::Unspecified,
                DirectionWire::Inbound => TrafficDirection::Inbound,
                DirectionWire::Outbound => TrafficDirection::Outbound,
            },
            buffer_limit_bytes: wire.buffer_limit_bytes.unwrap_or(default.buffer_limit_bytes),
            request_headers_timeout: self.limit(
                &at("request_headers_timeout"),
                headers,
                default.request_headers_timeout,
            ),
            stream_idle_timeout: self.limit(
                &at("stream_idle_timeout"),
                wire.stream_idle_timeout,
                default.stream_idle_timeout,
            ),
            request_timeout: self.limit(&at("request_timeout"), wire.request_timeout, default.request_timeout),
            routes: self.elements(&at("routes"), wire.routes, Self::route),
            address: self.address(&at("address"), &wire.address)?,
        })
    }

    fn route(&mut self, place: &str, wire: RouteWire) -> Option<RouteConfig> {
        let default = RouteConfig::to("");
        Some(RouteConfig {
            name: wire.name,
            authority: wire.authority.unwrap_or(default.authority).to_ascii_lowercase(),
            path_prefix: wire.path_prefix.unwrap_or(default.path_prefix),
            timeout: self.limit(&format!("{place}.timeout"), wire.timeout, default.timeout),
            cluster: match (wire.cluster, wire.cluster_header) {
                (Some(name), None) => ClusterChoice::Named(name),
                (None, Some(header)) => ClusterChoice::FromHeader(header.to_ascii_lowercase()),
                _ => {
                    self.faults.add(place, "needs either cluster or cluster_header");
                    return None;
                }
            },
        })
    }

    fn cluster(&mut self, place: &str, wire: ClusterWire) -> Option<ClusterConfig> {
        let default = ClusterConfig::new("", Vec::new());
        let mut endpoints = Vec::new();
        for (index, endpoint) in wire.endpoints.iter().enumerate() {
            match endpoint.parse() {
                Ok(endpoint) => endpoints.push(endpoint),
                Err(message) => self.faults.add(format!("{place}.endpoints[{index}]"), message),
            }
        }
        let at = |field: &str| format!("{place}.{field}");
        Some(ClusterConfig {
            name: wire.name,
            endpoints,
            protocol: match wire.protocol {
                ProtocolWire::Http1 => Protocol::Http1,
                ProtocolWire::Http2 => Protocol::Http2,
                ProtocolWire::Auto => Protocol::Auto,
                ProtocolWire::Downstream => Protocol::Downstream,
            },
            tls: wire.tls.map(|TlsWire { sni, ca_file }| TlsConfig { sni, ca: ca_file.map(|path| self.file(path)) }),
            credential: wire.credential.map(|CredentialWire { header, file }| CredentialConfig {
                header: header.to_ascii_lowercase(),
                value: self.file(file),
            }),
            connect_timeout: self.duration(&at("connect_timeout"), wire.connect_timeout, default.connect_timeout),
            idle_timeout: self.duration(&at("idle_timeout"), wire.idle_timeout, default.idle_timeout),
            max_connections: wire.max_connections.unwrap_or(default.max_connections),
            max_pending: wire.max_pending.unwrap_or(default.max_pending),
            max_requests: wire.max_requests.unwrap_or(default.max_requests),
        })
    }

    fn buckets(&mut self, place: &str, wire: BucketsWire) -> Option<BucketSetting> {
        if wire.bounds.is_empty() {
            self.faults.add(format!("{place}.bounds"), "is empty: name at least one upper bound");
        }
        Some(BucketSetting { prefix: wire.prefix, bounds: wire.bounds })
    }

    fn file(&self, path: PathBuf) -> Source {
        Source::File(self.directory.join(path))
    }

    fn duration(&mut self, place: &str, text: Option<String>, default: Duration) -> Duration {
        let Some(text) = text else { return default };
        parse_duration(&text).unwrap_or_else(|| {
            self.faults.add(place, format!("\"{text}\" is not a duration such as 250ms, 30s or 5m"));
            default
        })
    }

    /// A duration after which something is given up, or `off`.
    fn limit(&mut self, place: &str, text: Option<String>, default: Option<Duration>) -> Option<Duration> {
        match text {
            None => default,
            Some(text) if text == "off" => None,
            Some(text) => Some(self.duration(place, Some(text), Duration::ZERO)),
        }
    }

    fn address(&mut self, place: &str, text: &str) -> Option<std::net::SocketAddr> {
        let address = text.parse().ok();
        if address.is_none() {
            self.faults.add(place, format!("\"{text}\" is not an address such as 127.0.0.1:15001"));
        }
        address
    }
}
