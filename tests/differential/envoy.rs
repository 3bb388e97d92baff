//! The cases on the real Envoy: one process, a listener for each setting of the filter.

use bytes::Bytes;
use http::Request;
use pointsman_host::envoy::{Envoy, Filter, Options, Protocol, Upstream as Target, binary_from_env};
use pointsman_host::http::{Version, send};
use pointsman_tests::exchanges::case::Policy;
use pointsman_tests::exchanges::run::Proxy;
use pointsman_tests::exchanges::settings::{Setting, guest};
use pointsman_tests::exchanges::upstream::Upstream;
use pointsman_tests::{PATIENCE, repository};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Envoy with all settings.
pub(crate) struct EnvoyProxy {
    envoy: Envoy,
}

impl EnvoyProxy {
    pub(crate) async fn start(settings: &[Setting], upstream: &Upstream, calls: &Upstream) -> Self {
        let binary = binary_from_env().expect("POINTSMAN_ENVOY names Envoy; ./scripts/test sets it");
        let mut options = Options::new(binary, repository("tests/differential/bootstrap.yaml"), Filter::None);
        options.log_level = Some(String::from("wasm:info"));
        let listeners: Vec<(String, Value)> =
            settings.iter().map(|setting| (setting.name.clone(), filter(setting))).collect();
        let limits: Vec<Option<u32>> = settings.iter().map(|setting| setting.plugin.limit_bytes).collect();
        options.edit = Some(Box::new(move |bootstrap| {
            let inbound = bootstrap["static_resources"]["listeners"][0].clone();
            for (index, ((name, filter), limit)) in listeners.into_iter().zip(limits).enumerate() {
                let mut listener = inbound.clone();
                listener["name"] = Value::from(name);
                // The port is kept free on 127.0.0.1; nobody else listens on these addresses of the loopback.
                listener["address"]["socket_address"]["address"] = host(index).to_string().into();
                if let Some(limit) = limit {
                    listener["per_connection_buffer_limit_bytes"] = limit.into();
                }
                let filters = &mut listener["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"];
                if let Some(filters) = filters.as_array_mut() {
                    filters.insert(0, filter);
                }
                if let Some(listeners) = bootstrap["static_resources"]["listeners"].as_array_mut() {
                    listeners.push(listener);
                }
            }
        }));
        for (cluster, server, protocol) in [
            ("up", upstream, Protocol::AsShipped),
            ("up2", upstream, Protocol::AsShipped),
            ("calls", calls, Protocol::AsShipped),
            ("calls2", calls, Protocol::AsShipped),
        ] {
            options = options.upstream(cluster, Target { addr: server.addr, protocol });
        }
        Self { envoy: Envoy::start(options).await.expect("Envoy starts") }
    }
}

impl EnvoyProxy {
    /// Whether Envoy ends by itself, within the time that a predicate may take to hold.
    pub(crate) async fn dies(&self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(self.envoy.admin()).await.is_ok() {
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }
}

impl Proxy for EnvoyProxy {
    fn addr(&self, setting: usize) -> SocketAddr {
        SocketAddr::from((host(setting), self.envoy.inbound().port()))
    }

    /// Only of the worker: the main thread's VMs, one of which is thrown away, do the same.
    fn log(&self) -> Vec<String> {
        let log = self.envoy.log();
        let thread = |line: &str| line.split(['[', ']']).nth(3).map(str::to_owned);
        let main = log.lines().next().and_then(thread);
        let lines = log.lines().filter(|line| line.contains("wasm log") && thread(line) != main);
        lines.filter_map(|line| Some(line.split_once("wasm log ")?.1.split_once(": ")?.1.to_owned())).collect()
    }

    async fn metrics(&self) -> String {
        let request = Request::get("/stats/prometheus").body(Bytes::new()).expect("a valid request");
        send(self.envoy.scrape_addr(), Version::Http1, request).await.expect("Envoy is scraped").text()
    }
}

fn host(index: usize) -> Ipv4Addr {
    let [.., high, low] = u32::try_from(index + 2).expect("few settings").to_be_bytes();
    Ipv4Addr::new(127, 0, high, low)
}

fn filter(setting: &Setting) -> Value {
    let string = |value: String| json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": value });
    let mut config = json!({
        "name": setting.name,
        "root_id": "root",
        "failure_policy": match setting.plugin.policy {
            Policy::Closed => "FAIL_CLOSED",
            Policy::Open => "FAIL_OPEN",
            Policy::Reload => "FAIL_RELOAD",
        },
        "allow_on_headers_stop_iteration": setting.plugin.stop,
        "configuration": string(setting.configuration()),
        "vm_config": {
            "vm_id": setting.name,
            "runtime": "envoy.wasm.runtime.v8",
            "configuration": string(setting.vm_configuration()),
            "code": { "local": { "filename": guest() } },
            "environment_variables": { "key_values": { "GREETING": "hello" } },
        },
    });
    if setting.plugin.policy == Policy::Reload {
        config["reload_config"] = json!({ "backoff": { "base_interval": "0.01s", "max_interval": "0.02s" } });
    }
    json!({
        "name": "script",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
            "config": config,
        },
    })
}
