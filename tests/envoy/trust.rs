//! What the public may not make the filter believe.

use http::Request;
use pointsman_core::trace::Key;
use pointsman_host::http::{Version, send};
use pointsman_tests::context::{Context, INCOMING, TRACE_ID};
use pointsman_tests::counts::Counts;
use pointsman_tests::counts::node::{OPPO, PUSH};
use pointsman_tests::{Bed, SECRET, Setup, pushes};
use serde_json::json;

/// Puts the inbound listener at the edge. Its port is known only when it listens.
async fn at_the_edge(bed: &Bed, rules: &str) {
    let edge = format!(r#"{{"edge_ports": [{}], "#, bed.envoy.inbound().port());
    bed.apply(&rules.replacen('{', &edge, 1)).await;
}

/// A bed with its inbound listener at the edge and its log at debug level.
async fn edge_bed(rules: &str) -> Bed {
    let bed = Setup::with_rules("{}").log_level("wasm:debug").start().await;
    at_the_edge(&bed, rules).await;
    bed
}

fn derived(tenant: &str, id: &str) -> String {
    Key::new(SECRET.as_bytes()).unwrap().trace_id(tenant, id).to_string()
}

fn push(headers: &[(&'static str, &str)]) -> Request<bytes::Bytes> {
    let push = pushes::service(&json!({"id": "m1"}));
    headers.iter().fold(push, |push, (name, value)| pushes::with(push, name, value.as_bytes()))
}

#[tokio::test]
async fn an_internal_listener_takes_up_the_context_that_comes_in() {
    let bed = Setup::with_rules(r#"{"service": "push"}"#).start().await;
    bed.inbound(push(&[("traceparent", INCOMING), ("tracestate", "foo=1")])).await;
    let seen = Context::of(&bed.service.last().headers);
    assert_eq!((seen.parent().trace_id.as_str(), seen.states), (TRACE_ID, vec!["foo=1".to_owned()]));
    bed.expect_counts(&Counts::default().call(PUSH, "ok").messages(PUSH, "ok", 1).trace("continued")).await;
}

#[tokio::test]
async fn at_the_edge_a_context_that_comes_in_is_not_the_parent() {
    let rules = r#"{"service": "push", "channels": ["oppo"]}"#;
    let bed = edge_bed(rules).await;
    let mut expected = Counts::default();
    for version in [Version::Http1, Version::Http2] {
        let request = push(&[("traceparent", INCOMING), ("tracestate", "foo=1")]);
        send(bed.envoy.inbound(), version, request).await.unwrap();
        let seen = Context::of(&bed.service.last().headers);
        assert_ne!(seen.parent().trace_id, TRACE_ID);
        assert_eq!(seen.states, [""; 0]);
        expected = expected.call(PUSH, "ok").messages(PUSH, "ok", 1).trace("edge").trace("random");
    }
    // An invalid one is no more believed, and an absent one is no attempt.
    bed.inbound(push(&[("traceparent", "00-1-2-3")])).await;
    bed.inbound(push(&[])).await;
    expected = expected.call(PUSH, "ok").messages(PUSH, "ok", 1).trace("invalid").trace("random");
    expected = expected.call(PUSH, "ok").messages(PUSH, "ok", 1).trace("random");
    // The other listener of this sidecar is the service's own and stays internal.
    bed.outbound(pushes::with(pushes::oppo("m1"), "traceparent", INCOMING.as_bytes())).await;
    assert_eq!(Context::of(&bed.last_at("oppo").headers).parent().trace_id, TRACE_ID);
    expected = expected.call(OPPO, "ok").messages(OPPO, "ok", 1).code(OPPO, "0", 1).trace("continued");
    bed.expect_counts(&expected).await;
}

#[tokio::test]
async fn at_the_edge_the_sampled_flag_that_comes_in_decides_nothing() {
    let bed = Setup::with_rules("{}").start().await;
    for (ratio, cases) in [(0, [("01", "02"), ("03", "02")]), (1, [("00", "03"), ("02", "03")])] {
        at_the_edge(&bed, &format!(r#"{{"service": "push", "sample_ratio": {ratio}}}"#)).await;
        for (given, expected) in cases {
            let parent = format!("{}{given}", INCOMING.split_at(INCOMING.len() - 2).0);
            bed.inbound(push(&[("traceparent", &parent)])).await;
            assert_eq!(Context::of(&bed.service.last().headers).parent().flags, expected, "{given} at {ratio}");
        }
    }
}

/// Where the message's properties stand. `from_edge` goes with every header.
fn properties(from_edge: bool) -> String {
    let header = |name: &str| format!(r#"[{{"header": "x-{name}", "from_edge": {from_edge}}}]"#);
    format!(
        r#"{{
            "service": "push",
            "hold_request": true,
            "businesses": [{{"name": "order"}}],
            "message": {{"id": {}, "tenant": {}, "business": {}, "priority": {}}}
        }}"#,
        header("id"),
        header("tenant"),
        header("business"),
        header("priority")
    )
}

const PROPERTIES: [(&str, &str); 4] =
    [("x-id", "m1"), ("x-tenant", "acme"), ("x-business", "order"), ("x-priority", "9")];

/// Sends the properties in headers; returns the line that the log has of it and the context that the service has seen.
async fn with_properties(bed: &Bed) -> (String, Context) {
    let calls = bed.scrape().await.sum("pointsman_node_calls_total", &[]);
    // The log's level is looked at on the tick that makes the first push visible.
    bed.inbound(push(&[])).await;
    bed.expect("pointsman_node_calls_total", &[], calls + 1.0).await;
    bed.inbound(push(&PROPERTIES)).await;
    bed.expect("pointsman_node_calls_total", &[], calls + 2.0).await;
    let log = bed.envoy.log();
    let line = log.lines().rev().find_map(|line| line.split_once("visit {")).expect("a visit in the log");
    (line.1.to_owned(), Context::of(&bed.service.last().headers))
}

#[tokio::test]
async fn at_the_edge_headers_say_nothing_of_the_message_unless_the_config_lets_them() {
    let rules = properties(false);
    let bed = edge_bed(&rules).await;
    let (line, seen) = with_properties(&bed).await;
    for said in ["m1", "\"priority\":9", "\"business\":\"order\"", "acme"] {
        assert!(!line.contains(said), "{line}");
    }
    assert!(seen.is_none(), "the id that the config promises is not there");
    let expected = Counts::default()
        .call(PUSH, "ok")
        .call(PUSH, "ok")
        .messages(PUSH, "ok", 2)
        .trace("missing_id")
        .trace("missing_id");
    bed.expect_counts(&expected).await;
}

#[tokio::test]
async fn headers_that_the_config_lets_speak_from_the_edge_and_all_internal_ones_are_believed() {
    let bed = edge_bed(&properties(true)).await;
    for edge in [true, false] {
        if !edge {
            bed.apply(&properties(false)).await;
        }
        let before = bed.counts().await;
        let (line, seen) = with_properties(&bed).await;
        for said in ["\"business\":\"order\"", "\"message_ids\":[\"m1\"]", "\"priority\":9"] {
            assert!(line.contains(said), "{line}");
        }
        assert_eq!(seen.parent().trace_id, derived("acme", "m1"));
        let expected = Counts::default()
            .call(PUSH, "ok")
            .messages(PUSH, "ok", 1)
            .trace("missing_id")
            .call(PUSH, "ok")
            .messages_of("order", PUSH, "ok", 1)
            .trace("derived");
        bed.expect_counts_since(&before, &expected).await;
    }
}

#[tokio::test]
async fn at_the_edge_a_body_still_tells_its_own_messages_id() {
    let rules = r#"{"service": "push", "hold_request": true, "message": {"id": [{"json": "/id"}]}}"#;
    let bed = edge_bed(rules).await;
    bed.inbound(push(&[("traceparent", INCOMING)])).await;
    let parent = Context::of(&bed.service.last().headers).parent();
    assert_eq!(parent.trace_id, derived("default", "m1"));
    let expected = Counts::default().call(PUSH, "ok").messages(PUSH, "ok", 1).trace("edge").trace("derived");
    bed.expect_counts(&expected).await;
}

/// The request with two headers that only our own components may set, and one that only looks like it.
fn forged(request: Request<bytes::Bytes>) -> Request<bytes::Bytes> {
    let names = ["x-pointsman-fate", "x-pointsman-fate", "x-pointsman-priority", "x-pointsmanager"];
    names.into_iter().fold(request, |request, name| pushes::with(request, name, b"1"))
}

#[tokio::test]
async fn our_own_headers_are_removed_on_every_listener_from_every_request() {
    let rules = r#"{"service": "push", "channels": ["oppo"], "hold_request": true}"#;
    let bed = Setup::with_rules(rules).start().await;
    for (edge, unwatched) in [(false, 2.0), (true, 4.0)] {
        if edge {
            at_the_edge(&bed, rules).await;
        }
        let mut get = pushes::service(&json!({}));
        *get.method_mut() = http::Method::GET;
        for request in [push(&[]), get] {
            assert_eq!(bed.inbound(forged(request)).await.status, 200);
            only_the_lookalike_is_left(&bed.service.last().headers);
        }
        assert_eq!(bed.outbound(forged(pushes::oppo("m1"))).await.status, 200);
        only_the_lookalike_is_left(&bed.last_at("oppo").headers);
        assert_eq!(bed.outbound(forged(pushes::wechat("m1"))).await.status, 200);
        only_the_lookalike_is_left(&bed.last_at("wechat").headers);
        bed.expect("pointsman_bypassed_total", &[("reason", "no_node")], unwatched).await;
    }
}

fn only_the_lookalike_is_left(headers: &http::HeaderMap) {
    let ours: Vec<&str> = headers.keys().map(|name| name.as_str()).filter(|name| name.contains("pointsman")).collect();
    assert_eq!(ours, ["x-pointsmanager"]);
}
