//! Messages by whatever is known of them.

use crate::world::{MINUTE, NOW, World, event, ids};
use http::StatusCode;
use pointsman_tracker::event::Event;
use serde_json::{Value, json};

const ALICE: &str = "5d1e00000000000000000000000000aa";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4731";

#[tokio::test]
async fn a_message_is_found_by_any_id_of_it() {
    let world = World::of("shop").await;
    let key = world.get("find?id=order-1").await["messages"][0]["key"].as_str().expect("a key").to_owned();
    let upper = TRACE.to_uppercase();
    let cases: [(&str, Option<&str>, &[&str]); 8] = [
        ("order-1", Some("message"), &["order-1"]),
        ("%20order-1%0A", Some("message"), &["order-1"]),
        ("oppo-v1", Some("vendor"), &["order-1"]),
        (TRACE, Some("trace"), &["order-1"]),
        (&upper, Some("trace"), &["order-1"]),
        (&key, Some("message"), &["order-1"]),
        (ALICE, Some("recipient"), &["order-7", "order-4", "order-1"]),
        ("order-0", None, &[]),
    ];
    for (id, matched, expected) in cases {
        let found = world.get(&format!("find?id={id}")).await;
        assert_eq!((found["matched"].as_str(), ids(&found["messages"]).as_slice()), (matched, expected), "{id}");
    }
    assert_eq!(ids(&world.get(&format!("find?id={ALICE}&limit=2")).await["messages"]), ["order-7", "order-4"]);
}

#[tokio::test]
async fn an_id_that_is_one_messages_own_and_anothers_vendors_finds_both() {
    let status = |id: &str, vendor: &str| {
        event(
            &json!({ "ago_ms": 5, "kind": "status", "status": "sent", "channel": "fcm", "message_id": id, "vendor_id": vendor }),
        )
    };
    let world = World::with(vec![status("a", "b"), status("b", "c")]).await;
    let found = world.get("find?id=b").await;
    assert_eq!((found["matched"].as_str(), ids(&found["messages"])), (Some("message"), vec!["b", "a"]));
    assert_eq!(ids(&world.get("find?id=b&limit=1").await["messages"]), ["b"]);
}

#[tokio::test]
async fn a_line_says_where_the_message_is_and_what_its_code_means() {
    let world = World::of("shop").await;
    let line = &world.get("find?id=order-6").await["messages"][0];
    let meaning = "no answer in time (by what else OPPO Push has answered)";
    for (name, expected) in [
        ("status", json!("failed")),
        ("channel", json!("oppo")),
        ("node", json!("OPPO_PUSH")),
        ("outcome", json!("timeout")),
        ("code", json!("-1")),
        ("meaning", json!(meaning)),
        ("drill", json!(true)),
        ("begun_ms", json!(NOW - 100_000)),
        ("recipients", json!(1)),
        ("switched", json!(false)),
    ] {
        assert_eq!(line[name], expected, "{name}");
    }
    assert_eq!(world.get("find?id=order-2").await["messages"][0]["switched"], true);
    assert_eq!(world.get("find?id=order-4").await["messages"][0]["doubled"], true);
    let conflicts = &world.get("find?id=order-7").await["messages"][0]["conflicts"];
    assert_eq!(*conflicts, json!([{ "from": "delivered", "to": "failed" }]));
}

/// The message of an id with everything that is known of it.
async fn detail(world: &World, id: &str) -> Value {
    let found = world.get(&format!("find?id={id}")).await;
    world.get(&format!("messages/{}", found["messages"][0]["key"].as_str().expect("a key"))).await
}

#[tokio::test]
async fn a_message_is_told_with_its_visits_its_waits_its_statuses_and_its_recipients() {
    let answer = detail(&World::of("shop").await, "order-1").await;
    let visits = answer["visits"].as_array().expect("visits");
    let told: Vec<_> = visits
        .iter()
        .map(|visit| {
            let start = NOW - visit["start_ms"].as_u64().expect("a time");
            (
                visit["node"].as_str(),
                visit["edge"].as_str(),
                visit["parent_id"].as_str(),
                start,
                visit["duration_ms"].as_u64(),
            )
        })
        .collect();
    let expected = [
        (Some("PUSH_API"), Some("none"), None, 600_000, Some(40)),
        (Some("CONSUME"), Some("inferred"), Some("a100000000000001"), 590_000, Some(300)),
        (Some("OPPO_PUSH"), Some("propagated"), Some("a100000000000002"), 589_900, Some(120)),
        (Some("OPPO_RECEIPT"), Some("none"), None, 580_000, Some(0)),
    ];
    assert_eq!(told, expected);
    let send = &visits[2];
    assert_eq!((&send["http_status"], &send["limit_ms"], &send["on_time"]), (&json!(200), &json!(500), &json!(true)));
    assert_eq!((&send["name"], &send["service"]), (&json!("send oppo"), &json!("sender")));
    assert_eq!(send["meaning"], "accepted (as OPPO Push documents it)");
    let waits: Vec<_> =
        answer["waits"].as_array().expect("waits").iter().map(|wait| wait["wait_ms"].as_u64()).collect();
    assert_eq!(waits, [Some(9_960), Some(9_700)]);
    let statuses: Vec<_> =
        answer["statuses"].as_array().expect("statuses").iter().map(|line| line["status"].as_str()).collect();
    assert_eq!(statuses, [Some("submitted"), Some("sent"), Some("delivered")]);
    let expected = json!([{
        "recipient": ALICE, "status": "delivered", "channel": "oppo", "code": "", "outcome": "", "last_ms": NOW - 580_000
    }]);
    assert_eq!(answer["recipients"], expected);
    assert_eq!((answer["raw"].as_array().map(Vec::len), &answer["more"]), (Some(7), &json!(false)));
    assert_eq!(answer["trace_link"], format!("https://traces.example.com/t/{TRACE}"));
}

