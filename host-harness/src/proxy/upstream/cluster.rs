//! One cluster as all workers share it: endpoints, limits, and what is in use of them.

use super::credential::{self, Credential, CredentialError, Secret};
use super::tls::{self, TlsError};
use crate::process::{Admission, Upstreams};
use crate::proxy::config::{ClusterConfig, Endpoint};
use crate::proxy::exposition::{self, HostMetrics};
use http::{HeaderName, HeaderValue};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How old the addresses of a name may be when a connection is made.
const RESOLVE_INTERVAL: Duration = Duration::from_secs(5);

/// One cluster as all workers share it.
pub(in crate::proxy) struct Cluster {
    pub(in crate::proxy) config: ClusterConfig,
    pub(super) tls: Option<tls::Connector>,
    credential: Option<Credential>,
    pub(super) connections: Gauge,
    pub(super) pending: Gauge,
    pub(super) requests: Gauge,
    pub(in crate::proxy) metrics: exposition::Cluster,
    addresses: Mutex<Addresses>,
}

/// Why a cluster cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(in crate::proxy) enum ClusterError {
    /// Its TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Its credential.
    #[error(transparent)]
    Credential(#[from] CredentialError),
}

impl ClusterError {
    /// The key of the config that is at fault.
    pub(in crate::proxy) const fn key(&self) -> &'static str {
        match self {
            Self::Tls(_) => "tls",
            Self::Credential(_) => "credential.file",
        }
    }
}

/// Addresses of the endpoints, with the time at which names were looked up.
struct Addresses {
    known: Arc<[SocketAddr]>,
    resolved: Option<Instant>,
}

impl Cluster {
    /// A cluster of which nothing is used yet, with the secret of its credential, which has been read.
    ///
    /// # Errors
    /// [`TlsError`]: the authorities cannot be read.
    fn new(config: ClusterConfig, secret: Secret, metrics: &HostMetrics) -> Result<Self, TlsError> {
        let known = config.endpoints.iter().filter_map(|endpoint| match endpoint {
            Endpoint::Socket(address) => Some(*address),
            Endpoint::Name { .. } => None,
        });
        let addresses = Mutex::new(Addresses { known: known.collect(), resolved: None });
        let tls = config.tls.as_ref().map(|tls| tls::Connector::new(tls, config.protocol)).transpose()?;
        let credential = config.credential.as_ref().and_then(|config| Credential::new(config, secret));
        let (connections, pending, requests) = (Gauge::default(), Gauge::default(), Gauge::default());
        let metrics = metrics.cluster(&config.name);
        Ok(Self { metrics, config, tls, credential, connections, pending, requests, addresses })
    }

    /// Whether this is what a config asks for, down to the authorities in the file that it names.
    fn serves(&self, config: &ClusterConfig) -> bool {
        let is_current = |tls: &tls::Connector| config.tls.as_ref().is_some_and(|config| tls.is_current(config));
        self.config == *config && self.tls.as_ref().is_none_or(is_current)
    }

    /// The header that requests carry as the cluster's credential, if it has one now.
    pub(super) fn credential(&self) -> Option<(HeaderName, HeaderValue)> {
        self.credential.as_ref()?.header()
    }

    fn has_names(&self) -> bool {
        self.config.endpoints.iter().any(|endpoint| matches!(endpoint, Endpoint::Name { .. }))
    }

    /// The addresses as far as they are known.
    pub(super) fn known(&self) -> Arc<[SocketAddr]> {
        Arc::clone(&self.addresses.lock().unwrap_or_else(PoisonError::into_inner).known)
    }

