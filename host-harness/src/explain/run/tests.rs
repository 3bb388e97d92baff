//! Recorded exchanges in, reports out.

use super::*;
use pointsman_core::config;
use serde_json::{Value, json};

const CONFIG: &str = r#"{
    "service": "push", "max_body_bytes": 1024, "edge_ports": [8443],
    "channels": [{"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]},
                 "webpush"],
    "nodes": [{"name": "GATE", "direction": "inbound", "path": "/gate", "business": [{"header": "x-business"}],
               "hosts": ["gate.internal"]},
              {"name": "LATE", "direction": "outbound", "hosts": ["late.internal"], "objective": {"limit": "1s"},
               "response": {"retry_after": [{"source": {"header": "x-at"}, "unit": "epoch"}]}}],
    "receipts": [{"path": "/callbacks/oppo", "adapter": "oppo"}],
    "businesses": [{"name": "order"}]
}"#;

fn explain(entries: &[Value]) -> (Vec<Report>, Vec<String>) {
    let har = json!({"log": {"entries": entries}}).to_string();
    let mut explainer = Explainer::new(config::load(CONFIG).unwrap(), Key::new(b"0123456789abcdef").ok());
    let explained = explainer.explain(&Har::parse(har.as_bytes()).unwrap());
    let indexes: Vec<usize> = explained.iter().map(|explained| explained.index).collect();
    assert_eq!(indexes, Vec::from_iter(0..entries.len()));
    (explained.into_iter().map(|explained| explained.report).collect(), explainer.notes())
}

fn post(url: &str, body: &str, status: u16, answer: &str) -> Value {
    json!({
        "startedDateTime": "2021-12-20T20:33:00Z", "time": 20.0,
        "request": {"method": "POST", "url": url, "postData": {"mimeType": "application/json", "text": body}},
        "response": {"status": status, "content": {"text": answer}},
    })
}

/// Any host may be one that takes these.
fn web_push(url: &str, status: u16) -> Value {
    json!({
        "request": {"method": "POST", "url": url, "headers": [{"name": "TTL", "value": "60"}]},
        "response": {"status": status},
    })
}

