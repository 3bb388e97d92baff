//! A real Prometheus, a real Alertmanager, and whoever is paged by it.

use crate::tools;
use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use pointsman_host::http::{Version, full, send, serve};
use serde_json::{Value, json};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::Instant;

/// How often a predicate is looked at.
const POLL: Duration = Duration::from_millis(100);

/// A Prometheus that scrapes one Envoy as the job `push`, evaluates rules and tells an Alertmanager.
pub struct Prometheus {
    daemon: Daemon,
}

/// An Alertmanager whose receivers are all one [`Pager`].
pub struct Alertmanager {
    daemon: Daemon,
}

/// Who is told of alerts.
pub struct Pager {
    /// Where it listens.
    pub addr: SocketAddr,
    received: Arc<Mutex<Vec<Value>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Prometheus {
    /// Starts it and waits until it is ready. `rules` is the text of a rule file.
    pub async fn start(envoy: SocketAddr, rules: &str, alertmanager: &Alertmanager) -> Self {
        let port = Reserved::new();
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("rules.yml"), rules).expect("the rules are written");
        // JSON is YAML.
        let config = json!({
            "global": { "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "500ms" },
            "rule_files": ["rules.yml"],
            "alerting": { "alertmanagers": [{ "static_configs": [{ "targets": [alertmanager.daemon.addr] }] }] },
            "scrape_configs": [{
                "job_name": "push",
                "metrics_path": "/stats/prometheus",
                "static_configs": [{ "targets": [envoy], "labels": { "namespace": "push" } }],
            }],
        });
        std::fs::write(folder.path().join("prometheus.yml"), config.to_string()).expect("the config is written");
        let arguments = |folder: &Path, addr: SocketAddr| {
            vec![
                format!("--config.file={}", folder.join("prometheus.yml").display()),
                format!("--storage.tsdb.path={}", folder.join("data").display()),
                format!("--web.listen-address={addr}"),
                // So that alerts are sent again often enough for them not to end by themselves.
                "--rules.alert.resend-delay=1s".to_owned(),
            ]
        };
        Self { daemon: Daemon::start("prometheus", folder, port, arguments).await }
    }

    /// What a query gives now, or what is wrong with it.
    ///
    /// # Errors
    /// Its own words.
    pub async fn query(&self, expr: &str) -> Result<Vec<Value>, String> {
        let query = form_urlencoded::Serializer::new(String::new()).append_pair("query", expr).finish();
        let answer = self.daemon.get(&format!("/api/v1/query?{query}")).await;
        match answer["data"]["result"].as_array() {
            Some(series) if answer["status"] == "success" => Ok(series.clone()),
            _ => Err(answer["error"].as_str().unwrap_or("no vector").to_owned()),
        }
    }

    /// Waits until a query gives something.
    pub async fn until(&self, expr: &str, patience: Duration) {
        let found = wait(patience, || async { self.query(expr).await.is_ok_and(|series| !series.is_empty()) }).await;
        assert!(found, "{expr} has given nothing\n{}", self.daemon.log());
    }

    /// The rules that could not be evaluated, with what is wrong with them.
    pub async fn broken_rules(&self) -> Vec<String> {
        let answer = self.daemon.get("/api/v1/rules").await;
        let groups = answer["data"]["groups"].as_array().cloned().unwrap_or_default();
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default());
        let broken = rules.filter(|rule| rule["health"] == "err");
        broken.map(|rule| format!("{}: {}", rule["name"], rule["lastError"])).collect()
    }
}

