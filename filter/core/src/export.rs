//! Records on their way to the collector: they wait, go in batches, and go again where the collector says so.
//!
//! One [`Exporter`] for each worker; of each signal at most one request is under way. What is done is what the
//! specification of OTLP asks of a client.

use crate::event::Event;
use crate::labels::{Counters, label};
use crate::metrics::Metrics;
use crate::otlp::{Attributes, Frame, rejected};
use crate::plan::RecordSettings;
use crate::time::{Monotonic, WallClock, http_date};
use std::collections::VecDeque;
use std::time::Duration;

mod backoff;
mod queue;

use backoff::BackOff;
use queue::{Queue, Record};

/// The most bytes of records of one signal that one worker keeps; fewer where records are few.
pub const MAX_BUFFER_BYTES: usize = 4 << 20;
/// The most bytes of records in one request. A record that is longer is not taken.
pub const MAX_REQUEST_BYTES: usize = 1 << 20;
/// The most that is read of an answer, in bytes: what is wanted of it stands at its beginning.
pub const MAX_ANSWER_BYTES: usize = 4_096;
/// How often a batch is sent before it is given up.
pub const MAX_TRIES: u32 = 5;
/// A request is given up that much after its time is over: a host that has lost it never says so.
const GRACE: Duration = Duration::from_secs(1);

/// What a record is to OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Something that has happened.
    Logs,
    /// A span.
    Traces,
}

impl Signal {
    const ALL: [Self; 2] = [Self::Logs, Self::Traces];

    const fn path(self) -> &'static str {
        match self {
            Self::Logs => "/v1/logs",
            Self::Traces => "/v1/traces",
        }
    }
}

label! {
    /// The kinds of records.
    pub enum RecordKind {
        /// A visit of a node.
        Span = "span",
        /// What is known of a message.
        Status = "status",
        /// A message has entered a node.
        Enter = "enter",
        /// A vendor has named its own id for a message.
        Alias = "alias",
        /// A breaker has moved.
        ChannelState = "channel_state",
        /// A rule has come into force or is over.
        RuleApplied = "rule_applied",
        /// A message was not sent.
        DeadLetter = "dead_letter",
        /// A drill is over.
        DrillReport = "drill_report",
    }
}

impl RecordKind {
    /// The kind of an event's record.
    pub fn of_event(event: &Event) -> Self {
        match event.name {
            Event::CHANNEL_STATE => Self::ChannelState,
            Event::RULE_APPLIED => Self::RuleApplied,
            Event::DEAD_LETTER => Self::DeadLetter,
            Event::DRILL_REPORT => Self::DrillReport,
            Event::ENTER => Self::Enter,
            Event::ALIAS => Self::Alias,
            _ => Self::Status,
        }
    }

    const fn signal(self) -> Signal {
        match self {
            Self::Span => Signal::Traces,
            _ => Signal::Logs,
        }
    }
}

label! {
    /// Why nobody was told of a record.
    pub enum DropReason {
        /// There were too many.
        Full = "full",
        /// The collector could not be reached for too long.
        Unavailable = "unavailable",
        /// The collector has taken others of the same request.
        Rejected = "rejected",
        /// The collector has not taken the whole request, and would not take it again.
        Refused = "refused",
    }
}

impl DropReason {
    /// The counters of all reasons.
    pub(crate) fn counters(metrics: &mut Metrics) -> Counters<Self> {
        Counters::new("pointsman_records_dropped_total", "reason", metrics)
    }
}

/// A request to the collector that the shell is to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// What it carries.
    pub signal: Signal,
    /// The Envoy cluster that it goes to.
    pub cluster: Box<str>,
    /// Its head.
    pub headers: Vec<(String, String)>,
    /// An `Export…ServiceRequest` as protobuf.
    pub body: Vec<u8>,
    /// The longest that it may take.
    pub timeout: Duration,
}

/// What came back. An Envoy that cannot reach the collector answers in its place, with 503 or 504.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The HTTP status.
    pub status: u16,
    /// The value of the header `retry-after`.
    pub retry_after: Option<&'a str>,
    /// The body, or its first [`MAX_ANSWER_BYTES`].
    pub body: &'a [u8],
}

/// Records that an exporter had not sent when it came to its end.
#[derive(Debug)]
pub struct Left {
    /// Whom they are told by: in the name of another they would be false.
    resource: Vec<u8>,
    logs: VecDeque<Record>,
    traces: VecDeque<Record>,
}

/// The records of one worker.
#[derive(Debug)]
pub struct Exporter {
    settings: RecordSettings,
    frame: Frame,
    logs: Queue,
    traces: Queue,
    backoff: BackOff,
    kinds: Counters<RecordKind>,
    drops: Counters<DropReason>,
}

