//! What is held for failover is never turned into an error of Envoy's own, and what has no body fails over all the
//! same.

use super::bed::{auto_for_long, bed, config, failover, oppo, oppo_abroad, setup, state, with_credential};
use super::messages::{self, oppo_batch, oppo_long, oppo_recipient};
use super::steady::Tally;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use pointsman_host::envoy::Protocol;
use pointsman_host::http::full;
use pointsman_host::vendors::{Effect, Fault, Vendors};
use pointsman_tests::recorder::Recorder;
use serde_json::json;

/// Far more than Envoy's buffer and `max_body_bytes` take.
const LARGE: usize = 3 << 20;

fn rules() -> String {
    config(&[oppo()], &[failover("oppo", &json!(["lc"]))])
}

#[tokio::test]
async fn a_request_too_large_to_be_held_passes_and_is_not_given_to_others() {
    let bed = bed(&rules()).await;
    let before = bed.vendors.counts("lc").unwrap().requests;
    assert_eq!(bed.outbound(oppo_long(1, LARGE)).await.status, 200);
    bed.vendors.set_fault("oppo", Fault::error("-1")).unwrap();
    let answer = bed.outbound(oppo_long(2, LARGE)).await;
    assert_eq!((answer.status.as_u16(), answer.json().unwrap()["code"].as_i64()), (200, Some(-1)));
    assert_eq!(bed.vendors.counts("lc").unwrap().requests, before);
}

#[tokio::test]
async fn a_request_too_large_to_be_held_passes_while_its_channel_is_degraded() {
    let to = json!(["lc"]);
    let bed = bed(&config(&[oppo()], &[auto_for_long("oppo", &to), failover("oppo", &to)])).await;
    bed.vendors.set_fault("oppo", Fault::error("-1")).unwrap();
    for number in 0..10 {
        assert_eq!(bed.outbound(messages::oppo(number)).await.status, 200);
    }
    state(&bed, "oppo", "degraded").await;
    let answer = bed.outbound(oppo_long(100, LARGE)).await;
    assert_eq!((answer.status.as_u16(), answer.json().unwrap()["code"].as_i64()), (200, Some(-1)), "it fails open");
    assert_eq!(bed.outbound(messages::oppo(101)).await.json().unwrap()["code"], 0, "others are switched");
}

#[tokio::test]
async fn an_answer_too_large_to_be_held_passes_whole() {
    let large = format!(r#"{{"code":-1,"message":"{}"}}"#, "x".repeat(LARGE));
    let answer = large.clone();
    let vendor = Recorder::start(move |_| Response::new(full(answer.clone()))).await;
    let bed = with_credential(setup(&rules()).upstream("oppo", vendor.addr, Protocol::Http1)).await;
    let answer = bed.outbound(messages::oppo(1)).await;
    assert_eq!(answer.status, 200);
    assert!(answer.body == large.as_bytes(), "{} bytes", answer.body.len());
}

#[tokio::test]
async fn a_failure_without_a_body_is_given_to_the_backup() {
    let vendor = Recorder::start(|_| {
        let mut answer = Response::new(full(Bytes::new()));
        *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        answer
    })
    .await;
    let bed = with_credential(setup(&rules()).upstream("oppo", vendor.addr, Protocol::Http1)).await;
    let answer = bed.outbound(messages::oppo(1)).await;
    assert_eq!((answer.status.as_u16(), answer.json().unwrap()["code"].as_i64()), (200, Some(0)));
    assert_eq!(vendor.requests().len(), 1);
    assert_eq!(Tally::of(&[&bed.vendors]).accepted(&oppo_recipient(1)), 1);
}

#[tokio::test]
async fn a_502_without_a_body_is_no_word_of_the_vendors_and_goes_back_as_it_is() {
    let vendor = Recorder::start(|_| {
        let mut answer = Response::new(full(Bytes::new()));
        *answer.status_mut() = StatusCode::BAD_GATEWAY;
        answer
    })
    .await;
    let rules = config(&[json!("sms-tencent")], &[failover("sms-tencent", &json!(["lc"]))]);
    let bed = with_credential(setup(&rules).upstream("sms-tencent", vendor.addr, Protocol::Http1)).await;
    let before = bed.vendors.counts("lc").unwrap().requests;
    assert_eq!(bed.outbound(messages::sms(1)).await.status, 502);
    assert_eq!(vendor.requests().len(), 1);
    assert_eq!(bed.vendors.counts("lc").unwrap().requests, before, "it may have been sent");
}

/// A batch can only go where the same API is.
async fn batch_bed(abroad: &Vendors) -> pointsman_tests::Bed {
    let to = json!([{"channel": "oppo-intl", "keep_credentials": true}]);
    let rules = config(&[oppo(), oppo_abroad()], &[failover("oppo", &to)]);
    setup(&rules).upstream("oppo-intl", abroad.addr("oppo").unwrap(), Protocol::Http1).start().await
}

fn accepted(bed: &pointsman_tests::Bed, abroad: &Vendors, numbers: std::ops::Range<usize>) -> Vec<u64> {
    let tally = Tally::of(&[&bed.vendors, abroad]);
    numbers.map(|number| tally.accepted(&oppo_recipient(number))).collect()
}

#[tokio::test]
async fn a_batch_that_has_not_left_is_given_to_the_backup_whole() {
    let abroad = Vendors::start().await.unwrap();
    let bed = batch_bed(&abroad).await;
    bed.vendors.set_fault("oppo", Fault::new(Effect::Refused)).unwrap();
    bed.vendors.settled("oppo").await.unwrap();
    assert_eq!(bed.outbound(oppo_batch(0..3)).await.json().unwrap()["code"], 0);
    assert_eq!(accepted(&bed, &abroad, 0..3), [1, 1, 1]);
    assert_eq!(abroad.counts("oppo").unwrap().messages_accepted, 3);
}

#[tokio::test]
async fn a_batch_that_is_refused_for_one_is_sent_to_nobody_else() {
    let abroad = Vendors::start().await.unwrap();
    let bed = batch_bed(&abroad).await;
    bed.vendors.set_fault("oppo", Fault::error_for("-1", 1)).unwrap();
    let answer = bed.outbound(oppo_batch(0..3)).await;
    assert_eq!(answer.json().unwrap()["code"], 0);
    assert_eq!(accepted(&bed, &abroad, 0..3), [0, 1, 1]);
    assert_eq!(abroad.counts("oppo").unwrap().requests, 0);
}

#[tokio::test]
async fn a_batch_for_which_there_is_no_mapping_gets_the_vendors_answer() {
    let bed = bed(&rules()).await;
    let before = bed.vendors.counts("lc").unwrap().requests;
    bed.vendors.set_fault("oppo", Fault::error("-1")).unwrap();
    let answer = bed.outbound(oppo_batch(0..3)).await;
    assert_eq!((answer.status.as_u16(), answer.json().unwrap()["code"].as_i64()), (200, Some(-1)));
    assert_eq!(bed.vendors.counts("lc").unwrap().requests, before);
}

#[tokio::test]
async fn a_head_alone_passes() {
    let bed = bed(&rules()).await;
    let head = Request::post("/server/v1/message/notification/unicast").header("host", "api.push.oppomobile.com");
    let answer = bed.outbound(head.header("content-length", "0").body(Bytes::new()).unwrap()).await;
    assert_eq!(answer.status, 200, "the vendor itself says what is missing");
}
