//! A sidecar with all vendors, and what it sees of one exchange.

use super::cases::{Request, Response};
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
use std::collections::BTreeMap;
use std::error::Error;

const CONFIG: &str = r#"{
    "service": "push", "hold_request": true,
    "channels": ["apns", "fcm", "oppo", "wechat", "sms-tencent", {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}]
}"#;
const STREAM: StreamId = StreamId(1);

/// All that a case speaks of.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) node: String,
    pub(crate) channel: String,
    pub(crate) operation: String,
    pub(crate) message_ids: Vec<String>,
    pub(crate) recipients: u32,
    pub(crate) template: Option<String>,
    pub(crate) outcome: String,
    pub(crate) results: BTreeMap<String, u64>,
    pub(crate) fate: String,
    pub(crate) codes: BTreeMap<String, u64>,
}

/// How bodies come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pieces {
    /// At once.
    Whole,
    /// Byte by byte, then trailers.
    Bytes,
}

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
        let url = Url::of(request)?;
        let target = Target { host: &host_of(url.authority), method: url.method, path: url.path };
        let body = request.body().unwrap_or_default();
        let headers = url.headers();
        for (_, route, captures) in plan.candidates(Direction::Outbound, target) {
            let mut facts = Facts::default();
            let kind = route.reader.body_kind(Some(request.content_type().as_bytes()));
            route.reader.head(&headers, url.query, &captures, false, false, &mut facts);
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
        let url = Url::of(request)?;
        let body = request.body();
        let head = RequestHead {
            stream: STREAM,
            direction: Some(Direction::Outbound),
            edge: false,
            headers: url.headers(),
            end_of_stream: body.is_none(),
        };
        let exchange = self.request(&head, body, pieces);
        let line = self.response(exchange, response, pieces).ok_or("the visit did not end with the answer")?;
        let fate = line.split(' ').find_map(|word| word.strip_prefix("fate=")).unwrap_or_default();
        fate.clone_into(&mut seen.fate);
        self.read_counts(seen);
        Ok(())
    }

    fn request(&mut self, head: &RequestHead<'_>, body: Option<String>, pieces: Pieces) -> Exchange {
        let worker = &mut self.worker;
        let (mut exchange, mut effects) = Exchange::begin(worker, head, &mut Body(Vec::new()));
        let Some(body) = body else { return exchange };
        // A held request shows all that has come so far, a passing one the piece that passes.
        let mut shown = Vec::new();
        for piece in split(&body, pieces) {
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
        let status = response.status.to_string();
        let given = response.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let headers: Headers<'_> = [(":status", status.as_str())].into_iter().chain(given).collect();
        let body = response.body();
        let none = &mut Body(Vec::new());
        let (mut exchange, mut effects) = exchange.response_headers(worker, &headers, body.is_none(), none);
        let Some(body) = body else { return logged(effects) };
        for piece in split(&body, pieces) {
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
            let mut labels: BTreeMap<&str, &str> =
                series.name.split(";.;").filter_map(|label| label.split_once("=.=")).collect();
            let mut value = |label: &str| labels.remove(label).unwrap_or_default().to_owned();
            match series.name.rsplit(";.;").next() {
                Some("pointsman_node_calls_total") => seen.outcome = value("outcome"),
                Some("pointsman_node_messages_total") => drop(seen.results.insert(value("outcome"), count)),
                Some("pointsman_vendor_codes_total") => drop(seen.codes.insert(value("code"), count)),
                _ => {}
            }
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

fn split(body: &str, pieces: Pieces) -> Vec<&[u8]> {
    match pieces {
        Pieces::Whole => vec![body.as_bytes()],
        Pieces::Bytes => body.as_bytes().chunks(1).collect(),
    }
}

/// A request line, taken apart.
struct Url<'a> {
    request: &'a Request,
    method: &'a str,
    authority: &'a str,
    path_and_query: &'a str,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Url<'a> {
    fn of(request: &'a Request) -> Result<Self, Box<dyn Error>> {
        let (_, rest) = request.url.split_once("://").ok_or("the URL has no scheme")?;
        let (authority, path_and_query) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, "/"),
        };
        let (path, query) = match path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path_and_query, None),
        };
        let method = request.method.as_deref().unwrap_or("POST");
        Ok(Self { request, method, authority, path_and_query, path, query })
    }

    fn headers(&self) -> Headers<'a> {
        let own = [
            (":method", self.method),
            (":authority", self.authority),
            (":path", self.path_and_query),
            ("content-type", self.request.content_type()),
        ];
        let given = self.request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        own.into_iter().chain(given).collect()
    }
}
