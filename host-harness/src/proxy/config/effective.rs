//! The config in force as JSON, for `/config`: what an operator wants to see, without what must stay secret.

use super::{ClusterChoice, ClusterConfig, ListenerConfig, PluginConfig, Protocol, ProxyConfig, RouteConfig, Source};
use crate::filter::{FailurePolicy, TrafficDirection};
use pointsman_core::time::format_duration;
use serde_json::{Value, json};
use std::time::Duration;

impl ProxyConfig {
    /// The config as JSON. Values of environment variables and contents given in code are left out.
    pub fn effective(&self) -> Value {
        json!({
            "node": { "id": self.node.id, "cluster": self.node.cluster },
            "workers": self.workers,
            "max_connections": self.max_connections,
            "drain_timeout": format_duration(self.drain_timeout),
            "plugin": plugin(&self.plugin),
            "listeners": self.listeners.iter().map(listener).collect::<Vec<_>>(),
            "clusters": self.clusters.iter().map(cluster).collect::<Vec<_>>(),
            "admin": self.admin.map(|address| json!({ "address": address.to_string() })),
            "access_log": self.access_log.as_ref().map(|log| json!({
                "path": log.path, "failures_only": log.failures_only, "log_query": log.log_query,
            })),
            "tracing": self.tracing.as_ref().map(|tracing| json!({
                "endpoint": without_credentials(&tracing.endpoint),
                "service_name": tracing.service_name,
                "sampling": tracing.sampling,
            })),
            "histogram_buckets": self.histogram_buckets.iter().map(|setting| json!({
                "prefix": setting.prefix, "bounds": setting.bounds,
            })).collect::<Vec<_>>(),
        })
    }
}

fn plugin(plugin: &PluginConfig) -> Value {
    let (policy, backoff) = match plugin.failure_policy {
        FailurePolicy::Closed => ("fail_closed", None),
        FailurePolicy::Open => ("fail_open", None),
        FailurePolicy::Reload { backoff } => ("fail_reload", Some(format_duration(backoff))),
    };
    json!({
        "wasm": source(&plugin.wasm),
        "configuration": source(&plugin.configuration),
        "name": plugin.name,
        "root_id": plugin.root_id,
        "vm_id": plugin.vm_id,
        "vm_configuration": source(&plugin.vm_configuration),
        "environment_variables": plugin.environment_variables.keys().collect::<Vec<_>>(),
        "failure_policy": policy,
        "reload_backoff": backoff,
        "allow_on_headers_stop_iteration": plugin.allow_on_headers_stop_iteration,
        "limits": {
            "memory_bytes": plugin.limits.memory_bytes,
            "call_time": format_duration(plugin.limits.call_time),
            "pending_calls": plugin.limits.pending_calls,
        },
    })
}

fn listener(listener: &ListenerConfig) -> Value {
    json!({
        "name": listener.name,
        "address": listener.address.to_string(),
        "direction": match listener.direction {
            TrafficDirection::Unspecified => "unspecified",
            TrafficDirection::Inbound => "inbound",
            TrafficDirection::Outbound => "outbound",
        },
        "buffer_limit_bytes": listener.buffer_limit_bytes,
        "request_headers_timeout": limit(listener.request_headers_timeout),
        "stream_idle_timeout": limit(listener.stream_idle_timeout),
        "request_timeout": limit(listener.request_timeout),
        "routes": listener.routes.iter().map(route).collect::<Vec<_>>(),
    })
}

fn route(route: &RouteConfig) -> Value {
    let (key, value) = match &route.cluster {
        ClusterChoice::Named(name) => ("cluster", name),
        ClusterChoice::FromHeader(header) => ("cluster_header", header),
    };
    json!({
        "name": route.name,
        "authority": route.authority,
        "path_prefix": route.path_prefix,
        key: value,
        "timeout": limit(route.timeout),
    })
}

fn cluster(cluster: &ClusterConfig) -> Value {
    json!({
        "name": cluster.name,
        "endpoints": cluster.endpoints.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "protocol": match cluster.protocol {
            Protocol::Http1 => "http1",
            Protocol::Http2 => "http2",
            Protocol::Auto => "auto",
            Protocol::Downstream => "downstream",
        },
        "tls": cluster.tls.as_ref().map(|tls| json!({ "sni": tls.sni, "ca_file": tls.ca.as_ref().map(source) })),
        "credential": cluster.credential.as_ref().map(|credential| json!({
            "header": credential.header, "file": source(&credential.value),
        })),
        "connect_timeout": format_duration(cluster.connect_timeout),
        "idle_timeout": format_duration(cluster.idle_timeout),
        "max_connections": cluster.max_connections,
        "max_pending": cluster.max_pending,
        "max_requests": cluster.max_requests,
    })
}

fn source(source: &Source) -> Value {
    match source {
        Source::File(path) => json!(path),
        Source::Inline(bytes) => json!(format!("<{} bytes>", bytes.len())),
    }
}

fn limit(duration: Option<Duration>) -> String {
    duration.map_or_else(|| String::from("off"), format_duration)
}

/// A URL without its query and without what stands before an `@`: both may hold credentials.
fn without_credentials(url: &str) -> String {
    let url = url.split('?').next().unwrap_or_default();
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => url.to_owned(),
    }
}
