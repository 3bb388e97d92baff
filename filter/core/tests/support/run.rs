//! A sidecar with all vendors, and what it sees of one exchange.

use crate::cases::{CONFIG, Pieces, Request, Response, Seen};
use pointsman_core::config;
use pointsman_core::exchange::{Command, Effects, Exchange, RequestHead, Shell};
use pointsman_core::extract::Facts;
use pointsman_core::headers::Headers;
use pointsman_core::hold::{HoldProof, StreamId};
use pointsman_core::plan::{Direction, Plan, Route, Target, host_of};
use pointsman_core::time::{Monotonic, WallClock};
use pointsman_core::worker::Worker;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::error::Error;

const STREAM: StreamId = StreamId(1);

pub(crate) struct Sidecar {
    worker: Worker,
}

/// The body that the running callback is about; nothing else is asked for.
struct Body(Vec<u8>);

impl Shell for Body {
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
        Some(self.0.iter().skip(start).take(len).copied().collect())
    }
}

impl Sidecar {
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let plan = config::load(CONFIG)?;
        let mut worker = Worker::new(plan, None, Box::new(Xoshiro256PlusPlus::seed_from_u64(1)), HoldProof::default());
        worker.log_visits = true;
        Ok(Self { worker })
    }

    /// What the request says, by the reader of its route.
    pub(crate) fn facts(&self, request: &Request) -> Result<Seen, Box<dyn Error>> {
        let plan = self.worker.plan();
        let line = request.target()?;
        let (path, query) = match line.path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (line.path_and_query, None),
        };
        let target = Target { host: &host_of(line.authority), method: line.method, path };
        let body = request.body().unwrap_or_default();
        let headers = request.lines()?.into_iter().collect();
        for (_, route, captures) in plan.candidates(Direction::Outbound, target) {
            let mut facts = Facts::default();
            let kind = route.reader.body_kind(Some(request.content_type().as_bytes()));
            route.reader.head(&headers, query, &captures, false, false, &mut facts);
            route.reader.body(kind, body.as_bytes(), false, &mut facts);
            if facts.conditions & route.when == route.when {
                return seen(plan, route, facts).ok_or_else(|| "the route has no node".into());
            }
        }
        Err("no route takes it".into())
    }

    /// What becomes of it.
    pub(crate) fn exchange(
        &mut self,
        request: &Request,
        response: &Response,
        pieces: Pieces,
        seen: &mut Seen,
    ) -> Result<(), Box<dyn Error>> {
        let body = request.body();
        let head = RequestHead {
            stream: STREAM,
            direction: Some(Direction::Outbound),
            edge: false,
            headers: request.lines()?.into_iter().collect(),
            end_of_stream: body.is_none(),
        };
        let exchange = self.request(&head, body, pieces);
        let line = self.response(exchange, response, pieces).ok_or("the visit did not end with the answer")?;
        seen.read_fate(&line);
        self.read_counts(seen);
        Ok(())
    }

    fn request(&mut self, head: &RequestHead<'_>, body: Option<String>, pieces: Pieces) -> Exchange {
        let worker = &mut self.worker;
        let (mut exchange, mut effects) = Exchange::begin(worker, head, &mut Body(Vec::new()));
        let Some(body) = body else { return exchange };
        // A held request shows all that has come so far, a passing one the piece that passes.
        let mut shown = Vec::new();
        for piece in pieces.of(&body) {
            if effects.flow == Default::default() {
                shown.clear();
            }
            shown.extend_from_slice(piece);
            let whole = pieces == Pieces::Whole;
            (exchange, effects) = exchange.request_body(worker, shown.len(), whole, &mut Body(shown.clone()));
        }
        match pieces {
            Pieces::Whole => exchange,
            Pieces::Bytes => exchange.request_trailers(worker, &mut Body(shown)).0,
        }
    }

    /// The line of the visit.
    fn response(&mut self, exchange: Exchange, response: &Response, pieces: Pieces) -> Option<String> {
        let worker = &mut self.worker;
        let lines = response.lines();
        let headers: Headers<'_> = lines.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let body = response.body();
        let none = &mut Body(Vec::new());
        let (mut exchange, mut effects) = exchange.response_headers(worker, &headers, body.is_none(), none);
        let Some(body) = body else { return logged(effects) };
        for piece in pieces.of(&body) {
            let whole = pieces == Pieces::Whole;
            (exchange, effects) = exchange.response_body(worker, piece.len(), whole, &mut Body(piece.to_vec()));
        }
        if pieces == Pieces::Bytes {
            (_, effects) = exchange.response_trailers(worker, none);
        }
        logged(effects)
    }

    fn read_counts(&mut self, seen: &mut Seen) {
        for (id, count) in self.worker.metrics.take_counts() {
            let Some(series) = self.worker.metrics.get(id) else { continue };
            seen.count(&series.name, count);
        }
    }
}

fn seen(plan: &Plan, route: &Route, facts: Facts) -> Option<Seen> {
    let node = plan.node(route.node)?;
    let kind = node.name.rsplit('_').next().unwrap_or_default();
    let operation = match kind {
        "PUSH" if facts.conditions & route.dry_run != 0 => "dry_run".to_owned(),
        "PUSH" => "send".to_owned(),
        other => other.to_lowercase(),
    };
    Some(Seen {
        node: node.name.clone().into(),
        channel: node.channel.clone().into(),
        operation,
        message_ids: facts.message_ids,
        recipients: facts.recipients,
        template: facts.template,
        ..Seen::default()
    })
}

fn logged(effects: Effects) -> Option<String> {
    effects.commands.into_iter().find_map(|command| match command {
        Command::LogDebug(line) => Some(line),
        _ => None,
    })
}
