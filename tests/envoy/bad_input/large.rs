//! Bodies far beyond what the filter reads.

use bytes::Bytes;
use http::{Request, Response};
use pointsman_host::envoy::Protocol;
use pointsman_host::http::Version::{Http1, Http2};
use pointsman_host::http::{TIMEOUT, full, send, send_within};
use pointsman_tests::bodies::Pieces;
use pointsman_tests::counts::node::{FCM, LC};
use pointsman_tests::counts::{Counts, Node};
use pointsman_tests::pair::{Exchange, Expected, Message, Pair, push};
use pointsman_tests::recorder::Recorder;
use pointsman_tests::wire::{Wire, WireAnswer};
use pointsman_tests::{Bed, Setup, pushes};
use serde_json::json;

use super::broken::RULES;

const SIZE: usize = 10 << 20;

/// The JSON object with a long string at its end or at its beginning.
fn padded(json: &[u8], at_end: bool) -> Bytes {
    let inner = std::str::from_utf8(json).unwrap().strip_prefix('{').unwrap().strip_suffix('}').unwrap();
    let padding = format!(r#""padding":"{}""#, "x".repeat(SIZE));
    if at_end { format!("{{{inner},{padding}}}").into() } else { format!("{{{padding},{inner}}}").into() }
}

fn ok(counts: Counts, node: Node, code: &str) -> Counts {
    counts.call(node, "ok").messages(node, "ok", 1).code(node, code, 1).bypassed("body_too_large")
}

#[tokio::test]
async fn a_push_of_10_mib_goes_through_and_its_beginning_counts() {
    let rules = r#"{"channels": [
        {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]},
        {"name": "fcm", "message_id": [{"json": "/message/data/id"}]}
    ]}"#;
    let pair = Pair::start(rules).await;
    let id_first = pushes::lc("m1").map(|body| padded(&body, true));
    let id_last = pushes::lc("m1").map(|body| padded(&body, false));
    let without_id = pushes::fcm("registration-1").map(|body| padded(&body, true));
    let lc = |trace: &str| ok(Counts::default(), LC, "0").trace(trace);
    let fcm = ok(Counts::default(), FCM, "200").trace("too_late");
    // Of a body that is known not to fit only the first piece is waited for.
    let held = lc("derived").and(&lc("too_late")).and(&lc("derived")).and(&fcm);
    let held = (0..4).fold(held, |held, _| held.released("body_too_large"));
    let passing = lc("too_late").and(&lc("too_late")).and(&lc("too_late")).and(&fcm);
    let seen = pair
        .same(&Expected { held, passing }, async |bed: &Bed| {
            vec![
                push(bed, "lc", Http1, &id_first).await,
                push(bed, "lc", Http1, &id_last).await,
                push(bed, "lc", Http2, &id_first).await,
                // HTTP/2 on both sides.
                push(bed, "fcm", Http2, &without_id).await,
            ]
        })
        .await;
    assert!(seen.iter().all(|seen| seen.request.body.len() > SIZE && seen.answer.start == "200 OK"), "{seen:?}");
}

#[tokio::test]
async fn a_push_of_unknown_length_is_let_go_with_its_first_piece() {
    let pair = Pair::start(RULES).await;
    let long = |id_first| pushes::lc("m1").map(|body| padded(&body, id_first));
    let counted = |first: &str, last: &str| ok(ok(Counts::default(), LC, "0").trace(first), LC, "0").trace(last);
    let held = counted("derived", "too_late").released("length_unknown").released("length_unknown");
    let expected = Expected { held, passing: counted("too_late", "too_late") };
    pair.same(&expected, async |bed: &Bed| {
        let mut seen = Vec::new();
        for id_first in [true, false] {
            let push = long(id_first).map(|body| Pieces::of(&body, 64 << 10));
            let answer = send_within(bed.envoy.outbound(), Http2, push, TIMEOUT).await.unwrap();
            let answer = Message::of_response(&answer);
            seen.push(Exchange { request: Message::of_request(&bed.last_at("lc")), answer });
        }
        seen
    })
    .await;
}

