//! The shipped config, changed just enough to run on free ports with upstreams on loopback.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{NativeError, io_error};
use crate::envoy::{Protocol, Upstream};
use crate::sidecar::Setup;

const FREE_PORT: &str = "127.0.0.1:0";

/// Where the credentials of clusters stand, beside the rules.
pub(super) fn credential_file(rules: &Path, cluster: &str) -> PathBuf {
    rules.with_file_name(format!("{cluster}.credential"))
}

/// The config at `path` with the module, rules, workers and upstreams of `setup`. A cluster that is not named there has no
/// endpoint, so that nothing ever leaves the machine.
///
/// # Errors
/// [`NativeError`] if the file cannot be read, is not YAML, or has not the shape of a config.
pub(super) fn adapted(path: &Path, setup: &Setup, rules: &Path) -> Result<Value, NativeError> {
    let text = std::fs::read_to_string(path).map_err(io_error("read", path))?;
    let mut config: Value =
        serde_saphyr::from_str(&text).map_err(|error| NativeError::Config { reason: error.to_string() })?;
    let wasm = std::path::absolute(&setup.filter_wasm).map_err(io_error("find", &setup.filter_wasm))?;
    set(&mut config, "/plugin/wasm", json!(wasm))?;
    set(&mut config, "/plugin/configuration", json!(rules))?;
    set(&mut config, "/admin/address", json!(FREE_PORT))?;
    config["workers"] = json!(setup.workers);
    for listener in array(&mut config, "/listeners")? {
        set(listener, "/address", json!(FREE_PORT))?;
    }
    let clusters = array(&mut config, "/clusters")?;
    let unknown =
        setup.upstreams.keys().find(|wanted| clusters.iter().all(|cluster| cluster["name"] != wanted.as_str()));
    if let Some(name) = unknown {
        return Err(NativeError::UnknownCluster { name: name.clone() });
    }
    for cluster in clusters {
        let upstream = cluster["name"].as_str().and_then(|name| setup.upstreams.get(name)).copied();
        lead(cluster, upstream)?;
        keep_credential(cluster, setup, rules)?;
    }
    Ok(config)
}

/// Leads a cluster to its upstream in plain TCP, or nowhere.
fn lead(cluster: &mut Value, upstream: Option<Upstream>) -> Result<(), NativeError> {
    let endpoints: Vec<String> = upstream.iter().map(|upstream| upstream.addr.to_string()).collect();
    set(cluster, "/endpoints", json!(endpoints))?;
    let Some(cluster) = cluster.as_object_mut() else { return Ok(()) };
    cluster.remove("tls");
    match upstream.map(|upstream| upstream.protocol) {
        Some(Protocol::Http1) => drop(cluster.insert("protocol".to_owned(), json!("http1"))),
        Some(Protocol::Http2) => drop(cluster.insert("protocol".to_owned(), json!("http2"))),
        // There is no ALPN without TLS.
        _ if cluster.get("protocol").is_some_and(|protocol| protocol == "auto") => drop(cluster.remove("protocol")),
        _ => {}
    }
    Ok(())
}

/// Points a cluster to its credential, if the shipped config has a place for one.
fn keep_credential(cluster: &mut Value, setup: &Setup, rules: &Path) -> Result<(), NativeError> {
    let name = cluster["name"].as_str().unwrap_or_default().to_owned();
    if cluster.get("credential").is_some() {
        return set(cluster, "/credential/file", json!(credential_file(rules, &name)));
    }
    if setup.credentials.contains_key(&name) {
        return Err(missing(&format!("place for a credential in the cluster {name}")));
    }
    Ok(())
}

fn array<'a>(value: &'a mut Value, pointer: &str) -> Result<&'a mut Vec<Value>, NativeError> {
    value.pointer_mut(pointer).and_then(Value::as_array_mut).ok_or_else(|| missing(pointer))
}

/// Changes what is there; a place that is not there means that the shipped file has another shape than we think.
fn set(value: &mut Value, pointer: &str, new: Value) -> Result<(), NativeError> {
    *value.pointer_mut(pointer).ok_or_else(|| missing(pointer))? = new;
    Ok(())
}

