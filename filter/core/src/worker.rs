//! What one worker keeps between exchanges: the plan, the counts, the open and the held visits.

use crate::classify::Verdict;
use crate::hold::Holds;
use crate::metrics::{Kind, Metrics, SeriesId, name};
use crate::observe::{self, NodeExit, Observer};
use crate::open::OpenVisits;
use crate::plan::Plan;
use crate::trace::{Key, SpanId, TraceId, random_span_id, random_trace_id};
use rand_core::Rng;

/// Why a push, or a part of it, was not looked at. It passed unchanged all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bypass {
    /// No node of the config is visited by it.
    NoNode,
    /// The listener has no `traffic_direction`.
    NoDirection,
    /// A body was longer than `max_body_bytes`; only its beginning was read.
    BodyTooLarge,
    /// A body came in too many pieces; only the first ones were read.
    BodyInPieces,
    /// A body is compressed.
    BodyEncoded,
    /// A body is not what its route reads: no JSON, or cut short.
    BodyUnreadable,
    /// Too many visits are open for this one to be seen while it is.
    OpenTableFull,
}

impl Bypass {
    const ALL: [Self; 7] = [
        Self::NoNode,
        Self::NoDirection,
        Self::BodyTooLarge,
        Self::BodyInPieces,
        Self::BodyEncoded,
        Self::BodyUnreadable,
        Self::OpenTableFull,
    ];

    /// The value of the label `reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoNode => "no_node",
            Self::NoDirection => "no_direction",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyInPieces => "body_in_pieces",
            Self::BodyEncoded => "body_encoded",
            Self::BodyUnreadable => "body_unreadable",
            Self::OpenTableFull => "open_table_full",
        }
    }
}

/// What became of the trace context of an exchange. Every watched exchange has one of the first six; the last two tell
/// in addition why an incoming context was not continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceResult {
    /// A valid context came in and goes on.
    Continued,
    /// The trace id was derived from the message id.
    Derived,
    /// The message has no id, so its trace id is random.
    Random,
    /// There is a message id but no secret to derive from, so the trace id is random.
    NoSecret,
    /// The id may stand in the body, which comes too late for a header: nothing was written.
    TooLate,
    /// The config says where the id stands, but it does not stand there: nothing was written.
    MissingId,
    /// The incoming context is not valid and was replaced or removed.
    Invalid,
    /// The incoming context came from the public and was not believed.
    Edge,
}

impl TraceResult {
    const ALL: [Self; 8] = [
        Self::Continued,
        Self::Derived,
        Self::Random,
        Self::NoSecret,
        Self::TooLate,
        Self::MissingId,
        Self::Invalid,
        Self::Edge,
    ];

    /// The value of the label `result`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Continued => "continued",
            Self::Derived => "derived",
            Self::Random => "random",
            Self::NoSecret => "no_secret",
            Self::TooLate => "too_late",
            Self::MissingId => "missing_id",
            Self::Invalid => "invalid",
            Self::Edge => "edge",
        }
    }
}

/// Why a held request was released before its body was in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// The body is longer than `max_body_bytes`.
    BodyTooLarge,
    /// The body did not come within `hold_timeout`.
    Timeout,
}

impl Release {
    const ALL: [Self; 2] = [Self::BodyTooLarge, Self::Timeout];

    /// The value of the label `reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BodyTooLarge => "body_too_large",
            Self::Timeout => "timeout",
        }
    }
}

/// One worker's memory.
pub struct Worker {
    pub(crate) plan: Plan,
    pub(crate) key: Option<Key>,
    rng: Box<dyn Rng>,
    /// Counts that wait for the shell to flush them.
    pub metrics: Metrics,
    observers: Vec<Box<dyn Observer>>,
    bypasses: Vec<Option<SeriesId>>,
    trace_results: Vec<Option<SeriesId>>,
    releases: Vec<Option<SeriesId>>,
    /// Visits that have not ended.
    pub open: OpenVisits,
    /// Requests that wait for their body.
    pub holds: Holds,
    /// Whether each visit is worth a log line, at debug level.
    pub log_visits: bool,
}

impl Worker {
    /// A worker for `plan`. `key` comes from the secret, if there is one; `rng` must be seeded apart for each VM.
    pub fn new(plan: Plan, key: Option<Key>, rng: Box<dyn Rng>) -> Self {
        let mut metrics = Metrics::default();
        let observers = observe::all(&plan, &mut metrics);
        let mut counter =
            |metric: &str, label: &str, value: &str| metrics.series(Kind::Counter, name(metric, &[(label, value)]));
        let bypasses = Bypass::ALL.map(|reason| counter("pointsman_bypassed_total", "reason", reason.as_str()));
        let traces =
            TraceResult::ALL.map(|result| counter("pointsman_trace_contexts_total", "result", result.as_str()));
        let releases = Release::ALL.map(|reason| counter("pointsman_held_released_total", "reason", reason.as_str()));
        let holds = Holds::new(plan.settings.hold_timeout);
        Self {
            plan,
            key,
            rng,
            metrics,
            observers,
            bypasses: bypasses.to_vec(),
            trace_results: traces.to_vec(),
            releases: releases.to_vec(),
            open: OpenVisits::default(),
            holds,
            log_visits: false,
        }
    }

    /// The plan in force.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether recipients themselves are needed, and not only their number: for the hash in a visit's log line.
    pub(crate) fn keeps_recipients(&self) -> bool {
        self.log_visits && self.plan.settings.hash_recipients && self.key.is_some()
    }

    pub(crate) fn bypass(&mut self, reason: Bypass) {
        self.metrics.add(self.bypasses.get(reason as usize).copied().flatten(), 1);
    }

    pub(crate) fn trace_result(&mut self, result: TraceResult) {
        self.metrics.add(self.trace_results.get(result as usize).copied().flatten(), 1);
    }

    /// A held request goes on without its body.
    pub fn released(&mut self, reason: Release) {
        self.metrics.add(self.releases.get(reason as usize).copied().flatten(), 1);
    }

    pub(crate) fn span_id(&mut self) -> SpanId {
        random_span_id(&mut *self.rng)
    }

    pub(crate) fn random_trace_id(&mut self) -> TraceId {
        random_trace_id(&mut *self.rng)
    }

    pub(crate) fn observe(&mut self, exit: &NodeExit<'_>) {
        for observer in &mut self.observers {
            observer.exit(&self.plan, exit, &mut self.metrics);
        }
    }

    /// The gauges of this worker, as they stand.
    pub fn gauges(&self, now: crate::time::Monotonic) -> std::collections::BTreeMap<String, u64> {
        self.open.gauges(&self.plan, now)
    }
}

/// The class, fate and figures of one visit, for a log line.
pub(crate) fn describe(verdict: &Verdict) -> String {
    format!("outcome={} fate={} messages={}", verdict.call.as_str(), verdict.fate.as_str(), verdict.tally.total())
}
