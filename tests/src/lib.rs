//! What the end-to-end tests share: a bed of stand-in vendors, a stand-in service and a real Envoy between them.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up has failed")]

pub mod admission;
pub mod apiserver;
pub mod app;
pub mod bodies;
pub mod collector;
pub mod context;
pub mod counts;
pub mod exchanges;
pub mod load;
pub mod manifests;
pub mod pair;
pub mod prometheus;
pub mod pushes;
pub mod queue;
pub mod recorder;
pub mod smoke;
pub mod tools;
pub mod usage;
pub mod wire;

use bytes::Bytes;
use counts::Counts;
use http::Request;
use pointsman_host::envoy::{Edit, Envoy, Filter, Options, Protocol, Rules, Upstream, binary_from_env};
use pointsman_host::http::{Response, Version, full, send, serve};
use pointsman_host::scrape::Scrape;
use pointsman_host::vendors::{Received, Vendors};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

/// The secret of tests. `docs/hash.md` has vectors for it.
pub const SECRET: &str = "pointsman-test-secret-0123456789";

/// How long a predicate may take to hold: counters are flushed four times a second, gauges every second.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// A file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A bed before it is made.
pub struct Setup {
    bootstrap: PathBuf,
    rules: Rules,
    filter: Filter,
    workers: u32,
    secret: Option<String>,
    log_level: Option<String>,
    edit: Option<Edit>,
    upstreams: Vec<(String, Upstream)>,
}

/// A real Envoy with the filter, between stand-ins.
pub struct Bed {
    /// Envoy.
    pub envoy: Envoy,
    /// The stand-ins behind its outbound listener.
    pub vendors: Vendors,
    /// The stand-in behind its inbound listener.
    pub service: Service,
}

impl Setup {
    /// With this plugin configuration, one worker and [`SECRET`].
    pub fn with_rules(rules: &str) -> Self {
        Self {
            bootstrap: repository("envoy/bootstrap.yaml"),
            rules: Rules::Config(rules.to_owned()),
            filter: Filter::Wasm(repository("target/pointsman.wasm")),
            workers: 1,
            secret: Some(SECRET.to_owned()),
            log_level: None,
            edit: None,
            upstreams: Vec::new(),
        }
    }

    /// With a collector of records.
    pub fn collector(self, addr: SocketAddr) -> Self {
        self.upstream("otlp", addr, Protocol::AsShipped)
    }

    /// With a cluster that leads elsewhere than to its stand-in.
    pub fn upstream(mut self, cluster: &str, addr: SocketAddr, protocol: Protocol) -> Self {
        self.upstreams.push((cluster.to_owned(), Upstream { addr, protocol }));
        self
    }

    /// From another file than `envoy/bootstrap.yaml`, of the same shape.
    pub fn bootstrap(mut self, bootstrap: PathBuf) -> Self {
        self.bootstrap = bootstrap;
        self
    }

    /// Whatever stands in the rules file.
    pub fn rules_file(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    /// Without the filter, for comparison.
    pub fn without_filter(mut self) -> Self {
        self.filter = Filter::None;
        self
    }

    /// With the build that a request header `x-test-trap` traps.
    pub fn with_trap(mut self) -> Self {
        self.filter = Filter::Wasm(repository("target/pointsman-trap.wasm"));
        self
    }

    /// This many workers.
    pub fn workers(mut self, workers: u32) -> Self {
        self.workers = workers;
        self
    }

    /// Without a secret.
    pub fn without_secret(mut self) -> Self {
        self.secret = None;
        self
    }

    /// With more in Envoy's log, such as `wasm:trace`.
    pub fn log_level(mut self, level: &str) -> Self {
        self.log_level = Some(level.to_owned());
        self
    }

    /// With a last change to Envoy's bootstrap.
    pub fn edit(mut self, edit: impl FnOnce(&mut serde_json::Value) + Send + 'static) -> Self {
        self.edit = Some(Box::new(edit));
        self
    }

    /// Starts everything.
    pub async fn start(self) -> Bed {
        let vendors = Vendors::start().await.expect("stand-ins start");
        let service = Service::start().await;
        let binary = binary_from_env().expect("POINTSMAN_ENVOY names Envoy; ./scripts/test sets it");
        let mut options = Options::new(binary, self.bootstrap, self.filter);
        options.rules = self.rules;
        options.concurrency = self.workers;
        options.secret = self.secret;
        options.log_level = self.log_level;
        options.edit = Some(Box::new(move |bootstrap| {
            // Envoy shows what a histogram has counted only after a flush, and no test should wait a second for that.
            bootstrap["stats_flush_interval"] = "0.1s".into();
            if let Some(edit) = self.edit {
                edit(bootstrap);
            }
        }));
        options = options.upstream("service", service.addr);
        for vendor in Vendors::names() {
            let addr = vendors.addr(vendor).expect("every stand-in has an address");
            let protocol = if matches!(vendor, "apns" | "fcm") { Protocol::Http2 } else { Protocol::Http1 };
            let cluster = if vendor == "lc" { "gateway" } else { vendor };
            options = options.upstream(cluster, Upstream { addr, protocol });
        }
        for (cluster, upstream) in self.upstreams {
            options = options.upstream(&cluster, upstream);
        }
        Bed { envoy: Envoy::start(options).await.expect("Envoy starts"), vendors, service }
    }
}

impl Bed {
    /// Sends a request to the service through the inbound listener.
    pub async fn inbound(&self, request: Request<Bytes>) -> Response {
        send(self.envoy.inbound(), Version::Http1, request).await.expect("an answer through the inbound listener")
    }

