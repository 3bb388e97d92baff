//! One message, and one or more contexts that it may belong to.

use super::{bed, derived};
use pointsman_host::otlp::{Link, Record};
use pointsman_tests::collector::{Told, linked};
use pointsman_tests::context::{Context, INCOMING, PARENT_ID, TRACE_ID};
use pointsman_tests::{Bed, pushes};
use serde_json::json;

const OTHER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The service is asked to send a message, in the trace of whoever asks.
async fn asked(bed: &Bed, id: &str, parent: Option<&str>) {
    let request = pushes::service(&json!({"id": id}));
    let request = match parent {
        Some(parent) => pushes::with(request, "traceparent", parent.as_bytes()),
        None => request,
    };
    assert_eq!(bed.inbound(request).await.status, 200);
}

async fn stitches(bed: &Bed, results: &[(&str, f64)]) {
    for (result, count) in results {
        bed.expect("pointsman_stitches_total", &[("result", result)], *count).await;
    }
    bed.expect("pointsman_stitches_total", &[], results.iter().map(|(_, count)| count).sum()).await;
}

fn of_node(spans: &[Record], node: &str) -> Vec<Record> {
    spans.iter().filter(|span| span.word("push.node") == node).cloned().collect()
}

fn places(links: &[Link]) -> Vec<(String, String)> {
    let mut places: Vec<_> = links.iter().map(linked).collect();
    places.sort();
    places
}

#[tokio::test]
async fn a_call_is_a_child_of_the_visit_that_its_message_came_in_with() {
    let (bed, collector) = bed(1, &json!({})).await;
    asked(&bed, "m1", Some(INCOMING)).await;
    asked(&bed, "m2", None).await;
    for id in ["m1", "m2"] {
        assert_eq!(bed.outbound(pushes::oppo(id)).await.status, 200);
    }
    let spans = collector.spans(4).await;
    for id in ["m1", "m2"] {
        let of = |node| {
            let mut spans = of_node(&spans, node).into_iter().filter(|span| span.word("messaging.message.id") == id);
            spans.next().unwrap()
        };
        let (inbound, outbound) = (of("PUSH"), of("OPPO_PUSH"));
        assert_eq!((&outbound.trace_id, &outbound.parent_span_id), (&inbound.trace_id, &inbound.span_id), "{id}");
    }
    let first = of_node(&spans, "PUSH").into_iter().find(|span| span.word("messaging.message.id") == "m1").unwrap();
    assert_eq!((first.trace_id.as_str(), first.parent_span_id.as_str()), (TRACE_ID, PARENT_ID));
    let at_vendor = Context::of(&bed.last_at("oppo").headers).parent();
    assert_eq!(at_vendor.trace_id, derived("m2").0);
    bed.expect("pointsman_trace_contexts_total", &[("result", "stitched")], 2.0).await;
    stitches(&bed, &[("kept", 2.0), ("found", 2.0)]).await;
}

#[tokio::test]
async fn of_two_contexts_neither_is_the_parent_and_both_are_linked() {
    let (bed, collector) = bed(1, &json!({})).await;
    asked(&bed, "m1", Some(INCOMING)).await;
    asked(&bed, "m1", Some(OTHER)).await;
    assert_eq!(bed.outbound(pushes::oppo("m1")).await.status, 200);
    let spans = collector.spans(3).await;
    let (inbound, outbound) = (of_node(&spans, "PUSH"), of_node(&spans, "OPPO_PUSH").remove(0));
    assert_eq!(outbound.parent_span_id, "");
    assert_eq!(outbound.trace_id, derived("m1").0);
    let mut expected: Vec<_> = inbound.iter().map(Record::place).collect();
    expected.sort();
    assert_eq!(places(&outbound.links), expected);
    assert_eq!(Context::of(&bed.last_at("oppo").headers).parent().trace_id, outbound.trace_id);
    stitches(&bed, &[("kept", 2.0), ("ambiguous", 1.0)]).await;
}

#[tokio::test]
async fn a_context_that_comes_with_the_call_wins_and_has_a_link_to_the_trace_that_the_id_stands_for() {
    let (bed, collector) = bed(1, &json!({})).await;
    asked(&bed, "m1", None).await;
    let push = pushes::with(pushes::oppo("m1"), "traceparent", INCOMING.as_bytes());
    assert_eq!(bed.outbound(push).await.status, 200);
    let spans = collector.spans(2).await;
    let outbound = of_node(&spans, "OPPO_PUSH").remove(0);
    assert_eq!((outbound.trace_id.as_str(), outbound.parent_span_id.as_str()), (TRACE_ID, PARENT_ID));
    assert_eq!(places(&outbound.links), [derived("m1")]);
    stitches(&bed, &[("kept", 1.0)]).await;
}

#[tokio::test]
async fn a_batch_has_a_trace_of_its_own_and_a_link_for_each_message() {
    let (bed, collector) = bed(1, &json!({})).await;
    asked(&bed, "m1", Some(INCOMING)).await;
    asked(&bed, "m2", None).await;
    assert_eq!(bed.outbound(pushes::oppo_batch(&["m1", "m2", "m3"])).await.status, 200);
    let spans = collector.spans(3).await;
    let batch = of_node(&spans, "OPPO_PUSH").remove(0);
    let inbound = |id: &str| {
        let spans = of_node(&spans, "PUSH").into_iter();
        spans.filter(|span| span.word("messaging.message.id") == id).map(|span| span.place()).next().unwrap()
    };
    let links: Vec<_> =
        batch.links.iter().map(|link| (link.attributes["push.message.id"].clone(), linked(link))).collect();
    let expected = [("m1", inbound("m1")), ("m2", inbound("m2")), ("m3", derived("m3"))];
    assert_eq!(links, expected.map(|(id, place)| (json!(id), place)));
    assert_eq!((batch.parent_span_id.as_str(), batch.number("messaging.batch.message_count")), ("", Some(3)));
    let traces = [inbound("m1").0, inbound("m2").0, derived("m3").0];
    assert!(!traces.contains(&batch.trace_id), "in the trace of one of its messages");
}

#[tokio::test]
async fn what_came_in_long_ago_is_forgotten() {
    let (bed, collector) = bed(1, &json!({"trace": {"remember": "1s"}})).await;
    asked(&bed, "m1", None).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    assert_eq!(bed.outbound(pushes::oppo("m1")).await.status, 200);
    let spans = collector.spans(2).await;
    let outbound = of_node(&spans, "OPPO_PUSH").remove(0);
    assert_eq!((outbound.parent_span_id.as_str(), outbound.trace_id), ("", derived("m1").0));
    stitches(&bed, &[("kept", 1.0), ("missed", 1.0)]).await;
}
