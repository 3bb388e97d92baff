//! One message through two sidecars with a queue between them that hands on its body and nothing else.

use crate::stitching::{config, derived};
use bytes::Bytes;
use http::Request;
use pointsman_host::envoy::Protocol;
use pointsman_host::otlp::Record;
use pointsman_tests::collector::{Collector, Told, events, spans};
use pointsman_tests::queue::Queue;
use pointsman_tests::{Setup, pushes};
use serde_json::{Value, json};

const ID: &str = "order-42";

/// What the consumer makes of a body.
fn call(body: &[u8]) -> Request<Bytes> {
    let body: Value = serde_json::from_slice(body).unwrap();
    pushes::oppo(body["id"].as_str().unwrap())
}

fn setup(collector: &Collector) -> Setup {
    let more = json!({"receipts": [{"path": "/callbacks/oppo", "adapter": "oppo"}]});
    Setup::with_rules(&config(&more)).collector(collector.addr())
}

fn statuses(told: &[Record]) -> Vec<Record> {
    events(told, "push.message.status")
}

/// OPPO's word that the message is on the device.
fn receipt(vendor_id: &str) -> Request<Bytes> {
    let report = json!([{
        "messageId": vendor_id,
        "registrationIds": pushes::oppo_registration(ID),
        "eventType": "push_arrive",
    }]);
    let mut receipt = pushes::service(&report);
    *receipt.uri_mut() = "/callbacks/oppo".parse().unwrap();
    receipt
}

#[tokio::test]
async fn a_message_is_one_trace_on_both_sides_of_a_queue_and_its_receipt_belongs_to_it() {
    let (of_producer, of_consumer) = (Collector::start(), Collector::start());
    let queue = Queue::start(call).await;
    let producer = setup(&of_producer).upstream("service", queue.addr, Protocol::AsShipped).start().await;
    let consumer = setup(&of_consumer).start().await;
    queue.reaches(consumer.envoy.outbound());

    assert_eq!(producer.inbound(pushes::service(&json!({"id": ID}))).await.status, 200);
    let told = of_consumer.until("the send", |told| !spans(told).is_empty() && !statuses(told).is_empty()).await;
    let (send, sent) = (spans(&told).remove(0), statuses(&told).remove(0));
    let told = of_producer.until("the request", |told| !spans(told).is_empty() && !statuses(told).is_empty()).await;
    let (request, submitted) = (spans(&told).remove(0), statuses(&told).remove(0));
    let (trace_id, _) = derived(ID);
    let traces = [&request, &submitted, &send, &sent].map(|told| told.trace_id.as_str());
    assert_eq!(traces, [trace_id.as_str(); 4]);
    assert_eq!((send.word("push.node"), request.word("push.node")), ("OPPO_PUSH", "PUSH"));
    // The two processes share nothing but the secret.
    assert_eq!(send.parent_span_id, "");
    let words = [&submitted, &sent].map(|told| (told.word("push.message.id"), told.word("push.status")));
    assert_eq!(words, [(ID, "submitted"), (ID, "sent")]);

    let vendor_id = sent.word("push.vendor.message_id");
    assert!(!vendor_id.is_empty(), "{sent:?}");
    assert_eq!(consumer.inbound(receipt(vendor_id)).await.status, 200);
    let of_receipt = |told: &[Record]| statuses(told).into_iter().find(|told| told.word("push.status") == "delivered");
    let told = of_consumer.until("the receipt", |told| of_receipt(told).is_some()).await;
    let delivered = of_receipt(&told).unwrap();
    assert_eq!((delivered.word("push.message.id"), delivered.trace_id.as_str()), (ID, trace_id.as_str()));
    let recipient = "push.recipient.hash";
    assert_eq!(delivered.word(recipient), sent.word(recipient));
    assert!(!sent.word(recipient).is_empty());
}
