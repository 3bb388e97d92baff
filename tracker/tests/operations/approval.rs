//! What needs a second person: who may agree, to what, and until when.

use super::bed::{Bed, CONFIG, back, now, pass, switch, wide};
use pointsman_tracker::operations::{OperationError, Proposal};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test]
async fn a_wide_order_waits_until_somebody_else_agrees() {
    let bed = Bed::new().await;
    let id = bed.waiting("alice").await;
    assert_eq!(bed.text(), CONFIG);
    let entry = bed.newest().await;
    assert_eq!((&entry["step"], &entry["expires_ms"]), (&json!("waiting"), &json!(now() + 1_800_000)));
    assert!(entry["why_wide"].as_str().expect("text").contains("all messages of xiaomi"), "{entry}");
    pass(10);
    let done = bed.post("bob", &format!("operations/{id}/approve"), &Value::Null).await;
    assert_eq!((done.status.as_u16(), done.text("step"), done.text("approved_by")), (200, "done", "bob@example.com"));
    let config: Value = serde_json::from_str(&bed.text()).expect("JSON");
    let rule = &config["rules"][0];
    assert_eq!(
        (&rule["by"], &rule["until"]),
        (&json!("alice@example.com"), &json!("2027-01-15T08:40:00Z")),
        "from now on"
    );
    assert_eq!(bed.steps(), [json!("waiting"), json!("running"), json!("done")]);
    let again = bed.post("bob", &format!("operations/{id}/approve"), &Value::Null).await;
    assert_eq!(again.code(), (409, "not_waiting"));
    assert_eq!(bed.post("bob", "operations/nothing/approve", &Value::Null).await.code(), (404, "not_found"));
}

#[tokio::test]
async fn nobody_agrees_with_themselves_however_the_name_is_written() {
    let bed = Bed::new().await;
    let id = bed.waiting("alice").await;
    let path = format!("operations/{id}/approve");
    assert_eq!(bed.post("alice", &path, &Value::Null).await.code(), (403, "role"));
    assert_eq!(bed.post("alice-too", &path, &Value::Null).await.code(), (403, "same_person"));
    assert_eq!(bed.post("dave", &path, &Value::Null).await.code(), (403, "role"));
    assert_eq!(bed.text(), CONFIG);
    let notes: Vec<String> = bed.lines().into_iter().filter_map(|line| line.note).collect();
    assert!(notes.len() == 3 && notes[1].starts_with("Alice@Example.com was denied"), "{notes:?}");
    assert_eq!(bed.newest().await["step"], "waiting", "somebody else still can");
    assert_eq!(bed.post("bob", &path, &Value::Null).await.status, 200);
}

#[tokio::test]
async fn what_waits_is_over_in_time_and_outlives_a_restart_until_then() {
    let mut bed = Bed::new().await;
    let (first, second) = (bed.waiting("alice").await, bed.waiting("alice").await);
    pass(29);
    bed.reopen().await;
    assert_eq!(bed.post("bob", &format!("operations/{first}/approve"), &Value::Null).await.status, 200);
    pass(1);
    assert_eq!(bed.newest().await["step"], "expired", "whether or not the log says so");
    assert_eq!(bed.post("bob", &format!("operations/{second}/approve"), &Value::Null).await.code(), (409, "expired"));
    let last = bed.lines().pop().expect("a line");
    assert_eq!((json!(last.step), last.record.id), (json!("expired"), second));
}

#[tokio::test]
async fn what_waits_is_refused_by_an_approver_or_by_who_has_asked() {
    let bed = Bed::new().await;
    let why = json!({"reason": "not today"});
    let path = |id: &str| format!("operations/{id}/reject");
    let (first, second) = (bed.waiting("alice").await, bed.waiting("alice").await);
    assert_eq!(bed.post("dave", &path(&first), &why).await.code(), (403, "not_yours"));
    assert_eq!(bed.post("bob", &path(&first), &json!({"reason": ""})).await.code(), (400, "bad_order"));
    let refused = bed.post("bob", &path(&first), &why).await;
    assert_eq!(
        (refused.text("step"), refused.text("refused_by"), refused.text("error")),
        ("refused", "bob@example.com", "not today")
    );
    assert_eq!(bed.post("alice", &path(&second), &why).await.status, 200);
    assert_eq!(
        bed.post("bob", &format!("operations/{first}/approve"), &Value::Null).await.code(),
        (409, "not_waiting")
    );
    assert_eq!(bed.text(), CONFIG);
}

