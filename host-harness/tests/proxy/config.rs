//! Configs from files: every fault is told at once, each with its place.

use anyhow::Result;
use pointsman_host::filter::{FailurePolicy, TrafficDirection};
use pointsman_host::proxy::config::{Protocol, Source, load};
use std::path::Path;
use std::time::Duration;

#[test]
fn the_shipped_config_has_no_fault() -> Result<()> {
    let text = include_str!("../../pointsman.yaml");
    let config = load(text, Path::new("/etc/pointsman"), |key| Some(key.to_lowercase()))?;
    let names: Vec<&str> = config.listeners.iter().map(|listener| &listener.name[..]).collect();
    assert_eq!(names, ["inbound", "outbound"]);
    assert_eq!(config.listeners[1].direction, TrafficDirection::Outbound);
    assert_eq!(config.plugin.failure_policy, FailurePolicy::Reload { backoff: Duration::from_millis(20) });
    assert_eq!(config.plugin.wasm, Source::File("/etc/pointsman/pointsman.wasm".into()));
    assert_eq!(config.plugin.environment_variables["POINTSMAN_SECRET"], "pointsman_secret");
    let cluster =
        |name: &str| config.clusters.iter().find(|cluster| cluster.name == name).map(|cluster| cluster.protocol);
    assert_eq!(cluster("apns"), Some(Protocol::Http2));
    assert_eq!(cluster("service"), Some(Protocol::Downstream));
    Ok(())
}

#[test]
fn every_fault_is_told_with_its_place() {
    let text = "
plugin: { wasm: a.wasm, reload_backoff: soon, failure_policy: fail_open }
listeners:
- { name: a, address: nowhere }
- { name: b, address: '127.0.0.1:0', stream_idle_timeout: 5, routes: [] }
- { name: c, address: '127.0.0.1:0', routes: [{ cluster: x, timeout: off }, { authority: a }] }
clusters:
- { name: d, endpoints: [no-port, 'host:http'] }
- { name: e, endpoints: [], colour: red }
";
    let places = [
        "$.plugin.reload_backoff",
        "$.plugin.reload_backoff",
        "$.listeners[0].address",
        "$.listeners[1].stream_idle_timeout",
        "$.listeners[2].routes[1]",
        "$.clusters[0].endpoints[0]",
        "$.clusters[0].endpoints[1]",
        "$.clusters[1].colour",
    ];
    assert_eq!(faults(text), places);
}

#[test]
fn so_are_faults_between_the_parts() {
    let text = "
plugin: { wasm: a.wasm }
workers: 0
listeners:
- { name: a, address: '127.0.0.1:0', routes: [{ cluster: x, path_prefix: y }, { authority: 'a/b', cluster: d }] }
- { name: a, address: '127.0.0.1:0' }
clusters:
- { name: d, endpoints: [], protocol: auto }
- { name: d, endpoints: ['a:1'], max_requests: 0, tls: { sni: 'no name' } }
tracing: { endpoint: nowhere, sampling: 2 }
";
    let places = [
        "$.workers",
        "$.listeners[0].routes[0].path_prefix",
        "$.listeners[0].routes[0].cluster",
        "$.listeners[0].routes[1].authority",
        "$.listeners[1].name",
        "$.clusters[0].protocol",
        "$.clusters[1].name",
        "$.clusters[1].max_requests",
        "$.clusters[1].tls.sni",
        "$.tracing.sampling",
        "$.tracing.endpoint",
    ];
    assert_eq!(faults(text), places);
}

/// The places of the faults of a config.
fn faults(text: &str) -> Vec<String> {
    let faults = load(text, Path::new(""), |_| None).err().unwrap_or_default();
    faults.iter().map(|fault| fault.path.clone()).collect()
}

#[test]
fn what_is_not_even_yaml_is_told() {
    for text in ["a: [", "- a", "", "plugin: {}"] {
        assert!(faults(text).iter().any(|place| place.starts_with('$')), "{text}");
    }
}
