//! What the protocol asks of a server.

use super::{Behaviour, Kind, MAX_BODY_BYTES, Outcome, Receiver, Record, Signal};
use crate::http::{ClientError, Response, Version, raw, send};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::Request;
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::Link;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use prost::Message;
use serde_json::{Value, json};
use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const TRACE: [u8; 16] = [0xab; 16];
const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

fn attribute(key: &str, value: Any) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(text: &str) -> Any {
    Any::StringValue(text.into())
}

fn service() -> Option<Resource> {
    Some(Resource { attributes: vec![attribute("service.name", text("push"))], ..Resource::default() })
}

fn log(id: &str) -> LogRecord {
    LogRecord {
        time_unix_nano: 1_795_789_800_123_000_001,
        severity_number: 9,
        trace_id: TRACE.to_vec(),
        span_id: vec![1; 8],
        flags: 1,
        event_name: "push.message.status".into(),
        attributes: vec![attribute("push.message.id", text(id)), attribute("push.status", text("sent"))],
        ..LogRecord::default()
    }
}

fn logs(logs: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope = ScopeLogs { log_records: logs, ..ScopeLogs::default() };
    let resource = ResourceLogs { resource: service(), scope_logs: vec![scope], ..ResourceLogs::default() };
    ExportLogsServiceRequest { resource_logs: vec![resource] }
}

fn traces(span: Span) -> ExportTraceServiceRequest {
    let scope = ScopeSpans { spans: vec![span], ..ScopeSpans::default() };
    let resource = ResourceSpans { resource: service(), scope_spans: vec![scope], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![resource] }
}

fn span() -> Span {
    Span {
        trace_id: TRACE.to_vec(),
        span_id: vec![2; 8],
        parent_span_id: vec![3; 8],
        name: "send oppo".into(),
        kind: 4,
        start_time_unix_nano: 1_795_789_800_000_000_000,
        end_time_unix_nano: 1_795_789_800_082_000_000,
        attributes: vec![attribute("http.response.status_code", Any::IntValue(503))],
        links: vec![Link {
            trace_id: vec![4; 16],
            span_id: vec![5; 8],
            attributes: vec![attribute("push.message.id", text("m-1"))],
            ..Link::default()
        }],
        status: Some(Status { code: 2, message: String::new() }),
        ..Span::default()
    }
}

fn export(path: &str, content_type: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    let request = Request::post(format!("http://collector{path}"));
    request.header("content-type", content_type).body(body.into()).unwrap()
}