fn missing(what: &str) -> NativeError {
    NativeError::Config { reason: format!("there is no {what}") }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};

    use serde_json::Value;

    use super::{NativeError, Setup, adapted};
    use crate::envoy::{Protocol, Upstream};
    use crate::proxy::config;

    fn shipped_path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("pointsman.yaml")
    }

    fn setup(upstreams: &[(&str, Upstream)]) -> Setup {
        let upstreams = upstreams.iter().map(|(name, upstream)| ((*name).to_owned(), *upstream));
        Setup {
            filter_wasm: "/tmp/a.wasm".into(),
            rules: String::from("{}"),
            upstreams: upstreams.collect(),
            credentials: BTreeMap::new(),
            workers: 3,
            secret: String::from("x"),
        }
    }

    fn parsed(yaml: &str) -> Value {
        serde_saphyr::from_str(yaml).unwrap()
    }

    fn elements<'a>(value: &'a Value, pointer: &str) -> std::slice::Iter<'a, Value> {
        value.pointer(pointer).and_then(Value::as_array).unwrap().iter()
    }

    #[test]
    fn clusters_limits_routes_and_buckets_are_those_of_the_envoy_that_ships() {
        let envoy = parsed(include_str!("../../../../envoy/bootstrap.yaml"));
        let native = parsed(include_str!("../../../pointsman.yaml"));

        let clusters = elements(&envoy, "/static_resources/clusters").filter(|cluster| cluster["name"] != "admin");
        let expected: Vec<_> = clusters
            .map(|cluster| (cluster, &cluster["circuit_breakers"]["thresholds"][0]))
            .map(|(cluster, limits)| (&cluster["name"], &limits["max_pending_requests"], &limits["max_requests"]))
            .collect();
        let found: Vec<_> = elements(&native, "/clusters")
            .map(|cluster| (&cluster["name"], &cluster["max_pending"], &cluster["max_requests"]))
            .collect();
        assert_eq!(found, expected);

        let manager = "/static_resources/listeners/1/filter_chains/0/filters/0/typed_config";
        let hosts = elements(&envoy, &format!("{manager}/route_config/virtual_hosts"));
        let expected: Vec<_> = hosts
            .filter(|host| host["domains"][0] != "*")
            .map(|host| (&host["domains"][0], &host["routes"][0]["route"]))
            .map(|(authority, route)| (authority, &route["cluster"], &route["timeout"]))
            .collect();
        let found: Vec<_> = elements(&native, "/listeners/1/routes")
            .map(|route| (&route["authority"], &route["cluster"], &route["timeout"]))
            .collect();
        assert_eq!(found, expected);

        let expected = envoy.pointer("/stats_config/histogram_bucket_settings/0/buckets");
        assert_eq!(native.pointer("/histogram_buckets/0/bounds"), expected);
    }

    #[test]
    fn what_is_adapted_is_a_config_that_leaves_the_machine_nowhere() {
        let oppo = Upstream { addr: ([127, 0, 0, 1], 9).into(), protocol: Protocol::Http1 };
        let fcm = Upstream { addr: ([127, 0, 0, 1], 8).into(), protocol: Protocol::Http2 };
        let setup = setup(&[("oppo", oppo), ("fcm", fcm)]);
        let config = adapted(&shipped_path(), &setup, Path::new("/tmp/rules.json")).unwrap();
        let config = config::load(&config.to_string(), Path::new("/"), |_| None).unwrap();
        assert_eq!(config.workers, 3);
        assert!(config.listeners.iter().all(|listener| listener.address.ip().is_loopback()));
        assert!(config.admin.unwrap().ip().is_loopback());
        assert!(config.clusters.iter().all(|cluster| cluster.tls.is_none()));
        let led = config.clusters.iter().filter(|cluster| !cluster.endpoints.is_empty());
        let led: Vec<_> = led.map(|cluster| (cluster.name.as_str(), cluster.endpoints[0].to_string())).collect();
        assert_eq!(led, [("fcm", String::from("127.0.0.1:8")), ("oppo", String::from("127.0.0.1:9"))]);
    }

    #[test]
    fn an_upstream_without_a_cluster_is_refused() {
        let upstream = Upstream::from(std::net::SocketAddr::from(([127, 0, 0, 1], 9)));
        let refused = adapted(&shipped_path(), &setup(&[("nobody", upstream)]), Path::new("/tmp/rules.json"));
        assert!(matches!(refused, Err(NativeError::UnknownCluster { name }) if name == "nobody"));
    }
}
