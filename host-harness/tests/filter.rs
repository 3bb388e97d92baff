//! The shipped filter in a worker of the host, with no socket.

use bytes::Bytes;
use pointsman_host::abi::{Headers, LogLevel};
use pointsman_host::filter::{Effect, Plugin, StreamEffect, StreamInfo, TrafficDirection, Worker};
use pointsman_host::process::{Environment, LogLine, LogSink, Process, Reading, SystemClock};
use pointsman_host::vm::{Engine, EngineOptions, Module};
use rand_core::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::path::Path;
use std::sync::Arc;

/// Fails on whatever the filter complains of.
struct Quiet;

impl LogSink for Quiet {
    fn level(&self) -> LogLevel {
        LogLevel::Warn
    }

    fn log(&self, line: LogLine) {
        panic!("the filter says: {}", line.message);
    }
}

fn worker(process: &Arc<Process>) -> Worker {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let wasm = std::fs::read(root.join("target/pointsman.wasm")).expect("scripts/build-filter makes the filter");
    let engine = Engine::new(EngineOptions {
        cache_directory: Some(root.join("target/wasm-cache").canonicalize().unwrap_or(root.join("target/wasm-cache"))),
        ..EngineOptions::default()
    })
    .unwrap();
    let module = Module::new(&engine, &wasm).unwrap();
    let plugin = Plugin {
        configuration: Bytes::from(std::fs::read(root.join("envoy/pointsman.json")).unwrap()),
        environment_variables: [("POINTSMAN_SECRET".to_owned(), "test-test-test-test".to_owned())].into(),
        allow_on_headers_stop_iteration: true,
        ..Plugin::default()
    };
    let environment = || Environment {
        clock: Arc::new(SystemClock::default()),
        random: Box::new(Xoshiro256PlusPlus::seed_from_u64(1)),
        log: Arc::new(Quiet),
        upstreams: Arc::new(()),
    };
    Worker::start(&module, Arc::new(plugin), Arc::clone(process), environment, Arc::new(|_, _| {})).unwrap()
}

fn effects(worker: &mut Worker) -> Vec<Effect> {
    let mut effects = Vec::new();
    worker.effects(&mut effects);
    effects
}

fn push(worker: &mut Worker, number: u32) -> Option<Headers> {
    let body = format!("message=%7B%22title%22%3A%22t%22%2C%22app_message_id%22%3A%22m-{number}%22%7D");
    let info = StreamInfo { direction: TrafficDirection::Outbound, ..StreamInfo::default() };
    let id = worker.open(info, 1 << 20);
    let length = body.len().to_string();
    let head = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "api.push.oppomobile.com"),
        (":path", "/server/v1/message/notification/unicast"),
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-length", &length),
    ];
    worker.request_headers(id, head.into_iter().collect(), false);
    worker.request_data(id, Bytes::from(body), true);
    let sent = effects(worker).into_iter().find_map(|effect| match effect {
        Effect::Stream(_, StreamEffect::RequestHeaders(headers, _)) => Some(headers),
        _ => None,
    });
    let answer = r#"{"code":33,"message":"The number of messages exceeds the daily limit"}"#;
    worker.response_headers(
        id,
        [(":status", "200"), ("content-type", "application/json")].into_iter().collect(),
        false,
    );
    worker.response_data(id, Bytes::from_static(answer.as_bytes()), true);
    worker.close(id);
    effects(worker);
    sent
}

#[test]
fn a_push_gets_its_trace_and_its_true_outcome() {
    let process = Arc::new(Process::default());
    let mut worker = worker(&process);
    let tick = effects(&mut worker).into_iter().find_map(|effect| match effect {
        Effect::SetTick { root_context, .. } => Some(root_context),
        _ => None,
    });
    let sent = push(&mut worker, 7).expect("the request goes on");
    assert!(sent.get_str("traceparent").is_some_and(|trace| trace.starts_with("00-")), "{sent:?}");
    worker.tick(tick.expect("the filter asks for a timer"));
    let name = "node=.=OPPO_PUSH;.;channel=.=oppo;.;outcome=.=quota_app;.;pointsman_node_calls_total";
    let reading = process.metrics.readings().into_iter().find(|(of, _)| of == name);
    assert_eq!(reading, Some((name.to_owned(), Reading::Counter(1))));
}
