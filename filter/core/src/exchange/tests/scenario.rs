//! One worker, a clock that only moves when told to, and an Envoy that buffers, holds and changes headers as the real one
//! does. It refuses what the real one would refuse: changing headers that have left, holding what has no body.

use super::super::*;
use super::world::{Asked, FakeShell, Request};
use crate::config;
use crate::hold::HoldProof;
use crate::report::VisitReport;
use crate::time::as_millis;
use crate::trace::Key;
use crate::worker::Release;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::collections::BTreeMap;
use std::time::Duration;

pub(super) const SECRET: &[u8] = b"pointsman-test-secret-1";
pub(super) const CALLS: &str = "pointsman_node_calls_total";
pub(super) const MESSAGES: &str = "pointsman_node_messages_total";
pub(super) const CODES: &str = "pointsman_vendor_codes_total";
pub(super) const ON_TIME: &str = "pointsman_node_on_time_total";
pub(super) const BYPASSED: &str = "pointsman_bypassed_total";
pub(super) const CONTEXTS: &str = "pointsman_trace_contexts_total";
pub(super) const RELEASED: &str = "pointsman_held_released_total";
pub(super) const IN_FLIGHT: &str = "pointsman_node_in_flight";
pub(super) const BLOCKED: &str = "pointsman_node_blocked";

/// Exchanges, one after the other, through one worker.
pub(super) struct Scenario {
    pub(super) worker: Worker,
    shell: FakeShell,
    exchange: Exchange,
    stream: StreamId,
    /// The request's headers, with what was done to them.
    headers: Vec<(String, Vec<u8>)>,
    held: bool,
    /// What was done to the answer's headers, and whether it is held.
    told: Vec<(String, String)>,
    answer_held: bool,
    reports: Vec<VisitReport>,
    totals: BTreeMap<String, u64>,
    samples: Vec<(String, u64)>,
}

impl Scenario {
    pub(super) fn new(config: &str) -> Self {
        Self::with_key(config, Some(Key::new(SECRET).unwrap()))
    }

    pub(super) fn without_secret(config: &str) -> Self {
        Self::with_key(config, None)
    }

    fn with_key(config: &str, key: Option<Key>) -> Self {
        let plan = config::load(config).unwrap_or_else(|faults| panic!("{faults}"));
        let rng = Xoshiro256PlusPlus::seed_from_u64(7);
        Self {
            worker: Worker::new(plan, key, Box::new(rng), HoldProof::default()),
            shell: FakeShell::default(),
            exchange: Exchange::default(),
            stream: StreamId(0),
            headers: Vec::new(),
            held: false,
            told: Vec::new(),
            answer_held: false,
            reports: Vec::new(),
            totals: BTreeMap::new(),
            samples: Vec::new(),
        }
    }

    /// The request's headers; its body is still to come.
    pub(super) fn open(&mut self, request: &Request) -> &mut Self {
        self.begin(request, false)
    }

    /// A request that is nothing but headers.
    pub(super) fn open_without_body(&mut self, request: &Request) -> &mut Self {
        self.begin(request, true);
        assert!(!self.held, "what has no body would be held until the tick");
        self
    }

    /// A whole request.
    pub(super) fn send(&mut self, request: &Request, body: impl AsRef<[u8]>) -> &mut Self {
        self.open(request).body(body, true)
    }

    fn begin(&mut self, request: &Request, end_of_stream: bool) -> &mut Self {
        self.stream = StreamId(self.stream.0 + 1);
        self.headers.clone_from(&request.headers);
        self.shell = FakeShell { now: self.shell.now, wall_clock: self.shell.wall_clock, ..FakeShell::default() };
        self.reports.clear();
        self.told.clear();
        self.answer_held = false;
        let (stream, direction, edge) = (self.stream, request.direction, request.edge);
        let headers = borrowed(&request.headers);
        let head = RequestHead { stream, direction, edge, headers, end_of_stream };
        let (exchange, effects) = Exchange::begin(&mut self.worker, &head, &mut self.shell);
        self.exchange = exchange;
        self.held = true;
        self.held = self.execute(effects) == Flow::Hold;
        self
    }

    /// More of the request's body.
    pub(super) fn body(&mut self, bytes: impl AsRef<[u8]>, end_of_stream: bool) -> &mut Self {
        self.fill(bytes.as_ref());
        let size = self.shell.buffer.len();
        let flow = self.step(|exchange, worker, shell| exchange.request_body(worker, size, end_of_stream, shell));
        self.held &= flow == Flow::Hold;
        assert!(!(self.held && end_of_stream), "the body is in, but the request is still held");
        self
    }

