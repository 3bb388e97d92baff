//! The cases on the host alone: a worker, and a world of virtual time around it. It has no sockets, so it says nothing of
//! framing; it says at once whether streams pass the filter as they do in Envoy.

use super::case::{Case, Policy, text};
use super::client::{WATCH, script};
use super::observe::{Message, Observation};
use super::settings::{Setting, guest};
use super::world::{Event, World};
use bytes::Bytes;
use pointsman_host::abi::{Headers, LogLevel};
use pointsman_host::filter::{Effect, FailurePolicy, Half, Plugin, StreamEffect, StreamId, StreamInfo, Worker};
use pointsman_host::process::{Admission, Clock, Environment, LogLine, LogSink, Process, Upstreams};
use pointsman_host::vm::{Engine, EngineOptions, Module};
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Between two pieces of a body.
pub const GAP: Duration = Duration::from_millis(25);

/// Envoy's default of `per_connection_buffer_limit_bytes`.
const LIMIT_BYTES: usize = 1 << 20;

/// What is seen of every case, by its name.
pub fn run(cases: &[Case], settings: &[Setting]) -> BTreeMap<String, Observation> {
    let engine = Engine::new(EngineOptions::default()).expect("an engine");
    let wasm = std::fs::read(guest()).expect("scripts/build-filter --all makes the guest");
    let module = Module::new(&engine, &wasm).expect("a module");
    let all = settings.iter().flat_map(|setting| setting.cases.iter().map(move |case| (setting, &cases[*case])));
    all.map(|(setting, case)| (case.name.clone(), Bed::new(&module, setting, case).run())).collect()
}

/// The lines of one worker.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl LogSink for Lines {
    fn level(&self) -> LogLevel {
        LogLevel::Info
    }

    fn log(&self, line: LogLine) {
        self.0.lock().expect("one thread").push(line.message);
    }
}

/// Time that goes from event to event.
#[derive(Default)]
pub struct VirtualClock(Mutex<Duration>);

impl VirtualClock {
    /// Puts the clock forward.
    pub fn set(&self, now: Duration) {
        *self.0.lock().expect("one thread") = now;
    }
}

impl Clock for VirtualClock {
    fn wall(&self) -> Duration {
        Duration::from_secs(1_700_000_000) + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock().expect("one thread")
    }
}

/// The clusters of the bootstrap.
struct Clusters;

impl Upstreams for Clusters {
    fn admit(&self, cluster: &str) -> Admission {
        match cluster {
            "up" | "up2" | "calls" | "calls2" | "refused" => Admission::Ready,
            _ => Admission::Unknown,
        }
    }
}

/// One case under way.
struct Bed<'a> {
    case: &'a Case,
    limit_bytes: usize,
    worker: Worker,
    lines: Arc<Lines>,
    clock: Arc<VirtualClock>,
    ready: Arc<Mutex<Vec<(u32, u32)>>>,
    world: World<'a>,
    seen: Observation,
    client: Message,
    stream: Option<StreamId>,
}

impl<'a> Bed<'a> {
    fn new(module: &Module, setting: &Setting, case: &'a Case) -> Self {
        let lines = Arc::new(Lines::default());
        let clock = Arc::new(VirtualClock::default());
        let ready: Arc<Mutex<Vec<(u32, u32)>>> = Arc::default();
        let (sink, time, queue) = (Arc::clone(&lines), Arc::clone(&clock), Arc::clone(&ready));
        let environment = move || Environment {
            clock: Arc::clone(&time) as Arc<dyn Clock>,
            random: Box::new(Xoshiro256PlusPlus::seed_from_u64(7)),
            log: Arc::clone(&sink) as Arc<dyn LogSink>,
            upstreams: Arc::new(Clusters),
        };
        let wake = move |root, token| queue.lock().expect("one thread").push((root, token));
        let plugin = Arc::new(plugin(setting));
        let worker = Worker::start(module, plugin, Arc::new(Process::default()), environment, Arc::new(wake));
        Self {
            case,
            limit_bytes: setting.plugin.limit_bytes.map_or(LIMIT_BYTES, |limit| limit as usize),
            worker: worker.unwrap_or_else(|error| panic!("{}: {error}", case.name)),
            lines,
            clock,
            ready,
            world: World::new(case),
            seen: Observation::default(),
            client: Message::default(),
            stream: None,
        }
    }

