//! A proxy that runs, as its owner holds it.

use super::config::ProxyConfig;
use super::control::{self, Order};
use super::error::ProxyError;
use super::surroundings::Surroundings;
use crate::filter::WorkerStats;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::{mpsc, oneshot};

/// The addresses of listeners by name.
pub(super) type Addresses = Arc<RwLock<BTreeMap<String, SocketAddr>>>;

/// A proxy that runs. Dropping it ends the proxy at once; [`ProxyHandle::drain`] lets streams end first.
pub struct ProxyHandle {
    orders: mpsc::UnboundedSender<Order>,
    listeners: Addresses,
    admin: Option<SocketAddr>,
}

/// Starts a proxy on threads of its own: reads what the config names, sees that the filter takes its configuration, and
/// returns once every worker serves.
///
/// # Errors
/// [`ProxyError`]; then nothing runs.
pub async fn start(config: ProxyConfig, surroundings: Surroundings) -> Result<ProxyHandle, ProxyError> {
    config.check().map_err(ProxyError::Config)?;
    let (orders, taken) = mpsc::unbounded_channel();
    let (ready, started) = oneshot::channel();
    let listeners = Addresses::default();
    let shown = Arc::clone(&listeners);
    std::thread::Builder::new()
        .name(String::from("proxy"))
        .spawn(move || control::run(config, surroundings, shown, taken, ready))?;
    let admin = started.await.unwrap_or(Err(ProxyError::Stopped))?;
    Ok(ProxyHandle { orders, listeners, admin })
}

impl ProxyHandle {
    /// The address of a listener, with the port that it got.
    pub fn listener(&self, name: &str) -> Option<SocketAddr> {
        self.listeners.read().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }

    /// The addresses of all listeners by name.
    pub fn listeners(&self) -> BTreeMap<String, SocketAddr> {
        self.listeners.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The address of the admin endpoint, if there is one.
    pub const fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Serves by another config from now on; streams that have begun go on by the old one. Files that the config names are
    /// read anew.
    ///
    /// # Errors
    /// [`ProxyError`]; then the old config stays.
    pub async fn reload(&self, config: ProxyConfig) -> Result<(), ProxyError> {
        config.check().map_err(ProxyError::Config)?;
        self.ask(|done| Order::Reload(Box::new(config), done)).await.unwrap_or(Err(ProxyError::Stopped))
    }

    /// Notes that a config could not even be read, for the metrics.
    pub fn reload_failed(&self) {
        // A proxy that has stopped counts nothing.
        let _ = self.orders.send(Order::ReloadFailed);
    }

    /// What has happened to the VM of each worker.
    pub async fn stats(&self) -> Vec<WorkerStats> {
        self.ask(Order::Stats).await.unwrap_or_default()
    }

    /// Takes no more connections, lets streams end for as long as the config's `drain_timeout`, and stops. Says whether all
    /// of them ended in time.
    pub async fn drain(self) -> bool {
        self.ask(Order::Drain).await.unwrap_or(false)
    }

    async fn ask<T>(&self, order: impl FnOnce(oneshot::Sender<T>) -> Order) -> Option<T> {
        let (done, answer) = oneshot::channel();
        self.orders.send(order(done)).ok()?;
        answer.await.ok()
    }
}