impl Alertmanager {
    /// Starts it with this configuration and waits until it is ready.
    pub async fn start(config: &Value) -> Self {
        let port = Reserved::new();
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("alertmanager.yml"), config.to_string()).expect("the config is written");
        let arguments = |folder: &Path, addr: SocketAddr| {
            vec![
                format!("--config.file={}", folder.join("alertmanager.yml").display()),
                format!("--storage.path={}", folder.join("data").display()),
                format!("--web.listen-address={addr}"),
                "--cluster.listen-address=".to_owned(),
            ]
        };
        Self { daemon: Daemon::start("alertmanager", folder, port, arguments).await }
    }

    /// Every alert that fires, with whether and by which it is suppressed.
    pub async fn alerts(&self) -> Vec<Value> {
        self.daemon.get("/api/v2/alerts").await.as_array().cloned().unwrap_or_default()
    }

    /// Waits until the alerts are as expected; fails with those seen last.
    pub async fn until(&self, what: &str, patience: Duration, holds: impl Fn(&[Value]) -> bool) {
        let held = wait(patience, || async { holds(&self.alerts().await) }).await;
        assert!(held, "waited for {what}, last saw\n{:#}", Value::from(self.alerts().await));
    }
}

impl Pager {
    /// Listens.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let addr = listener.local_addr().expect("a bound address");
        let received: Arc<Mutex<Vec<Value>>> = Arc::default();
        let ledger = Arc::clone(&received);
        let handler = move |request: Request<hyper::body::Incoming>| {
            let ledger = Arc::clone(&ledger);
            async move {
                let path = request.uri().path().to_owned();
                let body = request.into_body().collect().await.map_err(std::io::Error::other)?.to_bytes();
                let mut notification: Value = serde_json::from_slice(&body).map_err(std::io::Error::other)?;
                notification["path"] = path.into();
                ledger.lock().expect("nobody panics with the lock").push(notification);
                Ok::<_, std::io::Error>(http::Response::new(full("")))
            }
        };
        let task = tokio::spawn(serve(listener, handler, std::future::pending()));
        Self { addr, received, task }
    }

    /// Every notification so far, with the path that it was sent to.
    pub fn notifications(&self) -> Vec<Value> {
        self.received.lock().expect("nobody panics with the lock").clone()
    }

    /// Waits until a notification is there; fails with all that came.
    pub async fn until(&self, what: &str, patience: Duration, is_it: impl Fn(&Value) -> bool) -> Value {
        let found = || self.notifications().into_iter().find(|notification| is_it(notification));
        wait(patience, || async { found().is_some() }).await;
        found().unwrap_or_else(|| panic!("waited for {what}, got\n{:#}", Value::from(self.notifications())))
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits until `holds`; false if it has not within `patience`.
async fn wait<F: Future<Output = bool>>(patience: Duration, holds: impl Fn() -> F) -> bool {
    let deadline = Instant::now() + patience;
    while !holds().await {
        if Instant::now() >= deadline {
            return false;
        }
        tokio::time::sleep(POLL).await;
    }
    true
}

/// A program with an HTTP port and a folder of its own; dropping it ends it.
struct Daemon {
    child: Child,
    addr: SocketAddr,
    folder: TempDir,
}

impl Daemon {
    async fn start(
        tool: &str,
        folder: TempDir,
        port: Reserved,
        arguments: impl Fn(&Path, SocketAddr) -> Vec<String>,
    ) -> Self {
        let log = File::create(folder.path().join("log")).expect("a log");
        let errors = log.try_clone().expect("the log twice");
        let child = Command::new(tools::path(tool))
            .args(arguments(folder.path(), port.addr))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .expect("the tool can be started");
        let daemon = Self { child, addr: port.addr, folder };
        let ready = wait(Duration::from_secs(20), || async {
            let request = Request::get("/-/ready").body(Bytes::new()).expect("a valid request");
            send(daemon.addr, Version::Http1, request).await.is_ok_and(|answer| answer.status.is_success())
        });
        assert!(ready.await, "{tool} is not ready\n{}", daemon.log());
        daemon
    }

    async fn get(&self, path: &str) -> Value {
        let request = Request::get(path).body(Bytes::new()).expect("a valid request");
        let answer = send(self.addr, Version::Http1, request).await.expect("an answer");
        serde_json::from_str(&answer.text()).expect("JSON")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keeps a port from everybody but a program that names it and sets SO_REUSEADDR, as those in Go do.
struct Reserved {
    addr: SocketAddr,
    _socket: TcpSocket,
}

impl Reserved {
    fn new() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("an option");
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port");
        Self { addr: socket.local_addr().expect("a bound address"), _socket: socket }
    }
}
