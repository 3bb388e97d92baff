//! How many: over time, in all, at each node, for each channel, of each failure.

use crate::world::{MINUTE, NOW, World};
use serde_json::{Value, json};

/// The sum of a curve.
fn sum(curve: &Value) -> u64 {
    curve.as_array().expect("a curve").iter().map(|value| value.as_u64().expect("a number")).sum()
}

/// The sums of success, failed and pending.
fn sums(curves: &Value) -> [u64; 3] {
    ["success", "failed", "pending"].map(|name| sum(&curves[name]))
}

#[tokio::test]
async fn the_trend_has_sixty_points_of_a_minute_up_to_now() {
    let world = World::of("shop").await;
    let trend = world.get("trend").await;
    let at_ms = trend["at_ms"].as_array().expect("times");
    assert_eq!((at_ms.len(), &trend["step_ms"], &at_ms[59]), (60, &json!(MINUTE), &json!(NOW)));
    assert_eq!(sums(&trend["total"]), [4, 2, 1]);
    assert_eq!(sums(&trend["channels"]["oppo"]), [2, 2, 0]);
    assert_eq!(sums(&trend["channels"]["xiaomi"]), [2, 0, 0]);
    assert_eq!((&trend["total"]["failed"][57], &trend["total"]["failed"][58]), (&json!(1), &json!(1)));
    assert_eq!(trend["channels"].as_object().map(|channels| channels.len()), Some(2));
}

#[tokio::test]
async fn a_trend_is_of_the_range_the_points_and_the_channel_that_are_asked_for() {
    let world = World::of("shop").await;
    assert_eq!(sums(&world.get("trend?points=12").await["total"]), [4, 2, 0]);
    assert_eq!(sums(&world.get("trend?channel=oppo").await["total"]), [2, 2, 0]);
    assert_eq!(sums(&world.get("trend?business=code").await["total"]), [1, 1, 0]);
    let day = world.get(&format!("trend?from_ms={}&to_ms={NOW}", NOW - 24 * 60 * MINUTE)).await;
    assert_eq!((sums(&day["total"]), &day["step_ms"]), ([4, 2, 1], &json!(24 * MINUTE)));
    assert!(
        day["at_ms"].as_array().is_some_and(
            |at_ms| at_ms.len() <= 60 && at_ms.len() == day["total"]["failed"].as_array().map_or(0, Vec::len)
        )
    );
}

#[tokio::test]
async fn series_and_statistics_tell_events_apart_by_what_is_asked_for() {
    let world = World::of("shop").await;
    let series = world.get("series?by=channel,status").await;
    let told: Vec<(String, u64)> = series["series"]
        .as_array()
        .expect("series")
        .iter()
        .map(|series| {
            (
                format!(
                    "{}/{}",
                    series["group"]["channel"].as_str().expect("one"),
                    series["group"]["status"].as_str().expect("one")
                ),
                sum(&series["values"]),
            )
        })
        .collect();
    let expected = [("oppo/failed", 4), ("/submitted", 3), ("oppo/sent", 3), ("oppo/delivered", 2), ("xiaomi/sent", 2)];
    assert_eq!(told, expected.map(|(group, n)| (group.to_owned(), n)));

    let rows = world.get("statistics?by=channel").await;
    let row = &rows["rows"][0];
    assert_eq!(
        (&row["group"], &row["events"], &row["on_time"], &row["late"]),
        (&json!({ "channel": "oppo" }), &json!(9), &json!(3), &json!(2))
    );
    assert!(row["p50_ms"].as_u64() < row["p99_ms"].as_u64() && row["p99_ms"].as_u64() >= Some(20_000), "{row}");
    let all = world.get("statistics?by=").await;
    assert_eq!((&all["rows"][0]["events"], all["rows"].as_array().map(Vec::len)), (&json!(14), Some(1)));
    let spans = world.get("statistics?by=outcome&kind=span&channel=oppo").await;
    assert_eq!(spans["rows"].as_array().map(Vec::len), Some(2));
    assert_eq!(world.get("statistics?by=kind&kind=any").await["rows"].as_array().map(Vec::len), Some(4));
}

