//! The cases on the proxy of this project: one proxy for each setting of the filter, all in this process.

use pointsman_host::abi::LogLevel;
use pointsman_host::filter::{FailurePolicy, Node};
use pointsman_host::http::{Version, send};
use pointsman_host::process::{LogLine, LogSink, Process};
use pointsman_host::proxy::config::{
    ClusterChoice, ClusterConfig, Endpoint, ListenerConfig, PluginConfig, Protocol, RouteConfig, Source,
};
use pointsman_host::proxy::{ProxyConfig, ProxyHandle, Surroundings, start};
use pointsman_host::vm::{Engine, EngineOptions};
use pointsman_tests::exchanges::case::Policy;
use pointsman_tests::exchanges::run::Proxy;
use pointsman_tests::exchanges::settings::{Setting, guest};
use pointsman_tests::exchanges::upstream::Upstream;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpSocket;

/// The thread on which a proxy tries the filter's configuration.
const CONTROL_THREAD: &str = "proxy";

/// A proxy for each setting.
pub(crate) struct HarnessProxies {
    proxies: Vec<ProxyHandle>,
    lines: Arc<Lines>,
    /// Bound and never listening, so that the cluster that refuses does.
    _nowhere: TcpSocket,
    _cache: TempDir,
}

/// What all guests log.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl LogSink for Lines {
    fn level(&self) -> LogLevel {
        LogLevel::Info
    }

    /// Only of workers: the VM in which a configuration is tried does the same.
    fn log(&self, line: LogLine) {
        if std::thread::current().name().is_some_and(|name| name == CONTROL_THREAD) {
            return;
        }
        self.0.lock().expect("no thread panics with the lock").push(line.message);
    }
}

impl HarnessProxies {
    pub(crate) async fn start(settings: &[Setting], upstream: &Upstream, calls: &Upstream) -> Self {
        let cache = tempfile::tempdir().expect("a directory");
        let options = EngineOptions { cache_directory: Some(cache.path().to_owned()), ..EngineOptions::default() };
        let lines = Arc::new(Lines::default());
        let surroundings = Surroundings {
            process: Arc::new(Process::default()),
            log: Arc::clone(&lines) as Arc<dyn LogSink>,
            engine: Some(Engine::new(options).expect("an engine")),
            ..Surroundings::default()
        };
        let nowhere = TcpSocket::new_v4().expect("a socket");
        nowhere.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
        let refused = nowhere.local_addr().expect("a bound address");
        let mut proxies = Vec::new();
        for setting in settings {
            let config = config(setting, upstream.addr, calls.addr, refused);
            let proxy = start(config, surroundings.clone()).await;
            proxies.push(proxy.unwrap_or_else(|error| panic!("{}: {error:?}", setting.tag)));
        }
        Self { proxies, lines, _nowhere: nowhere, _cache: cache }
    }
}

impl Proxy for HarnessProxies {
    fn addr(&self, setting: usize) -> SocketAddr {
        self.proxies[setting].listener("inbound").expect("the listener")
    }

    fn log(&self) -> Vec<String> {
        self.lines.0.lock().expect("no thread panics with the lock").clone()
    }

    async fn metrics(&self) -> String {
        let admin = self.proxies.first().and_then(ProxyHandle::admin).expect("an admin endpoint");
        let request = http::Request::get("/metrics").body(bytes::Bytes::new()).expect("a valid request");
        send(admin, Version::Http1, request).await.expect("the proxy is scraped").text()
    }
}

fn config(setting: &Setting, upstream: SocketAddr, calls: SocketAddr, refused: SocketAddr) -> ProxyConfig {
    let cluster = |name: &str, addr: SocketAddr, protocol: Protocol| ClusterConfig {
        protocol,
        connect_timeout: Duration::from_secs(1),
        ..ClusterConfig::new(name, vec![Endpoint::Socket(addr)])
    };
    let route = |name: &str, authority: &str, cluster: &str| RouteConfig {
        name: name.to_owned(),
        authority: authority.to_owned(),
        ..RouteConfig::to(cluster)
    };
    let routes = vec![
        route("to-up", "up.test", "up"),
        route("to-up2", "up2.test", "up2"),
        RouteConfig { timeout: Some(Duration::from_millis(300)), ..route("", "short.test", "up") },
        route("", "refused.test", "refused"),
        RouteConfig {
            cluster: ClusterChoice::FromHeader(String::from("x-cluster")),
            ..route("", "no-cluster.test", "up")
        },
    ];
    let listener = ListenerConfig { routes, ..ListenerConfig::default() };
    let limit = setting.plugin.limit_bytes.map_or(listener.buffer_limit_bytes, |limit| limit as usize);
    ProxyConfig {
        node: Node { id: String::from("differential"), cluster: String::from("differential") },
        plugin: PluginConfig {
            wasm: Source::File(guest()),
            configuration: Source::Inline(setting.configuration().into()),
            name: setting.name.clone(),
            root_id: String::from("root"),
            vm_id: setting.name.clone(),
            vm_configuration: Source::Inline(setting.vm_configuration().into()),
            environment_variables: [(String::from("GREETING"), String::from("hello"))].into(),
            failure_policy: match setting.plugin.policy {
                Policy::Closed => FailurePolicy::Closed,
                Policy::Open => FailurePolicy::Open,
                Policy::Reload => FailurePolicy::Reload { backoff: Duration::from_millis(10) },
            },
            allow_on_headers_stop_iteration: setting.plugin.stop,
            ..PluginConfig::default()
        },
        listeners: vec![ListenerConfig { buffer_limit_bytes: limit, ..listener }],
        clusters: vec![
            cluster("up", upstream, Protocol::Http1),
            cluster("up2", upstream, Protocol::Http2),
            cluster("calls", calls, Protocol::Http1),
            cluster("calls2", calls, Protocol::Http2),
            cluster("refused", refused, Protocol::Http1),
        ],
        admin: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        ..ProxyConfig::default()
    }
}
