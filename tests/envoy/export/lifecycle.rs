//! What becomes of a message, told step by step: what its service, its vendor and the vendor's receipts say.

use crate::stitching::{bed, config, derived};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use pointsman_host::envoy::Protocol;
use pointsman_host::http::full;
use pointsman_host::otlp::Record;
use pointsman_host::vendors::Fault;
use pointsman_tests::collector::{Collector, Told};
use pointsman_tests::recorder::Recorder;
use pointsman_tests::{Bed, Setup, pushes};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const STATUS: &str = "push.message.status";

async fn started() -> (Bed, Collector) {
    let receipts = json!([
        {"path": "/callbacks/oppo", "adapter": "oppo"},
        {"path": "/callbacks/sms", "adapter": "sms-tencent"},
    ]);
    bed(1, &json!({"receipts": receipts})).await
}

fn receipt(path: &str, report: &Value) -> Request<Bytes> {
    let mut receipt = pushes::service(report);
    *receipt.uri_mut() = path.parse().unwrap();
    receipt
}

fn oppo_receipt(vendor_id: &str, id: &str, event: &str) -> Request<Bytes> {
    let registration = pushes::oppo_registration(id);
    receipt("/callbacks/oppo", &json!([{"messageId": vendor_id, "registrationIds": registration, "eventType": event}]))
}

fn with_status(statuses: &[Record], status: &str) -> Vec<Record> {
    statuses.iter().filter(|told| told.word("push.status") == status).cloned().collect()
}

#[tokio::test]
async fn a_message_is_submitted_sent_and_delivered_in_one_trace() {
    let (bed, collector) = started().await;
    assert_eq!(bed.inbound(pushes::service(&json!({"id": "m1"}))).await.status, 200);
    assert_eq!(bed.outbound(pushes::oppo("m1")).await.status, 200);
    let sent = with_status(&collector.events(STATUS, 2).await, "sent").remove(0);
    let vendor_id = sent.word("push.vendor.message_id").to_owned();
    assert_eq!(bed.inbound(oppo_receipt(&vendor_id, "m1", "push_arrive")).await.status, 200);

    let statuses = collector.events(STATUS, 3).await;
    let words: Vec<_> = statuses.iter().map(|told| told.word("push.status")).collect();
    assert_eq!(words, ["submitted", "sent", "delivered"]);
    let places: Vec<_> = statuses.iter().map(|told| (told.word("push.message.id"), told.trace_id.as_str())).collect();
    let (trace_id, _) = derived("m1");
    assert_eq!(places, [("m1", trace_id.as_str()); 3]);
    let of_channel: Vec<_> = statuses.iter().map(|told| (told.word("push.node"), told.word("push.channel"))).collect();
    assert_eq!(of_channel, [("PUSH", ""), ("OPPO_PUSH", "oppo"), ("OPPO_RECEIPT", "oppo")]);
    assert_eq!((sent.word("push.outcome"), sent.word("push.vendor.code")), ("ok", "0"));

    let aliases = collector.events("push.message.alias", 1).await;
    let alias = ["push.message.id", "push.vendor.message_id", "push.channel"].map(|name| aliases[0].word(name));
    assert_eq!(alias, ["m1", vendor_id.as_str(), "oppo"]);
    bed.expect("pointsman_status_conflicts_total", &[], 0.0).await;
}