    fn run(mut self) -> Observation {
        self.settle();
        self.exchange(&script(self.case));
        if self.case.then {
            self.exchange(WATCH);
        }
        self.seen.calls = std::mem::take(&mut self.world.calls);
        let prefix = format!("{} ", self.case.name);
        let lines = self.lines.0.lock().expect("one thread");
        self.seen.log =
            lines.iter().filter_map(|line| Some(line.strip_prefix(&prefix)?.trim_end().to_owned())).collect();
        drop(lines);
        self.seen
    }

    fn exchange(&mut self, script: &str) {
        let begun = self.world.now + Duration::from_millis(40);
        self.world.at(begun, Event::Request);
        self.world.at(begun + Duration::from_millis(self.case.patience_ms), Event::ClientGone);
        let mut over = None;
        while let Some((now, event)) = self.world.next() {
            self.clock.set(now);
            match event {
                Event::Request => self.request(script),
                event => self.tell(event),
            }
            self.settle();
            // What a guest does after its stream: calls that are still answered, a timer that still runs.
            if self.stream.is_none() && now >= begun {
                let over = *over.get_or_insert(now);
                if now > over + Duration::from_secs(2) || !self.world.is_busy() {
                    break;
                }
            }
        }
        self.seen.client.push(std::mem::take(&mut self.client));
        self.seen.upstream.append(&mut self.world.upstream);
    }

    fn request(&mut self, script: &str) {
        let spec = &self.case.request;
        let info = StreamInfo {
            direction: pointsman_host::filter::TrafficDirection::Inbound,
            cluster_name: self.world.cluster().unwrap_or_default().to_owned(),
            virtual_host_name: self.world.cluster().unwrap_or_default().to_owned(),
            route_name: self.world.cluster().map(|cluster| format!("to-{cluster}")).unwrap_or_default(),
            protocol: if spec.version == 2 { "HTTP/2" } else { "HTTP/1.1" },
            ..StreamInfo::default()
        };
        let id = self.worker.open(info, self.limit_bytes);
        self.stream = Some(id);
        let mut headers: Headers = [
            (":method", spec.method.as_str()),
            (":scheme", "http"),
            (":authority", &spec.authority),
            (":path", &spec.path),
            ("x-forwarded-proto", "http"),
            ("x-tag", &self.case.name),
            ("x-script", script),
        ]
        .into_iter()
        .collect();
        if spec.trailers.is_empty() && spec.body.len() == 1 {
            headers.push("content-length", text(&spec.body[0]).len().to_string());
        }
        for (name, value) in &spec.headers {
            headers.push(name, value);
        }
        self.world.request_pieces();
        self.worker.request_headers(id, headers, spec.body.is_empty() && spec.trailers.is_empty());
    }

    fn tell(&mut self, event: Event) {
        match event {
            Event::Call(id, result) => return self.worker.call_finished(id, result),
            Event::Grpc(id, event) => return self.worker.grpc_event(id, event),
            Event::Tick(root, period) => {
                self.world.tick(root, period);
                return self.worker.tick(root);
            }
            _ => {}
        }
        let Some(id) = self.stream else { return };
        match event {
            Event::RequestData(data, end) => self.worker.request_data(id, data, end),
            Event::RequestTrailers(trailers) => self.worker.request_trailers(id, trailers),
            Event::ResponseHeaders(headers, end) => self.worker.response_headers(id, headers, end),
            Event::ResponseData(data, end) => self.worker.response_data(id, data, end),
            Event::ResponseTrailers(trailers) => self.worker.response_trailers(id, trailers),
            Event::Reply(reply, flags) => {
                if let Some(info) = self.worker.info(id) {
                    info.response_flags |= flags;
                }
                self.worker.local_reply(id, reply);
            }
            Event::ClientGone => {
                self.client.end = "no more came";
                if let Some(info) = self.worker.info(id) {
                    info.response_flags |= 1 << 14;
                    info.response_code_details = String::from("downstream_remote_disconnect");
                }
                self.close(id);
            }
            _ => {}
        }
    }

