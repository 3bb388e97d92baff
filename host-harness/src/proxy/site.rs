//! What one worker serves by: the filter, the listeners' routes and the pools of one config. A new config makes a new one;
//! streams that have begun keep theirs.

use super::access_log::AccessLog;
use super::config::ListenerConfig;
use super::exposition::{self, HostMetrics};
use super::guest::Guest;
use super::pools::Pools;
use super::routing::Routes;
use super::tracing::Tracing;
use crate::filter::Peer;
use crate::process::Clock;
use std::rc::Rc;
use std::sync::Arc;

/// What one worker serves by.
pub(super) struct Site {
    pub(super) guest: Rc<Guest>,
    pub(super) pools: Rc<Pools>,
    pub(super) listeners: Vec<Rc<Listener>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) access_log: Option<Arc<AccessLog>>,
    pub(super) tracing: Option<Arc<Tracing>>,
}

/// A listener as streams see it.
pub(super) struct Listener {
    pub(super) config: ListenerConfig,
    pub(super) routes: Routes,
    pub(super) metrics: exposition::Listener,
}

/// A client's connection.
pub(super) struct Client {
    pub(super) listener: Arc<str>,
    pub(super) source: Peer,
    pub(super) destination: Peer,
    pub(super) id: u64,
}

impl Listener {
    pub(super) fn new(config: &ListenerConfig, metrics: &HostMetrics) -> Rc<Self> {
        Rc::new(Self { routes: Routes::new(config), metrics: metrics.listener(&config.name), config: config.clone() })
    }
}

impl Site {
    /// The listener of a name; `None` if the config has it no more.
    pub(super) fn listener(&self, name: &str) -> Option<Rc<Listener>> {
        self.listeners.iter().find(|listener| listener.config.name == name).cloned()
    }

    /// Whether paths are logged with their query.
    pub(super) fn logs_query(&self) -> bool {
        self.access_log.as_ref().is_some_and(|log| log.config().log_query)
    }
}
