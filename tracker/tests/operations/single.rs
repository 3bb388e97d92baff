//! What one person may do alone: the change, its line in the log, and everything that is refused.

use super::bed::{Bed, CONFIG, back, switch};
use pointsman_core::config::digest;
use pointsman_tracker::operations::{Moment, Step};
use serde_json::{Value, json};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

#[tokio::test]
async fn a_switch_is_shown_first_and_then_done_and_taken_back() {
    let bed = Bed::new().await;
    let preview = bed.post("alice", "operations/preview", &switch()).await.body;
    assert_eq!(preview["wide"], false);
    assert!(preview["diff"].as_str().expect("text").contains("+    {\"name\": \"switch-xiaomi\""), "{preview}");
    assert_eq!((bed.text(), bed.lines().len()), (CONFIG.to_owned(), 0), "a preview changes nothing");

    let done = bed.post("alice", "operations", &switch()).await;
    assert_eq!((done.status.as_u16(), done.text("step"), done.text("by")), (201, "done", "alice@example.com"));
    assert_eq!(
        (done.text("diff"), done.text("version")),
        (preview["diff"].as_str().expect("text"), digest(&bed.text()).as_str())
    );
    let config: Value = serde_json::from_str(&bed.text()).expect("JSON");
    let rule = &config["rules"][0];
    assert_eq!((&rule["force"]["to"], &rule["by"]), (&json!(["xiaomi-b"]), &json!("alice@example.com")));
    assert_eq!(rule["until"], "2027-01-15T08:30:00Z");

    assert_eq!(bed.post("dave", "operations", &back()).await.status, 201);
    assert_eq!(bed.text(), CONFIG);
    let lines = bed.lines();
    let told: Vec<_> = lines.iter().map(|line| (line.step, line.record.by.as_str())).collect();
    let (alice, dave) = ("alice@example.com", "dave@example.com");
    assert_eq!(told, [(Step::Running, alice), (Step::Done, alice), (Step::Running, dave), (Step::Done, dave)]);
    assert_eq!(lines[0].record.diff, lines[1].record.diff);
    assert_eq!(
        (lines[0].record.wish.reason.as_str(), lines[0].time.as_str()),
        ("vendor \"down\"", "2027-01-15T08:00:00Z")
    );
    let entries = bed.get("carol", "operations?limit=1").await.body;
    assert_eq!(
        (entries["entries"].as_array().expect("a list").len(), &entries["entries"][0]["kind"]),
        (1, &json!("back"))
    );
}

#[tokio::test]
async fn a_drill_is_bounded_and_ended_early() {
    let bed = Bed::new().await;
    let drill = json!({
        "kind": "drill", "channel": "xiaomi", "share": 0.05, "fault": {"status": 503}, "for": "10m", "reason": "rehearsal"
    });
    let with = |key: &str, value: Value| {
        let mut order = drill.clone();
        order[key] = value;
        order
    };
    assert_eq!(bed.post("alice", "operations", &with("for", json!("2h"))).await.code(), (400, "bad_order"));
    assert_eq!(bed.post("alice", "operations", &with("channel", json!("apns"))).await.code(), (422, "unfit"));
    let preview = bed.post("alice", "operations/preview", &with("share", json!(0.2))).await.body;
    assert_eq!(preview["wide"], true, "{preview}");
    assert_eq!(bed.post("alice", "operations", &drill).await.status, 201);
    let config: Value = serde_json::from_str(&bed.text()).expect("JSON");
    assert_eq!(config["rules"][0]["drill"], json!({"channel": "xiaomi", "share": 0.05, "fault": {"status": 503}}));
    let end = json!({"kind": "end_drill", "channel": "xiaomi", "reason": "seen enough"});
    assert_eq!(bed.post("dave", "operations", &end).await.status, 201);
    assert_eq!(bed.text(), CONFIG);
}

#[tokio::test]
async fn what_does_not_fit_the_config_is_refused_and_recorded() {
    let bed = Bed::new().await;
    let mut order = switch();
    order["to"] = json!(["nobody"]);
    let said = bed.post("alice", "operations", &order).await;
    assert_eq!(said.code(), (422, "unfit"));
    assert!(said.body["error"]["message"].as_str().expect("text").contains("$.rules[0].force.to[0]"), "{said:?}");
    assert_eq!(bed.post("alice", "operations", &back()).await.code(), (422, "unfit"));
    assert_eq!((bed.text(), bed.steps()), (CONFIG.to_owned(), vec![json!("refused"), json!("refused")]));
    let newest = bed.newest().await;
    assert_eq!((&newest["step"], &newest["in_force"]["known"]), (&json!("refused"), &json!(false)));
    assert!(newest["error"].as_str().expect("text").contains("nothing is taken back"), "{newest}");
}

#[tokio::test]
async fn a_config_that_cannot_be_changed_is_a_failure_that_is_recorded() {
    let bed = Bed::new().await;
    std::fs::remove_file(bed.config()).expect("it is there");
    assert_eq!(bed.post("alice", "operations", &switch()).await.code(), (502, "failed"));
    assert_eq!(bed.steps(), [json!("failed")]);
}

#[tokio::test]
async fn a_log_that_takes_nothing_lets_nothing_happen() {
    let mut bed = Bed::new().await;
    assert_eq!(bed.post("alice", "operations", &switch()).await.status, 201);
    let before = bed.text();
    let log = std::fs::read_to_string(bed.log()).expect("it can be read");
    bed.operations = None;
    std::fs::write(bed.log(), log.replace("alice", "mallory")).expect("it can be written");
    let opened = bed.open(json!({}), Arc::new(|_| Ok(()))).await;
    assert!(opened.expect_err("it is broken").to_string().contains("the operations log"));
    assert_eq!(bed.text(), before);
}

#[tokio::test]
async fn one_is_carried_out_at_a_time_and_the_other_is_told() {
    let (begun, has_begun) = channel();
    let (go_on, may_go_on) = channel::<()>();
    let may_go_on = Mutex::new(may_go_on);
    let reached = Arc::new(move |moment| {
        if moment == Moment::Intended {
            let _ = begun.send(());
            let _ = may_go_on.lock().expect("no panic").recv();
        }
        Ok(())
    });
    let bed = Bed::with(json!({}), reached).await;
    let (first_order, second) =
        (switch(), json!({"kind": "shed", "channel": "xiaomi", "below_priority": 2, "for": "1m", "reason": "me too"}));
    let first = bed.post("alice", "operations", &first_order);
    let other = async {
        tokio::task::spawn_blocking(move || has_begun.recv()).await.expect("no panic").expect("it begins");
        let busy = bed.post("dave", "operations", &second).await;
        let listed = bed.newest().await;
        go_on.send(()).expect("it waits");
        (busy, listed)
    };
    let (first, (busy, listed)) = tokio::join!(first, other);
    assert_eq!((first.status.as_u16(), busy.code()), (201, (409, "busy")));
    assert_eq!(listed["step"], "running", "it can be looked at meanwhile");
}

#[tokio::test]
async fn targets_are_what_the_rules_have_prepared() {
    let bed = Bed::new().await;
    let targets = bed.get("alice", "operations/targets").await.body;
    assert_eq!(targets["channels"][1], json!({"channel": "xiaomi", "to": ["xiaomi-b", "xiaomi-c"]}), "{targets}");
}
