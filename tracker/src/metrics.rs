//! What the program counts about itself, for `/metrics`.

use crate::answers::patterns::watch::Above;
use crate::event::Event;
use crate::store::Health;
use http::StatusCode;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Upper bounds in seconds.
const BUCKETS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// The most pairs of statuses that are told apart.
const MAX_STEPS: usize = 100;

/// What is counted. All clones count together.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    records: Family<RecordLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
    bytes: Counter,
    append: Histogram,
    in_flight: Gauge,
    open: Gauge,
    refused: Counter,
    up: Gauge,
    disk: Gauge,
    newest_age: Gauge<f64, AtomicU64>,
    queries: Family<QueryLabels, Counter>,
    query_duration: Family<RouteLabels, Histogram>,
    above: Above,
    conflicts: Family<StepLabels, Counter>,
    steps: Mutex<BTreeSet<StepLabels>>,
}

/// What has become of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// An event of it is new.
    New,
    /// Its event was there already.
    Repeated,
    /// It is older than anything that is kept.
    Expired,
    /// The store has not taken it; its sender was told to send it again.
    Refused,
}

impl Fate {
    const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Repeated => "repeated",
            Self::Expired => "expired",
            Self::Refused => "refused",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RecordLabels {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    signal: &'static str,
    status: u16,
}

/// A step that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
struct StepLabels {
    from: String,
    to: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueryLabels {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut inner = Inner {
            registry: Registry::with_prefix("pointsman_tracker"),
            records: Family::default(),
            requests: Family::default(),
            bytes: Counter::default(),
            append: Histogram::new(BUCKETS),
            in_flight: Gauge::default(),
            open: Gauge::default(),
            refused: Counter::default(),
            up: Gauge::default(),
            disk: Gauge::default(),
            newest_age: Gauge::default(),
            queries: Family::default(),
            query_duration: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            above: Above::default(),
            conflicts: Family::default(),
            steps: Mutex::default(),
        };
        inner.register();
        Self(Arc::new(inner))
    }
}

impl Inner {
    fn register(&mut self) {
        let registry = &mut self.registry;
        let version = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "Which build it is", version);
        let of_requests = "Requests that bring records, by signal and status of the answer";
        registry.register("ingest_requests", of_requests, self.requests.clone());
        registry.register("ingest_events", "Events made of records, by what has become of them", self.records.clone());
        let unpacked = "Bytes of records, once they are unpacked";
        registry.register_with_unit("ingest_received", unpacked, Unit::Bytes, self.bytes.clone());
        let append = "How long the store takes to have a batch of events on disk";
        registry.register_with_unit("ingest_append_duration", append, Unit::Seconds, self.append.clone());
        registry.register("ingest_events_in_flight", "Events that are not on disk yet", self.in_flight.clone());
        registry.register("connections", "Connections that are open", self.open.clone());
        registry.register("connections_refused", "Connections beyond the bound", self.refused.clone());
        registry.register("store_up", "Whether the store answers", self.up.clone());
        registry.register_with_unit("store_disk", "Bytes of the store on disk", Unit::Bytes, self.disk.clone());
        let newest = "How long ago the newest event happened; NaN while there is none";
        registry.register_with_unit("newest_event_age", newest, Unit::Seconds, self.newest_age.clone());
        registry.register("queries", "Queries, by route and status of the answer", self.queries.clone());
        let duration = "How long queries take, by route";
        registry.register_with_unit("query_duration", duration, Unit::Seconds, self.query_duration.clone());
        self.above.register(registry);
        let conflicts = "Records that say that a message was where it cannot have been, by both statuses";
        registry.register("status_conflicts", conflicts, self.conflicts.clone());
    }
}

impl Metrics {
    /// So many events of records have met that fate.
    pub fn records(&self, fate: Fate, count: usize) {
        if count > 0 {
            self.0.records.get_or_create(&RecordLabels { result: fate.name() }).inc_by(count as u64);
        }
    }

    /// These events are about to be kept. What is sent again is counted again.
    pub fn conflicts(&self, events: &[Event]) {
        for facts in events.iter().map(|event| &event.facts).filter(|facts| !facts.conflict.is_empty()) {
            let labels = StepLabels { from: facts.conflict.clone(), to: facts.status.clone() };
            let mut steps = self.0.steps.lock().unwrap_or_else(PoisonError::into_inner);
            // A sender may call its statuses anything.
            let known = steps.contains(&labels) || (steps.len() < MAX_STEPS && steps.insert(labels.clone()));
            drop(steps);
            let other = || StepLabels { from: "other".to_owned(), to: "other".to_owned() };
            self.0.conflicts.get_or_create(&if known { labels } else { other() }).inc();
        }
    }

    /// A request that brings records is answered. `signal` is `logs`, `traces` or `metrics`.
    pub fn ingested(&self, signal: &'static str, status: StatusCode) {
        self.0.requests.get_or_create(&RequestLabels { signal, status: status.as_u16() }).inc();
    }

    /// So many bytes of records have come, after they were unpacked.
    pub fn received(&self, bytes: usize) {
        self.0.bytes.inc_by(bytes as u64);
    }

    /// The store has taken a batch, or has refused it, after so long.
    pub fn appended(&self, took: Duration) {
        self.0.append.observe(took.as_secs_f64());
    }

    /// So many more events wait for the store, or fewer.
    pub fn in_flight(&self, change: i64) {
        self.0.in_flight.inc_by(change);
    }

    /// So many connections are open.
    pub fn connections(&self, open: usize) {
        self.0.open.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    /// A connection beyond the bound was closed.
    pub fn connection_refused(&self) {
        self.0.refused.inc();
    }

    /// The store is like this; nothing if it does not answer.
    pub fn store(&self, health: Option<Health>, now_ms: u64) {
        self.0.up.set(i64::from(health.is_some()));
        let Some(health) = health else { return };
        self.0.disk.set(i64::try_from(health.disk_bytes).unwrap_or(i64::MAX));
        let age = Duration::from_millis(now_ms.saturating_sub(health.newest_ms));
        self.0.newest_age.set(if health.newest_ms == 0 { f64::NAN } else { age.as_secs_f64() });
    }

    /// A query is answered. `route` is the pattern, never the path.
    pub fn queried(&self, route: String, status: StatusCode, took: Duration) {
        self.0.query_duration.get_or_create(&RouteLabels { route: route.clone() }).observe(took.as_secs_f64());
        self.0.queries.get_or_create(&QueryLabels { route, status: status.as_u16() }).inc();
    }

    /// Which failures are too many.
    pub fn above(&self) -> Above {
        self.0.above.clone()
    }

    /// All of it in the text format of OpenMetrics.
    pub fn text(&self) -> String {
        let mut written = String::new();
        // Nothing that is written to a string can fail.
        let _ = text::encode(&mut written, &self.0.registry);
        written
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}