#[tokio::test]
async fn each_recipient_of_a_call_has_a_status_of_its_own() {
    let (bed, collector) = started().await;
    bed.vendors.set_fault("sms-tencent", Fault::error_for("FailedOperation.PhoneNumberInBlacklist", 1)).unwrap();
    let phones = ["+447700900001", "+447700900002", "+447700900003"];
    assert_eq!(bed.outbound(pushes::sms("code-7", &phones)).await.status, 200);
    let statuses = collector.events(STATUS, 3).await;
    let of: BTreeMap<&str, (&str, &str, &str)> = statuses
        .iter()
        .map(|told| {
            let word = |name| told.word(name);
            (word("push.recipient.hash"), (word("push.status"), word("push.outcome"), word("push.vendor.code")))
        })
        .collect();
    assert_eq!(of.len(), 3, "each has a hash of its own: {statuses:#?}");
    let mut words: Vec<_> = of.into_values().collect();
    words.sort_unstable();
    let blocked = ("failed", "user_blocked", "FailedOperation.PhoneNumberInBlacklist");
    assert_eq!(words, [blocked, ("sent", "ok", "Ok"), ("sent", "ok", "Ok")]);
    for told in &statuses {
        assert_eq!((told.word("push.message.id"), told.word("push.template.id")), ("code-7", "449739"));
        assert_eq!(told.trace_id, derived("code-7").0);
        assert!(!format!("{told:?}").contains("7700900"), "a phone number is told: {told:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_a_failure_and_says_why() {
    let (bed, collector) = started().await;
    bed.vendors.set_fault("oppo", Fault::error("33")).unwrap();
    assert_eq!(bed.outbound(pushes::oppo("m1")).await.status, 200);
    let failed = collector.events(STATUS, 1).await.remove(0);
    let words = ["push.status", "push.outcome", "push.vendor.code", "push.fate"].map(|name| failed.word(name));
    assert_eq!(words, ["failed", "quota_app", "33", ""]);
}

#[tokio::test]
async fn a_step_that_cannot_be_is_counted_and_told() {
    let (bed, collector) = started().await;
    assert_eq!(bed.outbound(pushes::oppo("m1")).await.status, 200);
    let sent = collector.events(STATUS, 1).await.remove(0);
    let vendor_id = sent.word("push.vendor.message_id").to_owned();
    for event in ["push_arrive", "regid_invalid"] {
        assert_eq!(bed.inbound(oppo_receipt(&vendor_id, "m1", event)).await.status, 200);
    }
    let statuses = collector.events(STATUS, 3).await;
    let failed = with_status(&statuses, "failed").remove(0);
    assert_eq!((failed.word("push.status.conflict"), failed.word("push.message.id")), ("delivered", "m1"));
    assert!(statuses.iter().filter(|told| told.word("push.status") != "failed").all(has_no_conflict));
    bed.expect("pointsman_status_conflicts_total", &[], 1.0).await;
}

fn has_no_conflict(told: &Record) -> bool {
    !told.attributes.contains_key("push.status.conflict")
}

#[tokio::test]
async fn a_receipt_of_a_message_that_nobody_here_has_sent_is_told_by_the_vendors_id() {
    let (bed, collector) = started().await;
    assert_eq!(bed.inbound(oppo_receipt("of-another-process", "m1", "push_arrive")).await.status, 200);
    let told = collector.events(STATUS, 1).await.remove(0);
    assert_eq!((told.word("push.status"), told.word("push.vendor.message_id")), ("delivered", "of-another-process"));
    assert_eq!(told.word("push.message.id"), "");
}

#[tokio::test]
async fn what_the_service_refuses_was_not_submitted() {
    let service = Recorder::start(|_| {
        let mut answer = Response::new(full("{}"));
        *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        answer
    })
    .await;
    let collector = Collector::start();
    let setup = Setup::with_rules(&config(&json!({}))).collector(collector.addr());
    let bed = setup.upstream("service", service.addr, Protocol::AsShipped).start().await;
    assert_eq!(bed.inbound(pushes::service(&json!({"id": "m1"}))).await.status, 503);
    assert_eq!(bed.outbound(pushes::oppo("m2")).await.status, 200);
    assert_eq!(collector.spans(2).await.len(), 2);
    let statuses = collector.events(STATUS, 1).await;
    assert_eq!((statuses[0].word("push.message.id"), statuses[0].word("push.status")), ("m2", "sent"));
}