    /// Does what the worker asks for until it asks for nothing.
    fn settle(&mut self) {
        loop {
            let mut effects = Vec::new();
            self.worker.effects(&mut effects);
            let ready = std::mem::take(&mut *self.ready.lock().expect("one thread"));
            if effects.is_empty() && ready.is_empty() {
                return;
            }
            for effect in effects {
                self.execute(effect);
            }
            for (root, token) in ready {
                self.worker.queue_ready(root, token);
            }
        }
    }

    fn execute(&mut self, effect: Effect) {
        match effect {
            Effect::Stream(id, effect) if self.stream == Some(id) => self.on_stream(id, effect),
            // The server answers without being told that nothing more comes.
            Effect::Stream(..) | Effect::GrpcClose(_) => {}
            Effect::HttpCall(id, call) => self.world.http_call(id, &call),
            Effect::GrpcCall(id, call) => self.world.grpc_call(id, &call),
            Effect::GrpcSend { message, .. } => self.world.grpc_send(&message),
            Effect::Cancel(id) => self.world.cancel(id),
            Effect::SetTick { root_context, period } => self.world.set_tick(root_context, period),
        }
    }

    fn on_stream(&mut self, id: StreamId, effect: StreamEffect) {
        match effect {
            StreamEffect::RequestHeaders(headers, end) => self.world.route(&headers, end),
            StreamEffect::RequestData(data, end) => self.world.request_data(&data, end),
            StreamEffect::RequestTrailers(trailers) => self.world.request_trailers(&trailers),
            StreamEffect::CancelUpstream => self.world.cancel_upstream(),
            StreamEffect::ResponseHeaders(headers, end) => {
                self.client.first = headers.get_str(":status").unwrap_or_default().to_owned();
                self.client.headers = lines(&headers);
                self.ended(id, end);
            }
            StreamEffect::ResponseData(data, end) => {
                self.client.body.extend_from_slice(&data);
                self.ended(id, end);
            }
            StreamEffect::ResponseTrailers(trailers) => {
                self.client.trailers = lines(&trailers);
                self.ended(id, true);
            }
            StreamEffect::Reset => {
                self.client.end = "broken off";
                self.close(id);
            }
            StreamEffect::Read(Half::Request | Half::Response, _) => {}
        }
    }

    fn ended(&mut self, id: StreamId, end: bool) {
        if end {
            self.close(id);
        }
    }

    fn close(&mut self, id: StreamId) {
        self.stream = None;
        self.world.cancel_upstream();
        self.world.forget_stream();
        self.worker.close(id);
    }
}

/// `name: value`, sorted, without what carries the script.
pub fn lines(headers: &Headers) -> Vec<String> {
    let ours = ["x-tag", "x-script", "x-forwarded-proto"];
    let shown = headers.iter().filter_map(|(name, value)| {
        let name = String::from_utf8_lossy(name).into_owned();
        let kept = !name.starts_with(':') && !ours.contains(&name.as_str());
        kept.then(|| format!("{name}: {}", value.escape_ascii()))
    });
    let mut lines: Vec<String> = shown.collect();
    lines.sort();
    lines
}

fn plugin(setting: &Setting) -> Plugin {
    Plugin {
        name: setting.name.clone(),
        root_id: String::from("root"),
        vm_id: setting.name.clone(),
        vm_configuration: Bytes::from(setting.vm_configuration()),
        configuration: Bytes::from(setting.configuration()),
        environment_variables: [(String::from("GREETING"), String::from("hello"))].into(),
        failure_policy: match setting.plugin.policy {
            Policy::Closed => FailurePolicy::Closed,
            Policy::Open => FailurePolicy::Open,
            Policy::Reload => FailurePolicy::Reload { backoff: Duration::from_millis(10) },
        },
        allow_on_headers_stop_iteration: setting.plugin.stop,
        ..Plugin::default()
    }
}
