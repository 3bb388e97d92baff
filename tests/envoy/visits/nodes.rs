//! Nodes that the config names, and what stands in front of the service.

use pointsman_tests::counts::node::{OPPO, PUSH};
use pointsman_tests::counts::{Counts, Node};
use pointsman_tests::{Setup, pushes};
use serde_json::json;
use std::time::{SystemTime, UNIX_EPOCH};

#[tokio::test]
async fn the_services_own_node_counts_each_business_and_lumps_the_unlisted() {
    let rules = r#"{
        "service": "push",
        "hold_request": true,
        "message": {"id": [{"json": "/id"}], "business": [{"json": "/business"}]},
        "businesses": [{"name": "order"}]
    }"#;
    let bed = Setup::with_rules(rules).start().await;
    for body in [
        json!({"id": "m1", "business": "order"}),
        json!({"id": "m2", "business": "order"}),
        json!({"id": "m3", "business": "lottery"}),
        json!({"id": "m4"}),
    ] {
        assert_eq!(bed.inbound(pushes::service(&body)).await.status, 200);
    }
    let mut expected = Counts::default()
        .messages_of("order", PUSH, "ok", 2)
        .messages_of("other", PUSH, "ok", 1)
        .messages(PUSH, "ok", 1);
    for _ in 0..4 {
        expected = expected.call(PUSH, "ok").trace("derived");
    }
    bed.expect_counts(&expected).await;
}

#[tokio::test]
async fn nodes_of_one_path_are_told_apart_by_what_the_body_says() {
    let rules = r#"{
        "service": "push",
        "hold_request": true,
        "message": {"id": [{"json": "/id"}]},
        "nodes": [
            {"name": "FREQUENCY_FILTER", "path": "/step", "when": [{"source": {"json": "/step"}, "equals": ["frequency"]}]},
            {"name": "REPEAT_FILTER", "path": "/step", "when": [{"source": {"json": "/step"}, "equals": ["repeat"]}]}
        ]
    }"#;
    let bed = Setup::with_rules(rules).start().await;
    let steps = [
        ("frequency", "FREQUENCY_FILTER"),
        ("repeat", "REPEAT_FILTER"),
        ("repeat", "REPEAT_FILTER"),
        ("query", "PUSH"),
    ];
    let mut expected = Counts::default();
    for (step, name) in steps {
        let mut request = pushes::service(&json!({"id": "m1", "step": step}));
        *request.uri_mut() = "/step".parse().unwrap();
        assert_eq!(bed.inbound(request).await.status, 200);
        let node = Node(name, "none");
        expected = expected.call(node, "ok").messages(node, "ok", 1).trace("derived");
    }
    bed.expect_counts(&expected).await;
}

#[tokio::test]
async fn what_visits_no_node_passes_and_is_counted_as_such() {
    let bed = Setup::with_rules(r#"{"service": "push", "channels": ["oppo"]}"#).start().await;
    let mut get = pushes::service(&json!({}));
    *get.method_mut() = http::Method::GET;
    assert_eq!(bed.inbound(get).await.status, 200);
    assert_eq!(bed.outbound(pushes::fcm("registration-1")).await.status, 200);
    let mut unknown = pushes::oppo("m1");
    *unknown.uri_mut() = "/server/v1/feedback".parse().unwrap();
    assert_eq!(bed.outbound(unknown).await.status, 404);
    bed.expect_counts(&Counts::default().bypassed("no_node").bypassed("no_node").bypassed("no_node")).await;
}

#[tokio::test]
async fn the_whole_messages_time_counts_from_its_submission_to_the_vendors_yes() {
    let rules = r#"{
        "channels": ["oppo"],
        "hold_request": true,
        "message": {"submitted_at": [{"header": "x-submitted-at"}], "objective": {"limit": "10s"}}
    }"#;
    let bed = Setup::with_rules(rules).start().await;
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let submitted = |ms: u128| pushes::with(pushes::oppo("m1"), "x-submitted-at", ms.to_string().as_bytes());
    bed.outbound(submitted(now_ms - 3_000)).await;
    bed.outbound(submitted(now_ms - 40_000)).await;
    bed.outbound(submitted((now_ms - 3_000) / 1_000)).await;
    // Without a time stamp it is a visit like any other.
    bed.outbound(pushes::oppo("m2")).await;
    let on_time = |met| [("channel", "oppo"), ("met", met)];
    let mut expected = Counts::default()
        .with("pointsman_message_on_time_total", &on_time("true"), 2)
        .with("pointsman_message_on_time_total", &on_time("false"), 1)
        .with("pointsman_message_duration_milliseconds_count", &[("channel", "oppo")], 3);
    for _ in 0..4 {
        expected = expected.call(OPPO, "ok").messages(OPPO, "ok", 1).code(OPPO, "0", 1).trace("derived");
    }
    bed.expect_counts(&expected).await;
    let scrape = bed.scrape().await;
    let within = |le| scrape.sum("pointsman_message_duration_milliseconds_bucket", &[("channel", "oppo"), ("le", le)]);
    assert_eq!((within("2500"), within("10000"), within("30000"), within("60000")), (0.0, 2.0, 2.0, 3.0));
}
