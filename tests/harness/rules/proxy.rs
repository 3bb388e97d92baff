//! Several workers with the built filter, on the clock of a story.

use crate::cases_of_rules::Case;
use crate::cases_of_rules::dialect::{Answer, Request};
use crate::cases_of_rules::world::{Done, Proxy, start};
use bytes::Bytes;
use pointsman_host::abi::{Headers, LogLevel};
use pointsman_host::filter::{
    CallId, CallResult, Effect, HttpCall, LocalReply, Plugin, StreamEffect, StreamId, StreamInfo, TrafficDirection,
    Worker,
};
use pointsman_host::process::{Admission, Environment, LogLine, LogSink, Process, Upstreams};
use pointsman_host::testing::StoppedClock;
use pointsman_host::vm::Module;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Envoy's default.
const BUFFER_LIMIT_BYTES: usize = 1 << 20;

/// A call of the filter's that names no end.
const NO_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) struct Workers {
    workers: Vec<One>,
    plugin: Plugin,
    clock: Arc<StoppedClock>,
    now: Duration,
    lines: Arc<Lines>,
}

/// One worker and what is under way in it.
struct One {
    worker: Worker,
    /// The root contexts that have asked for a timer.
    timers: BTreeSet<u32>,
    /// By the host's number of a stream: the story's number, and the halves as far as they have come out.
    streams: BTreeMap<StreamId, (u64, Half, Half)>,
}

#[derive(Default)]
struct Half {
    headers: Headers,
    body: Vec<u8>,
}

/// Keeps what the filter tells and complains of.
#[derive(Default)]
struct Lines(Mutex<Vec<LogLine>>);

impl LogSink for Lines {
    fn level(&self) -> LogLevel {
        LogLevel::Info
    }

    fn log(&self, line: LogLine) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }
}

/// Every cluster is there.
struct Everything;

impl Upstreams for Everything {
    fn admit(&self, _: &str) -> Admission {
        Admission::Ready
    }
}

impl Workers {
    pub(super) fn start(module: &Module, case: &Case) -> Result<Self, Box<dyn Error>> {
        let (process, lines) = (Arc::<Process>::default(), Arc::<Lines>::default());
        let plugin = Plugin {
            configuration: Bytes::from(case.config_at(start(case))),
            environment_variables: [("POINTSMAN_SECRET".to_owned(), pointsman_tests::SECRET.to_owned())].into(),
            allow_on_headers_stop_iteration: case.may_hold,
            ..Plugin::default()
        };
        let clock = Arc::new(StoppedClock::at(start(case)));
        let mut workers = Vec::with_capacity(case.workers);
        for index in 0..case.workers {
            let (clock, log) = (Arc::clone(&clock), Arc::clone(&lines));
            let environment = move || Environment {
                clock: clock.clone(),
                random: Box::new(Xoshiro256PlusPlus::seed_from_u64(index as u64 + 1)),
                log: log.clone(),
                upstreams: Arc::new(Everything),
            };
            let plugin = Arc::new(plugin.clone());
            let worker = Worker::start(module, plugin, Arc::clone(&process), environment, Arc::new(|_, _| ()))
                .map_err(|error| format!("{error}: {:?}", lines.take()))?;
            workers.push(One { worker, timers: BTreeSet::new(), streams: BTreeMap::new() });
        }
        Ok(Self { workers, plugin, clock, now: Duration::ZERO, lines })
    }

    fn with(&mut self, worker: usize, stream: u64, act: impl FnOnce(&mut Worker, StreamId)) {
        let Some(one) = self.workers.get_mut(worker) else { return };
        let known = one.streams.iter().find(|(_, (number, ..))| *number == stream).map(|(id, _)| *id);
        if let Some(id) = known {
            act(&mut one.worker, id);
        }
    }
}