async fn ask(receiver: &Receiver, request: Request<Bytes>) -> Response {
    send(receiver.addr(), Version::Http1, request).await.unwrap()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn ids(receiver: &Receiver) -> Vec<String> {
    receiver.records().iter().map(|record| record.text("push.message.id").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn both_signals_are_taken_in_both_encodings_and_answered_in_the_same() {
    let receiver = Receiver::start(LOCAL).unwrap();
    let (logs, traces) = (logs(vec![log("m-1")]), traces(span()));
    for (path, content_type, body) in [
        ("/v1/logs", PROTOBUF, logs.encode_to_vec()),
        ("/v1/traces", PROTOBUF, traces.encode_to_vec()),
        ("/v1/logs", JSON, serde_json::to_vec(&logs).unwrap()),
        ("/v1/traces", "Application/JSON; charset=utf-8", serde_json::to_vec(&traces).unwrap()),
    ] {
        let answer = ask(&receiver, export(path, content_type, body)).await;
        assert_eq!(answer.status, 200, "{path} {content_type}");
        let is_json = content_type != PROTOBUF;
        assert_eq!(answer.header("content-type"), Some(if is_json { JSON } else { PROTOBUF }));
        assert_eq!(answer.text(), if is_json { "{}" } else { "" });
    }
    let records = receiver.records();
    assert_eq!(receiver.requests(), 4);
    let [log, span, log_of_json, span_of_json] = &records[..] else { panic!("{records:?}") };
    assert_eq!((log, span), (log_of_json, span_of_json));
    assert_eq!((log.signal, log.severity_number, log.flags), (Signal::Log, 9, 1));
    assert_eq!((log.trace_id.as_str(), log.span_id.as_str()), ("ab".repeat(16).as_str(), "01".repeat(8).as_str()));
    assert_eq!((span.kind, span.status), (Some(Kind::Producer), Some(Outcome::Error)));
    assert_eq!(span.links[0].trace_id, "04".repeat(16));
    assert_eq!(span.links[0].attributes["push.message.id"], "m-1");
}

#[test]
fn a_record_is_one_line_of_json_without_what_it_does_not_have() {
    let records = Record::of_logs(logs(vec![log("m-1")]));
    let line = records[0].to_json_line();
    let expected = json!({
        "signal": "log", "event_name": "push.message.status", "time_unix_nano": "1795789800123000001",
        "trace_id": "ab".repeat(16), "span_id": "01".repeat(8), "flags": 1, "severity_number": 9,
        "attributes": {"push.message.id": "m-1", "push.status": "sent"}, "resource": {"service.name": "push"},
    });
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), expected);
    assert_eq!(line.lines().count(), 1);
    let records = Record::of_traces(traces(span()));
    let again: Record = serde_json::from_str(&records[0].to_json_line()).unwrap();
    assert_eq!(again, records[0]);
}

#[test]
fn every_kind_of_value_has_its_shape_in_json() {
    let list = ArrayValue { values: vec![AnyValue { value: Some(Any::IntValue(-1)) }, AnyValue { value: None }] };
    let map = KeyValueList { values: vec![attribute("a", Any::BoolValue(true))] };
    let values = [
        (Any::BoolValue(false), json!(false)),
        (Any::IntValue(i64::MAX), json!(i64::MAX)),
        (Any::DoubleValue(0.5), json!(0.5)),
        (Any::DoubleValue(f64::NAN), json!("NaN")),
        (Any::ArrayValue(list), json!([-1, null])),
        (Any::KvlistValue(map), json!({"a": true})),
        (Any::BytesValue(vec![1, 2, 255]), json!("AQL/")),
    ];
    for (value, expected) in values {
        let log = LogRecord { body: Some(AnyValue { value: Some(value) }), ..LogRecord::default() };
        assert_eq!(Record::of_logs(logs(vec![log]))[0].body, expected);
    }
}

#[tokio::test]
async fn an_empty_request_is_a_success() {
    let receiver = Receiver::start(LOCAL).unwrap();
    for (path, content_type, body) in [
        ("/v1/logs", PROTOBUF, ""),
        ("/v1/traces", PROTOBUF, ""),
        ("/v1/metrics", PROTOBUF, ""),
        ("/v1/logs", JSON, "{}"),
    ] {
        assert_eq!(ask(&receiver, export(path, content_type, body)).await.status, 200, "{path} {content_type}");
    }
    assert!(receiver.records().is_empty());
}

#[tokio::test]
async fn metrics_are_taken_and_dropped() {
    let receiver = Receiver::start(LOCAL).unwrap();
    let answer = ask(&receiver, export("/v1/metrics", JSON, r#"{"resourceMetrics":[{}]}"#)).await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "{}"));
    assert!(receiver.records().is_empty());
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_a_reason_in_the_encoding_of_the_request() {
    let receiver = Receiver::start(LOCAL).unwrap();
    let answer = ask(&receiver, export("/v1/logs", PROTOBUF, &b"\xff\xff"[..])).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (400, Some(PROTOBUF)));
    // 1: a varint of 3; 2: text.
    assert!(answer.body.starts_with(&[0x08, 3, 0x12]) && answer.body.len() > 10, "{:?}", answer.body);
    let answer = ask(&receiver, export("/v1/traces", JSON, "{")).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (400, Some(JSON)));
    assert_eq!(answer.json().unwrap()["code"], 3);
    let mut request = export("/v1/logs", PROTOBUF, "no gzip");
    request.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    assert_eq!(ask(&receiver, request).await.status, 400);
}

#[tokio::test]
async fn other_types_paths_and_methods_are_told_apart() {
    let receiver = Receiver::start(LOCAL).unwrap();
    let status = async |request| ask(&receiver, request).await.status.as_u16();
    assert_eq!(status(export("/v1/logs", "text/plain", "")).await, 415);
    assert_eq!(status(Request::post("http://c/v1/logs").body(Bytes::new()).unwrap()).await, 415);
    let mut request = export("/v1/logs", PROTOBUF, "");
    request.headers_mut().insert("content-encoding", "zstd".parse().unwrap());
    assert_eq!(status(request).await, 415);
    assert_eq!(status(export("/v1/profiles", PROTOBUF, "")).await, 404);
    assert_eq!(status(export("/", PROTOBUF, "")).await, 404);
    let answer = ask(&receiver, Request::get("http://c/v1/logs").body(Bytes::new()).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, Some("POST")));
}

#[tokio::test]
async fn gzip_is_unpacked_and_a_bomb_is_not() {
    let receiver = Receiver::start(LOCAL).unwrap();
    let gzip = |body: &[u8]| {
        let mut request = export("/v1/logs", PROTOBUF, packed(body));
        request.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
        request
    };
    assert_eq!(ask(&receiver, gzip(&logs(vec![log("m-1")]).encode_to_vec())).await.status, 200);
    assert_eq!(ids(&receiver), ["m-1"]);
    let bomb = gzip(&vec![0; MAX_BODY_BYTES + 1]);
    assert!(bomb.body().len() < 1 << 20);
    assert_eq!(ask(&receiver, bomb).await.status, 413);
}

#[tokio::test]
async fn a_body_in_chunks_is_one_body() {
    let receiver = Receiver::start(LOCAL).unwrap();
    let body = logs(vec![log("m-1")]).encode_to_vec();
    let (first, second) = body.split_at(7);
    let mut request = format!(
        "POST /v1/logs HTTP/1.1\r\nhost: c\r\nconnection: close\r\ncontent-type: {PROTOBUF}\r\n\
         transfer-encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for chunk in [first, second, b""] {
        write!(request, "{:x}\r\n", chunk.len()).unwrap();
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    let answer = raw(receiver.addr(), &request).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", answer.escape_ascii());
    assert_eq!(ids(&receiver), ["m-1"]);
}

#[tokio::test]
async fn a_receiver_can_be_ill_in_every_way_that_a_test_needs() {
    let receiver = Receiver::start(LOCAL).unwrap();
    let request = |id: &str| export("/v1/logs", PROTOBUF, logs(vec![log(id), log("m-9")]).encode_to_vec());

    receiver.set_behaviour(Behaviour::Status { status: 429, retry_after: Some("7".into()) });
    let answer = ask(&receiver, request("m-1")).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, Some("7")));

    receiver.set_behaviour(Behaviour::Reset);
    let reset = send(receiver.addr(), Version::Http1, request("m-2")).await;
    assert!(matches!(reset, Err(ClientError::Exchange { .. })), "{reset:?}");
    assert!(ids(&receiver).is_empty());

    receiver.set_behaviour(Behaviour::Partial { rejected: 1 });
    let answer = ask(&receiver, request("m-3")).await;
    let partial = ExportLogsServiceResponse::decode(answer.body).unwrap().partial_success.unwrap();
    assert_eq!((answer.status.as_u16(), partial.rejected_log_records), (200, 1));
    let answer = ask(&receiver, export("/v1/traces", PROTOBUF, traces(span()).encode_to_vec())).await;
    let partial = ExportTraceServiceResponse::decode(answer.body).unwrap().partial_success.unwrap();
    assert_eq!(partial.rejected_spans, 1);
    let answer = ask(&receiver, export("/v1/logs", JSON, serde_json::to_vec(&logs(vec![log("m-4")])).unwrap())).await;
    assert_eq!(answer.json().unwrap()["partialSuccess"]["rejectedLogRecords"], "1");
    assert_eq!(ids(&receiver), ["m-9"]);

    receiver.set_behaviour(Behaviour::Slow(Duration::from_millis(80)));
    let started = Instant::now();
    assert_eq!(ask(&receiver, request("m-5")).await.status, 200);
    assert!(started.elapsed() >= Duration::from_millis(80));

    receiver.set_behaviour(Behaviour::Accept);
    assert_eq!(ask(&receiver, request("m-6")).await.status, 200);
    assert_eq!(ids(&receiver), ["m-9", "m-5", "m-9", "m-6", "m-9"]);
    assert_eq!(receiver.requests(), 7);
}

