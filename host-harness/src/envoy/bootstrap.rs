//! The shipped bootstrap, changed just enough to run on free ports with upstreams on loopback.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::EnvoyError;
use super::credentials;
use super::options::{Filter, Protocol, Upstream};
use super::ports::Addresses;

pub(super) const HTTP_OPTIONS: &str =
    "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// The cluster through which the scrape listener reaches the admin interface.
const ADMIN_CLUSTER: &str = "admin";

/// What the bootstrap is adapted to.
pub(super) struct Target<'a> {
    pub(super) addresses: &'a Addresses,
    pub(super) filter: &'a Filter,
    pub(super) rules: &'a Path,
    pub(super) upstreams: &'a BTreeMap<String, Upstream>,
    /// Where the files of credentials are.
    pub(super) credentials: &'a Path,
}

pub(super) fn load(path: &Path) -> Result<Value, EnvoyError> {
    let text = std::fs::read_to_string(path).map_err(|source| EnvoyError::Read { path: path.to_owned(), source })?;
    serde_saphyr::from_str(&text).map_err(|error| EnvoyError::Bootstrap { reason: error.to_string() })
}

pub(super) fn adapt(config: &mut Value, target: &Target<'_>) -> Result<(), EnvoyError> {
    let addresses = target.addresses;
    set(config, "/admin/address", socket_address(addresses.admin))?;
    for listener in array(config, "/static_resources/listeners")? {
        let addr = match name(listener)? {
            "inbound" => addresses.inbound,
            "outbound" => addresses.outbound,
            "scrape" => addresses.scrape,
            other => return Err(missing(&format!("an address for the listener {other}"))),
        };
        set(listener, "/address", socket_address(addr))?;
        filters(listener, target)?;
    }
    let clusters = array(config, "/static_resources/clusters")?;
    known(clusters, target.upstreams)?;
    for cluster in clusters {
        lead(cluster, target)?;
    }
    Ok(())
}

/// Points the discovered filter to the module and the rules, or takes it out.
fn filters(listener: &mut Value, target: &Target<'_>) -> Result<(), EnvoyError> {
    let http_filters = "/filter_chains/0/filters/0/typed_config/http_filters";
    let filters = array(listener, http_filters)?;
    let Filter::Wasm(module) = target.filter else {
        filters.retain(|filter| filter.get("config_discovery").is_none());
        return Ok(());
    };
    let directory = target.rules.parent().unwrap_or(target.rules);
    for discovery in filters.iter_mut().filter_map(|filter| filter.get_mut("config_discovery")) {
        let source = "/config_source/path_config_source";
        let code = "/default_config/config/vm_config/code/local/filename";
        set(discovery, &format!("{source}/path"), path(target.rules))?;
        set(discovery, &format!("{source}/watched_directory/path"), path(directory))?;
        set(discovery, code, path(module))?;
    }
    Ok(())
}

fn known(clusters: &[Value], upstreams: &BTreeMap<String, Upstream>) -> Result<(), EnvoyError> {
    let exists = |wanted: &str| clusters.iter().any(|cluster| name(cluster).is_ok_and(|name| name == wanted));
    match upstreams.keys().find(|name| !exists(name)) {
        Some(name) => Err(EnvoyError::UnknownCluster { name: name.clone() }),
        None => Ok(()),
    }
}

/// Leads a cluster to its upstream in plain TCP, with no name to resolve.
fn lead(cluster: &mut Value, target: &Target<'_>) -> Result<(), EnvoyError> {
    let upstream = match name(cluster)? {
        ADMIN_CLUSTER => target.addresses.admin.into(),
        name => match target.upstreams.get(name) {
            Some(upstream) => *upstream,
            None => target.addresses.nowhere.into(),
        },
    };
    let endpoint = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address";
    set(cluster, endpoint, socket_address(upstream.addr))?;
    set(cluster, "/type", "STATIC".into())?;
    if let Some(cluster) = cluster.as_object_mut() {
        cluster.remove("transport_socket");
    }
    if let Some(options) = cluster.pointer_mut(HTTP_OPTIONS).and_then(Value::as_object_mut) {
        speak(options, upstream.protocol);
        credentials::point(options, target.credentials)?;
    }
    Ok(())
}

fn speak(options: &mut Map<String, Value>, protocol: Protocol) {
    let explicit = match protocol {
        Protocol::AsShipped if !options.contains_key("auto_config") => return,
        Protocol::AsShipped | Protocol::Http1 => json!({ "http_protocol_options": {} }),
        Protocol::Http2 => json!({ "http2_protocol_options": {} }),
    };
    options.remove("auto_config");
    options.remove("use_downstream_protocol_config");
    options.insert("explicit_http_config".to_owned(), explicit);
}

fn socket_address(addr: SocketAddr) -> Value {
    json!({ "socket_address": { "address": addr.ip().to_string(), "port_value": addr.port() } })
}

pub(super) fn path(path: &Path) -> Value {
    Value::from(path.to_string_lossy())
}

fn name(item: &Value) -> Result<&str, EnvoyError> {
    item.get("name").and_then(Value::as_str).ok_or_else(|| missing("a name"))
}

