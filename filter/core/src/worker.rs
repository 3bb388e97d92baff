//! What one worker keeps between exchanges: the plan, the counts, the open and the held visits.

use crate::board::SharedData;
use crate::event::Event;
use crate::exchange::Untold;
use crate::export::DropReason;
use crate::export::Exporter;
use crate::extract::Facts;
use crate::governor::{self, Counts, DrillResult, FailoverResult, Governor, News, SwitchReason};
use crate::hash::hash;
use crate::hold::{Delays, HoldProof, Holds};
use crate::labels::{Counters, label};
use crate::lifecycle::Status;
use crate::metrics::Metrics;
use crate::observe::{self, NodeExit, Observer};
use crate::open::OpenVisits;
use crate::plan::{BusinessId, ChannelId, Plan};
use crate::slots::SlotKey;
use crate::stitch::Memory;
use crate::time::{Monotonic, WallClock};
use crate::trace::{self, Key, SpanId, TraceId, Tracers, random_span_id, random_trace_id};
use rand_core::Rng;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

mod records;

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
        /// A rule would have moved the message, but no other channel could take it: its own got it.
        NoBackup = "no_backup",
    }
}

label! {
    /// What became of the trace context of an exchange. Every watched exchange has one of the first seven; the last three
    /// tell more about some of them.
    pub enum TraceResult {
        /// A valid context came in and goes on.
        Continued = "continued",
        /// The message is known to have come in here with a context, which goes on.
        Stitched = "stitched",
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
        /// The proxy's own tracer has written another context than ours, or instead of us.
        Observed = "observed",
    }
}