#[tokio::test]
async fn records_can_be_handed_on_as_they_come() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let into = move |record: &Record| sink.lock().unwrap().push(record.clone());
    let receiver = Receiver::start_streaming(LOCAL, into).unwrap();
    ask(&receiver, export("/v1/logs", PROTOBUF, logs(vec![log("m-1")]).encode_to_vec())).await;
    assert_eq!(seen.lock().unwrap()[0].text("push.message.id"), Some("m-1"));
    assert!(receiver.records().is_empty());
}

#[tokio::test]
async fn the_port_of_a_stopped_receiver_is_free_at_once() {
    let receiver = Receiver::start(LOCAL).unwrap();
    let addr = receiver.addr();
    ask(&receiver, export("/v1/logs", PROTOBUF, "")).await;
    receiver.stop();
    let refused = send(addr, Version::Http1, export("/v1/logs", PROTOBUF, "")).await;
    assert!(matches!(refused, Err(ClientError::Connect { .. })), "{refused:?}");
    let again = Receiver::start(addr).unwrap();
    assert_eq!(ask(&again, export("/v1/logs", PROTOBUF, "")).await.status, 200);
}

#[test]
fn a_line_for_people_says_what_happened_where_and_how() {
    let mut log = log("order-42");
    log.attributes.push(attribute("push.node", text("OPPO\u{1b}[31m_PUSH")));
    log.attributes.push(attribute("push.channel", text("oppo")));
    log.attributes.push(attribute("push.outcome", text("ok")));
    log.attributes.push(attribute("push.duration_ms", Any::IntValue(82)));
    let line = Record::of_logs(logs(vec![log]))[0].to_line();
    let cells: Vec<&str> = line.split_whitespace().collect();
    let trace = "ab".repeat(16);
    let expected = [
        "2026-11-27T14:30:00.123Z",
        &trace,
        "push.message.status",
        "order-42",
        "OPPO\u{fffd}[31m_PUSH",
        "oppo",
        "sent/ok",
        "-",
        "82",
        "ms",
    ];
    assert_eq!(cells, expected);
    let line = Record::of_traces(traces(span()))[0].to_line();
    let cells: Vec<&str> = line.split_whitespace().skip(2).collect();
    assert_eq!(cells, ["send", "oppo", "-", "-", "-", "error", "503", "82", "ms"]);
    assert_eq!(Record::headings().split_whitespace().count(), 9);
}