#[test]
fn a_line_has_the_index_first_and_then_every_field_in_order() {
    let (reports, _) =
        explain(&[post("http://lc.internal/send", r#"{"message_id":"m","to":"t"}"#, 200, r#"{"code":0}"#)]);
    let line = serde_json::to_string(&Explained { index: 7, report: reports[0].clone() }).unwrap();
    let fields = [
        "index",
        "node",
        "channel",
        "operation",
        "message_ids",
        "recipients",
        "template",
        "business",
        "batch",
        "outcome",
        "fate",
        "code",
        "vendor_ids",
        "results",
        "retry_after_ms",
        "statuses",
    ];
    let places: Vec<usize> = fields.iter().map(|field| line.find(&format!("\"{field}\":")).unwrap()).collect();
    assert!(places.is_sorted() && places[0] == 1, "{line}");
    let read: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(read.as_object().unwrap().len(), fields.len());
    assert!(line.contains(r#""operation":"send","message_ids":["m"],"recipients":["#), "{line}");
}

#[test]
fn the_way_is_told_by_host_path_and_routes() {
    let receipt = r#"[{"messageId":"1","registrationIds":"r","eventType":"push_arrive"}]"#;
    let (reports, _) = explain(&[
        post("http://lc.internal/callbacks/oppo", r#"{"to":"t"}"#, 200, "{}"),
        post("http://push.example.com/callbacks/oppo", receipt, 200, ""),
        post("http://late.internal/", "{}", 200, ""),
        web_push("https://push.services.example/callbacks/7", 201),
        web_push("https://push.example.com/callbacks/oppo", 204),
        json!({"request": {"method": "GET", "url": "http://gate.internal/gate"}, "response": {"status": 200}}),
        json!({"request": {"method": "GET", "url": "http://lc.internal/"}, "response": {"status": 404}}),
        json!({"request": {"method": "GET", "url": "data:,x"}, "response": {"status": 200}}),
    ]);
    let seen: Vec<_> = reports.iter().map(|report| (report.node.as_deref(), report.channel.as_deref())).collect();
    let expected = [
        (Some("LC_PUSH"), Some("lc")),
        (Some("OPPO_RECEIPT"), Some("oppo")),
        (Some("LATE"), None),
        (Some("WEBPUSH_PUSH"), Some("webpush")),
        (Some("OPPO_RECEIPT"), Some("oppo")),
        (Some("GATE"), None),
        (None, Some("lc")),
        (None, None),
    ];
    assert_eq!(seen, expected);
    assert_eq!(reports[1].statuses.len(), 1);
    assert_eq!((reports[6].outcome, reports[6].fate), (OutcomeClass::InvalidRequest, Fate::Rejected));
}

#[test]
fn at_a_public_port_no_header_is_believed() {
    let gate = |url: &str| {
        json!({"request": {"method": "GET", "url": url, "headers": [{"name": "X-Business", "value": "order"}]},
               "response": {"status": 200}})
    };
    let (reports, _) = explain(&[gate("http://gate.internal/gate"), gate("https://gate.internal:8443/gate")]);
    assert_eq!((reports[0].business.as_deref(), reports[1].business.as_deref()), (Some("order"), None));
}

#[test]
fn the_clock_is_the_records_own() {
    let failed = |started: Option<&str>, took: f64| {
        json!({"startedDateTime": started, "time": took, "request": {"method": "POST", "url": "http://late.internal/"},
               "response": {"status": 503, "headers": [{"name": "X-At", "value": "1640032400"}]}})
    };
    let gone = |took: f64| {
        json!({"startedDateTime": "2021-12-20T20:33:00Z", "time": took,
               "request": {"method": "POST", "url": "http://late.internal/"},
               "response": {"status": 0, "_error": "net::ERR_ABORTED"}})
    };
    // 1640032400 is 20:33:20.
    let started = Some("2021-12-21T04:33:00+08:00");
    let (reports, _) = explain(&[failed(started, 500.0), failed(None, 0.0), gone(900.0), gone(1_100.0)]);
    let waits: Vec<_> = reports.iter().map(|report| report.retry_after_ms).collect();
    assert_eq!(waits, [Some(19_500), Some(20_000), None, None]);
    assert_eq!((reports[2].outcome, reports[3].outcome), (OutcomeClass::Unknown, OutcomeClass::Timeout));
}

#[test]
fn what_was_read_in_part_or_not_at_all_is_noted_once() {
    let long = format!(r#"{{"message_id":"m","pad":"{}"}}"#, "x".repeat(2_000));
    let mut left_out = post("http://lc.internal/send", r#"{"to":"t"}"#, 200, "");
    left_out["response"]["content"] = json!({"size": 12});
    let page = post("http://lc.internal/send", r#"{"to":"t"}"#, 200, "<html>");
    let mut entries = vec![post("http://lc.internal/send", &long, 200, r#"{"code":0}"#), left_out, page];
    entries.extend((0..11).map(|_| post("http://lc.internal/send", &long, 200, r#"{"code":0}"#)));
    let (reports, notes) = explain(&entries);
    assert_eq!(reports[0].message_ids, ["m"]);
    assert_eq!((reports[1].outcome, reports[2].outcome), (OutcomeClass::Unknown, OutcomeClass::Unknown));
    let expected = [
        "a body is longer than max_body_bytes (1024), so only its beginning was read: entries 0, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more",
        "a body is not what the adapter reads, or was cut: entry 2",
        "the recorder has left out a body: entry 1",
    ];
    assert_eq!(notes, expected);
}

#[test]
fn half_an_answer_is_none() {
    let mut broken = post("http://lc.internal/send", r#"{"to":"t"}"#, 200, r#"{"code":0}"#);
    broken["response"]["_error"] = json!("net::ERR_CONNECTION_RESET");
    let mut headers_only = broken.clone();
    headers_only["response"]["content"] = json!({});
    let mut refused = post("http://lc.internal/send", r#"{"to":"t"}"#, 500, "");
    refused["response"]["_error"] = json!("net::ERR_TIMED_OUT");
    let (reports, _) = explain(&[broken, headers_only, refused]);
    let seen: Vec<_> = reports.iter().map(|report| (report.outcome, report.fate, report.code.clone())).collect();
    let reset = (OutcomeClass::VendorUnavailable, Fate::Unsure, None);
    assert_eq!(seen, [reset.clone(), reset, (OutcomeClass::Timeout, Fate::Unsure, None)]);
}