impl Lines {
    fn take(&self) -> Vec<LogLine> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Proxy for Workers {
    fn set_clock(&mut self, now: Duration) {
        self.clock.advance(now.saturating_sub(self.now));
        self.now = now;
    }

    fn configure(&mut self, config: &str) -> Result<(), Box<dyn Error>> {
        self.plugin.configuration = Bytes::from(config.to_owned());
        for one in &mut self.workers {
            one.worker
                .reconfigure(Arc::new(self.plugin.clone()))
                .map_err(|error| format!("{error}: {:?}", self.lines.take()))?;
        }
        Ok(())
    }

    fn request(&mut self, worker: usize, stream: u64, request: &Request) {
        let Some(one) = self.workers.get_mut(worker) else { return };
        let info = StreamInfo { direction: TrafficDirection::Outbound, ..StreamInfo::default() };
        let id = one.worker.open(info, BUFFER_LIMIT_BYTES);
        one.streams.insert(id, (stream, Half::default(), Half::default()));
        let pseudo =
            [(":method", "POST"), (":scheme", "http"), (":authority", &request.authority), (":path", &request.path)];
        let length = request.body.len().to_string();
        let headers = lines(&pseudo, &request.headers, &length);
        one.worker.request_headers(id, headers, false);
        one.worker.request_data(id, Bytes::from(request.body.clone()), true);
    }

    fn answer(&mut self, worker: usize, stream: u64, answer: &Answer, details: &str) {
        let body = Bytes::from(answer.body.clone());
        let (length, status) = (answer.body.len().to_string(), answer.status.to_string());
        self.with(worker, stream, |worker, id| {
            if details == "via_upstream" {
                worker.response_headers(id, lines(&[(":status", &status)], &answer.headers, &length), false);
                worker.response_data(id, body, true);
                return;
            }
            if let Some(info) = worker.info(id) {
                info.response_code = Some(answer.status);
                info.response_code_details = details.to_owned();
            }
            let reply = LocalReply {
                status: answer.status,
                body,
                headers: answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
                grpc_status: None,
                details: details.to_owned(),
            };
            worker.local_reply(id, reply);
        });
    }

    fn call_ended(&mut self, worker: usize, call: u32, answer: &Answer) {
        let (length, status) = (answer.body.len().to_string(), answer.status.to_string());
        let result = CallResult::Response {
            headers: lines(&[(":status", &status)], &answer.headers, &length),
            body: Bytes::from(answer.body.clone()),
            trailers: Headers::new(),
        };
        if let Some(one) = self.workers.get_mut(worker) {
            one.worker.call_finished(CallId(call), result);
        }
    }

    fn close(&mut self, worker: usize, stream: u64) {
        self.with(worker, stream, Worker::close);
        if let Some(one) = self.workers.get_mut(worker) {
            one.streams.retain(|_, (number, ..)| *number != stream);
        }
    }

    fn tick(&mut self, worker: usize) {
        let Some(one) = self.workers.get_mut(worker) else { return };
        for root_context in &one.timers {
            one.worker.tick(*root_context);
        }
    }

    fn done(&mut self) -> Vec<Done> {
        let mut done = Vec::new();
        for (index, one) in self.workers.iter_mut().enumerate() {
            let mut effects = Vec::new();
            one.worker.effects(&mut effects);
            done.extend(effects.into_iter().filter_map(|effect| one.take(index, effect)));
        }
        let records = self.lines.take().into_iter().filter_map(|line| {
            let record = line.message.strip_prefix("record ");
            assert!(record.is_some() || line.level < LogLevel::Warn, "the filter complains: {}", line.message);
            let record = record?;
            serde_json::from_str(record).ok().map(Done::Told)
        });
        done.extend(records);
        done
    }
}

impl One {
    fn take(&mut self, worker: usize, effect: Effect) -> Option<Done> {
        match effect {
            Effect::SetTick { root_context, period: Some(_) } => {
                self.timers.insert(root_context);
                None
            }
            Effect::SetTick { root_context, period: None } => {
                self.timers.remove(&root_context);
                None
            }
            Effect::HttpCall(CallId(call), HttpCall { cluster, headers, body, timeout, .. }) => Some(Done::Called {
                worker,
                call,
                cluster,
                request: Half { headers, body: body.to_vec() }.request(),
                timeout: timeout.unwrap_or(NO_TIMEOUT),
            }),
            Effect::Stream(id, effect) => self.take_of_stream(worker, id, effect),
            _ => None,
        }
    }

    fn take_of_stream(&mut self, worker: usize, id: StreamId, effect: StreamEffect) -> Option<Done> {
        let (stream, request, response) = self.streams.get_mut(&id)?;
        let stream = *stream;
        let (request_ended, response_ended) = match effect {
            StreamEffect::RequestHeaders(headers, end) => {
                request.headers = headers;
                (end, false)
            }
            StreamEffect::RequestData(data, end) => {
                request.body.extend_from_slice(&data);
                (end, false)
            }
            StreamEffect::RequestTrailers(_) => (true, false),
            StreamEffect::ResponseHeaders(headers, end) => {
                response.headers = headers;
                (false, end)
            }
            StreamEffect::ResponseData(data, end) => {
                response.body.extend_from_slice(&data);
                (false, end)
            }
            StreamEffect::ResponseTrailers(_) | StreamEffect::Reset => (false, true),
            StreamEffect::CancelUpstream | StreamEffect::Read(..) => (false, false),
        };
        if request_ended {
            return Some(Done::Forwarded { worker, stream, request: std::mem::take(request).request() });
        }
        response_ended.then(|| Done::Answered { stream, answer: std::mem::take(response).answer() })
    }
}

impl Half {
    fn request(self) -> Request {
        let text = |name: &str| self.headers.get_str(name).unwrap_or_default().to_owned();
        Request { authority: text(":authority"), path: text(":path"), headers: others(&self.headers), body: self.body }
    }

    fn answer(self) -> Answer {
        let status = self.headers.get_str(":status").and_then(|status| status.parse().ok());
        Answer { status: status.unwrap_or_default(), headers: others(&self.headers), body: self.body }
    }
}

/// All but pseudo-headers.
fn others(headers: &Headers) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let lines = headers.iter().map(|(name, value)| (text(name), text(value)));
    lines.filter(|(name, _)| !name.starts_with(':')).collect()
}

fn lines(pseudo: &[(&str, &str)], headers: &[(String, String)], length: &str) -> Headers {
    let others = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    pseudo.iter().copied().chain(others).chain([("content-length", length)]).collect()
}