impl Exporter {
    /// An exporter of records that a resource with these attributes tells. `seed` must differ from worker to worker.
    pub fn new(
        settings: &RecordSettings,
        resource: Vec<(&'static str, String)>,
        seed: u64,
        metrics: &mut Metrics,
    ) -> Self {
        let mut attributes = Attributes::default();
        for (name, value) in resource {
            attributes.put(name, value);
        }
        Self {
            settings: settings.clone(),
            frame: Frame::new(attributes),
            logs: Queue::default(),
            traces: Queue::default(),
            backoff: BackOff::new(seed),
            kinds: Counters::new("pointsman_records_total", "kind", metrics),
            drops: DropReason::counters(metrics),
        }
    }

    /// Takes a record as it was encoded. Where there is no room, the oldest that is not under way gives way.
    pub fn push(&mut self, kind: RecordKind, record: Vec<u8>, now: Monotonic, metrics: &mut Metrics) {
        self.kinds.count(kind, metrics);
        let due = now.after(self.backoff.at_most(self.settings.max_age));
        let max_records = self.settings.buffer;
        let dropped = self.queue(kind.signal()).push(record, due, max_records);
        self.drops.add(DropReason::Full, dropped, metrics);
    }

    /// Time has passed, or something was answered: the requests that are to be made now.
    pub fn tick(&mut self, now: Monotonic, metrics: &mut Metrics) -> Vec<Export> {
        Signal::ALL.into_iter().filter_map(|signal| self.tick_of(signal, now, metrics)).collect()
    }

    fn tick_of(&mut self, signal: Signal, now: Monotonic, metrics: &mut Metrics) -> Option<Export> {
        if self.queue(signal).is_overdue(now) {
            self.again(signal, None, now, metrics);
        }
        let until = now.after(self.settings.timeout).after(GRACE);
        let queue = match signal {
            Signal::Logs => &mut self.logs,
            Signal::Traces => &mut self.traces,
        };
        let body = self.frame.request(queue.begin(now, until, self.settings.max_batch)?);
        let RecordSettings { cluster, timeout, .. } = &self.settings;
        Some(Export { signal, cluster: cluster.clone(), headers: self.headers(signal), body, timeout: *timeout })
    }

    fn headers(&self, signal: Signal) -> Vec<(String, String)> {
        let path = format!("{}{}", self.settings.path, signal.path());
        let pairs = [
            (":method", "POST"),
            (":path", &path),
            (":authority", &self.settings.authority),
            ("content-type", "application/x-protobuf"),
            ("user-agent", concat!("OTel-OTLP-Exporter-Pointsman/", env!("CARGO_PKG_VERSION"))),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The host has made the request; `call` is its number of it.
    pub fn sent(&mut self, signal: Signal, call: u32) {
        self.queue(signal).sent(call);
    }

    /// The host has refused to make the request.
    pub fn not_sent(&mut self, signal: Signal, now: Monotonic, metrics: &mut Metrics) {
        self.again(signal, None, now, metrics);
    }

    /// A call has ended; none if it broke off. Says whether it was one of ours: then [`Self::tick`] may have more to send.
    pub fn answered(
        &mut self,
        call: u32,
        answer: Option<Answer<'_>>,
        now: Monotonic,
        wall: WallClock,
        metrics: &mut Metrics,
    ) -> bool {
        let Some(signal) = Signal::ALL.into_iter().find(|signal| self.queue(*signal).is_called(call)) else {
            return false;
        };
        match answer {
            Some(Answer { status: 200..=299, body, .. }) => {
                let records = self.queue(signal).done();
                self.drops.add(DropReason::Rejected, rejected(body).min(records), metrics);
            }
            Some(Answer { status: 429 | 502 | 503 | 504, retry_after, .. }) => {
                let wait = retry_after.and_then(|text| wait(text, wall));
                self.again(signal, wait, now, metrics);
            }
            None => self.again(signal, None, now, metrics),
            Some(_) => {
                let records = self.queue(signal).done();
                self.drops.add(DropReason::Refused, records, metrics);
            }
        }
        true
    }

    /// Gives away what is kept, for the exporter of the next config; none if nothing is. What is under way is given away
    /// too: nobody will hear its answer.
    pub fn leave(&mut self) -> Option<Left> {
        let resource = self.frame.resource().to_vec();
        let left = Left { resource, logs: self.logs.leave(), traces: self.traces.leave() };
        (!left.logs.is_empty() || !left.traces.is_empty()).then_some(left)
    }

    /// Takes what another exporter has left: it goes first, and gives way first. What was left under another name, or by
    /// another tenant, cannot be told any more.
    pub fn take_over(&mut self, left: Left, metrics: &mut Metrics) {
        if left.resource != self.frame.resource() {
            let records = left.logs.len().saturating_add(left.traces.len());
            return self.drops.add(DropReason::Unavailable, u64::try_from(records).unwrap_or(u64::MAX), metrics);
        }
        let max_records = self.settings.buffer;
        for (queue, records) in [(&mut self.logs, left.logs), (&mut self.traces, left.traces)] {
            let dropped = queue.take_over(records, max_records);
            self.drops.add(DropReason::Full, dropped, metrics);
        }
    }

    /// The request has failed in a way that may pass: it goes again later, unless it has failed too often.
    fn again(&mut self, signal: Signal, wait: Option<Duration>, now: Monotonic, metrics: &mut Metrics) {
        let failures = self.queue(signal).failures().saturating_add(1);
        let until = now.after(self.backoff.wait(failures, wait));
        let given_up = self.queue(signal).back_off(until);
        self.drops.add(DropReason::Unavailable, given_up, metrics);
    }

    fn queue(&mut self, signal: Signal) -> &mut Queue {
        match signal {
            Signal::Logs => &mut self.logs,
            Signal::Traces => &mut self.traces,
        }
    }
}

/// Reads a `Retry-After`: seconds, or a date.
fn wait(text: &str, wall: WallClock) -> Option<Duration> {
    match text.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => http_date(text).map(|date| date.since(wall)),
    }
}

#[cfg(test)]
mod tests;
