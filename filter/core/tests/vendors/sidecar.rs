//! A sidecar with all vendors, and what it sees of one exchange.

use crate::cases::{Answer, Pieces, SECRET, Seen, Sent, config};
use pointsman_core::config;
use pointsman_core::exchange::{Command, Effects, Exchange, Flow, RequestHead, Shell};
use pointsman_core::export;
use pointsman_core::headers::Headers;
use pointsman_core::hold::{HoldProof, StreamId};
use pointsman_core::plan::{Direction, Plan};
use pointsman_core::report::VisitReport;
use pointsman_core::time::{Monotonic, WallClock};
use pointsman_core::trace::Key;
use pointsman_core::worker::Worker;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::error::Error;
use std::sync::OnceLock;

const STREAM: StreamId = StreamId(1);

pub(crate) struct Sidecar {
    pub(crate) worker: Worker,
    reports: Vec<VisitReport>,
}

/// The body that the running callback is about, and Envoy's word for where the answer comes from.
struct World {
    body: Vec<u8>,
    details: &'static str,
}

impl Shell for World {
    fn now(&mut self) -> Monotonic {
        Monotonic(0)
    }

    fn wall_clock(&mut self) -> WallClock {
        WallClock(0)
    }

    fn code_details(&mut self) -> Option<String> {
        Some(self.details.to_owned())
    }

    fn body(&mut self, start: usize, len: usize) -> Option<Vec<u8>> {
        Some(self.body.iter().skip(start).take(len).copied().collect())
    }
}

/// Reading all adapters takes longer than all cases of one.
fn plan() -> Result<Plan, String> {
    static PLAN: OnceLock<Result<Plan, String>> = OnceLock::new();
    let told = || config().replacen('{', r#"{"records": {"cluster": "otlp"},"#, 1);
    PLAN.get_or_init(|| config::load(&told()).map_err(|faults| faults.to_string())).clone()
}

impl Sidecar {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let (key, rng) = (Key::new(SECRET.as_bytes())?, Xoshiro256PlusPlus::seed_from_u64(1));
        let mut worker = Worker::new(plan()?, Some(key), Box::new(rng), HoldProof::default());
        worker.log_visits = true;
        Ok(Self { worker, reports: Vec::new() })
    }

    /// What is seen of one exchange.
    pub(crate) fn run(&mut self, sent: &Sent, answer: &Answer, pieces: Pieces) -> Result<Seen, Box<dyn Error>> {
        let report = match self.report(sent, answer, pieces)? {
            Some(report) => serde_json::to_value(&report)?,
            None => serde_json::Value::Null,
        };
        let counts = self.worker.metrics.take_counts();
        let named =
            counts.into_iter().filter_map(|(id, count)| Some((self.worker.metrics.get(id)?.name.clone(), count)));
        Ok(Seen::new(&report, named))
    }

    /// The report of one exchange, if a node was visited.
    pub(crate) fn report(
        &mut self,
        sent: &Sent,
        answer: &Answer,
        pieces: Pieces,
    ) -> Result<Option<VisitReport>, Box<dyn Error>> {
        let exchange = self.request(sent, pieces);
        let exchange = self.response(exchange, answer, pieces);
        let mut world = World { body: Vec::new(), details: answer.details };
        let effects = exchange.finish(&mut self.worker, STREAM, &mut world);
        self.take(effects);
        if self.reports.len() > 1 {
            return Err(format!("one visit makes one report, not {:?}", self.reports).into());
        }
        Ok(self.reports.pop())
    }

    /// What a collector is told by now, as it is sent to it.
    pub(crate) fn exported(&mut self) -> Vec<u8> {
        let (mut exported, now) = (Vec::new(), Monotonic(60_000_000_000));
        loop {
            let exports = self.worker.exports(now);
            if exports.is_empty() {
                return exported;
            }
            for (export, call) in exports.into_iter().zip(1..) {
                exported.extend(export.body);
                self.worker.export_sent(export.signal, call);
                let taken = export::Answer { status: 200, retry_after: None, body: b"" };
                self.worker.export_answered(call, Some(taken), now, WallClock(0));
            }
        }
    }

    fn take(&mut self, effects: Effects) -> Flow {
        for command in effects.commands {
            if let Command::Report(report) = command {
                self.reports.push(*report);
            }
        }
        effects.flow
    }

    fn request(&mut self, sent: &Sent, pieces: Pieces) -> Exchange {
        let lines: Vec<(&str, String)> = pieces.lines(&sent.lines, sent.body.as_deref()).collect();
        let head = RequestHead {
            stream: STREAM,
            direction: Some(if sent.is_inbound { Direction::Inbound } else { Direction::Outbound }),
            edge: false,
            headers: lines.iter().map(|(name, value)| (*name, value.as_str())).collect(),
            end_of_stream: sent.body.is_none(),
        };
        let mut world = World { body: Vec::new(), details: "" };
        let (mut exchange, effects) = Exchange::begin(&mut self.worker, &head, &mut world);
        let mut flow = self.take(effects);
        let Some(body) = &sent.body else { return exchange };
        for piece in pieces.of(body) {
            // A held request shows all that has come so far, a passing one the piece that passes.
            if flow == Flow::Continue {
                world.body.clear();
            }
            world.body.extend_from_slice(piece);
            let (size, is_last) = (world.body.len(), pieces == Pieces::Whole);
            let effects;
            (exchange, effects) = exchange.request_body(&mut self.worker, size, is_last, &mut world);
            flow = self.take(effects);
        }
        if pieces == Pieces::Bytes {
            let effects;
            (exchange, effects) = exchange.request_trailers(&mut self.worker, &mut world);
            self.take(effects);
        }
        exchange
    }

    fn response(&mut self, exchange: Exchange, answer: &Answer, pieces: Pieces) -> Exchange {
        let lines: Vec<(&str, String)> = pieces.lines(&answer.lines, answer.body.as_deref()).collect();
        let headers: Headers<'_> = lines.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut world = World { body: Vec::new(), details: answer.details };
        let ends = answer.body.is_none();
        let (mut exchange, mut effects) = exchange.response_headers(&mut self.worker, &headers, ends, &mut world);
        self.take(effects);
        let Some(body) = &answer.body else { return exchange };
        for piece in pieces.of(body) {
            world.body = piece.to_vec();
            let is_last = pieces == Pieces::Whole;
            (exchange, effects) = exchange.response_body(&mut self.worker, piece.len(), is_last, &mut world);
            self.take(effects);
        }
        if pieces == Pieces::Bytes {
            (exchange, effects) = exchange.response_trailers(&mut self.worker, &mut world);
            self.take(effects);
        }
        exchange
    }
}
