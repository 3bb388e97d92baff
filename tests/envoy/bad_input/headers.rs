//! Header lines that are odd, doubled, or not even text.

use http::{HeaderValue, Response};
use pointsman_host::envoy::Protocol;
use pointsman_host::http::Version::{Http1, Http2};
use pointsman_host::http::{full, send};
use pointsman_tests::context::INCOMING;
use pointsman_tests::counts::Counts;
use pointsman_tests::counts::node::LC;
use pointsman_tests::pair::{Exchange, Expected, Message, Pair, push};
use pointsman_tests::recorder::Recorder;
use pointsman_tests::{Bed, pushes};

use super::broken::RULES;

#[tokio::test]
async fn malformed_and_doubled_trace_headers_harm_nothing_else() {
    let pair = Pair::start(RULES).await;
    let no_text: &[u8] = b"00-\xff\xfe-00f067aa0ba902b7-01";
    let invalid: [&[&[u8]]; 5] = [
        &[b""],
        &[b"nonsense"],
        &[no_text],
        &[INCOMING.as_bytes(), INCOMING.as_bytes()],
        &[INCOMING.as_bytes(), b"nonsense", no_text],
    ];
    let valid: &[&[u8]] = &[INCOMING.as_bytes()];
    let ok = |counts: Counts| counts.call(LC, "ok").messages(LC, "ok", 1).code(LC, "0", 1);
    let counted = |began: &str| {
        [Http1, Http2].iter().fold(Counts::default(), |counts, _version| {
            let begun = |counts: Counts, _: &&[&[u8]]| ok(counts).trace("invalid").trace(began);
            ok(invalid.iter().fold(counts, begun)).trace("continued")
        })
    };
    let expected = Expected { held: counted("derived"), passing: counted("too_late") };
    pair.same(&expected, async |bed: &Bed| {
        let mut seen = Vec::new();
        for version in [Http1, Http2] {
            for lines in invalid.iter().chain([&valid]) {
                let parents = lines.iter().fold(pushes::lc("m1"), |push, line| pushes::with(push, "traceparent", line));
                seen.push(push(bed, "lc", version, &pushes::with(parents, "tracestate", b"\xff=1")).await);
            }
        }
        seen
    })
    .await;
}

#[tokio::test]
async fn header_values_that_are_not_utf8_go_through_in_both_directions() {
    let rules = r#"{
        "channels": [{"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}],
        "businesses": [{"name": "order"}],
        "message": {"business": [{"header": "x-business"}, {"header": "x-fallback"}]}
    }"#;
    let gateway = Recorder::start(|_| {
        let mut response = Response::new(full(r#"{"code":0}"#));
        let odd = HeaderValue::from_bytes(b"caf\xe9 \xff\xfe").unwrap();
        response.headers_mut().append("x-odd", odd.clone());
        response.headers_mut().append("x-odd", odd);
        response
    })
    .await;
    let pair = Pair::with_upstreams(rules, &[("gateway", gateway.addr, Protocol::Http1)]).await;
    let odd = pushes::with(pushes::lc("m1"), "x-business", b"\xe8\xae\xa2\xff");
    let odd = pushes::with(pushes::with(odd, "x-fallback", b"order"), "cookie", b"a=\x80");
    // What traps the build for tests is a header like any other to the one that ships.
    let odd = pushes::with(odd, "x-test-trap", b"\xff");
    // What is no text names no business, and the next source has its say.
    let ok = |counts: Counts| counts.call(LC, "ok").messages_of("order", LC, "ok", 1).code(LC, "0", 1);
    let counted = |trace: &str| ok(ok(Counts::default())).trace(trace).trace(trace);
    let expected = Expected { held: counted("derived"), passing: counted("too_late") };
    let seen = pair
        .same(&expected, async |bed: &Bed| {
            let mut seen = Vec::new();
            for version in [Http1, Http2] {
                let answer = send(bed.envoy.outbound(), version, odd.clone()).await.unwrap();
                let answer = Message::of_response(&answer);
                seen.push(Exchange { request: Message::of_request(&gateway.last()), answer });
            }
            seen
        })
        .await;
    for seen in seen {
        assert_eq!(seen.request.header("x-business"), Some(&b"\xe8\xae\xa2\xff"[..]));
        assert_eq!(seen.answer.headers.iter().filter(|(name, _)| name == "x-odd").count(), 2);
    }
}
