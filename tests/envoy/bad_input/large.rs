//! Bodies far beyond what the filter reads.

use bytes::Bytes;
use http::Response;
use pointsman_host::envoy::Protocol;
use pointsman_host::http::Version::{Http1, Http2};
use pointsman_host::http::{full, send};
use pointsman_tests::counts::node::{FCM, LC};
use pointsman_tests::counts::{Counts, Node};
use pointsman_tests::pair::{Exchange, Expected, Message, Pair, push};
use pointsman_tests::recorder::Recorder;
use pointsman_tests::{Bed, pushes};

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
    let released = |counts: Counts| counts.released("body_too_large");
    let held = [(LC, "0", "derived"), (LC, "0", "too_late"), (LC, "0", "derived"), (FCM, "200", "too_late")];
    let passing = held.map(|(node, code, _)| (node, code, "too_late"));
    let counted = |pushes: [(Node, &str, &str); 4]| {
        pushes.into_iter().fold(Counts::default(), |counts, (node, code, trace)| ok(counts, node, code).trace(trace))
    };
    let expected =
        Expected { held: (0..4).fold(counted(held), |counts, _| released(counts)), passing: counted(passing) };
    let seen = pair
        .same(&expected, async |bed: &Bed| {
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
