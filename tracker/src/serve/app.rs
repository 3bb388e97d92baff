//! What every route may use.

use super::keys::RecipientKeys;
use super::state::State;
use crate::access::Access;
use crate::ingest::Ingest;
use crate::metrics::Metrics;
use crate::operations::Operations;
use crate::store::Store;
use pointsman_core::lifecycle::Lifecycle;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What every route may use.
#[derive(Clone)]
pub struct App {
    /// Where events are kept.
    pub store: Arc<dyn Store>,
    /// The statuses.
    pub lifecycle: Arc<Lifecycle>,
    /// Hashes plain recipients; without them only hashes can be asked for.
    pub keys: Option<Arc<RecipientKeys>>,
    /// Who may do what.
    pub access: Arc<Access>,
    /// Changes rules; without it the page only shows.
    pub operations: Option<Arc<Operations>>,
    /// What is counted.
    pub metrics: Metrics,
    /// What time it is, in milliseconds since 1970.
    pub clock: fn() -> u64,
    /// Bounds.
    pub limits: Limits,
    /// What the page is told.
    pub page: Arc<PageSettings>,
    /// What takes records.
    pub ingest: Arc<Ingest>,
    /// Whether it takes requests.
    pub state: State,
}

impl App {
    /// One with the defaults of everything else: anybody may look, nobody may change anything, and there is no secret.
    pub fn new(store: Arc<dyn Store>, lifecycle: Arc<Lifecycle>) -> Self {
        Self {
            store,
            lifecycle,
            keys: None,
            access: Arc::default(),
            operations: None,
            metrics: Metrics::default(),
            clock: now_ms,
            limits: Limits::default(),
            page: Arc::default(),
            ingest: Arc::default(),
            state: State::default(),
        }
    }
}

/// What the clock on the wall says, in milliseconds since 1970; 0 if it stands before that.
pub fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

/// Bounds of queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a query may take.
    pub query_timeout: Duration,
    /// The most bytes of a query's body.
    pub query_body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { query_timeout: Duration::from_secs(10), query_body: 1 << 20 }
    }
}

/// What the page is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PageSettings {
    /// Where a trace is shown, with `{trace_id}` in it.
    pub trace_link: Option<String>,
    /// How many failures of a kind are too many.
    pub patterns: crate::answers::patterns::Settings,
}
