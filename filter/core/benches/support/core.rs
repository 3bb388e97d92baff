//! The core at work: a whole exchange, and the reading in it alone.

use crate::cases::{Answer, Pieces, SECRET, Sent, config};
use pointsman_core::adapter::Adapter;
use pointsman_core::classify::{self, Body};
use pointsman_core::config;
use pointsman_core::exchange::{Exchange, RequestHead, Shell};
use pointsman_core::extract::Facts;
use pointsman_core::headers::Headers;
use pointsman_core::hold::{HoldProof, StreamId};
use pointsman_core::outcome::OutcomeClass;
use pointsman_core::plan::{Direction, Plan, Target, host_of};
use pointsman_core::time::{Monotonic, WallClock};
use pointsman_core::trace::Key;
use pointsman_core::worker::Worker;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use serde_json::{Value, json};
use std::error::Error;

const MAX_BODY_BYTES: usize = 262_144;

/// A worker with every adapter, or with that of one vendor alone. It logs no visits.
pub(crate) fn worker(only: Option<&str>) -> Result<Worker, Box<dyn Error>> {
    let mut config: Value = serde_json::from_str(&config())?;
    config["max_body_bytes"] = json!(MAX_BODY_BYTES);
    if let Some(vendor) = only {
        config["channels"] = json!([vendor]);
        config["receipts"] = json!([]);
    }
    let plan = config::load(&config.to_string()).map_err(|faults| faults.to_string())?;
    let rng = Xoshiro256PlusPlus::seed_from_u64(1);
    Ok(Worker::new(plan, Some(Key::new(SECRET.as_bytes())?), Box::new(rng), HoldProof::default()))
}

/// An exchange, ready to be run again and again.
pub(crate) struct Run {
    request: Vec<(String, String)>,
    request_body: Option<Vec<u8>>,
    answer: Vec<(String, String)>,
    answer_body: Option<Vec<u8>>,
}

/// A host that hands over copies, as Envoy does.
struct World<'a>(&'a [u8]);

impl Shell for World<'_> {
    fn now(&mut self) -> Monotonic {
        Monotonic(0)
    }

    fn wall_clock(&mut self) -> WallClock {
        WallClock(0)
    }

    fn code_details(&mut self) -> Option<String> {
        Some("via_upstream".to_owned())
    }

    fn body(&mut self, start: usize, len: usize) -> Option<Vec<u8>> {
        self.0.get(start..start.saturating_add(len).min(self.0.len())).map(<[u8]>::to_vec)
    }
}

impl Run {
    pub(crate) fn new(sent: &Sent, answer: &Answer) -> Self {
        let lines = |lines: &[(String, String)], body: Option<&str>| {
            Pieces::Whole.lines(lines, body).map(|(name, value)| (name.to_owned(), value)).collect()
        };
        let bytes = |body: &Option<String>| body.as_ref().map(|body| body.as_bytes().to_vec());
        Self {
            request: lines(&sent.lines, sent.body.as_deref()),
            request_body: bytes(&sent.body),
            answer: lines(&answer.lines, answer.body.as_deref()),
            answer_body: bytes(&answer.body),
        }
    }

    /// The bytes of both bodies.
    pub(crate) fn bodies(&self) -> (&[u8], &[u8]) {
        (self.request_body.as_deref().unwrap_or_default(), self.answer_body.as_deref().unwrap_or_default())
    }

    /// From the first header to the end; returns how many effects there were.
    pub(crate) fn exchange(&self, worker: &mut Worker) -> usize {
        let (sent, answered) = self.bodies();
        let mut world = World(sent);
        let head = RequestHead {
            stream: StreamId(1),
            direction: Some(Direction::Outbound),
            edge: false,
            headers: headers(&self.request),
            end_of_stream: self.request_body.is_none(),
        };
        let (mut exchange, begun) = Exchange::begin(worker, &head, &mut world);
        let mut effects = begun.commands.len();
        if self.request_body.is_some() {
            let step;
            (exchange, step) = exchange.request_body(worker, sent.len(), true, &mut world);
            effects += step.commands.len();
        }
        let mut world = World(answered);
        let ends = self.answer_body.is_none();
        (exchange, _) = exchange.response_headers(worker, &headers(&self.answer), ends, &mut world);
        if !ends {
            (exchange, _) = exchange.response_body(worker, answered.len(), true, &mut world);
        }
        exchange.finish(worker, StreamId(1), &mut world);
        // The shell hands each sample on at once.
        while worker.metrics.take_sample().is_some() {}
        effects
    }

    /// Which route it is, what the request says, and what the answer means: no state, no trace, no counts.
    pub(crate) fn reading(&self, plan: &Plan) -> Option<OutcomeClass> {
        let (sent, answered) = self.bodies();
        let head = headers(&self.request);
        let whole_path = head.get_str(":path").unwrap_or_default();
        let (path, query) = whole_path.split_once('?').map_or((whole_path, None), |(path, query)| (path, Some(query)));
        let host = host_of(head.get_str(":authority").unwrap_or_default());
        let target = Target { host: &host, method: head.get_str(":method").unwrap_or_default(), path };
        let (route, facts) = plan.candidates(Direction::Outbound, target).find_map(|(_, route, captures)| {
            let mut facts = Facts::default();
            route.reader.head(&head, query, &captures, false, false, &mut facts);
            route.reader.body(sent, true, false, &mut facts);
            (facts.conditions & route.when == route.when).then_some((route, facts))
        })?;
        let head = headers(&self.answer);
        let status = head.get_str(":status").and_then(|status| status.parse().ok()).unwrap_or(0);
        let recipients = facts.recipients;
        let answer = classify::Answer { status, headers: &head, body: Body::Whole(answered), recipients, detail: true };
        Some(route.classifier.judge(&answer, &mut || WallClock(0)).0.call)
    }
}

fn headers(lines: &[(String, String)]) -> Headers<'_> {
    lines.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// The names of all vendors.
pub(crate) fn vendors() -> impl Iterator<Item = &'static str> {
    Adapter::names()
}
