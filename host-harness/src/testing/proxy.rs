//! A proxy as a test describes it.

use super::error::TestError;
use super::filter::Filter;
use super::plan::Plan;
use super::running::Running;
use super::stub::Stub;
use crate::abi::LogLevel;
use crate::filter::TrafficDirection;
use crate::http::Response;
use crate::process::Clock;
use crate::proxy::ProxyConfig;
use crate::vm::Engine;
use bytes::Bytes;
use http::Request;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// A proxy as a test describes it. [`Proxy::start`] gives the one that runs; [`Proxy::send`] starts it when it is needed, for
/// tests that look only at what client and upstream see.
pub struct Proxy {
    plan: Plan,
    running: OnceCell<Running>,
}

impl Proxy {
    /// A proxy with one worker, this filter, and no upstream: every request that the filter lets pass gets 404.
    pub fn with_filter(filter: Filter) -> Self {
        Self { plan: Plan::new(filter), running: OnceCell::new() }
    }

    /// With an upstream, to which requests go that name it as their authority (`http://NAME/`), and to which the filter can
    /// make calls by this name. The only upstream gets every request.
    pub fn upstream(self, name: impl Into<String>, stub: impl Into<Stub>) -> Self {
        self.but(|plan| plan.upstreams.push((name.into(), stub.into())))
    }

    /// With a route: requests with this authority (`api.example.com`, `*.example.com` or `*`) go to the upstream of this name.
    pub fn route(self, authority: impl Into<String>, upstream: impl Into<String>) -> Self {
        self.but(|plan| plan.routes.push((authority.into(), upstream.into())))
    }

    /// With so many workers, each a thread with a VM of its own. Connections go to them in turn.
    pub fn workers(self, workers: usize) -> Self {
        self.but(|plan| plan.workers = workers)
    }

    /// What the filter reads as `xds.listener_direction` (or `listener_direction`); inbound unless said otherwise.
    pub fn direction(self, direction: TrafficDirection) -> Self {
        self.but(|plan| plan.listener.direction = direction)
    }

    /// The most that waits of one half of a stream before the filter: Envoy's `per_connection_buffer_limit_bytes`, 1 MiB
    /// unless said otherwise.
    pub fn buffer_limit_bytes(self, bytes: usize) -> Self {
        self.but(|plan| plan.listener.buffer_limit_bytes = bytes)
    }

    /// The time that the filter reads, such as a [`super::StoppedClock`].
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        self.but(|plan| plan.clock = clock)
    }

    /// The random bytes that filters get are the same in every run. Each VM has others, in the order in which they are made:
    /// first the one in which the configuration is tried.
    pub fn seed(self, seed: u64) -> Self {
        self.but(|plan| plan.seed = Some(seed))
    }

    /// The least level that the filter logs; everything unless said otherwise.
    pub fn log_level(self, level: LogLevel) -> Self {
        self.but(|plan| plan.log_level = level)
    }

    /// Compiles with this engine, which other proxies may use too.
    pub fn engine(self, engine: &Engine) -> Self {
        self.but(|plan| plan.engine = Some(engine.clone()))
    }

    /// Keeps compiled modules in this directory, by content, so that a module is compiled once for all tests and runs;
    /// `env!("CARGO_TARGET_TMPDIR")` is a good place. An engine that is given has its own.
    pub fn module_cache(self, directory: impl Into<PathBuf>) -> Self {
        self.but(|plan| plan.module_cache = Some(directory.into()))
    }

    /// How long a response, and everything else that is waited for, may take; ten seconds unless said otherwise.
    pub fn patience(self, patience: Duration) -> Self {
        self.but(|plan| plan.patience = patience)
    }

    /// Changes what has no function of its own here: timeouts, limits, further listeners, TLS.
    pub fn adjust(self, adjust: impl Fn(&mut ProxyConfig) + Send + Sync + 'static) -> Self {
        self.but(|plan| plan.adjust = Some(Arc::new(adjust)))
    }

    /// Another description is another proxy: one that was started goes.
    fn but(mut self, change: impl FnOnce(&mut Plan)) -> Self {
        change(&mut self.plan);
        Self { plan: self.plan, running: OnceCell::new() }
    }

    /// Starts it, and returns when every worker serves.
    ///
    /// # Errors
    /// [`TestError`] says what to change; [`TestError::Rejected`] shows what the filter has logged.
    pub async fn start(self) -> Result<Running, TestError> {
        match self.running.into_inner() {
            Some(running) => Ok(running),
            None => self.plan.start().await,
        }
    }

    /// The one that runs, started when this is asked for the first time.
    ///
    /// # Errors
    /// As for [`Proxy::start`].
    pub async fn running(&self) -> Result<&Running, TestError> {
        self.running.get_or_try_init(|| self.plan.start()).await
    }

    /// Starts the proxy if it does not run yet, and sends a request as [`Running::send`] does.
    ///
    /// # Errors
    /// As for [`Proxy::start`] and [`Running::send`].
    pub async fn send(&self, request: Request<impl Into<Bytes>>) -> Result<Response, TestError> {
        self.running().await?.send(request).await
    }

    /// [`Proxy::send`] over HTTP/2.
    ///
    /// # Errors
    /// As for [`Proxy::send`].
    pub async fn send_http2(&self, request: Request<impl Into<Bytes>>) -> Result<Response, TestError> {
        self.running().await?.send_http2(request).await
    }
}