pub(super) fn array<'a>(value: &'a mut Value, pointer: &str) -> Result<&'a mut Vec<Value>, EnvoyError> {
    value.pointer_mut(pointer).and_then(Value::as_array_mut).ok_or_else(|| missing(pointer))
}

/// Changes what is there; a place that is not there means that the shipped file has another shape than we think.
pub(super) fn set(value: &mut Value, pointer: &str, new: Value) -> Result<(), EnvoyError> {
    let place = value.pointer_mut(pointer).ok_or_else(|| missing(pointer))?;
    *place = new;
    Ok(())
}

pub(super) fn missing(what: &str) -> EnvoyError {
    EnvoyError::Bootstrap { reason: format!("there is no {what}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::envoy::ports::Ports;

    const SHIPPED: &str = include_str!("../../../envoy/bootstrap.yaml");

    fn shipped() -> Value {
        serde_saphyr::from_str(SHIPPED).unwrap()
    }

    fn adapted(filter: &Filter, upstreams: &BTreeMap<String, Upstream>) -> Value {
        let mut config = shipped();
        let ports = Ports::reserve().unwrap();
        let rules = Path::new("/tmp/rules/a.json");
        let target = Target {
            addresses: &ports.addresses,
            filter,
            rules,
            upstreams,
            credentials: Path::new("/tmp/credentials"),
        };
        adapt(&mut config, &target).unwrap();
        config
    }

    /// Every object of a document, depth first.
    fn objects<'a>(value: &'a Value, found: &mut Vec<&'a Map<String, Value>>) {
        match value {
            Value::Object(object) => {
                found.push(object);
                object.values().for_each(|inner| objects(inner, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| objects(inner, found)),
            _ => {}
        }
    }

    fn all_of<'a>(config: &'a Value, key: &str) -> Vec<&'a Value> {
        let mut found = Vec::new();
        objects(config, &mut found);
        found.into_iter().filter_map(|object| object.get(key)).collect()
    }

    #[test]
    fn nothing_of_what_is_shipped_sends_a_push_twice() {
        let config = shipped();
        for key in ["retry_policy", "retry_policy_typed_config", "hedge_policy", "request_mirror_policies"] {
            assert!(all_of(&config, key).is_empty(), "{key}");
        }
        let limits = all_of(&config, "thresholds");
        assert_eq!(limits.len(), 11, "one for each cluster but admin");
        for thresholds in limits {
            assert_eq!(thresholds[0]["max_retries"], 0);
        }
        assert_eq!(all_of(&config, "request_headers_to_remove").len(), 2);
    }

    #[test]
    fn admin_and_outbound_are_on_loopback() {
        let config = shipped();
        let address = |pointer: &str| config.pointer(pointer).unwrap()["socket_address"]["address"].clone();
        assert_eq!(address("/admin/address"), "127.0.0.1");
        assert_eq!(config["static_resources"]["listeners"][1]["name"], "outbound");
        assert_eq!(address("/static_resources/listeners/1/address"), "127.0.0.1");
    }

    #[test]
    fn no_label_is_the_end_of_another() {
        let config = shipped();
        let tags = config["stats_config"]["stats_tags"].as_array().unwrap();
        let names: Vec<&str> = tags.iter().map(|tag| tag["tag_name"].as_str().unwrap()).collect();
        for (tag, name) in tags.iter().zip(&names) {
            assert_eq!(tag["regex"], format!(r"({name}=\.=(.*?);\.;)"));
            let ends = names.iter().filter(|other| other.ends_with(name)).count();
            assert_eq!(ends, 1, "{name}");
        }
    }

    #[test]
    fn no_adapted_cluster_leaves_loopback() {
        let config = adapted(&Filter::None, &BTreeMap::new());
        for address in all_of(&config, "socket_address") {
            assert_eq!(address["address"], "127.0.0.1");
        }
        assert!(all_of(&config, "transport_socket").is_empty());
        assert!(all_of(&config, "auto_config").is_empty());
        assert!(all_of(&config, "config_discovery").is_empty());
    }

    #[test]
    fn both_listeners_share_one_module_and_one_rules_file() {
        let config = adapted(&Filter::Wasm("/tmp/a.wasm".into()), &BTreeMap::new());
        let discoveries = all_of(&config, "config_discovery");
        assert_eq!(discoveries.len(), 2);
        assert_eq!(discoveries[0], discoveries[1]);
        assert_eq!(all_of(discoveries[0], "filename"), ["/tmp/a.wasm"]);
        assert_eq!(all_of(discoveries[0], "path"), ["/tmp/rules/a.json", "/tmp/rules"]);
    }

    #[test]
    fn a_bootstrap_of_another_shape_is_refused_with_the_place() {
        let ports = Ports::reserve().unwrap();
        let target = Target {
            addresses: &ports.addresses,
            filter: &Filter::None,
            rules: Path::new("/tmp/rules/a.json"),
            upstreams: &BTreeMap::new(),
            credentials: Path::new("/tmp/credentials"),
        };
        let error = adapt(&mut json!({ "admin": {} }), &target).unwrap_err();
        assert_eq!(error.to_string(), "the bootstrap cannot be used: there is no /admin/address");
    }
}
