//! A trace that begins here: derived from the message's id, drawn, or not begun at all.

use pointsman_core::trace::Key;
use pointsman_tests::context::{Context, INCOMING, TRACE_ID};
use pointsman_tests::{Bed, SECRET, Setup, pushes};
use serde_json::json;

fn derived(tenant: &str, id: &str) -> String {
    Key::new(SECRET.as_bytes()).unwrap().trace_id(tenant, id).to_string()
}

/// What the vendor sees of the trace of one push, which it must accept.
async fn at(bed: &Bed, vendor: &str, push: http::Request<bytes::Bytes>) -> Context {
    assert_eq!(bed.outbound(push).await.status, 200);
    Context::of(&bed.last_at(vendor).headers)
}

async fn expect_results(bed: &Bed, results: &[(&str, u32)]) {
    for (result, count) in results {
        bed.expect("pointsman_trace_contexts_total", &[("result", result)], f64::from(*count)).await;
    }
    let all: u32 = results.iter().map(|(_, count)| count).sum();
    bed.expect("pointsman_trace_contexts_total", &[], f64::from(all)).await;
}

#[tokio::test]
async fn a_held_push_gets_the_trace_that_its_message_id_stands_for() {
    let bed =
        Setup::with_rules(r#"{"channels": ["oppo", "sms-tencent", "wechat"], "hold_request": true}"#).start().await;
    let pushes = [
        ("oppo", "m1", pushes::oppo("m1")),
        ("oppo", "订单-42", pushes::oppo("订单-42")),
        ("sms-tencent", "m1", pushes::sms("m1", &["+447700900001"])),
        ("wechat", "m2", pushes::wechat("m2")),
    ];
    let mut spans = Vec::new();
    for (vendor, id, push) in pushes {
        let parent = at(&bed, vendor, push).await.parent();
        assert_eq!((parent.trace_id, parent.flags.as_str()), (derived("default", id), "03"));
        spans.push(parent.parent_id);
    }
    spans.sort();
    spans.dedup();
    assert_eq!(spans.len(), 4, "each visit has a span of its own");
    expect_results(&bed, &[("derived", 4)]).await;
}

#[tokio::test]
async fn an_id_in_the_body_comes_too_late_for_a_push_that_is_not_held_and_nothing_is_written() {
    let bed = Setup::with_rules(r#"{"channels": ["oppo", "wechat"]}"#).start().await;
    assert!(at(&bed, "oppo", pushes::oppo("m1")).await.is_none());
    assert!(at(&bed, "wechat", pushes::wechat("m2")).await.is_none());
    let stray = pushes::with(pushes::oppo("m3"), "tracestate", b"foo=1");
    assert!(at(&bed, "oppo", stray).await.is_none(), "a state without a parent goes");
    expect_results(&bed, &[("too_late", 3)]).await;
}

#[tokio::test]
async fn an_id_in_the_headers_needs_no_holding() {
    let rules = r#"{"tenant": "acme", "channels": ["oppo"], "message": {"id": [{"header": "x-message-id"}]}}"#;
    let bed = Setup::with_rules(rules).start().await;
    let push = pushes::with(pushes::oppo("m1"), "x-message-id", b"from-the-header");
    assert_eq!(at(&bed, "oppo", push).await.parent().trace_id, derived("acme", "from-the-header"));
    expect_results(&bed, &[("derived", 1)]).await;
}

#[tokio::test]
async fn both_sides_of_a_service_arrive_at_one_trace_for_one_message() {
    let rules = r#"{
        "service": "push",
        "channels": ["oppo"],
        "hold_request": true,
        "message": {"id": [{"json": "/order/id"}], "tenant": [{"header": "x-tenant"}]}
    }"#;
    let bed = Setup::with_rules(rules).start().await;
    let order = pushes::service(&json!({"order": {"id": "order-42"}}));
    bed.inbound(pushes::with(order, "x-tenant", b"acme")).await;
    let outbound = pushes::with(pushes::oppo("order-42"), "x-tenant", b"acme");
    let to_vendor = at(&bed, "oppo", outbound).await.parent();
    let to_service = Context::of(&bed.service.last().headers).parent();
    assert_eq!((&to_service.trace_id, &to_vendor.trace_id), (&derived("acme", "order-42"), &to_service.trace_id));
    assert_ne!(to_service.parent_id, to_vendor.parent_id);
}

#[tokio::test]
async fn without_an_id_the_trace_is_drawn_unless_the_config_has_promised_one() {
    let rules = r#"{"channels": ["apns", "fcm", {"name": "oppo", "message_id": [{"header": "x-message-id"}]}]}"#;
    let bed = Setup::with_rules(rules).start().await;
    let one = at(&bed, "apns", pushes::apns(pushes::APNS_TOKEN)).await.parent();
    let two = at(&bed, "apns", pushes::apns(pushes::APNS_TOKEN)).await.parent();
    assert_eq!((one.flags.as_str(), two.flags.as_str()), ("03", "03"));
    assert_ne!(one.trace_id, two.trace_id);
    let named = pushes::with(pushes::apns(pushes::APNS_TOKEN), "apns-id", b"123e4567-e89b-12d3-a456-426655440000");
    let named = at(&bed, "apns", named).await.parent();
    assert_eq!(named.trace_id, derived("default", "123e4567-e89b-12d3-a456-426655440000"));
    // The token's request has no body of ours to look into, and the header that is promised is missing.
    assert_eq!(bed.outbound(pushes::oppo_token()).await.status, 200);
    assert!(Context::of(&bed.last_at("oppo").headers).is_none());
    expect_results(&bed, &[("random", 2), ("derived", 1), ("missing_id", 1)]).await;
}

#[tokio::test]
async fn without_a_secret_the_trace_is_drawn_and_that_is_counted() {
    let rules = r#"{"channels": ["oppo"], "hold_request": true}"#;
    let bed = Setup::with_rules(rules).without_secret().start().await;
    let one = at(&bed, "oppo", pushes::oppo("m1")).await.parent();
    let two = at(&bed, "oppo", pushes::oppo("m1")).await.parent();
    assert_ne!(one.trace_id, two.trace_id);
    assert!([&one, &two].iter().all(|parent| parent.trace_id != derived("default", "m1") && parent.flags == "03"));
    expect_results(&bed, &[("no_secret", 2)]).await;
}

#[tokio::test]
async fn a_sample_ratio_of_0_leaves_only_the_random_flag_and_the_callers_word_stands() {
    let rules = r#"{"channels": ["oppo"], "hold_request": true, "sample_ratio": 0}"#;
    let bed = Setup::with_rules(rules).start().await;
    assert_eq!(at(&bed, "oppo", pushes::oppo("m1")).await.parent().flags, "02");
    let sampled = pushes::with(pushes::oppo("m1"), "traceparent", INCOMING.as_bytes());
    assert_eq!(at(&bed, "oppo", sampled).await.parent().flags, "01");
}

#[tokio::test]
async fn an_invalid_or_doubled_parent_gives_way_to_a_new_trace_and_takes_its_state_along() {
    let bed = Setup::with_rules(r#"{"channels": ["oppo"], "hold_request": true}"#).start().await;
    let invalid =
        pushes::with(pushes::oppo("m1"), "traceparent", b"00-00000000000000000000000000000000-00f067aa0ba902b7-01");
    let doubled = pushes::with(pushes::oppo("m1"), "traceparent", INCOMING.as_bytes());
    let doubled = pushes::with(doubled, "traceparent", INCOMING.as_bytes());
    for push in [invalid, doubled] {
        let seen = at(&bed, "oppo", pushes::with(push, "tracestate", b"foo=1")).await;
        assert_eq!((seen.parent().trace_id, seen.states), (derived("default", "m1"), vec![]));
    }
    expect_results(&bed, &[("invalid", 2), ("derived", 2)]).await;
}

#[tokio::test]
async fn an_invalid_parent_is_removed_even_where_no_trace_can_begin() {
    let bed = Setup::with_rules(r#"{"channels": ["oppo"]}"#).start().await;
    let push = pushes::with(pushes::oppo("m1"), "traceparent", format!("{INCOMING}-more").as_bytes());
    let push = pushes::with(push, "traceparent", format!("00-{TRACE_ID}").as_bytes());
    assert!(at(&bed, "oppo", pushes::with(push, "tracestate", b"foo=1")).await.is_none());
    expect_results(&bed, &[("invalid", 1), ("too_late", 1)]).await;
}
