//! What is exported by OTLP, taken by the program: as it comes, by the native proxy, and in a rehearsal.
#![expect(clippy::unwrap_used, reason = "a helper that fails has failed its test")]

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use pointsman_host::abi::encode_pairs;
use pointsman_host::otlp::Record;
use prost::Message;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

const FILTER: &str = r#"{"records": {"cluster": "otlp"}}"#;

const LOGS: &str = r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"push"}}]},
"scopeLogs":[{"logRecords":[{"timeUnixNano":"1795789800000000000","eventName":"push.message.status",
"attributes":[{"key":"push.message.id","value":{"stringValue":"order-42"}}]}]}]}]}"#;

/// A guest that exports one log record on its first tick.
fn guest() -> Vec<u8> {
    let headers: [(&[u8], &[u8]); 4] = [
        (b":method", b"POST"),
        (b":path", b"/v1/logs"),
        (b":authority", b"collector"),
        (b"content-type", b"application/x-protobuf"),
    ];
    let headers = encode_pairs(headers.into_iter());
    let log = LogRecord { event_name: String::from("push.message.status"), time_unix_nano: 7, ..LogRecord::default() };
    let scope_logs = vec![ScopeLogs { log_records: vec![log], ..ScopeLogs::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }];
    let body = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
    let data = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let text = format!(
        r#"(module
        (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
        (import "env" "proxy_http_call"
            (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 2048) "otlp")
        (data (i32.const 4096) "{}")
        (data (i32.const 8192) "{}")
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "malloc") (param i32) (result i32) i32.const 1024)
        (func (export "proxy_on_context_create") (param i32 i32))
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
            (drop (call $tick (i32.const 10)))
            (i32.const 1))
        (func (export "proxy_on_tick") (param i32)
            (drop (call $tick (i32.const 0)))
            (drop (call $call (i32.const 2048) (i32.const 4) (i32.const 4096) (i32.const {}) (i32.const 8192)
                (i32.const {}) (i32.const 0) (i32.const 0) (i32.const 5000) (i32.const 0)))))"#,
        data(&headers),
        data(&body),
        headers.len(),
        body.len(),
    );
    wat::parse_str(text).unwrap()
}

fn start(arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Ends a program as Ctrl-C does, and returns what else it has said on standard error.
fn interrupt(child: &mut Child, mut stderr: impl Read) -> String {
    let kill = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(kill.success());
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success(), "{said}");
    said
}

fn line(reader: &mut impl BufRead) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    line
}

/// The address in what the sink says first.
fn address(greeting: &str) -> String {
    greeting.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned()
}

/// Exports [`LOGS`].
fn post(addr: &str) {
    let length = LOGS.len();
    let head = format!(
        "POST /v1/logs HTTP/1.1\r\nhost: {addr}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.write_all(format!("{head}{LOGS}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n{}"), "{answer}");
}

fn records(file: &Path) -> Vec<Record> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_sink_prints_and_keeps_what_comes_and_counts_it_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("records.jsonl");
    for json in [false, true] {
        let mut arguments = vec!["otlp-sink", "--listen", "127.0.0.1:0", "--records", text(&file)];
        arguments.extend(json.then_some("--json"));
        let mut child = start(&arguments);
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let greeting = line(&mut stderr);
        post(&address(&greeting));
        if json {
            let record: Record = serde_json::from_str(&line(&mut stdout)).unwrap();
            assert_eq!(record, records(&file)[1]);
        } else {
            assert!(line(&mut stdout).starts_with("TIME "));
            let printed = line(&mut stdout);
            assert!(printed.starts_with("2026-11-27T14:30:00.000Z "), "{printed}");
            assert!(printed.contains("push.message.status") && printed.contains("order-42"), "{printed}");
        }
        let said = interrupt(&mut child, stderr);
        assert_eq!(said, "0 spans and 1 log record in 1 request\n");
    }
    let records = records(&file);
    assert_eq!(records.len(), 2, "the second run adds to the file");
    assert_eq!(records[0].resource["service.name"], "push");
}

#[test]
fn the_sink_says_why_it_cannot_listen() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let output = start(&["otlp-sink", "--listen", &addr]).wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.starts_with(&format!("pointsman: cannot listen at {addr}: ")), "{said}");
}

#[test]
fn the_native_proxy_takes_records_in_the_place_of_the_collector() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let (wasm, filter, file) = (path("guest.wasm"), path("filter.json"), path("records.jsonl"));
    std::fs::write(&wasm, guest()).unwrap();
    let arguments = [
        "run",
        "--wasm",
        text(&wasm),
        "--plugin-config",
        text(&filter),
        "--listen",
        "127.0.0.1:0",
        "--upstream",
        "service=127.0.0.1:9",
        "--records",
        text(&file),
    ];
    std::fs::write(&filter, "{}").unwrap();
    let output = start(&arguments).wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert!(said.contains("no records.cluster"), "{said}");

    std::fs::write(&filter, FILTER).unwrap();
    let mut child = start(&arguments);
    let stderr = child.stderr.take().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while records(&file).is_empty() && Instant::now() < deadline {
        std::thread::yield_now();
    }
    interrupt(&mut child, stderr);
    let names: Vec<String> = records(&file).into_iter().map(|record| record.event_name).collect();
    assert_eq!(names, ["push.message.status"]);
}

#[test]
fn a_file_that_takes_nothing_ends_the_sink() {
    let mut child = start(&["otlp-sink", "--listen", "127.0.0.1:0", "--records", "/dev/full"]);
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    post(&address(&line(&mut stderr)));
    let mut said = String::new();
    stderr.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(said.contains("pointsman: cannot write /dev/full: No space left"), "{said}");
}

#[test]
fn a_rehearsal_writes_what_each_worker_exports_and_the_same_each_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let (wasm, scenario, filter, file) =
        (path("guest.wasm"), path("s.toml"), path("filter.json"), path("records.jsonl"));
    std::fs::write(&wasm, guest()).unwrap();
    std::fs::write(&scenario, "duration = '1s'\nworkers = 3\n[traffic]\nrate = 5\n[channels.oppo]\n").unwrap();
    let mut files = Vec::new();
    for config in [r#"{"channels": ["oppo"]}"#, r#"{"channels": ["oppo"], "records": {"cluster": "otlp"}}"#] {
        std::fs::write(&filter, config).unwrap();
        let arguments =
            ["simulate", "--config", text(&filter), text(&scenario), "--wasm", text(&wasm), "--records", text(&file)];
        let output = start(&arguments).wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        files.push(std::fs::read(&file).unwrap());
    }
    let records = records(&file);
    assert_eq!(records.len(), 3);
    assert!(records.iter().all(|record| record.event_name == "push.message.status" && record.time_unix_nano == 7));
    assert_eq!(files[0], files[1]);
}
