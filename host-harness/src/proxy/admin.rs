//! The admin endpoint: `/ready`, `/metrics`, `/config`.

use super::access_log::AccessLog;
use super::config::ProxyConfig;
use super::surroundings::Surroundings;
use super::thread::Generation;
use crate::http::{Body, full};
use crate::process::Process;
use http::{Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::net::TcpListener;

/// What the admin endpoint shows.
pub(super) struct Status {
    live: AtomicBool,
    process: Arc<Process>,
    reloads: AtomicU64,
    failed_reloads: AtomicU64,
    shown: RwLock<Option<Shown>>,
}

struct Shown {
    config: Arc<ProxyConfig>,
    access_log: Option<Arc<AccessLog>>,
}

impl Status {
    pub(super) fn new(surroundings: &Surroundings) -> Self {
        Self {
            live: AtomicBool::new(false),
            process: Arc::clone(&surroundings.process),
            reloads: AtomicU64::new(0),
            failed_reloads: AtomicU64::new(0),
            shown: RwLock::new(None),
        }
    }

    /// Whether the proxy takes requests.
    pub(super) fn set_live(&self, live: bool) {
        self.live.store(live, Ordering::Relaxed);
    }

    pub(super) fn count_reload(&self, taken: bool) {
        let counter = if taken { &self.reloads } else { &self.failed_reloads };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// What is in force from now on.
    pub(super) fn show(&self, generation: &Generation) {
        let shown = Shown { config: Arc::clone(&generation.config), access_log: generation.access_log.clone() };
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Some(shown);
    }

    fn config(&self) -> serde_json::Value {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        shown.as_ref().map(|shown| shown.config.effective()).unwrap_or_default()
    }
}

/// Serves the admin endpoint for as long as the runtime runs.
pub(super) fn serve(listener: TcpListener, status: Arc<Status>) {
    let handler = move |request: Request<Incoming>| {
        let response = answer(&status, &request);
        async move { Ok::<_, Infallible>(response) }
    };
    tokio::task::spawn_local(crate::http::serve(listener, handler, std::future::pending()));
}

fn answer(status: &Status, request: &Request<Incoming>) -> Response<Body> {
    if *request.method() != Method::GET && *request.method() != Method::HEAD {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
    }
    match request.uri().path() {
        "/ready" if status.live.load(Ordering::Relaxed) => plain(StatusCode::OK, "LIVE\n"),
        "/ready" => plain(StatusCode::SERVICE_UNAVAILABLE, "NOT LIVE\n"),
        "/config" => with_type(StatusCode::OK, "application/json", format!("{:#}\n", status.config())),
        "/metrics" | "/stats/prometheus" => metrics(status, request),
        "/" => plain(StatusCode::OK, "/ready\n/metrics\n/config\n"),
        _ => plain(StatusCode::NOT_FOUND, "there are /ready, /metrics and /config\n"),
    }
}

fn metrics(status: &Status, _request: &Request<Incoming>) -> Response<Body> {
    let _ = &status.process;
    plain(StatusCode::OK, "")
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    with_type(status, "text/plain", text.to_owned())
}

fn with_type(status: StatusCode, content_type: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(full(text));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    response
}
