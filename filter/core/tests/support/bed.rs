//! What a fuzzer's exchanges run on: a worker for every adapter and every way to configure one.

use super::script::{Message, Script, Way};
use pointsman_core::adapter::Adapter;
use pointsman_core::config;
use pointsman_core::exchange::{Command, Effects, Exchange, Flow, RequestHead, Shell};
use pointsman_core::headers::Headers;
use pointsman_core::hold::{HoldProof, StreamId};
use pointsman_core::plan::Direction;
use pointsman_core::report::VisitReport;
use pointsman_core::time::{Monotonic, WallClock};
use pointsman_core::trace::{Key, Recipient};
use pointsman_core::worker::Worker;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeMap;

const STREAM: StreamId = StreamId(1);
const SECRET: &[u8] = b"an example secret for the fuzzer";
const TIGHT_BYTES: usize = 48;
/// More pieces of a body than this are larger ones.
const MAX_PIECES: usize = 2_000;

/// What was seen of an exchange.
pub(super) struct Seen {
    pub(super) reports: Vec<VisitReport>,
    pub(super) commands: Vec<Command>,
    /// The names of the series that were counted.
    pub(super) counted: Vec<String>,
    pub(super) copied: usize,
    pub(super) max_body_bytes: usize,
    /// Whether a half of the exchange was over and still held.
    pub(super) waits: bool,
    /// Streams that are held, and visits that are open, after the end.
    pub(super) left_over: u64,
    key: Key,
}

impl Seen {
    pub(super) fn hash(&self, recipient: Recipient<'_>) -> String {
        self.key.recipient_hash("default", recipient).to_string()
    }
}

/// Which config a worker has.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    /// `None` for all adapters.
    adapter: Option<&'static str>,
    held: bool,
    told: bool,
    tight: bool,
}

impl Kind {
    fn of(script: &Script) -> Self {
        let names: Vec<&str> = Adapter::names().collect();
        let sum = script.adapter.bytes().fold(0, |sum: usize, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let known = names.iter().find(|name| **name == script.adapter);
        let Way { held, told, tight, all, .. } = script.way;
        let adapter = known.or(names.get(sum % names.len().max(1))).filter(|_| !all);
        Self { adapter: adapter.copied(), held, told, tight }
    }

    fn config(&self) -> String {
        let named = |name: &&'static str| self.adapter.is_none_or(|adapter| adapter == *name);
        let adapters = Adapter::names().filter(named).filter_map(Adapter::built_in).filter_map(Result::ok);
        let adapters: Vec<Adapter> = adapters.collect();
        let receipts =
            adapters.iter().filter(|adapter| !adapter.receipt.is_empty()).map(|adapter| adapter.name.as_str());
        let receipts = receipts.map(|name| json!({"path": format!("/callbacks/{name}"), "adapter": name}));
        json!({
            "channels": adapters.iter().map(channel).collect::<Vec<Value>>(),
            "receipts": receipts.collect::<Vec<Value>>(),
            "hold_request": self.held || self.told,
            "answer_headers": self.told,
            "max_body_bytes": if self.tight { TIGHT_BYTES } else { 24_576 },
            // All adapters make nearly as many series as a config may.
            "businesses": if self.adapter.is_some() { json!([{"name": "order"}]) } else { json!([]) },
            "message": {"business": [{"header": "x-business"}]},
        })
        .to_string()
    }

    fn worker(&self) -> Result<Worker, String> {
        let plan = config::load(&self.config()).map_err(|faults| faults.to_string())?;
        let rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut worker = Worker::new(plan, Some(key()?), Box::new(rng), HoldProof::default());
        worker.log_visits = true;
        Ok(worker)
    }
}

fn channel(adapter: &Adapter) -> Value {
    let name = adapter.name.as_str();
    if adapter.hosts.is_empty() { json!({"name": name, "hosts": ["lc.internal"]}) } else { name.into() }
}

fn key() -> Result<Key, String> {
    Key::new(SECRET).map_err(|error| error.to_string())
}

thread_local! {
    /// Making a worker takes longer than a hundred exchanges.
    static WORKERS: RefCell<BTreeMap<Kind, Worker>> = const { RefCell::new(BTreeMap::new()) };
}

/// Runs a whole exchange.
///
/// # Errors
/// The config has faults.
pub(super) fn run(script: &Script) -> Result<Seen, String> {
    let kind = Kind::of(script);
    // A worker is taken out, so that one that a fault has left half-way is not used again.
    let known = WORKERS.with_borrow_mut(|workers| workers.remove(&kind));
    let mut worker = known.map_or_else(|| kind.worker(), Ok)?;
    let mut run = Run::new(&mut worker, script)?;
    run.exchange(script);
    let seen = run.seen;
    WORKERS.with_borrow_mut(|workers| workers.insert(kind, worker));
    Ok(seen)
}

/// The pieces that the running callback is about, and a clock that goes on with every question.
struct World {
    body: Vec<u8>,
    details: Option<String>,
    asked: u64,
    copied: usize,
}

impl Shell for World {
    fn now(&mut self) -> Monotonic {
        self.asked += 1;
        Monotonic(self.asked * 300_000_000)
    }