    /// The addresses, with names looked up if that was too long ago. A failed lookup keeps what was known.
    pub(super) async fn resolve(&self) -> Arc<[SocketAddr]> {
        if !self.has_names() || self.is_fresh() {
            return self.known();
        }
        let mut found = Vec::new();
        for endpoint in &self.config.endpoints {
            match endpoint {
                Endpoint::Socket(address) => found.push(*address),
                Endpoint::Name { host, port } => {
                    if let Ok(addresses) = tokio::net::lookup_host((host.as_str(), *port)).await {
                        found.extend(preferred(addresses.collect()));
                    }
                }
            }
        }
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.resolved = Some(Instant::now());
        if !found.is_empty() {
            addresses.known = found.into();
        }
        Arc::clone(&addresses.known)
    }

    fn is_fresh(&self) -> bool {
        let addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.resolved.is_some_and(|resolved| resolved.elapsed() < RESOLVE_INTERVAL)
    }

    fn admit(&self) -> Admission {
        let unresolved = self.has_names() && self.known().is_empty() && !self.is_fresh();
        let has_endpoint = unresolved || !self.known().is_empty();
        let has_room = self.requests.get() < self.config.max_requests;
        if has_endpoint && has_room { Admission::Ready } else { Admission::Refused }
    }
}

/// IPv4 if there is any, as `V4_PREFERRED`.
fn preferred(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let v4: Vec<SocketAddr> = addresses.iter().copied().filter(SocketAddr::is_ipv4).collect();
    if v4.is_empty() { addresses } else { v4 }
}

/// How many of something are in use.
#[derive(Clone, Default)]
pub(super) struct Gauge(Arc<AtomicUsize>);

/// One in use, until it is dropped.
pub(super) struct InUse(Arc<AtomicUsize>);

impl Gauge {
    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// One more, if there are less than `max`.
    pub(super) fn take(&self, max: usize) -> Option<InUse> {
        if self.0.fetch_add(1, Ordering::Relaxed) < max {
            return Some(InUse(Arc::clone(&self.0)));
        }
        self.0.fetch_sub(1, Ordering::Relaxed);
        None
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The clusters in force, by name: what guests are told when they call one.
#[derive(Default)]
pub(in crate::proxy) struct Directory(RwLock<Arc<BTreeMap<String, Arc<Cluster>>>>);

impl Directory {
    /// The clusters.
    pub(in crate::proxy) fn clusters(&self) -> Arc<BTreeMap<String, Arc<Cluster>>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The clusters of a new config: those that stay as they are keep what is in use, but for a new secret. That is taken
    /// even if the config is refused in the end: the file is the one that was in force before too.
    ///
    /// # Errors
    /// [`ClusterError`], with the index of the cluster.
    pub(in crate::proxy) fn prepare(
        &self,
        configs: &[ClusterConfig],
        metrics: &HostMetrics,
    ) -> Result<BTreeMap<String, Arc<Cluster>>, (usize, ClusterError)> {
        let secret = |(index, config): (usize, &ClusterConfig)| {
            let secret = config.credential.as_ref().map(credential::read).transpose();
            secret.map(Option::flatten).map_err(|error| (index, error.into()))
        };
        let secrets = configs.iter().enumerate().map(secret).collect::<Result<Vec<Secret>, _>>()?;
        let current = self.clusters();
        let cluster = |(index, (config, secret)): (usize, (&ClusterConfig, Secret))| {
            let kept = current.get(&config.name).filter(|cluster| cluster.serves(config)).cloned();
            let cluster = match kept {
                Some(cluster) => {
                    if let Some(credential) = &cluster.credential {
                        credential.set(secret);
                    }
                    cluster
                }
                None => Arc::new(Cluster::new(config.clone(), secret, metrics).map_err(|error| (index, error.into()))?),
            };
            Ok((config.name.clone(), cluster))
        };
        configs.iter().zip(secrets).enumerate().map(cluster).collect()
    }

    /// Puts clusters in force.
    pub(in crate::proxy) fn replace(&self, clusters: BTreeMap<String, Arc<Cluster>>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(clusters);
    }
}

impl Upstreams for Directory {
    fn admit(&self, cluster: &str) -> Admission {
        self.clusters().get(cluster).map_or(Admission::Unknown, |cluster| cluster.admit())
    }
}
