//! An answer that never ends.

use http_body_util::{BodyExt, Full};
use pointsman_host::http::{Response, Version, open};
use pointsman_host::vendors::{Effect, Fault};
use pointsman_tests::counts::Counts;
use pointsman_tests::counts::node::LC;
use pointsman_tests::pair::{Exchange, Expected, Message, Pair};
use pointsman_tests::{Bed, pushes};

use super::broken::RULES;

/// How much of the answer the client waits for.
const ENOUGH: usize = 20;

#[tokio::test]
async fn an_answer_that_never_ends_flows_until_the_client_has_had_enough() {
    let pair = Pair::start(RULES).await;
    pair.set_fault("lc", &Fault::new(Effect::Endless { interval_ms: 2 }));
    let gone = |counts: Counts, trace: &str| counts.call(LC, "unknown").messages(LC, "unknown", 1).trace(trace);
    let counted = |trace: &str| gone(gone(Counts::default(), trace), trace);
    let expected = Expected { held: counted("derived"), passing: counted("too_late") };
    let seen = pair
        .same(&expected, async |bed: &Bed| {
            vec![beginning(bed, Version::Http1).await, beginning(bed, Version::Http2).await]
        })
        .await;
    assert!(seen.iter().all(|seen| seen.answer.body == [b' '; ENOUGH]));
}

/// Reads as much as is enough and leaves.
async fn beginning(bed: &Bed, version: Version) -> Exchange {
    let response = open(bed.envoy.outbound(), version, pushes::lc("m1").map(Full::new)).await.unwrap();
    let (head, mut rest) = response.into_parts();
    let mut body = Vec::new();
    while body.len() < ENOUGH {
        let frame = rest.frame().await.unwrap().unwrap();
        body.extend_from_slice(&frame.into_data().unwrap());
    }
    body.truncate(ENOUGH);
    let answer = Response { status: head.status, headers: head.headers, body: body.into(), trailers: None };
    Exchange { request: Message::of_request(&bed.last_at("lc")), answer: Message::of_response(&answer) }
}