    pub(super) fn trailers(&mut self) -> &mut Self {
        self.fill(&[]);
        let flow = self.step(|exchange, worker, shell| exchange.request_trailers(worker, shell));
        self.held &= flow == Flow::Hold;
        assert!(!self.held, "the request is whole, but still held");
        self
    }

    /// The answer's headers; its body is still to come.
    pub(super) fn answer_head(&mut self, status: u16, headers: &[(&str, &str)]) -> &mut Self {
        self.head(status, headers, false)
    }

    /// An answer that is nothing but headers.
    pub(super) fn answer_without_body(&mut self, status: u16) -> &mut Self {
        self.head(status, &[], true)
    }

    /// A whole answer.
    pub(super) fn answer(&mut self, status: u16, body: impl AsRef<[u8]>) -> &mut Self {
        self.answer_head(status, &[]).answer_body(body, true)
    }

    /// Envoy answers in the upstream's place.
    pub(super) fn local_reply(&mut self, status: u16, code_details: &str) -> &mut Self {
        self.code_details(code_details).answer(status, "upstream connect error")
    }

    fn head(&mut self, status: u16, headers: &[(&str, &str)], end_of_stream: bool) -> &mut Self {
        let status = status.to_string();
        let headers =
            [(":status", status.as_str())].into_iter().chain(headers.iter().copied()).collect::<Headers<'_>>();
        self.shell.buffer.clear();
        self.answer_held = true;
        let flow =
            self.step(|exchange, worker, shell| exchange.response_headers(worker, &headers, end_of_stream, shell));
        self.answer_held = flow == Flow::Hold;
        assert!(!(self.answer_held && end_of_stream), "what has no body would be held until the tick");
        // A request that is answered while it is held goes nowhere.
        self.held = false;
        self
    }

    /// More of the answer's body.
    pub(super) fn answer_body(&mut self, bytes: impl AsRef<[u8]>, end_of_stream: bool) -> &mut Self {
        if !self.answer_held {
            self.shell.buffer.clear();
        }
        self.shell.buffer.extend_from_slice(bytes.as_ref());
        let size = self.shell.buffer.len();
        let flow = self.step(|exchange, worker, shell| exchange.response_body(worker, size, end_of_stream, shell));
        self.answer_held &= flow == Flow::Hold;
        assert!(!(self.answer_held && end_of_stream), "the answer is whole, but still held");
        self
    }

    pub(super) fn answer_trailers(&mut self) -> &mut Self {
        if !self.answer_held {
            self.shell.buffer.clear();
        }
        self.step(|exchange, worker, shell| exchange.response_trailers(worker, shell));
        self.answer_held = false;
        self
    }

    /// The log phase, after which nothing is open. A second one counts nothing.
    pub(super) fn finish(&mut self) -> &mut Self {
        self.log_phase();
        assert_eq!((self.gauges(IN_FLIGHT), self.gauges(BLOCKED)), (vec![], vec![]));
        let counts = self.all_counts();
        self.log_phase();
        assert_eq!(self.all_counts(), counts, "the exchange is counted twice");
        self
    }

    fn log_phase(&mut self) {
        self.step(|exchange, worker, shell| (Exchange::Ended, exchange.finish(worker, shell)));
    }

    pub(super) fn wait(&mut self, time: Duration) -> &mut Self {
        let ns = u64::try_from(time.as_nanos()).unwrap();
        self.shell.now = Monotonic(self.shell.now.0 + ns);
        self.shell.wall_clock += ns;
        self
    }

    pub(super) fn wait_ms(&mut self, ms: u64) -> &mut Self {
        self.wait(Duration::from_millis(ms))
    }

    /// Sets the calendar, in seconds since 1970.
    pub(super) fn set_calendar(&mut self, unix_s: u64) -> &mut Self {
        self.shell.wall_clock = unix_s * 1_000_000_000;
        self
    }

    /// Sets `response.code_details`.
    pub(super) fn code_details(&mut self, details: &str) -> &mut Self {
        self.shell.code_details = Some(details.to_owned());
        self
    }

    /// The tick of the root context: releases what has been held too long. Its pieces go on and are not seen again.
    pub(super) fn tick(&mut self) -> &mut Self {
        for (stream, _) in self.worker.holds.overdue(self.shell.now) {
            self.worker.released(Release::Timeout);
            if stream == self.stream {
                (self.held, self.answer_held) = (false, false);
                self.shell.buffer.clear();
            }
        }
        self
    }

    /// A held request keeps its pieces; what passes is gone after its callback.
    fn fill(&mut self, bytes: &[u8]) {
        if !self.held {
            self.shell.buffer.clear();
        }
        self.shell.buffer.extend_from_slice(bytes);
    }

