//! What one worker keeps between exchanges: the plan, the counts, the open and the held visits.

use crate::hold::{HoldProof, Holds};
use crate::labels::{Counters, label};
use crate::metrics::Metrics;
use crate::observe::{self, NodeExit, Observer};
use crate::open::OpenVisits;
use crate::plan::Plan;
use crate::trace::{Key, SpanId, TraceId, random_span_id, random_trace_id};
use rand_core::Rng;
use std::cell::Cell;
use std::rc::Rc;

label! {
    /// Why a push, or a part of it, was not looked at. It passed unchanged all the same.
    pub enum Bypass {
        /// No node of the config is visited by it.
        NoNode = "no_node",
        /// The listener has no `traffic_direction`.
        NoDirection = "no_direction",
        /// A body was longer than `max_body_bytes`; only its beginning was read.
        BodyTooLarge = "body_too_large",
        /// A body came in too many pieces; only the first ones were read.
        BodyInPieces = "body_in_pieces",
        /// A body is compressed.
        BodyEncoded = "body_encoded",
        /// A body is not what its route reads: no JSON, or cut short.
        BodyUnreadable = "body_unreadable",
        /// Too much of other bodies is being kept for this one.
        BodyMemoryFull = "body_memory_full",
        /// Too many visits are open for this one to be seen while it is.
        OpenTableFull = "open_table_full",
    }
}

label! {
    /// What became of the trace context of an exchange. Every watched exchange has one of the first six; the last two
    /// tell in addition why an incoming context was not continued.
    pub enum TraceResult {
        /// A valid context came in and goes on.
        Continued = "continued",
        /// The trace id was derived from the message id.
        Derived = "derived",
        /// The message has no id, so its trace id is random.
        Random = "random",
        /// There may be a message id but no secret to derive from, so the trace id is random.
        NoSecret = "no_secret",
        /// The id may stand in the body, which comes too late for a header: nothing was written.
        TooLate = "too_late",
        /// The config says where the id stands, but it does not stand there: nothing was written.
        MissingId = "missing_id",
        /// The incoming context is not valid and was replaced or removed.
        Invalid = "invalid",
        /// The incoming context came from the public and was not believed.
        Edge = "edge",
    }
}

label! {
    /// Why headers did not wait, or no longer, until the body was in.
    pub enum Release {
        /// The body is longer than `max_body_bytes`: only its first piece was waited for.
        BodyTooLarge = "body_too_large",
        /// The length of the body is not announced: only its first piece was waited for.
        LengthUnknown = "length_unknown",
        /// The body did not come within `hold_timeout`.
        Timeout = "timeout",
        /// Too many wait already, or waiting has turned out not to work here.
        NotNow = "not_now",
    }
}

/// The most that one worker keeps of all bodies together, in bytes. A WebAssembly memory cannot grow for ever, and one
/// that cannot grow traps.
pub const MAX_BODY_MEMORY: usize = 64 << 20;

/// What is taken of [`MAX_BODY_MEMORY`], by all exchanges of a worker together.
#[derive(Clone, Debug, Default)]
pub(crate) struct BodyMemory(Rc<Cell<usize>>);

impl BodyMemory {
    /// Takes `bytes`, unless that would be too much.
    pub(crate) fn take(&self, bytes: usize) -> bool {
        let taken = self.0.get().saturating_add(bytes);
        let fits = taken <= MAX_BODY_MEMORY;
        if fits {
            self.0.set(taken);
        }
        fits
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.0.set(self.0.get().saturating_sub(bytes));
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
    bypasses: Counters<Bypass>,
    trace_results: Counters<TraceResult>,
    releases: Counters<Release>,
    pub(crate) body_memory: BodyMemory,
    /// Visits that have not ended.
    pub open: OpenVisits,
    /// Requests and answers that wait for their body.
    pub holds: Holds,
    /// Whether each visit is worth a log line, at debug level.
    pub log_visits: bool,
}

impl Worker {
    /// A worker for `plan`. `key` comes from the secret, if there is one; `rng` must be seeded apart for each VM; `proof`
    /// is the VM's own, since whether holding works does not change with the config.
    pub fn new(plan: Plan, key: Option<Key>, rng: Box<dyn Rng>, proof: HoldProof) -> Self {
        let mut metrics = Metrics::default();
        Self {
            key,
            rng,
            observers: observe::all(&plan, &mut metrics),
            bypasses: Counters::new("pointsman_bypassed_total", "reason", &mut metrics),
            trace_results: Counters::new("pointsman_trace_contexts_total", "result", &mut metrics),
            releases: Counters::new("pointsman_held_released_total", "reason", &mut metrics),
            body_memory: BodyMemory::default(),
            open: OpenVisits::default(),
            holds: Holds::new(plan.settings.hold_timeout, proof),
            log_visits: false,
            metrics,
            plan,
        }
    }

    /// The plan in force.
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether recipients themselves are needed, and not only their number: for the hash in a visit's report, and so that
    /// no code that is told to the caller is one of them.
    pub(crate) const fn keeps_recipients(&self) -> bool {
        self.wants_detail()
    }

    /// Whether anybody is told more of an answer than what is counted.
    pub(crate) const fn wants_detail(&self) -> bool {
        self.log_visits || self.plan.settings.answer_headers
    }

    pub(crate) fn bypass(&mut self, reason: Bypass) {
        self.bypasses.count(reason, &mut self.metrics);
    }

    pub(crate) fn trace_result(&mut self, result: TraceResult) {
        self.trace_results.count(result, &mut self.metrics);
    }

    /// Headers go on without the body that they might have waited for.
    pub fn released(&mut self, reason: Release) {
        self.releases.count(reason, &mut self.metrics);
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