/// A push of that size with its id at its end.
fn of_size(size: usize) -> Request<Bytes> {
    let (start, end) = (r#"{"to":"u","title":"t","body":""#, r#"","message_id":"m1"}"#);
    let padding = "x".repeat(size - start.len() - end.len());
    pushes::lc("m1").map(|_| format!("{start}{padding}{end}").into())
}

#[tokio::test]
async fn the_longest_body_that_may_be_read_is_held_and_a_longer_one_only_for_its_first_piece() {
    let rules = RULES.replacen('{', r#"{"max_body_bytes": 262144, "#, 1);
    let pair = Pair::start(&rules).await;
    let (fits, little_more, much_more) = (of_size(256 << 10), of_size((256 << 10) + 64), of_size(SIZE));
    let counted = |trace: &str| {
        let fits = Counts::default().call(LC, "ok").messages(LC, "ok", 1).code(LC, "0", 1).trace(trace);
        let all = ok(ok(fits, LC, "0").trace("too_late"), LC, "0").trace("too_late");
        all.clone().and(&all)
    };
    let held = (0..4).fold(counted("derived"), |held, _| held.released("body_too_large"));
    let expected = Expected { held, passing: counted("too_late") };
    let seen = pair
        .same(&expected, async |bed: &Bed| {
            let mut seen = Vec::new();
            for version in [Http1, Http2] {
                for request in [&fits, &little_more, &much_more] {
                    seen.push(push(bed, "lc", version, request).await);
                }
            }
            seen
        })
        .await;
    assert!(seen.iter().all(|seen| seen.answer.start == "200 OK"), "{seen:?}");
}

/// Sends the first bytes of a push, waits until the filter has seen them, and sends the rest at once.
async fn with_a_beginning_ahead(bed: &Bed, framing: Framing, size: usize) -> WireAnswer {
    const FIRST: usize = 16_000;
    let push = of_size(size);
    let (first, rest) = push.body().split_at(FIRST);
    let mut wire = Wire::connect(bed.envoy.outbound()).await;
    let head = "POST /push HTTP/1.1\r\nhost: lc.internal\r\nconnection: close\r\n";
    match framing {
        Framing::Length => {
            wire.write(format!("{head}content-length: {size}\r\n\r\n").as_bytes()).await;
            wire.write(first).await;
            bed.expect_in_flight(LC, 1).await;
            wire.write(rest).await;
        }
        Framing::Chunks => {
            wire.write(format!("{head}transfer-encoding: chunked\r\n\r\n").as_bytes()).await;
            wire.write(&[format!("{FIRST:x}\r\n").as_bytes(), first, b"\r\n"].concat()).await;
            bed.expect_in_flight(LC, 1).await;
            wire.write(&[format!("{:x}\r\n", rest.len()).as_bytes(), rest, b"\r\n0\r\n\r\n"].concat()).await;
        }
    }
    let answer = wire.answer().await;
    bed.expect_in_flight(LC, 0).await;
    answer
}

#[derive(Clone, Copy)]
enum Framing {
    Length,
    Chunks,
}

/// A bed that holds, with the buffer of Istio's gateways in front of it.
fn with_a_small_buffer() -> Setup {
    Setup::with_rules(&RULES.replacen('{', r#"{"hold_request": true, "#, 1)).edit(|bootstrap| {
        bootstrap["static_resources"]["listeners"][1]["per_connection_buffer_limit_bytes"] = json!(32 << 10);
    })
}

#[tokio::test]
async fn a_held_push_never_overflows_a_small_buffer_of_envoys() {
    let bed = with_a_small_buffer().start().await;
    // A body that is held, with most of it at once; and two of which only the first piece is waited for.
    for size in [24 << 10, (24 << 10) + 1, 4 << 20] {
        let answer = with_a_beginning_ahead(&bed, Framing::Length, size).await;
        assert_eq!(answer.status, "HTTP/1.1 200 OK", "{size}");
    }
    let lc = |trace: &str| Counts::default().call(LC, "ok").messages(LC, "ok", 1).code(LC, "0", 1).trace(trace);
    let too_large = lc("too_late").bypassed("body_too_large").released("body_too_large");
    bed.expect_counts(&lc("derived").and(&too_large).and(&too_large)).await;
}

#[tokio::test]
async fn a_held_push_of_unknown_length_never_overflows_a_small_buffer_of_envoys() {
    let bed = with_a_small_buffer().start().await;
    for size in [40_000, 4 << 20] {
        let answer = with_a_beginning_ahead(&bed, Framing::Chunks, size).await;
        assert_eq!(answer.status, "HTTP/1.1 200 OK", "{size}");
    }
    let lc = Counts::default().call(LC, "ok").messages(LC, "ok", 1).code(LC, "0", 1).trace("too_late");
    let released = lc.released("length_unknown").bypassed("body_too_large");
    bed.expect_counts(&released.clone().and(&released)).await;
}

#[tokio::test]
async fn an_answer_of_10_mib_comes_back_whole_and_its_beginning_counts() {
    let gateway = Recorder::start(|_| Response::new(full(padded(br#"{"code":0}"#, true)))).await;
    let pair = Pair::with_upstreams(RULES, &[("gateway", gateway.addr, Protocol::Http1)]).await;
    let counted = |trace: &str| ok(ok(Counts::default(), LC, "0").trace(trace), LC, "0").trace(trace);
    let expected = Expected { held: counted("derived"), passing: counted("too_late") };
    let seen = pair
        .same(&expected, async |bed: &Bed| {
            let mut seen = Vec::new();
            for version in [Http1, Http2] {
                let answer = send(bed.envoy.outbound(), version, pushes::lc("m1")).await.unwrap();
                let answer = Message::of_response(&answer);
                seen.push(Exchange { request: Message::of_request(&gateway.last()), answer });
            }
            seen
        })
        .await;
    assert!(seen.iter().all(|seen| seen.answer.body.len() > SIZE));
}