    fn wall_clock(&mut self) -> WallClock {
        WallClock(1_764_230_400_000_000_000)
    }

    fn code_details(&mut self) -> Option<String> {
        self.details.clone()
    }

    fn body(&mut self, start: usize, len: usize) -> Option<Vec<u8>> {
        let bytes: Vec<u8> = self.body.iter().skip(start).take(len).copied().collect();
        self.copied += bytes.len();
        Some(bytes)
    }
}

struct Run<'a> {
    worker: &'a mut Worker,
    world: World,
    exchange: Exchange,
    /// Whether the half that is coming in is held, so that its pieces stay at hand.
    flow: Flow,
    seen: Seen,
}

/// The two halves have steps of the same shape.
type BodyStep = fn(Exchange, &mut Worker, usize, bool, &mut dyn Shell) -> (Exchange, Effects);
type TrailersStep = fn(Exchange, &mut Worker, &mut dyn Shell) -> (Exchange, Effects);

impl<'a> Run<'a> {
    fn new(worker: &'a mut Worker, script: &Script) -> Result<Self, String> {
        let seen = Seen {
            reports: Vec::new(),
            commands: Vec::new(),
            counted: Vec::new(),
            copied: 0,
            max_body_bytes: worker.plan().settings.max_body_bytes,
            waits: false,
            left_over: 0,
            key: key()?,
        };
        let details = script.way.details.clone().or(Some("via_upstream".to_owned()));
        let world = World { body: Vec::new(), details, asked: 0, copied: 0 };
        Ok(Self { worker, world, exchange: Exchange::Passing, flow: Flow::Continue, seen })
    }

    fn exchange(&mut self, script: &Script) {
        let (request, answer) = (&script.request, &script.answer);
        self.request_head(script);
        let pieces = script.way.pieces(request);
        let before_answer = if script.way.early { pieces.len() / 2 } else { pieces.len() };
        let (before, after) = pieces.split_at(before_answer);
        self.body(before, script.way.pieces.is_none() && after.is_empty(), Exchange::request_body);
        if after.is_empty() && request.body.is_some() {
            self.end(script.way.pieces.is_some(), Exchange::request_trailers);
        }
        self.answer_head(answer, &script.way);
        self.body(&script.way.pieces(answer), script.way.pieces.is_none() && !script.way.cut, Exchange::response_body);
        if answer.body.is_some() && !script.way.cut {
            self.end(script.way.pieces.is_some(), Exchange::response_trailers);
        }
        self.flow = Flow::Continue;
        self.body(after, true, Exchange::request_body);
        let effects = std::mem::take(&mut self.exchange).finish(self.worker, STREAM, &mut self.world);
        self.take(effects);
        self.sum_up();
    }

