//! One worker with the built filter, and what it exports of one exchange.

use crate::cases::{CONFIG, Pieces, Request, Response, Seen};
use bytes::Bytes;
use pointsman_host::abi::{Headers, LogLevel};
use pointsman_host::filter::{Effect, Plugin, StreamEffect, StreamId, StreamInfo, TrafficDirection, Worker};
use pointsman_host::process::{Environment, LogLine, LogSink, Process, Reading};
use pointsman_host::testing::StoppedClock;
use pointsman_host::vm::Module;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Envoy's default.
const BUFFER_LIMIT_BYTES: usize = 1 << 20;

pub(crate) struct Sidecar {
    worker: Worker,
    process: Arc<Process>,
    lines: Arc<Lines>,
    /// The root contexts that have asked for a timer.
    timers: Vec<u32>,
}

/// Keeps what the filter logs.
#[derive(Default)]
struct Lines(Mutex<Vec<LogLine>>);

impl LogSink for Lines {
    fn level(&self) -> LogLevel {
        LogLevel::Debug
    }

    fn log(&self, line: LogLine) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

/// What has left the filter of one exchange, in both directions.
#[derive(Default)]
struct Passed {
    request: Half,
    response: Half,
}

#[derive(Default)]
struct Half {
    headers: Option<Headers>,
    body: Vec<u8>,
    ended: bool,
}

impl Half {
    fn add(&mut self, data: &[u8], end: bool) {
        self.body.extend_from_slice(data);
        self.ended |= end;
    }
}

impl Sidecar {
    pub(crate) fn new(module: &Module) -> Result<Self, Box<dyn Error>> {
        let (process, lines) = (Arc::<Process>::default(), Arc::<Lines>::default());
        let plugin = Plugin {
            configuration: Bytes::from_static(CONFIG.as_bytes()),
            allow_on_headers_stop_iteration: true,
            ..Plugin::default()
        };
        let (clock, log) = (Arc::new(StoppedClock::at(Duration::from_secs(1_780_000_000))), Arc::clone(&lines));
        let environment = move || Environment {
            clock: clock.clone(),
            random: Box::new(Xoshiro256PlusPlus::seed_from_u64(1)),
            log: log.clone(),
            upstreams: Arc::new(()),
        };
        let worker = Worker::start(module, Arc::new(plugin), Arc::clone(&process), environment, Arc::new(|_, _| ()))?;
        let mut sidecar = Self { worker, process, lines, timers: Vec::new() };
        sidecar.passed();
        // The filter asks for the log level with each tick.
        sidecar.tick();
        Ok(sidecar)
    }

    /// Sends a request through the filter and an answer back, and sees that both come out whole.
    pub(crate) fn exchange(
        mut self,
        request: &Request,
        response: &Response,
        pieces: Pieces,
    ) -> Result<Seen, Box<dyn Error>> {
        let info = StreamInfo { direction: TrafficDirection::Outbound, ..StreamInfo::default() };
        let stream = self.worker.open(info, BUFFER_LIMIT_BYTES);
        let (sent, answered) = (request.body(), response.body());
        self.worker.request_headers(stream, request.lines()?.into_iter().collect(), sent.is_none());
        self.request_body(stream, sent.as_deref(), pieces);
        let lines = response.lines();
        let headers = lines.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.worker.response_headers(stream, headers, answered.is_none());
        self.response_body(stream, answered.as_deref(), pieces);
        self.worker.close(stream);

        let passed = self.passed();
        self.tick();
        whole("request", &passed.request, &sent)?;
        whole("response", &passed.response, &answered)?;
        self.seen()
    }

    fn tick(&mut self) {
        for root_context in &self.timers {
            self.worker.tick(*root_context);
        }
    }

    fn request_body(&mut self, stream: StreamId, body: Option<&str>, pieces: Pieces) {
        let Some(body) = body else { return };
        for piece in pieces.of(body) {
            self.worker.request_data(stream, Bytes::copy_from_slice(piece), pieces == Pieces::Whole);
        }
        if pieces == Pieces::Bytes {
            self.worker.request_trailers(stream, Headers::new());
        }
    }

