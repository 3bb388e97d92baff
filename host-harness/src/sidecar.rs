//! A sidecar with the filter in it, of either kind: Envoy, or the native proxy in a process of its own. Demo, benchmark and
//! soak drive both in the same way.

mod native;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

pub use native::{Native, NativeError, NativeOptions};

use crate::envoy::{self, Envoy, EnvoyError, Filter, Rules, Upstream};
use crate::scrape::Scrape;

/// Which sidecar, and from what it is started.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Envoy.
    Envoy {
        /// The Envoy program.
        binary: PathBuf,
        /// The bootstrap that ships, `envoy/bootstrap.yaml`.
        bootstrap: PathBuf,
    },
    /// The native proxy.
    Native {
        /// The `pointsman` program.
        program: PathBuf,
        /// The config that ships, `host-harness/pointsman.yaml`.
        config: PathBuf,
        /// Where compiled modules are kept; `None` compiles at every start.
        module_cache: Option<PathBuf>,
    },
}

/// What a sidecar of either kind is given.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The filter.
    pub filter_wasm: PathBuf,
    /// The plugin configuration.
    pub rules: String,
    /// Where clusters lead, by the cluster's name; nothing answers behind the others.
    pub upstreams: BTreeMap<String, Upstream>,
    /// The credentials of clusters that have a place for one, by the cluster's name.
    pub credentials: BTreeMap<String, String>,
    /// How many threads serve.
    pub workers: u32,
    /// The key of hashes and derived trace ids.
    pub secret: String,
}

/// A running sidecar; dropping it ends its process.
#[derive(Debug)]
pub enum Sidecar {
    /// Envoy.
    Envoy(Box<Envoy>),
    /// The native proxy.
    Native(Native),
}

/// Why a sidecar does not run, or does not answer.
#[derive(Debug, Error)]
pub enum SidecarError {
    /// It is Envoy.
    #[error(transparent)]
    Envoy(#[from] EnvoyError),
    /// It is the native proxy.
    #[error(transparent)]
    Native(#[from] NativeError),
}

impl Sidecar {
    /// Starts a sidecar and returns once its listeners accept connections.
    ///
    /// # Errors
    /// [`SidecarError`], with what the sidecar has said.
    pub async fn start(kind: &Kind, setup: Setup) -> Result<Self, SidecarError> {
        match kind {
            Kind::Envoy { binary, bootstrap } => {
                let mut options = envoy::Options::new(binary, bootstrap, Filter::Wasm(setup.filter_wasm));
                options.rules = Rules::Config(setup.rules);
                options.upstreams = setup.upstreams;
                options.credentials = setup.credentials;
                options.concurrency = setup.workers;
                options.secret = Some(setup.secret);
                Ok(Self::Envoy(Box::new(Envoy::start(options).await?)))
            }
            Kind::Native { program, config, module_cache } => {
                let (program, config) = (program.clone(), config.clone());
                let options = NativeOptions { program, config, module_cache: module_cache.clone(), setup };
                Ok(Self::Native(Native::start(options).await?))
            }
        }
    }

    /// Where callers of the push service connect.
    pub fn inbound(&self) -> SocketAddr {
        match self {
            Self::Envoy(envoy) => envoy.inbound(),
            Self::Native(native) => native.inbound(),
        }
    }

    /// Where the push service connects to reach vendors; the authority chooses the cluster.
    pub fn outbound(&self) -> SocketAddr {
        match self {
            Self::Envoy(envoy) => envoy.outbound(),
            Self::Native(native) => native.outbound(),
        }
    }

    /// Where a browser or Prometheus reads all metrics.
    pub fn metrics_url(&self) -> String {
        match self {
            Self::Envoy(envoy) => format!("http://{}/stats/prometheus", envoy.scrape_addr()),
            Self::Native(native) => format!("http://{}/metrics", native.admin()),
        }
    }

    /// All metrics as they are now.
    ///
    /// # Errors
    /// [`SidecarError`]: no answer, or one that is no text of metrics.
    pub async fn scrape(&self) -> Result<Scrape, SidecarError> {
        match self {
            Self::Envoy(envoy) => Ok(envoy.scrape().await?),
            Self::Native(native) => Ok(native.scrape().await?),
        }
    }

    /// All that it has logged so far, access log included.
    pub fn log(&self) -> String {
        match self {
            Self::Envoy(envoy) => envoy.log(),
            Self::Native(native) => native.log(),
        }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        match self {
            Self::Envoy(envoy) => envoy.pid(),
            Self::Native(native) => native.pid(),
        }
    }
}
