//! Which visits are told of, when, and that none is forgotten when rules change.

use crate::stitching::{bed, config};
use pointsman_host::otlp::Record;
use pointsman_host::vendors::Fault;
use pointsman_tests::collector::{Told, events, spans};
use pointsman_tests::{Bed, pushes};
use serde_json::{Value, json};

const ENTER: &str = "push.node.enter";
const STATUS: &str = "push.message.status";

/// Records that come as soon as they may, and these settings beside.
fn records(more: &Value) -> Value {
    let mut records = json!({"cluster": "otlp", "max_age": "250ms"});
    for (key, value) in more.as_object().unwrap() {
        records[key] = value.clone();
    }
    json!({"records": records})
}

async fn push(bed: &Bed, id: &str) {
    assert_eq!(bed.outbound(pushes::oppo(id)).await.status, 200);
}

fn ids(told: &[Record], attribute: &str) -> Vec<String> {
    let mut ids: Vec<String> = told.iter().map(|told| told.word(attribute).to_owned()).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn of_visits_that_are_not_sampled_only_those_that_fail_have_spans_and_all_have_statuses() {
    let (bed, collector) = bed(1, &json!({"sample_ratio": 0})).await;
    push(&bed, "m1").await;
    bed.vendors.set_fault("oppo", Fault::error("33")).unwrap();
    push(&bed, "m2").await;
    let told = collector.events(STATUS, 2).await;
    assert_eq!(ids(&told, "push.message.id"), ["m1", "m2"]);
    assert_eq!(ids(&collector.spans(1).await, "messaging.message.id"), ["m2"]);
}

#[tokio::test]
async fn spans_may_be_left_out() {
    let (bed, collector) = bed(1, &records(&json!({"spans": false}))).await;
    push(&bed, "m1").await;
    collector.events(STATUS, 1).await;
    bed.expect("pointsman_records_total", &[("kind", "status")], 1.0).await;
    bed.expect("pointsman_records_total", &[("kind", "span")], 0.0).await;
    assert!(spans(&collector.records()).is_empty());
}

#[tokio::test]
async fn a_visit_that_lasts_is_told_while_it_does() {
    let (bed, collector) = bed(1, &records(&json!({"enter_after": "1s"}))).await;
    push(&bed, "quick").await;
    bed.vendors.set_fault("oppo", Fault::delay(4_000)).unwrap();
    let slow = push(&bed, "slow");
    let telling = async {
        let entered = collector.events(ENTER, 1).await.remove(0);
        let ended = events(&collector.records(), STATUS);
        (entered, ended)
    };
    let ((), (entered, ended)) = tokio::join!(slow, telling);
    assert_eq!(ids(&ended, "push.message.id"), ["quick"], "it is still open");
    let words = ["push.message.id", "push.node", "push.channel"].map(|name| entered.word(name));
    assert_eq!(words, ["slow", "OPPO_PUSH", "oppo"]);
    assert!(entered.number("push.open_for_ms").is_some_and(|open_for| (1_000..4_000).contains(&open_for)));
    // Once, and with the trace of the span that follows.
    let span = collector.spans(2).await.into_iter().find(|span| span.word("messaging.message.id") == "slow").unwrap();
    assert_eq!(entered.place(), span.place());
    assert_eq!(collector.events(ENTER, 1).await.len(), 1);
}

#[tokio::test]
async fn a_node_that_wants_it_tells_of_each_message_that_comes_in() {
    let nodes = json!({"nodes": [{"name": "INTAKE", "path": "/push", "enter": true, "statuses": {"ok": "sent"}}]});
    let (bed, collector) = bed(1, &nodes).await;
    for id in ["m1", "m2"] {
        assert_eq!(bed.inbound(pushes::service(&json!({"id": id}))).await.status, 200);
    }
    let entered = collector.events(ENTER, 2).await;
    assert_eq!(ids(&entered, "push.message.id"), ["m1", "m2"]);
    assert!(entered.iter().all(|told| told.word("push.node") == "INTAKE" && told.number("push.open_for_ms").is_none()));
    // And what that makes of the message is what the config says.
    let statuses = collector.events(STATUS, 2).await;
    assert_eq!(ids(&statuses, "push.status"), ["sent", "sent"]);
}

#[tokio::test]
async fn a_send_may_be_told_when_it_begins() {
    let (bed, collector) = bed(1, &records(&json!({"sending": true}))).await;
    push(&bed, "m1").await;
    let statuses = collector.events(STATUS, 2).await;
    let words: Vec<_> = statuses.iter().map(|told| (told.word("push.status"), told.word("push.message.id"))).collect();
    assert_eq!(words, [("sending", "m1"), ("sent", "m1")]);
}

#[tokio::test]
async fn records_that_wait_while_rules_change_are_sent_all_the_same() {
    let waiting = records(&json!({"max_age": "3s"}));
    let (bed, collector) = bed(1, &waiting).await;
    push(&bed, "m1").await;
    let mut other = waiting.clone();
    other["sample_ratio"] = 0.5.into();
    bed.apply(&config(&other)).await;
    assert!(collector.records().is_empty(), "they have not waited");
    collector.events(STATUS, 1).await;
    assert_eq!(ids(&collector.spans(1).await, "messaging.message.id"), ["m1"]);
}
