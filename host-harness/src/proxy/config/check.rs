//! What must hold between the parts of a config, however it was made.

use super::{ClusterChoice, ClusterConfig, Endpoint, Faults, ListenerConfig, Protocol, ProxyConfig, RouteConfig};
use http::HeaderName;
use std::collections::HashSet;

/// More threads than this is a slip of the pen.
const MAX_WORKERS: usize = 1024;

impl ProxyConfig {
    /// Looks for faults.
    ///
    /// # Errors
    /// Every fault, each with its place.
    pub fn check(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        self.check_into(&mut faults);
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    pub(super) fn check_into(&self, faults: &mut Faults) {
        if !(1..=MAX_WORKERS).contains(&self.workers) {
            faults.add("$.workers", format!("{} is not between 1 and {MAX_WORKERS}", self.workers));
        }
        if self.max_connections == 0 {
            faults.add("$.max_connections", "0 would let nobody in");
        }
        if self.listeners.is_empty() && faults.is_empty() {
            faults.add("$.listeners", "is empty: name at least one listener");
        }
        let mut names = HashSet::new();
        for (index, listener) in self.listeners.iter().enumerate() {
            let place = format!("$.listeners[{index}]");
            if !names.insert(&listener.name) {
                faults.add(format!("{place}.name"), format!("\"{}\" is the name of another listener", listener.name));
            }
            self.check_listener(&place, listener, faults);
        }
        let mut names = HashSet::new();
        for (index, cluster) in self.clusters.iter().enumerate() {
            let place = format!("$.clusters[{index}]");
            if !names.insert(&cluster.name) {
                faults.add(format!("{place}.name"), format!("\"{}\" is the name of another cluster", cluster.name));
            }
            check_cluster(&place, cluster, faults);
        }
        if let Some(tracing) = &self.tracing {
            if !(0.0..=1.0).contains(&tracing.sampling) {
                faults.add("$.tracing.sampling", format!("{} is not between 0 and 1", tracing.sampling));
            }
            if !tracing.endpoint.starts_with("http://") && !tracing.endpoint.starts_with("https://") {
                faults.add("$.tracing.endpoint", "is not a URL such as http://127.0.0.1:4318");
            }
        }
    }

    fn check_listener(&self, place: &str, listener: &ListenerConfig, faults: &mut Faults) {
        if listener.buffer_limit_bytes == 0 {
            faults.add(format!("{place}.buffer_limit_bytes"), "0 would refuse every body that the filter waits for");
        }
        for (index, route) in listener.routes.iter().enumerate() {
            self.check_route(&format!("{place}.routes[{index}]"), route, faults);
        }
    }

    fn check_route(&self, place: &str, route: &RouteConfig, faults: &mut Faults) {
        if !route.path_prefix.starts_with('/') {
            faults.add(format!("{place}.path_prefix"), format!("\"{}\" does not begin with /", route.path_prefix));
        }
        let host = route.authority.strip_prefix("*.").unwrap_or(&route.authority);
        if route.authority != "*" && (host.is_empty() || host.contains(['*', '/', ' '])) {
            let message = format!("\"{}\" is neither *, a host, nor *. and a host", route.authority);
            faults.add(format!("{place}.authority"), message);
        }
        if let ClusterChoice::Named(name) = &route.cluster
            && !self.clusters.iter().any(|cluster| cluster.name == *name)
        {
            faults.add(format!("{place}.cluster"), format!("no cluster is named \"{name}\""));
        }
    }
}

/// Whether a header is the proxy's to write: not one that says where a request goes or how long it is.
fn may_be_written(header: &str) -> bool {
    let fixed = ["host", "content-length", "transfer-encoding", "connection", "te", "upgrade"];
    HeaderName::from_bytes(header.as_bytes()).is_ok_and(|name| !fixed.contains(&name.as_str()))
}

fn check_cluster(place: &str, cluster: &ClusterConfig, faults: &mut Faults) {
    if cluster.name.is_empty() {
        faults.add(format!("{place}.name"), "is empty");
    }
    if cluster.protocol == Protocol::Auto && cluster.tls.is_none() {
        faults.add(format!("{place}.protocol"), "auto is chosen by TLS: add tls, or say http1 or http2");
    }
    let limits = [("max_connections", cluster.max_connections), ("max_requests", cluster.max_requests)];
    for (name, _) in limits.iter().filter(|(_, limit)| *limit == 0) {
        faults.add(format!("{place}.{name}"), "0 would refuse every request");
    }
    if let Some(credential) = &cluster.credential
        && !may_be_written(&credential.header)
    {
        let message = format!("\"{}\" is no header that can carry a credential", credential.header);
        faults.add(format!("{place}.credential.header"), message);
    }
    let Some(tls) = &cluster.tls else { return };
    let hosts = cluster.endpoints.iter().map(|endpoint| match endpoint {
        Endpoint::Socket(address) => address.ip().to_string(),
        Endpoint::Name { host, .. } => host.clone(),
    });
    let names: Vec<String> = tls.sni.iter().cloned().chain(hosts).collect();
    for name in names.iter().take(if tls.sni.is_some() { 1 } else { names.len() }) {
        if rustls::pki_types::ServerName::try_from(name.as_str()).is_err() {
            faults.add(format!("{place}.tls.sni"), format!("\"{name}\" is not a server name"));
        }
    }
}