#[tokio::test]
async fn an_approver_agrees_to_what_was_looked_at_and_to_nothing_else() {
    let bed = Bed::new().await;
    let id = bed.waiting("alice").await;
    // One order for the channel comes in between: what was asked for would now take that one out.
    let between = r#"{"name": "switch-xiaomi", "force": {"channel": "xiaomi", "action": "hold", "state": "healthy"},
        "by": "erin", "reason": "x", "until": "2027-01-15T09:00:00Z"}"#;
    let between = between.replace("\n        ", " ");
    let config = bed.text().replace("\"rules\": [\n", &format!("\"rules\": [\n    {between},\n"));
    std::fs::write(bed.config(), config).expect("it can be written");
    let path = format!("operations/{id}/approve");
    assert_eq!(bed.post("bob", &path, &Value::Null).await.code(), (409, "changed"));
    let entry = bed.newest().await;
    assert!(entry["diff"].as_str().expect("text").contains("-    {\"name\": \"switch-xiaomi\""), "{entry}");
    assert_eq!((&entry["step"], &entry["approved_by"]), (&json!("waiting"), &Value::Null));
    assert_eq!(bed.post("bob", &path, &Value::Null).await.status, 200, "now it was looked at");
    // And what does not fit any more is refused.
    let id = bed.waiting("alice").await;
    std::fs::write(bed.config(), "[]").expect("it can be written");
    assert_eq!(bed.post("bob", &format!("operations/{id}/approve"), &Value::Null).await.code(), (422, "unfit"));
    assert_eq!(bed.newest().await["step"], "refused");
}

#[tokio::test]
async fn the_config_says_what_is_wide() {
    let mut bed = Bed::with(json!({"channels": ["xiaomi"]}), Arc::new(|_| Ok(()))).await;
    assert_eq!(bed.post("alice", "operations", &switch()).await.status, 202);
    bed.open(json!({"shed_all": false}), Arc::new(|_| Ok(()))).await.expect("it opens");
    assert_eq!(bed.post("alice", "operations", &wide()).await.status, 201);
    bed.open(json!({"all": true}), Arc::new(|_| Ok(()))).await.expect("it opens");
    assert_eq!(bed.post("alice", "operations", &back()).await.status, 201, "the way back waits for nobody");
    assert_eq!(bed.text(), CONFIG);
}

#[tokio::test]
async fn not_more_wait_than_somebody_can_look_at() {
    let bed = Bed::new().await;
    for _ in 0..100 {
        bed.waiting("alice").await;
    }
    assert_eq!(bed.post("alice", "operations", &wide()).await.code(), (429, "too_many_waiting"));
}

#[tokio::test]
async fn a_proposal_waits_for_an_operator_who_then_has_asked_for_it() {
    let bed = Bed::with(json!({"channels": ["apns"]}), Arc::new(|_| Ok(()))).await;
    let operations = bed.operations.clone().expect("they are there");
    let proposal = Proposal {
        channel: "xiaomi".to_owned(),
        to: vec!["xiaomi-b".to_owned()],
        lasting: Duration::from_secs(1_800),
        reason: "40 failures:\n\u{7}in 5 minutes".to_owned(),
    };
    let entry = operations.suggest(proposal.clone(), now()).await.expect("it waits");
    assert!(
        entry.proposed
            && entry.by == "pattern"
            && entry.reason == "40 failures: in 5 minutes"
            && entry.diff.contains("xiaomi-b"),
        "{entry:?}"
    );
    assert!(matches!(operations.suggest(proposal.clone(), now()).await, Err(OperationError::ProposedAlready)));
    let nobody = Proposal { to: vec!["nobody".to_owned()], channel: "apns".to_owned(), ..proposal.clone() };
    assert!(matches!(operations.suggest(nobody, now()).await, Err(OperationError::Unfit(_))));
    assert_eq!(bed.text(), CONFIG);
    let path = format!("operations/{}/approve", entry.id);
    assert_eq!(bed.post("carol", &path, &Value::Null).await.code(), (403, "role"));
    let done = bed.post("alice", &path, &Value::Null).await;
    assert_eq!(
        (done.text("step"), done.text("by"), done.text("proposed_by")),
        ("done", "alice@example.com", "pattern")
    );
    assert!(matches!(operations.suggest(proposal.clone(), now()).await, Err(OperationError::ProposedAlready)));
    pass(31);
    assert!(operations.suggest(proposal, now()).await.is_ok());
}

#[tokio::test]
async fn a_proposal_that_is_wide_needs_two_people() {
    let bed = Bed::with(json!({"channels": ["xiaomi"]}), Arc::new(|_| Ok(()))).await;
    let proposal = Proposal {
        channel: "xiaomi".to_owned(),
        to: vec!["xiaomi-b".to_owned()],
        lasting: Duration::from_secs(60),
        reason: "failures".to_owned(),
    };
    let entry = bed.operations.clone().expect("they are there").suggest(proposal, now()).await.expect("it waits");
    let path = format!("operations/{}/approve", entry.id);
    let taken = bed.post("alice", &path, &Value::Null).await;
    assert_eq!((taken.status.as_u16(), taken.text("step"), taken.text("by")), (202, "waiting", "alice@example.com"));
    assert_eq!(bed.post("alice-too", &path, &Value::Null).await.code(), (403, "same_person"));
    assert_eq!(bed.post("bob", &path, &Value::Null).await.text("step"), "done");
}
