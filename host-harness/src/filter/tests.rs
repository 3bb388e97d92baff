//! What passes a filter, what waits, and what a failure does, with guests that only answer numbers.

use super::*;
use crate::abi::{Headers, LogLevel};
use crate::process::{Environment, LogLine, LogSink, Process, SystemClock};
use crate::vm::{Engine, EngineOptions, Module};
use bytes::Bytes;
use rand_core::SeedableRng;
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Keeps what is logged.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl LogSink for Lines {
    fn level(&self) -> LogLevel {
        LogLevel::Trace
    }

    fn log(&self, line: LogLine) {
        self.0.lock().unwrap().push(line.message);
    }
}

/// A guest whose callbacks have these bodies; those not named are not exported.
fn guest(callbacks: &[(&str, &str)]) -> Vec<u8> {
    let mut text = String::from(
        r#"(module (memory (export "memory") 1) (global $calls (mut i32) (i32.const 0))
        (func (export "proxy_abi_version_0_2_1")) (func (export "malloc") (param i32) (result i32) (i32.const 0))"#,
    );
    for (name, body) in callbacks {
        let signature = match *name {
            "proxy_on_context_create" => "(param i32 i32)",
            "proxy_on_log" | "proxy_on_delete" | "proxy_on_tick" => "(param i32)",
            "proxy_on_done" => "(param i32) (result i32)",
            "proxy_on_request_trailers" | "proxy_on_response_trailers" | "proxy_on_configure" => {
                "(param i32 i32) (result i32)"
            }
            _ => "(param i32 i32 i32) (result i32)",
        };
        writeln!(text, r#"(func (export "{name}") {signature} {body})"#).unwrap();
    }
    wat::parse_str(text + ")").unwrap()
}

/// A worker with one guest, and what it has asked for so far as text.
struct Bed {
    worker: Worker,
    log: Arc<Lines>,
}

impl Bed {
    fn new(callbacks: &[(&str, &str)], plugin: Plugin) -> Self {
        Self::of(&guest(callbacks), plugin)
    }

    fn of(wasm: &[u8], plugin: Plugin) -> Self {
        let engine = Engine::new(EngineOptions::default()).unwrap();
        let module = Module::new(&engine, wasm).unwrap();
        let log = Arc::new(Lines::default());
        let sink = Arc::clone(&log);
        let environment = move || Environment {
            clock: Arc::new(SystemClock::default()),
            random: Box::new(rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(7)),
            log: sink.clone(),
            upstreams: Arc::new(()),
        };
        let process = Arc::new(Process::default());
        let worker = Worker::start(&module, Arc::new(plugin), process, environment, Arc::new(|_, _| {})).unwrap();
        Self { worker, log }
    }

    fn open(&mut self) -> StreamId {
        self.worker.open(StreamInfo::default(), 10)
    }

    fn request(&mut self, end: bool) -> StreamId {
        let id = self.open();
        let headers = [(":method", "POST"), (":authority", "a"), (":path", "/")].into_iter().collect();
        self.worker.request_headers(id, headers, end);
        id
    }

    fn respond(&mut self, id: StreamId, end: bool) {
        self.worker.response_headers(id, [(":status", "200")].into_iter().collect(), end);
    }

    /// What was asked for since the last look, one word each.
    fn seen(&mut self) -> String {
        let mut effects = Vec::new();
        self.worker.effects(&mut effects);
        effects.iter().map(word).collect::<Vec<_>>().join(" ")
    }
}

fn word(effect: &Effect) -> String {
    let end = |end: bool| if end { "." } else { "" };
    let status = |headers: &Headers| headers.get_str(":status").unwrap_or("?").to_owned();
    match effect {
        Effect::Stream(_, effect) => match effect {
            StreamEffect::RequestHeaders(_, last) => format!("request{}", end(*last)),
            StreamEffect::RequestData(data, last) => format!("+{}{}", data.escape_ascii(), end(*last)),
            StreamEffect::RequestTrailers(_) => String::from("+trailers."),
            StreamEffect::CancelUpstream => String::from("cancel"),
            StreamEffect::ResponseHeaders(headers, last) => format!("{}{}", status(headers), end(*last)),
            StreamEffect::ResponseData(data, last) => format!("-{}{}", data.escape_ascii(), end(*last)),
            StreamEffect::ResponseTrailers(_) => String::from("-trailers."),
            StreamEffect::Reset => String::from("reset"),
            StreamEffect::Read(Half::Request, read) => format!("read={read}"),
            StreamEffect::Read(Half::Response, read) => format!("read-response={read}"),
        },
        other => format!("{other:?}"),
    }
}

fn knob() -> Plugin {
    Plugin { allow_on_headers_stop_iteration: true, ..Plugin::default() }
}

fn policy(failure_policy: FailurePolicy) -> Plugin {
    Plugin { failure_policy, ..Plugin::default() }
}

const PAUSE: &str = "(i32.const 1)";
const TRAP: &str = "unreachable";
/// Goes on at its second call.
const PAUSE_ONCE: &str = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (select (i32.const 1) (i32.const 0) (i32.eq (global.get $calls) (i32.const 1)))";
/// Goes on at the end of the stream.
const PAUSE_UNTIL_END: &str = "(i32.xor (local.get 2) (i32.const 1))";

#[test]
fn without_callbacks_everything_passes() {
    let mut bed = Bed::new(&[], Plugin::default());
    let id = bed.request(false);
    bed.worker.request_data(id, Bytes::from_static(b"ab"), false);
    bed.worker.request_trailers(id, Headers::new());
    bed.respond(id, false);
    bed.worker.response_data(id, Bytes::from_static(b"cd"), true);
    assert_eq!(bed.seen(), "request +ab +trailers. 200 -cd.");
}

#[test]
fn a_pause_in_headers_stops_everything_unless_the_plugin_allows_otherwise() {
    let callbacks = [("proxy_on_request_headers", PAUSE)];
    let mut bed = Bed::new(&callbacks, Plugin::default());
    let id = bed.request(false);
    bed.worker.request_data(id, Bytes::from_static(b"ab"), true);
    assert_eq!(bed.seen(), "");

    let mut bed = Bed::new(&callbacks, knob());
    let id = bed.request(false);
    assert_eq!(bed.seen(), "");
    bed.worker.request_data(id, Bytes::from_static(b"ab"), true);
    assert_eq!(bed.seen(), "request +ab.");
}

#[test]
fn a_held_body_passes_whole_behind_its_headers() {
    let callbacks = [("proxy_on_request_headers", PAUSE), ("proxy_on_request_body", PAUSE_UNTIL_END)];
    let mut bed = Bed::new(&callbacks, knob());
    let id = bed.request(false);
    bed.worker.request_data(id, Bytes::from_static(b"ab"), false);
    bed.worker.request_data(id, Bytes::from_static(b"cd"), false);
    assert_eq!(bed.seen(), "");
    bed.worker.request_data(id, Bytes::new(), true);
    assert_eq!(bed.seen(), "request +abcd.");
}

#[test]
fn a_held_body_that_ends_with_trailers_passes_when_the_trailers_do() {
    let callbacks = [("proxy_on_request_headers", PAUSE), ("proxy_on_request_body", PAUSE)];
    let mut bed = Bed::new(&callbacks, knob());
    let id = bed.request(false);
    bed.worker.request_data(id, Bytes::from_static(b"ab"), false);
    bed.worker.request_trailers(id, [("t", "1")].into_iter().collect());
    assert_eq!(bed.seen(), "request +ab +trailers.");
}

#[test]
fn too_large_a_held_body_is_refused_by_413_or_500() {
    let mut bed = Bed::new(&[("proxy_on_request_body", PAUSE)], Plugin::default());
    let id = bed.request(false);
    bed.worker.request_data(id, Bytes::from_static(b"0123456789"), false);
    assert_eq!(bed.seen(), "request");
    bed.worker.request_data(id, Bytes::from_static(b"x"), false);
    assert_eq!(bed.seen(), "cancel 413 -Payload Too Large.");

    let mut bed = Bed::new(&[("proxy_on_response_headers", PAUSE), ("proxy_on_response_body", PAUSE)], knob());
    let id = bed.request(true);
    bed.respond(id, false);
    bed.worker.response_data(id, Bytes::from_static(b"0123456789x"), false);
    assert_eq!(bed.seen(), "request. cancel 500 -Internal Server Error.");
}

#[test]
fn what_waits_behind_stopped_headers_makes_the_peer_wait() {
    let mut bed = Bed::new(&[("proxy_on_request_headers", PAUSE)], Plugin::default());
    let id = bed.request(false);
    bed.worker.request_data(id, Bytes::from_static(b"0123456789x"), false);
    bed.worker.request_data(id, Bytes::from_static(b"y"), false);
    assert_eq!(bed.seen(), "read=false");
}

#[test]
fn a_trap_answers_503_and_the_policy_decides_about_the_others() {
    let hour = Duration::from_secs(3600);
    for (failure_policy, open_stream, later_stream) in [
        (FailurePolicy::Closed, "cancel 503.", "503."),
        (FailurePolicy::Open, "+x. 200.", "request."),
        (FailurePolicy::Reload { backoff: hour }, "cancel 503.", "503."),
    ] {
        let callbacks = [("proxy_on_request_headers", "(if (local.get 2) (then unreachable)) (i32.const 0)")];
        let mut bed = Bed::new(&callbacks, policy(failure_policy));
        let open = bed.request(false);
        assert_eq!(bed.seen(), "request");
        bed.request(true);
        assert_eq!(bed.seen(), "503.", "{failure_policy:?}: the stream in which it trapped");
        assert!(bed.log.0.lock().unwrap()[0].contains("unreachable"), "{:?}", bed.log.0);
        bed.worker.request_data(open, Bytes::from_static(b"x"), true);
        if failure_policy == FailurePolicy::Open {
            bed.respond(open, true);
        }
        assert_eq!(bed.seen(), open_stream, "{failure_policy:?}: an open stream");
        bed.request(true);
        assert_eq!(bed.seen(), later_stream, "{failure_policy:?}: a later stream");
    }
}

#[test]
fn a_failed_vm_is_made_anew_for_the_next_stream() {
    let callbacks = [("proxy_on_request_body", TRAP)];
    let mut bed = Bed::new(&callbacks, policy(FailurePolicy::Reload { backoff: Duration::ZERO }));
    let id = bed.request(false);
    bed.worker.request_data(id, Bytes::from_static(b"x"), true);
    assert_eq!(bed.seen(), "request cancel 503.");
    assert!(bed.worker.has_failed());
    bed.request(true);
    assert_eq!(bed.seen(), "request.");
    assert_eq!(bed.worker.stats(), WorkerStats { traps: 1, reloads: 1, ..WorkerStats::default() });
}

#[test]
fn an_endless_loop_is_a_trap() {
    let limits = Limits { call_time: Duration::from_millis(20), ..Limits::default() };
    let callbacks = [("proxy_on_request_headers", "(loop $again (br $again)) (i32.const 0)")];
    let mut bed = Bed::new(&callbacks, Plugin { limits, ..Plugin::default() });
    bed.request(true);
    assert_eq!(bed.seen(), "503.");
}

#[test]
fn a_local_reply_passes_the_response_callbacks() {
    let mut bed = Bed::new(&[("proxy_on_response_headers", PAUSE_ONCE)], knob());
    let id = bed.request(true);
    let reply = LocalReply {
        status: 404,
        body: Bytes::from_static(b"no"),
        headers: Headers::new(),
        grpc_status: None,
        details: String::from("route_not_found"),
    };
    bed.worker.local_reply(id, reply);
    assert_eq!(bed.seen(), "request. cancel 404 -no.");
    assert_eq!(bed.worker.info(id).unwrap().response_code_details, "route_not_found");
}

#[test]
fn a_rejected_configuration_changes_nothing() {
    let callbacks = [("proxy_on_configure", "(i32.eqz (local.get 1))"), ("proxy_on_request_headers", PAUSE)];
    let mut bed = Bed::new(&callbacks, Plugin::default());
    let refused = Plugin { configuration: Bytes::from_static(b"{}"), ..Plugin::default() };
    assert!(matches!(bed.worker.reconfigure(Arc::new(refused)), Err(WorkerError::Rejected)));
    bed.request(true);
    assert_eq!(bed.seen(), "");
    assert!(bed.worker.reconfigure(Arc::new(knob())).is_ok());
    let id = bed.request(false);
    bed.worker.request_data(id, Bytes::from_static(b"x"), true);
    assert_eq!(bed.seen(), "request +x.");
}

#[test]
fn trailers_that_a_guest_makes_wait_with_the_body_that_it_holds() {
    let wasm = wat::parse_str(
        r#"(module
        (import "env" "proxy_set_effective_context" (func $effective (param i32) (result i32)))
        (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
        (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1) (data (i32.const 16) "t")
        (func (export "proxy_abi_version_0_2_1")) (func (export "malloc") (param i32) (result i32) (i32.const 0))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1))
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
            (drop (call $add (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 16) (i32.const 1)))
            (i32.const 1))
        (func (export "proxy_on_tick") (param i32)
            (drop (call $effective (i32.const 2)))
            (drop (call $continue (i32.const 0)))))"#,
    );
    let mut bed = Bed::of(&wasm.unwrap(), Plugin::default());
    let id = bed.request(false);
    bed.worker.request_data(id, Bytes::from_static(b"ab"), true);
    bed.worker.tick(1);
    assert_eq!(bed.seen(), "request");
    bed.worker.tick(1);
    assert_eq!(bed.seen(), "+ab +trailers.");
}
