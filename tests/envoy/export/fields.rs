//! What a visit leaves for Envoy's own access log.

use crate::stitching::derived;
use bytes::Bytes;
use http::Request;
use pointsman_core::trace::{Key, Recipient};
use pointsman_host::http::{Version, send};
use pointsman_host::vendors::Fault;
use pointsman_tests::context::{INCOMING, TRACE_ID};
use pointsman_tests::{Bed, PATIENCE, SECRET, Setup, pushes};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

const FIELDS: [&str; 6] = ["trace_id", "message_id", "recipient_hash", "template", "code", "outcome"];

fn config(access_log: bool) -> String {
    json!({"channels": ["oppo", "sms-tencent"], "hold_request": true, "access_log": access_log}).to_string()
}

/// Starts with the shipped access log of all requests turned on, as its comment says.
async fn started(access_log: bool) -> Bed {
    let bed = Setup::with_rules(&config(access_log)).start().await;
    let turn_on = Request::post("/runtime_modify?pointsman.access_log.visits=100").body(Bytes::new()).unwrap();
    assert_eq!(send(bed.envoy.admin(), Version::Http1, turn_on).await.unwrap().status, 200);
    bed
}

/// The lines of as many requests, once they stand there: each field in the order of [`FIELDS`], `-` for what is not there.
async fn lines(bed: &Bed, count: usize) -> Vec<[String; 6]> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let log = bed.envoy.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let lines: Vec<Value> = lines.filter(|line| line["method"] == "POST").collect();
        if lines.len() >= count {
            return lines
                .iter()
                .map(|line| FIELDS.map(|field| line[field].as_str().unwrap_or("-").to_owned()))
                .collect();
        }
        assert!(Instant::now() < deadline, "waited for {count} lines, saw {lines:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_access_log_can_show_what_was_understood_of_a_visit() {
    let bed = started(true).await;
    bed.vendors.set_fault("sms-tencent", Fault::error("FailedOperation.PhoneNumberInBlacklist")).unwrap();
    assert_eq!(bed.outbound(pushes::oppo("m1")).await.status, 200);
    let continued = pushes::with(pushes::oppo("m2"), "traceparent", INCOMING.as_bytes());
    assert_eq!(bed.outbound(continued).await.status, 200);
    assert_eq!(bed.outbound(pushes::sms("code-7", &["+447700900001"])).await.status, 200);
    assert_eq!(bed.outbound(pushes::oppo_token()).await.status, 200);
    let lines = lines(&bed, 4).await;
    let key = Key::new(SECRET.as_bytes()).unwrap();
    let of_oppo = |id| {
        let registration = pushes::oppo_registration(id);
        key.recipient_hash("default", Recipient::Token(&registration)).to_string()
    };
    let m1 = derived("m1").0;
    let of_phone = lines[2][2].clone();
    let blocked = "FailedOperation.PhoneNumberInBlacklist";
    assert_eq!(lines[0], [m1.as_str(), "m1", &of_oppo("m1"), "-", "0", "ok"]);
    assert_eq!(lines[1], [TRACE_ID, "m2", &of_oppo("m2"), "-", "0", "ok"]);
    assert_eq!(lines[2], [derived("code-7").0.as_str(), "code-7", &of_phone, "449739", blocked, "user_blocked"]);
    assert!(of_phone.len() == 32 && !bed.envoy.log().contains("7700900001"), "{of_phone}");
    assert_eq!(lines[3][1..4], ["-", "-", "-"], "a token is no message: {:?}", lines[3]);
}

#[tokio::test]
async fn without_being_asked_it_leaves_nothing() {
    let bed = started(false).await;
    assert_eq!(bed.outbound(pushes::oppo("m1")).await.status, 200);
    assert_eq!(lines(&bed, 1).await, [["-"; 6].map(str::to_owned)]);
}
