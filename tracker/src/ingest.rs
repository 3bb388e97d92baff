//! OTLP in: what is sent becomes events, and is acknowledged once it is on disk.
//!
//! Nothing of a body is copied before it is known what it says: `protobuf` goes through the bytes where they are, `record` puts
//! what has a place in an event there and the rest into `rest`, and what many events have in common is made once (`facts`).
//! JSON is made protobuf first, so that there is one reader.

mod answer;
mod body;
mod decode;
mod facts;
mod json;
mod log;
mod protobuf;
mod record;
mod resource;
mod rest;
mod route;
mod settings;
mod slot;
mod span;
mod take;
mod value;
mod words;

pub use decode::Signal;
pub use route::routes;
pub use settings::{Settings, Token, Wire};

use crate::complain::SeldomComplaint;
use body::Room;
use facts::Cache;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;

/// What takes records.
pub struct Ingest {
    settings: Settings,
    retention: Duration,
    room: Room,
    events: Arc<Semaphore>,
    caches: Mutex<Vec<Cache>>,
    trouble: SeldomComplaint,
}

impl Ingest {
    /// One that keeps to the settings, and takes nothing that is older than `retention`.
    pub fn new(settings: Settings, retention: Duration) -> Self {
        let room = Room::new(settings.max_in_flight, settings.max_body);
        let events = Arc::new(Semaphore::new(take::MAX_EVENTS));
        Self { settings, retention, room, events, caches: Mutex::default(), trouble: SeldomComplaint::default() }
    }
}

/// One that takes from anybody, whatever happened within the last fortnight.
impl Default for Ingest {
    fn default() -> Self {
        Self::new(Settings::default(), Duration::from_secs(14 * 86_400))
    }
}

impl fmt::Debug for Ingest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ingest").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
