//! A proxy that a test has started.

mod wait;

use super::error::TestError;
use super::filter::Filter;
use super::log::Log;
use super::plan::LISTENER;
use super::served::Served;
use crate::filter::WorkerStats;
use crate::http::{Response, Version, send_within};
use crate::process::LogLine;
use crate::proxy::config::Source;
use crate::proxy::{self, ProxyConfig, ProxyError, ProxyHandle, Surroundings};
use crate::scrape::Scrape;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long things may take unless a test says otherwise.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A proxy that runs with its stubs until this is dropped.
pub struct Running {
    handle: ProxyHandle,
    /// What is in force.
    config: Mutex<ProxyConfig>,
    address: SocketAddr,
    log: Arc<Log>,
    patience: Duration,
    _stubs: Vec<Served>,
}

/// What a proxy has left behind.
#[derive(Debug)]
pub struct Stopped {
    /// All that the filter has logged.
    pub log: Vec<LogLine>,
    /// The metrics as they were when it was told to stop; what must be counted by then is waited for before.
    pub metrics: Scrape,
}

impl Running {
    pub(super) async fn start(
        config: ProxyConfig,
        surroundings: Surroundings,
        log: Arc<Log>,
        stubs: Vec<Served>,
        patience: Duration,
    ) -> Result<Self, TestError> {
        let handle = proxy::start(config.clone(), surroundings).await.map_err(|error| refused(error, log.from(0)))?;
        let listener = config.listeners.first().map_or(LISTENER, |listener| &listener.name);
        let address = handle.listener(listener).ok_or(TestError::Proxy(ProxyError::Stopped))?;
        let config = Mutex::new(config);
        Ok(Self { handle, config, address, log, patience, _stubs: stubs })
    }

    /// Sends a request over HTTP/1.1 on a connection of its own and waits for the whole response. The authority of the
    /// address says to which upstream it goes: `http://oppo/v1/push`; with one upstream `/v1/push` will do.
    ///
    /// # Errors
    /// [`TestError::NoResponse`] if the connection breaks or nothing comes in time.
    pub async fn send(&self, request: Request<impl Into<Bytes>>) -> Result<Response, TestError> {
        self.exchange(Version::Http1, request.map(|body| Full::new(body.into()))).await
    }

    /// [`Running::send`] over HTTP/2 in clear text.
    ///
    /// # Errors
    /// As for [`Running::send`].
    pub async fn send_http2(&self, request: Request<impl Into<Bytes>>) -> Result<Response, TestError> {
        self.exchange(Version::Http2, request.map(|body| Full::new(body.into()))).await
    }

    /// [`Running::send`] with a body that comes in pieces or has trailers.
    ///
    /// # Errors
    /// As for [`Running::send`].
    pub async fn exchange<B>(&self, version: Version, request: Request<B>) -> Result<Response, TestError>
    where
        B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let before = self.log.len();
        let sent = send_within(self.address, version, request, self.patience).await;
        sent.map_err(|source| TestError::NoResponse { log: self.log.from(before), source })
    }

    /// Where clients come in, for a client of the test's own.
    pub const fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The proxy itself, for what has no function of its own here.
    pub const fn handle(&self) -> &ProxyHandle {
        &self.handle
    }

    /// The metrics as the operator sees them at `/metrics`: the filter's, with labels taken out of the names that it gave, and
    /// the proxy's own under Envoy's names.
    ///
    /// # Errors
    /// [`TestError::Metrics`].
    pub async fn metrics(&self) -> Result<Scrape, TestError> {
        let address = self.handle.admin().ok_or(TestError::Metrics("the proxy has no admin address".into()))?;
        let request = Request::get("/metrics").body(Full::<Bytes>::default())?;
        let answer = send_within(address, Version::Http1, request, PATIENCE).await;
        let answer = answer.map_err(|error| TestError::Metrics(error.into()))?;
        Scrape::parse(&answer.text()).map_err(|error| TestError::Metrics(error.into()))
    }

    /// What the filter has logged so far, all VMs together, in order.
    pub fn log(&self) -> Vec<LogLine> {
        self.log.from(0)
    }

    /// What has happened to the VM of each worker: traps and what came after them.
    pub async fn stats(&self) -> Vec<WorkerStats> {
        self.handle.stats().await
    }

    /// Gives the filter another configuration, as an operator does who changes the file, and returns when every worker has
    /// it. Requests that are on their way keep the old one.
    ///
    /// # Errors
    /// [`TestError::Rejected`] with what the filter has logged since; then the old configuration stays.
    pub async fn configure(&self, configuration: impl Into<Bytes>) -> Result<(), TestError> {
        let configuration = Source::Inline(configuration.into());
        self.reload(|config| config.plugin.configuration = configuration).await
    }

    /// Puts another filter in place of the one that runs, or the same with other settings.
    ///
    /// # Errors
    /// As for [`Running::configure`].
    pub async fn replace_filter(&self, filter: &Filter) -> Result<(), TestError> {
        let plugin = filter.plugin()?;
        self.reload(|config| config.plugin = plugin).await
    }

    /// Changes anything of the config in force that may change while a proxy runs.
    ///
    /// # Errors
    /// As for [`Running::configure`], and [`TestError::Proxy`] for what cannot change or has faults.
    pub async fn reload(&self, change: impl FnOnce(&mut ProxyConfig)) -> Result<(), TestError> {
        let mut current = self.config.lock().await;
        let mut next = current.clone();
        change(&mut next);
        let before = self.log.len();
        self.handle.reload(next.clone()).await.map_err(|error| refused(error, self.log.from(before)))?;
        *current = next;
        Ok(())
    }

    /// Lets the streams end, stops the proxy, and gives what it leaves behind.
    ///
    /// # Errors
    /// [`TestError::NotDrained`] if a stream does not end in time.
    pub async fn stop(self) -> Result<Stopped, TestError> {
        let metrics = self.metrics().await?;
        let after = self.config.lock().await.drain_timeout;
        if !self.handle.drain().await {
            return Err(TestError::NotDrained { after });
        }
        Ok(Stopped { log: self.log.from(0), metrics })
    }
}

/// Tells the filter's faults from those of the proxy's config.
fn refused(error: ProxyError, log: Vec<LogLine>) -> TestError {
    match error {
        ProxyError::Filter(_) => TestError::Rejected { log, source: error },
        other => TestError::Proxy(other),
    }
}
