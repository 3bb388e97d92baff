//! The admin endpoint: `/ready`, `/metrics`, `/config`.

use super::access_log::AccessLog;
use super::config::ProxyConfig;
use super::exposition::{Exposition, Format, HostMetrics};
use super::surroundings::Surroundings;
use super::thread::Generation;
use crate::http::{Body, full};
use http::{Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::net::TcpListener;

/// What the admin endpoint shows.
pub(super) struct Status {
    live: AtomicBool,
    metrics: HostMetrics,
    exposition: Exposition,
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
            exposition: Exposition::new(Arc::clone(&surroundings.process), &surroundings.metrics),
            metrics: surroundings.metrics.clone(),
            shown: RwLock::new(None),
        }
    }

    /// Whether the proxy takes requests.
    pub(super) fn set_live(&self, live: bool) {
        self.live.store(live, Ordering::Relaxed);
    }

    pub(super) fn count_reload(&self, taken: bool) {
        let metrics = &self.metrics;
        if taken { &metrics.config_update_success } else { &metrics.config_update_rejected }.inc();
    }

    /// What is in force from now on.
    pub(super) fn show(&self, generation: &Generation) {
        let shown = Shown { config: Arc::clone(&generation.config), access_log: generation.access_log.clone() };
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = Some(shown);
    }

    fn config(&self) -> serde_json::Value {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        let Some(shown) = &*shown else { return serde_json::Value::Null };
        let mut config = shown.config.effective();
        if let (Some(config), Some(log)) = (config.as_object_mut(), &shown.access_log) {
            config.insert(String::from("access_log_lines_dropped"), log.dropped().into());
        }
        config
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

fn metrics(status: &Status, request: &Request<Incoming>) -> Response<Body> {
    let accept = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = Format::negotiate(accept);
    match status.exposition.encode(format) {
        Ok(text) => with_type(StatusCode::OK, format.content_type(), text),
        Err(_) => plain(StatusCode::INTERNAL_SERVER_ERROR, "the metrics could not be written\n"),
    }
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