    /// Sends a request to a vendor through the outbound listener.
    pub async fn outbound(&self, request: Request<Bytes>) -> Response {
        send(self.envoy.outbound(), Version::Http1, request).await.expect("an answer through the outbound listener")
    }

    /// The last request that the stand-in of `vendor` has received.
    pub fn last_at(&self, vendor: &str) -> Received {
        self.vendors.requests(vendor).expect("a known vendor").pop().expect("the vendor has received a request")
    }

    /// Puts other rules in force and returns when every worker has them.
    pub async fn apply(&self, rules: &str) {
        let reloads = "envoy_extension_config_discovery_http_filter_pointsman_config_reload";
        let before = self.scrape().await.sum(reloads, &[]);
        self.envoy.apply(rules).expect("the rules file is replaced");
        self.until("the rules to be in force", |scrape| {
            let seen = scrape.sum(reloads, &[]);
            if seen > before { Ok(()) } else { Err(format!("{seen} reloads, as before")) }
        })
        .await;
    }

    /// Waits until the filter has counted exactly this since its start: these series, and no other.
    pub async fn expect_counts(&self, expected: &Counts) {
        self.expect_counts_since(&Counts::default(), expected).await;
    }

    /// Waits until the filter has counted exactly this since `earlier`.
    pub async fn expect_counts_since(&self, earlier: &Counts, expected: &Counts) {
        let deadline = Instant::now() + PATIENCE;
        while let Err(wrong) = self.counts().await.since(earlier).compare(expected) {
            assert!(Instant::now() < deadline, "waited for exact counts, last saw {wrong}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until that many visits of a node are in flight.
    pub async fn expect_in_flight(&self, node: counts::Node, expected: u32) {
        self.expect("pointsman_node_in_flight", &[("node", node.0), ("channel", node.1)], f64::from(expected)).await;
    }

    /// What the filter has counted and handed to Envoy so far.
    pub async fn counts(&self) -> Counts {
        let request = Request::get("/stats/prometheus").body(Bytes::new()).expect("a valid request");
        let stats = send(self.envoy.scrape_addr(), Version::Http1, request).await.expect("Envoy is scraped");
        Counts::parse(&stats.text())
    }

    /// What Envoy exports now.
    pub async fn scrape(&self) -> Scrape {
        self.envoy.scrape().await.expect("Envoy is scraped")
    }

    /// Waits until the sum of a metric over `labels` is `expected`; fails with the last value seen.
    pub async fn expect(&self, metric: &str, labels: &[(&str, &str)], expected: f64) {
        let what = format!("{metric}{labels:?} to be {expected}");
        self.until(&what, |scrape| {
            let value = scrape.sum(metric, labels);
            if (value - expected).abs() < f64::EPSILON { Ok(()) } else { Err(value.to_string()) }
        })
        .await;
    }

    /// Waits until `holds`; fails with what it saw last.
    pub async fn until(&self, what: &str, holds: impl Fn(&Scrape) -> Result<(), String>) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match holds(&self.scrape().await) {
                Ok(()) => return,
                Err(seen) if Instant::now() >= deadline => panic!("waited for {what}, last saw {seen}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

/// A stand-in of the push service: answers 200 to everything and keeps what it received.
pub struct Service {
    /// Where it listens.
    pub addr: SocketAddr,
    received: Arc<Mutex<Vec<http::request::Parts>>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
}

impl Service {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let addr = listener.local_addr().expect("a bound address");
        let received: Arc<Mutex<Vec<http::request::Parts>>> = Arc::default();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let ledger = Arc::clone(&received);
        tokio::spawn(serve(
            listener,
            move |request: Request<hyper::body::Incoming>| {
                let ledger = Arc::clone(&ledger);
                async move {
                    let (parts, body) = request.into_parts();
                    let _ = http_body_util::BodyExt::collect(body).await;
                    ledger.lock().expect("no test panics with the lock").push(parts);
                    Ok::<_, std::io::Error>(http::Response::new(full("{}")))
                }
            },
            async move {
                let _ = stopped.await;
            },
        ));
        Self { addr, received, stop: Some(stop) }
    }

    /// The last request received.
    pub fn last(&self) -> http::request::Parts {
        self.received.lock().expect("no test panics with the lock").last().expect("a request").clone()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stop.take();
    }
}