    fn response_body(&mut self, stream: StreamId, body: Option<&str>, pieces: Pieces) {
        let Some(body) = body else { return };
        for piece in pieces.of(body) {
            self.worker.response_data(stream, Bytes::copy_from_slice(piece), pieces == Pieces::Whole);
        }
        if pieces == Pieces::Bytes {
            self.worker.response_trailers(stream, Headers::new());
        }
    }

    fn passed(&mut self) -> Passed {
        let mut effects = Vec::new();
        self.worker.effects(&mut effects);
        let mut passed = Passed::default();
        for effect in effects {
            match effect {
                Effect::SetTick { root_context, period: Some(_) } => self.timers.push(root_context),
                Effect::Stream(_, StreamEffect::RequestHeaders(headers, end)) => {
                    passed.request.headers = Some(headers);
                    passed.request.ended |= end;
                }
                Effect::Stream(_, StreamEffect::RequestData(data, end)) => passed.request.add(&data, end),
                Effect::Stream(_, StreamEffect::RequestTrailers(_)) => passed.request.ended = true,
                Effect::Stream(_, StreamEffect::ResponseHeaders(headers, end)) => {
                    passed.response.headers = Some(headers);
                    passed.response.ended |= end;
                }
                Effect::Stream(_, StreamEffect::ResponseData(data, end)) => passed.response.add(&data, end),
                Effect::Stream(_, StreamEffect::ResponseTrailers(_)) => passed.response.ended = true,
                _ => {}
            }
        }
        passed
    }

    /// What the metrics and the line of the visit say.
    fn seen(self) -> Result<Seen, Box<dyn Error>> {
        let mut seen = Seen::default();
        for (name, reading) in self.process.metrics.readings() {
            let Reading::Counter(count @ 1..) = reading else { continue };
            if let ("pointsman_node_calls_total", labels) = seen.count(&name, count) {
                labels.get("channel").copied().unwrap_or_default().clone_into(&mut seen.channel);
                labels.get("node").copied().unwrap_or_default().clone_into(&mut seen.node);
            }
        }
        let lines = self.lines.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bad) = lines.iter().find(|line| line.level >= LogLevel::Warn) {
            return Err(format!("the filter complains: {}", bad.message).into());
        }
        let visits: Vec<&str> =
            lines.iter().map(|line| line.message.as_str()).filter(|line| line.starts_with("visit ")).collect();
        let [line] = visits.as_slice() else { return Err(format!("one visit makes one line, not {visits:?}").into()) };
        seen.read_fate(line);
        seen.recipients = word(line, "recipients").unwrap_or_default().parse()?;
        seen.message_ids = text(line, "message_id")?.into_iter().collect();
        seen.template = text(line, "template")?;
        Ok(seen)
    }
}

fn whole(what: &str, half: &Half, body: &Option<String>) -> Result<(), Box<dyn Error>> {
    let body = body.as_deref().unwrap_or_default().as_bytes();
    match half {
        Half { headers: Some(_), ended: true, body: passed } if passed == body => Ok(()),
        Half { headers, ended, body: passed } => {
            let headers = headers.is_some();
            Err(format!("the {what} did not pass whole: headers {headers}, ended {ended}, {} bytes", passed.len())
                .into())
        }
    }
}

/// What follows `name=` in a line, up to the end.
fn after<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_once(&format!(" {name}=")).map(|(_, rest)| rest)
}

fn word<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    after(line, name)?.split(' ').next()
}

/// A text in quotes, as Rust shows it; what it escapes in the cases is what JSON escapes too.
fn text(line: &str, name: &str) -> Result<Option<String>, Box<dyn Error>> {
    let Some(quoted) = after(line, name) else { return Ok(None) };
    let first = serde_json::Deserializer::from_str(quoted).into_iter::<String>().next();
    Ok(first.transpose()?)
}