#[tokio::test]
async fn what_is_beyond_the_bound_of_series_and_rows_is_summed_up() {
    let event = |n: u64| {
        crate::world::event(
            &json!({ "ago_ms": 5, "kind": "status", "status": "failed", "message_id": format!("{n}"), "code": format!("c{n}") }),
        )
    };
    let world = World::with((0..1_050).map(event).collect()).await;
    let series = world.get("series?by=code").await["series"].take();
    let series = series.as_array().expect("series");
    let last = &series[200];
    assert_eq!(
        (series.len(), &last["rest"], &last["group"], sum(&last["values"])),
        (201, &json!(true), &json!({ "code": "other" }), 850)
    );
    let rows = world.get("statistics?by=code").await["rows"].take();
    let rows = rows.as_array().expect("rows");
    assert_eq!((rows.len(), &rows[1_000]["rest"], &rows[1_000]["events"]), (1_001, &json!(true), &json!(50)));
}

#[tokio::test]
async fn the_funnel_says_how_far_messages_get() {
    let funnel = World::of("shop").await.get("funnel").await;
    let told: Vec<_> = funnel["stages"]
        .as_array()
        .expect("stages")
        .iter()
        .map(|stage| (stage["status"].as_str().expect("one"), stage["messages"].as_u64().expect("one")))
        .collect();
    assert_eq!(told, [("submitted", 7), ("sending", 4), ("sent", 4), ("delivered", 2), ("read", 0), ("failed", 2)]);
    assert!((funnel["stages"][2]["share"].as_f64().expect("a share") - 4.0 / 7.0).abs() < 1e-9);
    let none = World::with(Vec::new()).await.get("funnel").await;
    assert_eq!(none["stages"][0]["share"], 0.0);
}

#[tokio::test]
async fn nodes_are_told_with_what_goes_through_them_and_what_is_stuck() {
    let nodes = World::of("shop").await.get("nodes?minutes=60").await;
    let node =
        nodes["nodes"].as_array().expect("nodes").iter().find(|node| node["node"] == "OPPO_PUSH").expect("the node");
    for (name, expected) in [
        ("channel", json!("oppo")),
        ("messages", json!(6)),
        ("failed", json!(3)),
        ("on_time_ratio", json!(0.6)),
        ("in_flight", json!(2)),
        ("blocked", json!(1)),
        ("oldest_blocked_ms", json!(120_000)),
    ] {
        assert_eq!(node[name], expected, "{name}");
    }
    assert!((node["per_second"].as_f64().expect("a number") - 6.0 / 3_600.0).abs() < 1e-9);
    assert!(node["p99_ms"].as_u64() >= Some(20_000));
}

#[tokio::test]
async fn blocked_visits_are_told_the_oldest_first() {
    let world = World::of("shop").await;
    let blocked = world.get("blocked").await;
    let told: Vec<_> = blocked["visits"]
        .as_array()
        .expect("visits")
        .iter()
        .map(|visit| (visit["message_id"].as_str(), visit["age_ms"].as_u64()))
        .collect();
    assert_eq!(told, [(Some("order-5"), Some(120_000)), (Some("order-9"), Some(10_000))]);
    assert_eq!(blocked["by_node"], json!([{ "node": "OPPO_PUSH", "n": 2, "oldest_ms": 120_000 }]));
    let key = blocked["visits"][0]["key"].as_str().expect("a key");
    assert_eq!(world.get(&format!("messages/{key}")).await["message"]["id"], "order-5");
    let one = world.get("blocked?after=1m").await;
    assert_eq!((one["visits"].as_array().map(Vec::len), &one["by_node"][0]["n"]), (Some(1), &json!(1)));
    let few = world.get("blocked?limit=1").await;
    assert_eq!((few["visits"].as_array().map(Vec::len), &few["by_node"][0]["n"]), (Some(1), &json!(2)));
    assert_eq!(world.get("blocked?node=CONSUME").await["visits"], json!([]));
}