    fn step(&mut self, take: impl FnOnce(Exchange, &mut Worker, &mut FakeShell) -> (Exchange, Effects)) -> Flow {
        let (next, effects) = take(std::mem::take(&mut self.exchange), &mut self.worker, &mut self.shell);
        self.exchange = next;
        self.execute(effects)
    }

    fn execute(&mut self, effects: Effects) -> Flow {
        for command in effects.commands {
            match command {
                Command::SetRequestHeader(name, value) => {
                    self.remove_header(name);
                    self.headers.push((name.to_owned(), value.into_bytes()));
                }
                Command::RemoveRequestHeader(name) => self.remove_header(&name),
                Command::SetResponseHeader(name, value) => {
                    assert!(self.answer_held, "{name} comes after the answer's headers have left");
                    self.told.push((name.to_owned(), value));
                }
                Command::RemoveResponseHeader(name) => {
                    assert!(self.answer_held, "{name} has left already");
                    self.told.push((name, "removed".to_owned()));
                }
                Command::Report(report) => self.reports.push(*report),
            }
        }
        assert!(self.held || self.answer_held || effects.flow == Flow::Continue, "what has left cannot be held");
        effects.flow
    }

    fn remove_header(&mut self, name: &str) {
        assert!(self.held, "{name} has left already");
        self.headers.retain(|(known, _)| known != name);
    }

    /// The lines of a request header as the upstream sees them.
    pub(super) fn upstream(&self, name: &str) -> Vec<String> {
        let lines = self.headers.iter().filter(|(known, _)| known == name);
        lines.map(|(_, value)| String::from_utf8_lossy(value).into_owned()).collect()
    }

    /// The request headers as the upstream sees them, without those of the trace.
    pub(super) fn upstream_without_trace(&self) -> Vec<(String, Vec<u8>)> {
        let is_trace = |name: &str| matches!(name, "traceparent" | "tracestate");
        self.headers.iter().filter(|(name, _)| !is_trace(name)).cloned().collect()
    }

    pub(super) fn is_held(&self) -> bool {
        self.held
    }

    pub(super) fn asked(&self) -> Asked {
        self.shell.asked
    }

    /// Bytes of bodies that were copied in this exchange.
    pub(super) fn copied(&self) -> usize {
        self.shell.copied
    }

    /// What was reported of this exchange, once at most.
    pub(super) fn report(&self) -> Option<&VisitReport> {
        assert!(self.reports.len() <= 1, "{:?}", self.reports);
        self.reports.first()
    }

    /// What the caller was told in headers of the answer.
    pub(super) fn told(&self) -> Vec<(&str, &str)> {
        self.told.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    pub(super) fn is_answer_held(&self) -> bool {
        self.answer_held
    }

    /// Every count so far, by encoded name.
    pub(super) fn all_counts(&mut self) -> BTreeMap<String, u64> {
        for (id, count) in self.worker.metrics.take_counts() {
            let name = self.worker.metrics.get(id).unwrap().name.clone();
            *self.totals.entry(name).or_default() += count;
        }
        self.totals.clone()
    }

    /// The counts of one metric: the values of its labels, then the count.
    pub(super) fn counts(&mut self, metric: &str) -> Vec<String> {
        decoded(&self.all_counts(), metric)
    }

    /// What a histogram got so far: the values of its labels, then the value.
    pub(super) fn samples(&mut self, metric: &str) -> Vec<String> {
        while let Some((id, value)) = self.worker.metrics.take_sample() {
            self.samples.push((self.worker.metrics.get(id).unwrap().name.clone(), value));
        }
        self.samples.iter().filter_map(|(name, value)| decode(name, metric, *value)).collect()
    }

    /// The gauges of one metric that are not zero, as [`counts`](Self::counts).
    pub(super) fn gauges(&self, metric: &str) -> Vec<String> {
        let mut gauges = self.worker.gauges(self.shell.now);
        gauges.retain(|_, value| *value > 0);
        decoded(&gauges, metric)
    }

    pub(super) fn now_ms(&self) -> u64 {
        as_millis(self.shell.now.since(Monotonic(0)))
    }
}

fn borrowed(headers: &[(String, Vec<u8>)]) -> Headers<'_> {
    headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())).collect()
}

fn decoded(values: &BTreeMap<String, u64>, metric: &str) -> Vec<String> {
    values.iter().filter_map(|(name, value)| decode(name, metric, *value)).collect()
}

fn decode(name: &str, metric: &str, value: u64) -> Option<String> {
    let labels = name.strip_suffix(metric)?;
    let values = labels.split_terminator(";.;").filter_map(|label| label.split_once("=.=")).map(|(_, value)| value);
    Some(values.chain([value.to_string().as_str()]).collect::<Vec<_>>().join(" "))
}