label! {
    /// What came of tying the visits of a message to each other by its id.
    pub enum StitchResult {
        /// The context of a message that came in is kept.
        Kept = "kept",
        /// It is kept in the place of another message's that had not run out.
        Displaced = "displaced",
        /// It is not kept: other workers were quicker each time.
        Contended = "contended",
        /// A message went out that is known to have come in.
        Found = "found",
        /// It has come in more than once, so nobody can tell which of them it belongs to.
        Ambiguous = "ambiguous",
        /// It is not known to have come in.
        Missed = "missed",
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

/// More records than this between two ticks are counted and not told: a log must not become what is wrong.
pub const MAX_RECORDS: u32 = 2_000;

/// One worker's memory.
pub struct Worker {
    pub(crate) plan: Rc<Plan>,
    pub(crate) key: Option<Key>,
    rng: Box<dyn Rng>,
    /// Counts that wait for the shell to flush them.
    pub metrics: Metrics,
    observers: Vec<Box<dyn Observer>>,
    bypasses: Counters<Bypass>,
    trace_results: Counters<TraceResult>,
    stitches: Counters<StitchResult>,
    releases: Counters<Release>,
    pub(crate) body_memory: BodyMemory,
    /// Visits that have not ended.
    pub open: OpenVisits,
    /// Requests and answers that wait for their body.
    pub holds: Holds,
    /// Requests that a drill slows down.
    pub delays: Delays,
    /// What all workers of the process remember of messages.
    pub(crate) memory: Memory,
    /// The key of the message that was looked at last: one step often asks for it more than once.
    last_key: Option<(String, String, SlotKey)>,
    /// Whose the trace context on the wire is, on the way in and on the way out: each listener may have a tracer of its own.
    pub(crate) tracers: Tracers,
    /// Visits that have ended before it was known what their requests had left with.
    pub(crate) untold: Vec<Untold>,
    /// Records on their way to a collector, if there is one.
    exporter: Option<Exporter>,
    /// Whether the rules of the config have been told to it.
    applied_told: bool,
    /// The rules.
    pub(crate) governor: Governor,
    counts: Counts,
    /// Records told since the last tick.
    recorded: u32,
    records_dropped: Counters<DropReason>,
    /// Whether each visit is worth a log line, at debug level.
    pub log_visits: bool,
}

impl Worker {
    /// A worker for `plan`. `key` comes from the secret, if there is one; `rng` must be seeded apart for each VM; `proof`
    /// is the VM's own, since whether holding works does not change with the config.
    pub fn new(plan: Plan, key: Option<Key>, rng: Box<dyn Rng>, proof: HoldProof) -> Self {
        let mut metrics = Metrics::default();
        let mut rng = rng;
        let exporter = records::exporter(&plan, key.as_ref(), rng.next_u64(), &mut metrics);
        Self {
            key,
            governor: Governor::new(&plan, rng.next_u64()),
            rng,
            counts: Counts::default(),
            recorded: 0,
            records_dropped: DropReason::counters(&mut metrics),
            delays: Delays::default(),
            observers: observe::all(&plan, &mut metrics),
            bypasses: Counters::new("pointsman_bypassed_total", "reason", &mut metrics),
            trace_results: Counters::new("pointsman_trace_contexts_total", "result", &mut metrics),
            stitches: Counters::new("pointsman_stitches_total", "result", &mut metrics),
            memory: Memory::new(plan.settings.trace.buckets, plan.settings.trace.remember),
            last_key: None,
            tracers: Tracers::new(plan.settings.trace.mode),
            untold: Vec::new(),
            exporter,
            applied_told: false,
            releases: Counters::new("pointsman_held_released_total", "reason", &mut metrics),
            body_memory: BodyMemory::default(),
            open: OpenVisits::default(),
            holds: Holds::new(plan.settings.hold_timeout, proof),
            log_visits: false,
            metrics,
            plan: Rc::new(plan),
        }
    }

    /// The plan in force.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Whether recipients themselves are needed, and not only their number: for the hash in a visit's report, and so that
    /// no code that is told to the caller is one of them.
    pub(crate) fn keeps_recipients(&self) -> bool {
        self.wants_detail() || self.governor.has_rules()
    }

    /// Whether anybody is told more of an answer than what is counted.
    pub(crate) fn wants_detail(&self) -> bool {
        self.log_visits || self.plan.settings.answer_headers || self.tells_records() || self.plan.settings.access_log
    }

    pub(crate) fn bypass(&mut self, reason: Bypass) {
        self.bypasses.count(reason, &mut self.metrics);
    }

    pub(crate) fn trace_result(&mut self, result: TraceResult) {
        self.trace_results.count(result, &mut self.metrics);
    }

    pub(crate) fn stitched(&mut self, result: StitchResult) {
        self.stitches.count(result, &mut self.metrics);
    }

    /// By what a message is known in the process.
    pub(crate) fn key_of(&self, tenant: Option<&str>, id: &str) -> SlotKey {
        self.memory.message_key(self.key.as_ref(), tenant.unwrap_or(&self.plan.settings.tenant), id)
    }

    /// By what the message is known in the process that `facts` tell of, if they tell of exactly one.
    pub(crate) fn slot_key(&mut self, facts: &Facts) -> Option<SlotKey> {
        let [id] = facts.message_ids.as_slice() else { return None };
        let tenant = facts.tenant.as_deref().unwrap_or(&self.plan.settings.tenant);
        if let Some((_, _, key)) = self.last_key.as_ref().filter(|(of, known, _)| of == tenant && known == id) {
            return Some(*key);
        }
        let key = self.key_of(facts.tenant.as_deref(), id);
        self.last_key = Some((tenant.to_owned(), id.clone(), key));
        Some(key)
    }

    /// The trace id that follows from the message's id alone, if there is a secret and exactly one id.
    pub(crate) fn derived_trace(&mut self, facts: &Facts) -> Option<TraceId> {
        let key = self.slot_key(facts)?;
        self.trace_of(&key)
    }

    /// The trace id that follows from a message's key, if that comes from a secret.
    pub(crate) fn trace_of(&self, key: &SlotKey) -> Option<TraceId> {
        self.key.as_ref().map(|_| TraceId::never_zero(key.0))
    }

    /// Whether the spans of a trace that begins here are told.
    pub(crate) fn samples(&self, trace_id: &TraceId) -> bool {
        trace::sampled(trace_id, self.plan.settings.sample_ratio)
    }

    /// Headers go on without the body that they might have waited for.
    pub fn released(&mut self, reason: Release) {
        self.releases.count(reason, &mut self.metrics);
    }

    /// Messages of `from` were sent by `to` before `from` was asked.
    pub(crate) fn switched(
        &mut self,
        from: ChannelId,
        to: ChannelId,
        reason: SwitchReason,
        messages: u32,
        now: Monotonic,
    ) {
        self.governor.switched(&self.plan, from, now);
        self.counts.switched(&self.plan, (from, to, reason), messages, &mut self.metrics);
    }

    /// `to` was asked to take messages on which `from` had failed.
    pub(crate) fn failed_over(&mut self, from: ChannelId, to: ChannelId, result: FailoverResult, messages: u32) {
        self.counts.failed_over(&self.plan, (from, to, result), messages, &mut self.metrics);
    }

    /// A message that a drill has failed was given to another channel.
    pub(crate) fn drill_switched(&mut self, channel: ChannelId, now: Monotonic) {
        self.governor.switched(&self.plan, channel, now);
    }

    /// Callers were told to wait.
    pub(crate) fn shed(&mut self, channel: ChannelId, business: BusinessId, messages: u32, over_limit: bool) {
        if over_limit {
            self.counts.limited(&self.plan, channel, messages, &mut self.metrics);
        }
        self.counts.shed(&self.plan, (channel, business), messages, &mut self.metrics);
    }

    /// A drill has hit a call.
    pub(crate) fn drilled(&mut self, channel: ChannelId, result: DrillResult) {
        self.counts.drilled(&self.plan, channel, result, &mut self.metrics);
    }

    /// A message was reported to have taken a step that its lifecycle does not allow.
    pub fn status_conflict(&mut self, from: Status, to: Status) {
        self.counts.status_conflict(&self.plan, from, to, &mut self.metrics);
    }

    /// A hash of the message's key, equal for every try of one message and in every worker; drawn where it has none.
    pub(crate) fn message_key(&mut self, facts: &Facts) -> u64 {
        let Some(id) = facts.message_ids.first() else { return self.rng.next_u64() };
        let tenant = facts.tenant.as_deref().unwrap_or(&self.plan.settings.tenant);
        hash(&[tenant.as_bytes(), id.as_bytes()])
    }

    /// Whether one more record may be told before the next tick.
    pub(crate) fn may_record(&mut self) -> bool {
        self.recorded = self.recorded.saturating_add(1);
        let may = self.recorded <= MAX_RECORDS;
        if !may {
            self.records_dropped.count(DropReason::Full, &mut self.metrics);
        }
        may
    }

    /// Takes over what other workers have agreed on before this one was there.
    pub fn load(&mut self, now: Monotonic, wall: WallClock, shared: &mut dyn SharedData) {
        let mut random = [0; 16];
        self.rng.fill_bytes(&mut random);
        self.memory.load(random, shared);
        self.governor.load(&self.plan, now, wall, shared);
    }

    /// Time has passed: exchanges what was counted with the other workers, and lets the rules move on.
    pub fn tick(&mut self, now: Monotonic, wall: WallClock, shared: &mut dyn SharedData) -> News {
        self.recorded = 0;
        let news = self.governor.tick(&self.plan, now, wall, &mut *self.rng, shared);
        self.tell_news(&news, now, wall, shared);
        news
    }

    /// What is to be told of the rules of the config when it has come into force.
    pub fn applied(&self, wall: WallClock) -> Vec<Event> {
        governor::rules::applied(&self.plan, wall)
    }

    /// Gauges that are the same in every worker, by encoded name: who is asked to set the sums of the others sets them too.
    pub fn agreed_gauges(&mut self, now: Monotonic) -> BTreeMap<String, u64> {
        self.governor.agreed_gauges(&self.plan, now)
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
    pub fn gauges(&self, now: Monotonic) -> BTreeMap<String, u64> {
        let mut gauges = self.open.gauges(&self.plan, now);
        if self.governor.has_rules() {
            gauges.insert("pointsman_failovers_in_flight".to_owned(), self.governor.relays());
        }
        gauges
    }
}
