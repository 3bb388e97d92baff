//! A worker with a guest made of WebAssembly text, or with the script guest, and what it logs and asks for.

use bytes::Bytes;
use pointsman_host::abi::{Headers, LogLevel};
use pointsman_host::filter::{Effect, Limits, Plugin, StreamEffect, StreamId, StreamInfo, Worker, WorkerError};
use pointsman_host::process::{Clock, Environment, LogLine, LogSink, Process, SystemClock};
use pointsman_host::vm::{Engine, EngineOptions, Module, ModuleError};
use pointsman_tests::exchanges::settings::guest;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a guest logs.
#[derive(Default)]
pub(crate) struct Lines(Mutex<Vec<String>>);

impl LogSink for Lines {
    fn level(&self) -> LogLevel {
        LogLevel::Info
    }

    fn log(&self, line: LogLine) {
        self.0.lock().expect("no test panics with the lock").push(line.message);
    }
}

impl Lines {
    /// All lines so far.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().expect("no test panics with the lock"))
    }
}

/// Queues that became ready: root contexts and tokens.
pub(crate) type Ready = Arc<Mutex<Vec<(u32, u32)>>>;

/// A worker with its surroundings.
pub(crate) struct Bed {
    pub(crate) worker: Worker,
    pub(crate) lines: Arc<Lines>,
    pub(crate) ready: Ready,
}

/// Compiles a module.
pub(crate) fn module(wasm: &[u8]) -> Result<Module, ModuleError> {
    Module::new(&Engine::new(EngineOptions::default()).expect("an engine"), wasm)
}

/// A module from WebAssembly text.
pub(crate) fn text(text: &str) -> Result<Module, ModuleError> {
    module(&wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}")))
}

/// The script guest.
pub(crate) fn script_guest() -> Module {
    let wasm = std::fs::read(guest()).expect("scripts/build-filter --all makes the guest");
    module(&wasm).expect("the script guest is a module")
}

/// Little of everything, so that nothing takes long.
pub(crate) fn plugin(configuration: &str) -> Plugin {
    Plugin {
        configuration: Bytes::copy_from_slice(configuration.as_bytes()),
        limits: Limits { memory_bytes: 16 << 20, call_time: Duration::from_millis(100), ..Limits::default() },
        ..Plugin::default()
    }
}

impl Bed {
    /// Starts a worker on a process of its own.
    pub(crate) fn start(module: &Module, plugin: Plugin) -> Result<Self, WorkerError> {
        Self::start_in(module, plugin, Arc::new(Process::default()))
    }

    /// Starts a worker.
    pub(crate) fn start_in(module: &Module, plugin: Plugin, process: Arc<Process>) -> Result<Self, WorkerError> {
        let (lines, ready) = (Arc::new(Lines::default()), Ready::default());
        let (sink, queue) = (Arc::clone(&lines), Arc::clone(&ready));
        let environment = move || Environment {
            clock: Arc::new(SystemClock::default()) as Arc<dyn Clock>,
            random: Box::new(Xoshiro256PlusPlus::seed_from_u64(7)),
            log: Arc::clone(&sink) as Arc<dyn LogSink>,
            upstreams: Arc::new(()),
        };
        let wake = move |root, token| queue.lock().expect("no test panics with the lock").push((root, token));
        let worker = Worker::start(module, Arc::new(plugin), process, environment, Arc::new(wake))?;
        Ok(Self { worker, lines, ready })
    }

    /// What the worker asks for.
    pub(crate) fn effects(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.worker.effects(&mut effects);
        effects
    }

    /// Sends the head of a request with a script.
    pub(crate) fn request(&mut self, script: &str, end: bool) -> StreamId {
        let id = self.worker.open(StreamInfo::default(), 1 << 20);
        let headers: Headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "up.test"),
            (":path", "/"),
            ("x-tag", "t"),
            ("x-script", script),
        ]
        .into_iter()
        .collect();
        self.worker.request_headers(id, headers, end);
        id
    }

    /// Sends a whole exchange with bodies and trailers both ways; gives the status that the client got, and nothing if its
    /// stream was reset or still waits.
    pub(crate) fn exchange(&mut self, script: &str) -> Option<String> {
        let id = self.request(script, false);
        self.worker.request_data(id, Bytes::from_static(b"request"), false);
        self.worker.request_trailers(id, [("x-sum", "1")].into_iter().collect());
        let mut effects = self.effects();
        let answered = |effect: &Effect| matches!(effect, Effect::Stream(_, StreamEffect::ResponseHeaders(..)));
        if !effects.iter().any(answered) {
            self.worker.response_headers(id, [(":status", "200")].into_iter().collect(), false);
            self.worker.response_data(id, Bytes::from_static(b"response"), false);
            self.worker.response_trailers(id, [("x-end", "1")].into_iter().collect());
            effects.extend(self.effects());
        }
        self.worker.close(id);
        effects.extend(self.effects());
        let mut status = None;
        for effect in effects {
            match effect {
                Effect::Stream(_, StreamEffect::ResponseHeaders(headers, _)) => {
                    status = headers.get_str(":status").map(str::to_owned);
                }
                Effect::Stream(_, StreamEffect::Reset) => return None,
                _ => {}
            }
        }
        status
    }
}