#[tokio::test]
async fn an_open_visit_has_no_length_and_began_before_it_was_told() {
    let answer = detail(&World::of("shop").await, "order-5").await;
    let visit = &answer["visits"][0];
    assert_eq!((visit["start_ms"].as_u64(), &visit["duration_ms"]), (Some(NOW - 120_000), &Value::Null));
}

/// Of each case: the events, and for each visit its parent and where that is known from.
#[tokio::test]
async fn edges_are_told_by_parents_then_by_links_then_by_the_order_in_one_trace() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("histories/edges.json")).expect("cases");
    for case in cases {
        let lines = case["events"].as_array().expect("events");
        let whole = |line: &Value| {
            let mut line = line.clone();
            line["message_id"] = "m".into();
            line["trace_id"] = format!("{:0>32}", line["trace"].as_str().expect("a trace")).into();
            for name in ["span_id", "parent_id"] {
                if let Some(id) = line[name].as_str().map(|id| format!("{id:0>16}")) {
                    line[name] = id.into();
                }
            }
            line.as_object_mut().expect("an object").retain(|name, value| name != "trace" && !value.is_null());
            event(&line)
        };
        let world = World::with(lines.iter().map(whole).collect()).await;
        let answer = detail(&world, "m").await;
        let short = |id: &Value| id.as_str().map(|id| id.trim_start_matches('0').to_owned());
        let told: Vec<Value> = answer["visits"]
            .as_array()
            .expect("visits")
            .iter()
            .map(|visit| json!([short(&visit["span_id"]), visit["edge"], short(&visit["parent_id"])]))
            .collect();
        assert_eq!(json!(told), case["edges"], "{}", case["name"]);
    }
}

#[tokio::test]
async fn a_message_with_very_many_events_is_told_in_parts() {
    let line = |n: u64| event(&json!({ "ago_ms": 10_000 - n, "kind": "other", "name": "note", "message_id": "m" }));
    let events: Vec<Event> = (0..4_500).map(line).collect();
    let world = World::with(events.clone()).await;
    let key = world.get("find?id=m").await["messages"][0]["key"].as_str().expect("a key").to_owned();
    let mut told = Vec::new();
    for (after, n, more) in
        [(0, 2_000, true), (2_000, 2_000, true), (4_000, 500, false), (4_500, 0, false), (usize::MAX, 0, false)]
    {
        let answer = world.get(&format!("messages/{key}?events_after={after}")).await;
        let raw = answer["raw"].as_array().expect("events");
        assert_eq!((raw.len(), answer["more"].as_bool()), (n, Some(more)), "{after}");
        told.extend(raw.iter().map(|event| event["at_ms"].as_u64().expect("a time")));
    }
    assert_eq!(told, events.iter().map(|event| event.at_ms).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_message_that_is_not_there_is_not_found_and_a_key_that_is_none_is_refused() {
    let world = World::of("shop").await;
    assert_eq!(world.refused("messages/00000000000000000000000f").await.0, 404);
    assert_eq!(world.refused("messages/order-1").await.0, 400);
    assert_eq!(world.refused("messages/000000000000000000000000").await.0, 400);
    assert_eq!(world.refused("messages/..%2f..%2fetc%2fpasswd").await.0, 400);
}

#[tokio::test]
async fn many_ids_are_looked_up_at_once_and_each_of_them_once() {
    let world = World::of("shop").await;
    let body = json!({ "ids": ["order-4", "nothing", "oppo-v1", " order-4 ", ALICE] });
    let (status, answer) = world.post("lookup", body.to_string()).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let found = answer["found"].as_array().expect("a list");
    let told: Vec<_> =
        found.iter().map(|found| (found["id"].as_str().expect("an id"), ids(&found["messages"]))).collect();
    let expected =
        [("order-4", vec!["order-4"]), ("oppo-v1", vec!["order-1"]), (ALICE, vec!["order-7", "order-4", "order-1"])];
    assert_eq!((told.as_slice(), &answer["missing"]), (expected.as_slice(), &json!(["nothing"])));

    let many: Vec<String> = (0..1_000).map(|n| format!("order-{n}")).collect();
    let (status, answer) = world.post("lookup", json!({ "ids": many }).to_string()).await;
    assert_eq!((status, answer["found"].as_array().map(Vec::len)), (StatusCode::OK, Some(8)));
    assert_eq!(answer["missing"].as_array().map(Vec::len), Some(992));
}

#[tokio::test]
async fn times_and_the_newest_event_stand_in_every_answer() {
    let world = World::of("shop").await;
    let answer = world.get("freshness").await;
    assert_eq!((answer["now_ms"].as_u64(), answer["newest_ms"].as_u64()), (Some(NOW), Some(NOW - 10_000)));
    assert_eq!(answer["lag_ms"], 10_000);
    let empty = World::with(Vec::new()).await.get("freshness").await;
    assert_eq!((empty["newest_ms"].as_u64(), &empty["lag_ms"]), (Some(0), &Value::Null));
    assert_eq!(NOW % MINUTE, 0);
}
