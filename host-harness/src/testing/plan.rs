//! What a test says of its proxy, before it starts.

use super::error::TestError;
use super::filter::Filter;
use super::log::Log;
use super::random;
use super::running::{PATIENCE, Running};
use super::served::Served;
use super::stub::Stub;
use crate::abi::LogLevel;
use crate::process::{Clock, SystemClock};
use crate::proxy::config::{ClusterChoice, ListenerConfig, RouteConfig};
use crate::proxy::{ProxyConfig, Surroundings};
use crate::vm::{Engine, EngineOptions};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The name of the listener that a test's client talks to.
pub(super) const LISTENER: &str = "listener";

/// A last change to the proxy's config.
pub(super) type Adjust = Arc<dyn Fn(&mut ProxyConfig) + Send + Sync>;

/// What a test says of its proxy.
#[derive(Clone)]
pub(super) struct Plan {
    pub(super) filter: Filter,
    pub(super) upstreams: Vec<(String, Stub)>,
    /// Authorities and upstreams.
    pub(super) routes: Vec<(String, String)>,
    pub(super) workers: usize,
    pub(super) listener: ListenerConfig,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) seed: Option<u64>,
    pub(super) log_level: LogLevel,
    pub(super) engine: Option<Engine>,
    pub(super) module_cache: Option<PathBuf>,
    pub(super) patience: Duration,
    pub(super) adjust: Option<Adjust>,
}

impl Plan {
    pub(super) fn new(filter: Filter) -> Self {
        Self {
            filter,
            upstreams: Vec::new(),
            routes: Vec::new(),
            workers: 1,
            listener: ListenerConfig { name: LISTENER.to_owned(), ..ListenerConfig::default() },
            clock: Arc::new(SystemClock::default()),
            seed: None,
            log_level: LogLevel::Trace,
            engine: None,
            module_cache: None,
            patience: PATIENCE,
            adjust: None,
        }
    }

    /// Starts the stubs, then the proxy.
    pub(super) async fn start(&self) -> Result<Running, TestError> {
        let mut stubs = Vec::new();
        for (upstream, stub) in &self.upstreams {
            stubs.push(Served::start(upstream, stub).await?);
        }
        let config = self.config(&stubs)?;
        let log = Arc::new(Log::new(self.log_level));
        let surroundings = self.surroundings(&log)?;
        Running::start(config, surroundings, log, stubs, self.patience).await
    }

    fn config(&self, stubs: &[Served]) -> Result<ProxyConfig, TestError> {
        let mut config = ProxyConfig {
            workers: self.workers,
            plugin: self.filter.plugin()?,
            listeners: vec![ListenerConfig { routes: self.routes(), ..self.listener.clone() }],
            clusters: stubs.iter().map(Served::cluster).collect(),
            drain_timeout: self.patience,
            admin: Some(self.listener.address),
            ..ProxyConfig::default()
        };
        if let Some(adjust) = &self.adjust {
            adjust(&mut config);
        }
        Ok(config)
    }

    /// The routes that were named come first; an upstream has its own name for authority, and the only one takes the rest.
    fn routes(&self) -> Vec<RouteConfig> {
        let route = |authority: &str, upstream: &str| RouteConfig {
            authority: authority.to_ascii_lowercase(),
            cluster: ClusterChoice::Named(upstream.to_owned()),
            ..RouteConfig::to("")
        };
        let named = self.routes.iter().map(|(authority, upstream)| route(authority, upstream));
        let by_name = self.upstreams.iter().map(|(name, _)| name);
        let rest = match self.upstreams.as_slice() {
            [(only, _)] => Some(RouteConfig::to(only.clone())),
            _ => None,
        };
        named.chain(by_name.map(|name| route(name, name))).chain(rest).collect()
    }

    fn surroundings(&self, log: &Arc<Log>) -> Result<Surroundings, TestError> {
        let engine = match &self.engine {
            Some(engine) => engine.clone(),
            None => {
                let options = EngineOptions { cache_directory: self.module_cache.clone(), ..EngineOptions::default() };
                Engine::new(options).map_err(|error| TestError::Proxy(error.into()))?
            }
        };
        let (clock, log) = (Arc::clone(&self.clock), Arc::clone(log));
        let new = Surroundings::default();
        let random = self.seed.map_or_else(|| Arc::clone(&new.random), random::seeded);
        Ok(Surroundings { clock, log, random, engine: Some(engine), ..new })
    }
}
