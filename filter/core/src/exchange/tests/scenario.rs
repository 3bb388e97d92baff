//! One worker, a clock that only moves when told to, and an Envoy that buffers, holds and changes headers as the real one
//! does. It refuses what the real one would refuse: changing headers that have left, holding what has no body.

use super::super::*;
use super::world::{FakeShell, Request};
use crate::config;
use crate::hold::HoldProof;
use crate::report::VisitReport;
use crate::roster::tests::Store;
use crate::time::WallClock;
use crate::trace::{self, Key};
use crate::worker::Release;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::collections::BTreeMap;
use std::time::Duration;

mod exported;
mod seen;

pub(super) use exported::{ALIAS, ENTER, STATUS, Told};

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
    /// Calls of our own, answers of our own and records of this exchange.
    pub(super) calls: Vec<Call>,
    pub(super) replies: Vec<Reply>,
    pub(super) records: Vec<Event>,
    pub(super) fields: Vec<(&'static str, String)>,
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
        let mut shared = Store::default();
        let mut worker = Worker::new(plan, key, Box::new(rng), HoldProof::default());
        worker.load(Monotonic::default(), WallClock(0), &mut shared);
        Self {
            worker,
            shell: FakeShell { shared, ..FakeShell::default() },
            exchange: Exchange::default(),
            stream: StreamId(0),
            headers: Vec::new(),
            held: false,
            told: Vec::new(),
            answer_held: false,
            reports: Vec::new(),
            calls: Vec::new(),
            replies: Vec::new(),
            records: Vec::new(),
            fields: Vec::new(),
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
        assert!(!self.waits_for_body(self.held), "what has no body would be held until the tick");
        self
    }

    /// Whether what is held waits for a body, and for nothing that we have done.
    fn waits_for_body(&self, held: bool) -> bool {
        held && self.exchange.relayed_half().is_none() && self.replies.is_empty()
    }

    /// A whole request.
    pub(super) fn send(&mut self, request: &Request, body: impl AsRef<[u8]>) -> &mut Self {
        self.open(request).body(body, true)
    }

    fn begin(&mut self, request: &Request, end_of_stream: bool) -> &mut Self {
        self.stream = StreamId(self.stream.0 + 1);
        self.headers.clone_from(&request.headers);
        self.shell = FakeShell {
            now: self.shell.now,
            wall_clock: self.shell.wall_clock,
            shared: std::mem::take(&mut self.shell.shared),
            ..FakeShell::default()
        };
        self.reports.clear();
        self.told.clear();
        self.calls.clear();
        self.replies.clear();
        self.records.clear();
        self.fields.clear();
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
        assert!(!(self.waits_for_body(self.held) && end_of_stream), "the body is in, but the request is still held");
        self
    }

    pub(super) fn trailers(&mut self) -> &mut Self {
        self.fill(&[]);
        let flow = self.step(|exchange, worker, shell| exchange.request_trailers(worker, shell));
        self.held &= flow == Flow::Hold;
        assert!(!self.waits_for_body(self.held), "the request is whole, but still held");
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
        assert!(
            !(self.waits_for_body(self.answer_held) && end_of_stream),
            "what has no body would be held until the tick"
        );
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
        assert!(!(self.waits_for_body(self.answer_held) && end_of_stream), "the answer is whole, but still held");
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

    /// The channel that was asked last answers.
    pub(super) fn call_answer(&mut self, status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> &mut Self {
        let status = status.to_string();
        let headers =
            [(":status", status.as_str())].into_iter().chain(headers.iter().copied()).collect::<Headers<'_>>();
        self.call_over(Some(&headers), body.as_ref())
    }

    /// The call to the channel that was asked last breaks off.
    pub(super) fn call_breaks(&mut self) -> &mut Self {
        self.call_over(None, &[])
    }

    fn call_over(&mut self, headers: Option<&Headers<'_>>, body: &[u8]) -> &mut Self {
        let half = self.exchange.relayed_half().expect("nobody is being asked");
        let kept = std::mem::replace(&mut self.shell.buffer, body.to_vec());
        let flow = self.step(|exchange, worker, shell| exchange.call_response(worker, headers, body.len(), shell));
        self.shell.buffer = kept;
        match half {
            Half::Request => self.held &= flow == Flow::Hold,
            Half::Response => self.answer_held &= flow == Flow::Hold,
        }
        self
    }

    /// The call that was to be made could not be.
    pub(super) fn call_fails(&mut self) -> &mut Self {
        let half = self.exchange.relayed_half().expect("nobody is being asked");
        let flow = self.step(|exchange, worker, shell| exchange.call_failed(worker, shell));
        match half {
            Half::Request => self.held &= flow == Flow::Hold,
            Half::Response => self.answer_held &= flow == Flow::Hold,
        }
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
        let lines = self.headers.iter().filter(|(name, _)| name == "traceparent");
        self.shell.out = Some(trace::incoming(lines.map(|(_, value)| value.as_slice())));
        let stream = self.stream;
        self.step(|exchange, worker, shell| (Exchange::Ended, exchange.finish(worker, stream, shell)));
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
        let wall = WallClock(self.shell.wall_clock);
        let news = self.worker.tick(self.shell.now, wall, &mut self.shell.shared);
        self.records.extend(news.events);
        for stream in self.worker.delays.due(self.shell.now) {
            self.held &= stream != self.stream;
        }
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
                Command::LeaveField(name, value) => self.fields.push((name, value)),
                Command::Report(report) => self.reports.push(*report),
                Command::Call(call) => self.calls.push(*call),
                Command::Reply(reply) => self.replies.push(*reply),
                Command::Record(event) => self.records.push(*event),
            }
        }
        assert!(self.held || self.answer_held || effects.flow == Flow::Continue, "what has left cannot be held");
        effects.flow
    }

    fn remove_header(&mut self, name: &str) {
        assert!(self.held, "{name} has left already");
        self.headers.retain(|(known, _)| known != name);
    }
}

fn borrowed(headers: &[(String, Vec<u8>)]) -> Headers<'_> {
    headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice())).collect()
}