#[tokio::test]
async fn waits_are_measured_by_a_sample_of_messages() {
    let waits = World::of("shop").await.get("waits").await;
    let told: Vec<_> = waits["edges"]
        .as_array()
        .expect("edges")
        .iter()
        .map(|edge| (edge["from_node"].as_str(), edge["to_node"].as_str(), edge["max_ms"].as_u64()))
        .collect();
    let expected = [
        (Some("PUSH_API"), Some("CONSUME"), Some(9_960)),
        (Some("CONSUME"), Some("OPPO_RECEIPT"), Some(9_700)),
        (Some("PUSH_API"), Some("OPPO_PUSH"), Some(1_000)),
    ];
    assert_eq!((told.as_slice(), &waits["sampled"]), (expected.as_slice(), &json!(2)));
}

#[tokio::test]
async fn channels_are_told_with_their_state_their_rule_their_quality_and_their_past() {
    let channels = World::of("shop").await.get("channels").await;
    let channels = channels["channels"].as_array().expect("channels");
    let named = |name: &str| channels.iter().find(|channel| channel["channel"] == name).expect("the channel");
    let oppo = named("oppo");
    assert_eq!(
        (&oppo["state"], &oppo["reason"], &oppo["since_ms"]),
        (&json!("degraded"), &json!("failure_ratio"), &json!(NOW - 310_000))
    );
    let rule = json!({
        "name": "oppo-release", "kind": "force", "by": "alice", "reason": "the vendor moves", "until_ms": 1_800_003_600_000_u64, "version": "v2",
    });
    assert_eq!(oppo["rule"], rule);
    assert_eq!(
        (&oppo["quality"]["messages"], &oppo["quality"]["codes"][0]["code"], &oppo["quality"]["codes"][0]["n"]),
        (&json!(7), &json!("-1"), &json!(2))
    );
    assert!((oppo["quality"]["success_ratio"].as_f64().expect("a ratio") - 3.0 / 7.0).abs() < 1e-9);
    let past: Vec<_> = oppo["history"]
        .as_array()
        .expect("a past")
        .iter()
        .map(|event| (event["what"].as_str().expect("one"), event["to"].as_str().expect("one")))
        .collect();
    assert_eq!(
        past,
        [("state", "degraded"), ("state", "healthy"), ("rule", "applied"), ("rule", "applied"), ("rule", "applied")]
    );
    assert_eq!(named("sms")["rule"], Value::Null);
    let drill = json!({
        "at_ms": NOW - 100_000, "what": "drill", "from": "refused", "to": "passed", "reason": "the yearly rehearsal", "by": "carol", "name": "xiaomi-rehearsal",
    });
    assert_eq!(named("xiaomi")["history"][0], drill);
    assert_eq!(named("xiaomi")["state"], "");
}

#[tokio::test]
async fn what_has_happened_is_told_the_latest_first() {
    let history = World::of("shop").await.get("history").await;
    let events = history["events"].as_array().expect("events");
    assert_eq!((events.len(), &events[0]["facts"]["kind"]), (8, &json!("drill_report")));
    assert!(events.is_sorted_by_key(|event| std::cmp::Reverse(event["at_ms"].as_u64())));
}

#[tokio::test]
async fn failures_are_told_by_what_they_have_in_common() {
    let patterns = World::of("shop").await.get("patterns").await;
    let first = &patterns["patterns"][0];
    assert_eq!((&first["channel"], &first["code"], &first["count"]), (&json!("oppo"), &json!("-1"), &json!(2)));
    assert_eq!(
        (&first["text"], &first["threshold"], &first["proposal"]),
        (&json!("service currently unavailable"), &Value::Null, &Value::Null)
    );
    assert_eq!((&first["first_ms"], &first["last_ms"]), (&json!(NOW - 5 * MINUTE), &json!(NOW - 2 * MINUTE)));
    assert_eq!((sum(&first["trend"]), first["trend"].as_array().map(Vec::len)), (2, Some(12)));
    assert_eq!(patterns["patterns"].as_array().map(Vec::len), Some(3));
    let week = World::of("shop").await.get(&format!("patterns?from_ms={}", NOW - 7 * 24 * 60 * MINUTE)).await;
    assert!(week["resolution_ms"].as_u64() > Some(MINUTE) && week["patterns"][0]["count"] == 2, "{week}");
}
