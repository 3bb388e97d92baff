//! Vendors that hang, reset, or answer before they have read.

use http::Response;
use http_body_util::Full;
use pointsman_host::envoy::Protocol;
use pointsman_host::http::Version::{Http1, Http2};
use pointsman_host::http::{ClientError, TIMEOUT, full, send, send_within};
use pointsman_host::vendors::{Effect, Fault, ResetAt};
use pointsman_tests::bodies::Pieces;
use pointsman_tests::counts::Counts;
use pointsman_tests::counts::node::{FCM, LC, OPPO};
use pointsman_tests::recorder::Recorder;
use pointsman_tests::wire::Wire;
use pointsman_tests::{Setup, pushes};
use std::time::Duration;

const RULES: &str = r#"{
    "channels": ["oppo", "fcm", {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}],
    "hold_request": true,
    "blocked_after": ["500ms", "1s"]
}"#;

#[tokio::test]
async fn a_vendor_that_hangs_blocks_visits_by_age_until_their_clients_leave() {
    let bed = Setup::with_rules(RULES).start().await;
    bed.vendors.set_fault("oppo", Fault::new(Effect::Hang)).unwrap();
    let hanging: Vec<_> = (0..2)
        .map(|number| {
            let push = pushes::oppo(&format!("m{number}")).map(Full::new);
            tokio::spawn(send_within(bed.envoy.outbound(), Http1, push, Duration::from_secs(60)))
        })
        .collect();
    let blocked = async |age, count| {
        let labels = [("node", "OPPO_PUSH"), ("channel", "oppo"), ("business", "none"), ("age", age)];
        bed.expect("pointsman_node_blocked", &labels, count).await;
    };
    bed.expect_in_flight(OPPO, 2).await;
    // A visit is blocked at the highest age that it has reached.
    blocked("1s", 2.0).await;
    blocked("500ms", 0.0).await;
    // Another vendor is not blocked by it.
    assert_eq!(bed.outbound(pushes::lc("m3")).await.status, 200);
    hanging.into_iter().for_each(|push| push.abort());
    bed.expect_in_flight(OPPO, 0).await;
    blocked("1s", 0.0).await;
    bed.expect("pointsman_node_calls_total", &[("node", "OPPO_PUSH")], 2.0).await;
    bed.expect("pointsman_node_calls_total", &[("node", "LC_PUSH"), ("outcome", "ok")], 1.0).await;
}

#[tokio::test]
async fn a_vendor_that_resets_in_the_middle_is_unavailable() {
    let bed = Setup::with_rules(RULES).start().await;
    let mut expected = Counts::default();
    for at in [ResetAt::Request, ResetAt::Read, ResetAt::Response] {
        for (vendor, node, version, trace) in [("oppo", OPPO, Http1, "derived"), ("fcm", FCM, Http2, "random")] {
            bed.vendors.set_fault(vendor, Fault::new(Effect::Reset(at))).unwrap();
            let push = if vendor == "oppo" { pushes::oppo("m1") } else { pushes::fcm("registration-1") };
            let answer = send(bed.envoy.outbound(), version, push).await;
            match at {
                ResetAt::Request | ResetAt::Read => assert_eq!(answer.unwrap().status, 503, "{vendor}"),
                ResetAt::Response => {
                    assert!(matches!(answer, Err(ClientError::Exchange { .. })), "{vendor}: {answer:?}")
                }
            }
            expected = expected.call(node, "vendor_unavailable").messages(node, "vendor_unavailable", 1).trace(trace);
        }
    }
    bed.expect_counts(&expected).await;
    bed.expect_in_flight(OPPO, 0).await;
    bed.expect_in_flight(FCM, 0).await;
}

/// The gateway behind two hosts, in HTTP/2 and in HTTP/1.1.
const HASTY: &str = r#"{
    "channels": [{"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal", "api-intl.push.oppomobile.com"]}],
    "hold_request": true
}"#;

#[tokio::test]
async fn an_answer_that_does_not_wait_for_the_end_of_the_request_counts_as_it_is() {
    let gateway = Recorder::hasty(|| Response::new(full(r#"{"code":0}"#))).await;
    let bed = Setup::with_rules("{}")
        .upstream("gateway", gateway.addr, Protocol::Http2)
        .upstream("oppo-intl", gateway.addr, Protocol::Http1)
        .start()
        .await;
    // Longer than what is held, and without an end: the vendor answers before there is one.
    let body = format!(r#"{{"message_id":"m1","to":"u","body":"{}"#, "b".repeat(30_000));
    for hold in [true, false] {
        bed.apply(&HASTY.replace("true", &hold.to_string())).await;
        let before = bed.counts().await;
        let streaming = pushes::lc("m1").map(|_| Pieces::of(body.as_bytes(), 8_192).unfinished());
        let answer = send_within(bed.envoy.outbound(), Http2, streaming, TIMEOUT).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, r#"{"code":0}"#));
        let mut wire = Wire::connect(bed.envoy.outbound()).await;
        wire.write(b"POST /push HTTP/1.1\r\nhost: api-intl.push.oppomobile.com\r\ncontent-length: 100000\r\n\r\n")
            .await;
        wire.write(body.as_bytes()).await;
        let answer = wire.answer().await;
        assert_eq!((answer.status.as_str(), answer.body.as_slice()), ("HTTP/1.1 200 OK", &br#"{"code":0}"#[..]));
        let ok = Counts::default().call(LC, "ok").messages(LC, "ok", 1).code(LC, "0", 1).bypassed("body_too_large");
        // Neither is known to fit, so only the first piece is waited for, in which the id stands.
        let trace = if hold { "derived" } else { "too_late" };
        let (announced, streamed) = (ok.clone().trace(trace), ok.trace(trace));
        let (announced, streamed) = if hold {
            (announced.released("body_too_large"), streamed.released("length_unknown"))
        } else {
            (announced, streamed)
        };
        let expected = announced.and(&streamed);
        bed.expect_counts_since(&before, &expected).await;
        bed.expect_in_flight(LC, 0).await;
    }
}
