//! One worker with the built filter, and what it exports of one exchange after another.

use crate::cases::{Answer, Pieces, SECRET, Seen, Sent, config};
use bytes::Bytes;
use pointsman_host::abi::{Headers, LogLevel};
use pointsman_host::filter::{
    Effect, LocalReply, Plugin, StreamEffect, StreamId, StreamInfo, TrafficDirection, Worker,
};
use pointsman_host::process::{Environment, LogLine, LogSink, Process, Reading};
use pointsman_host::testing::StoppedClock;
use pointsman_host::vm::Module;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use serde_json::Value;
use std::collections::BTreeMap;
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
    /// What had been counted when the last exchange had ended.
    counted: BTreeMap<String, u64>,
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
            configuration: Bytes::from(config()),
            environment_variables: [("POINTSMAN_SECRET".to_owned(), SECRET.to_owned())].into(),
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
        let mut sidecar = Self { worker, process, lines, timers: Vec::new(), counted: BTreeMap::new() };
        sidecar.passed();
        // The filter asks for the log level with each tick.
        sidecar.tick();
        sidecar.counts();
        Ok(sidecar)
    }

    /// Sends a request through the filter and an answer back, and sees that both come out whole.
    pub(crate) fn run(&mut self, sent: &Sent, answer: &Answer, pieces: Pieces) -> Result<Seen, Box<dyn Error>> {
        let direction = if sent.is_inbound { TrafficDirection::Inbound } else { TrafficDirection::Outbound };
        let stream = self.worker.open(StreamInfo { direction, ..StreamInfo::default() }, BUFFER_LIMIT_BYTES);
        let headers = headers(pieces, &sent.lines, sent.body.as_deref());
        self.worker.request_headers(stream, headers, sent.body.is_none());
        self.request_body(stream, sent.body.as_deref(), pieces);
        if answer.details == "via_upstream" {
            let headers = headers_of(answer, pieces);
            self.worker.response_headers(stream, headers, answer.body.is_none());
            self.response_body(stream, answer.body.as_deref(), pieces);
        } else {
            self.worker.local_reply(stream, local_reply(answer)?);
        }
        self.worker.close(stream);

        let passed = self.passed();
        self.tick();
        whole("request", &passed.request, &sent.body)?;
        whole("response", &passed.response, &answer.body)?;
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
    fn seen(&mut self) -> Result<Seen, Box<dyn Error>> {
        let counts = self.counts();
        let lines = std::mem::take(&mut *self.lines.0.lock().unwrap_or_else(PoisonError::into_inner));
        // So many refusals in a row have something to say of the channel; that is no complaint.
        let complaint = |line: &&LogLine| line.level >= LogLevel::Warn && !line.message.starts_with("record {");
        if let Some(bad) = lines.iter().find(complaint) {
            return Err(format!("the filter complains: {}", bad.message).into());
        }
        let visits: Vec<&str> = lines.iter().filter_map(|line| line.message.strip_prefix("visit ")).collect();
        match visits.as_slice() {
            [] => Ok(Seen::new(&Value::Null, counts)),
            [report] => Ok(Seen::new(&serde_json::from_str(report)?, counts)),
            _ => Err(format!("one visit makes one line, not {visits:?}").into()),
        }
    }

    /// What has been counted since the last time.
    fn counts(&mut self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for (name, reading) in self.process.metrics.readings() {
            let Reading::Counter(total) = reading else { continue };
            let before = self.counted.insert(name.clone(), total).unwrap_or(0);
            counts.insert(name, total.saturating_sub(before));
        }
        counts
    }
}

fn headers(pieces: Pieces, lines: &[(String, String)], body: Option<&str>) -> Headers {
    let lines: Vec<(&str, String)> = pieces.lines(lines, body).collect();
    lines.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

fn headers_of(answer: &Answer, pieces: Pieces) -> Headers {
    headers(pieces, &answer.lines, answer.body.as_deref())
}

/// What Envoy says in the vendor's place.
fn local_reply(answer: &Answer) -> Result<LocalReply, Box<dyn Error>> {
    let (status, others): (Vec<_>, Vec<_>) = answer.lines.iter().partition(|(name, _)| name == ":status");
    let status = status.first().ok_or("the answer has no status")?.1.parse()?;
    Ok(LocalReply {
        status,
        body: Bytes::from(answer.body.clone().unwrap_or_default()),
        headers: others.into_iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        grpc_status: None,
        details: answer.details.to_owned(),
    })
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
