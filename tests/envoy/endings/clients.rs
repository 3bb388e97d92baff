//! Clients that leave before it is over.

use http_body_util::Full;
use pointsman_host::http::Version::{Http1, Http2};
use pointsman_host::http::{ClientError, Version, open, send_within};
use pointsman_host::vendors::{Effect, Fault};
use pointsman_tests::bodies::Pieces;
use pointsman_tests::counts::Counts;
use pointsman_tests::counts::node::{FCM, LC, OPPO};
use pointsman_tests::wire::Wire;
use pointsman_tests::{Setup, pushes};
use std::time::Duration;

/// No client of these waits for as long as the objectives allow.
const RULES: &str = r#"{
    "channels": [
        {"name": "oppo", "objective": {"limit": "60s"}},
        {"name": "fcm", "objective": {"limit": "60s"}},
        {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"], "objective": {"limit": "60s"}}
    ],
    "hold_request": true
}"#;

/// Long enough for a push to reach its vendor, short for a test.
const PATIENCE_OF_A_CLIENT: Duration = Duration::from_millis(150);

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_leaves_nothing_in_flight() {
    let bed = Setup::with_rules(RULES).start().await;
    let mut expected = Counts::default();
    for version in [Http1, Http2] {
        for (vendor, node, trace) in [("oppo", OPPO, "derived"), ("fcm", FCM, "random")] {
            bed.vendors.set_fault(vendor, Fault::new(Effect::Hang)).unwrap();
            let push = if vendor == "oppo" { pushes::oppo("m1") } else { pushes::fcm("registration-1") };
            let left = send_within(bed.envoy.outbound(), version, push.map(Full::new), PATIENCE_OF_A_CLIENT).await;
            assert!(matches!(left, Err(ClientError::Timeout { .. })), "{left:?}");
            expected = expected.call(node, "unknown").messages(node, "unknown", 1).trace(trace);
        }
    }
    bed.expect_counts(&expected).await;
    bed.expect_in_flight(OPPO, 0).await;
    bed.expect_in_flight(FCM, 0).await;
}

#[tokio::test]
async fn a_client_that_leaves_after_the_objective_has_run_out_of_patience() {
    let rules = r#"{
        "channels": [{"name": "oppo", "objective": {"limit": "100ms"}}],
        "hold_request": true,
        "blocked_after": ["200ms"]
    }"#;
    let bed = Setup::with_rules(rules).start().await;
    bed.vendors.set_fault("oppo", Fault::new(Effect::Hang)).unwrap();
    let waiting = tokio::spawn(open(bed.envoy.outbound(), Http1, pushes::oppo("m1").map(Full::new)));
    bed.expect("pointsman_node_blocked", &[("node", "OPPO_PUSH"), ("age", "200ms")], 1.0).await;
    waiting.abort();
    let expected = Counts::default().call(OPPO, "timeout").messages(OPPO, "timeout", 1).trace("derived");
    bed.expect_counts(&expected).await;
    bed.expect_in_flight(OPPO, 0).await;
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_its_push_leaves_nothing_in_flight_held_or_not() {
    let bed = Setup::with_rules("{}").start().await;
    for hold in [true, false] {
        bed.apply(&RULES.replace("true", &hold.to_string())).await;
        let before = bed.counts().await;
        let beginning = br#"{"message_id":"m1","to":"u"#;
        let head = "POST /push HTTP/1.1\r\nhost: lc.internal\r\ncontent-length: 1000\r\n\r\n";
        let start = async || {
            let mut wire = Wire::connect(bed.envoy.outbound()).await;
            wire.write(head.as_bytes()).await;
            wire.write(beginning).await;
            wire
        };
        let (closing, resetting) = (start().await, start().await);
        let mut streaming = pushes::lc("m1").map(|_| Pieces::of(beginning, 8).unfinished());
        streaming.headers_mut().insert("content-length", 1_000.into());
        let streaming = tokio::spawn(open(bed.envoy.outbound(), Version::Http2, streaming));
        bed.expect_in_flight(LC, 3).await;
        drop(closing);
        resetting.reset();
        streaming.abort();
        bed.expect_in_flight(LC, 0).await;
        let mut expected = Counts::default();
        for _ in 0..3 {
            expected = expected.call(LC, "unknown").messages(LC, "unknown", 1).trace("too_late");
            // Of a held body nothing has been read; of one that passes, its beginning.
            expected = if hold { expected } else { expected.bypassed("body_unreadable") };
        }
        bed.expect_counts_since(&before, &expected).await;
        let sent = bed.vendors.counts("lc").unwrap().answered;
        assert_eq!(sent, 0, "half a push is no push");
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_an_endless_answer_leaves_nothing_in_flight() {
    let bed = Setup::with_rules(RULES).start().await;
    let mut expected = Counts::default();
    for version in [Http1, Http2] {
        for (vendor, node, trace) in [("oppo", OPPO, "derived"), ("fcm", FCM, "random")] {
            bed.vendors.set_fault(vendor, Fault::new(Effect::Endless { interval_ms: 5 })).unwrap();
            let push = if vendor == "oppo" { pushes::oppo("m1") } else { pushes::fcm("registration-1") };
            let answer = open(bed.envoy.outbound(), version, push.map(Full::new)).await.unwrap();
            assert_eq!(answer.status(), 200);
            bed.expect_in_flight(node, 1).await;
            drop(answer);
            bed.expect_in_flight(node, 0).await;
            expected = expected.call(node, "unknown").messages(node, "unknown", 1).trace(trace);
        }
    }
    bed.expect_counts(&expected).await;
}