    fn request_head(&mut self, script: &Script) {
        let length = script.way.announced(&script.request);
        let head = RequestHead {
            stream: STREAM,
            direction: Some(if script.way.inbound { Direction::Inbound } else { Direction::Outbound }),
            edge: script.way.edge,
            headers: headers(&script.request, length.as_ref()),
            end_of_stream: script.request.body.is_none(),
        };
        let effects;
        (self.exchange, effects) = Exchange::begin(self.worker, &head, &mut self.world);
        self.take(effects);
        self.seen.waits |= head.end_of_stream && self.flow == Flow::Hold;
    }

    fn answer_head(&mut self, answer: &Message, way: &Way) {
        let length = way.announced(answer);
        let ends = answer.body.is_none() && !way.cut;
        let exchange = std::mem::take(&mut self.exchange);
        let headers = headers(answer, length.as_ref());
        let effects;
        (self.exchange, effects) = exchange.response_headers(self.worker, &headers, ends, &mut self.world);
        self.world.body.clear();
        self.take(effects);
        self.seen.waits |= ends && self.flow == Flow::Hold;
    }

    fn body(&mut self, pieces: &[&[u8]], last_ends: bool, step: BodyStep) {
        for (index, piece) in pieces.iter().enumerate() {
            // A held half shows all that has come so far, a passing one the piece that passes.
            if self.flow == Flow::Continue {
                self.world.body.clear();
            }
            self.world.body.extend_from_slice(piece);
            let (size, ends) = (self.world.body.len(), last_ends && index + 1 == pieces.len());
            let exchange = std::mem::take(&mut self.exchange);
            let effects;
            (self.exchange, effects) = step(exchange, self.worker, size, ends, &mut self.world);
            self.take(effects);
        }
    }

    /// A half is over.
    fn end(&mut self, with_trailers: bool, trailers: TrailersStep) {
        if with_trailers {
            let exchange = std::mem::take(&mut self.exchange);
            let effects;
            (self.exchange, effects) = trailers(exchange, self.worker, &mut self.world);
            self.take(effects);
        }
        self.seen.waits |= self.flow == Flow::Hold;
        self.world.body.clear();
    }

    fn take(&mut self, effects: Effects) {
        self.flow = effects.flow;
        for command in effects.commands {
            match command {
                Command::Report(report) => self.seen.reports.push(*report),
                other => self.seen.commands.push(other),
            }
        }
    }

    fn sum_up(&mut self) {
        self.seen.copied = self.world.copied;
        let counts = self.worker.metrics.take_counts();
        self.seen.counted =
            counts.iter().filter_map(|(id, _)| Some(self.worker.metrics.get(*id)?.name.clone())).collect();
        let held = self.worker.holds.overdue(Monotonic(u64::MAX)).len();
        let open: u64 = self.worker.gauges(Monotonic(0)).values().sum();
        self.seen.left_over = open.saturating_add(u64::try_from(held).unwrap_or(u64::MAX));
    }
}

impl Way {
    fn pieces<'a>(&self, message: &'a Message) -> Vec<&'a [u8]> {
        let Some(body) = &message.body else { return Vec::new() };
        match self.pieces {
            None => vec![body],
            Some(size) => body.chunks(size.max(body.len().div_ceil(MAX_PIECES)).max(1)).collect(),
        }
    }

    /// The length that the head of a message announces.
    fn announced(&self, message: &Message) -> Option<Vec<u8>> {
        let is_told = message.lines.iter().any(|(name, _)| name == b"content-length");
        let body = message.body.as_ref().filter(|_| self.pieces.is_none() && !is_told)?;
        Some(body.len().to_string().into_bytes())
    }
}

fn headers<'a>(message: &'a Message, length: Option<&'a Vec<u8>>) -> Headers<'a> {
    let lines = message.lines.iter().map(|(name, value)| (name.as_slice(), value.as_slice()));
    lines.chain(length.map(|length| (&b"content-length"[..], length.as_slice()))).collect()
}
