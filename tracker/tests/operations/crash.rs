//! Everything ends between two steps: what the next program makes of it.

use super::bed::{Bed, CONFIG, crash_at, now, pass, switch};
use pointsman_host::oplog;
use pointsman_host::switch::Point;
use pointsman_tracker::operations::{Moment, OperationError};
use serde_json::{Value, json};

#[tokio::test]
async fn an_operation_that_was_interrupted_is_settled_by_what_the_config_is() {
    for (moment, step, is_in_place) in [
        (Moment::Intended, "failed", false),
        (Moment::File(Point::Intended), "failed", false),
        (Moment::File(Point::Staged), "failed", false),
        (Moment::File(Point::InPlace), "done", true),
        (Moment::File(Point::Applied), "done", true),
        (Moment::Performed, "done", true),
    ] {
        let mut bed = Bed::with(json!({}), crash_at(moment)).await;
        let said = bed.post("alice", "operations", &switch()).await;
        assert_eq!(said.status, 502, "{moment:?}: {said:?}");
        let shown = bed.newest().await;
        assert_eq!(shown["step"], "running", "{moment:?}");
        assert_eq!(bed.text() != CONFIG, is_in_place, "{moment:?}");
        bed.reopen().await;
        let shown = bed.newest().await;
        assert_eq!((shown["step"].as_str(), bed.text() != CONFIG), (Some(step), is_in_place), "{moment:?}");
        assert!(shown["error"].as_str().expect("text").contains("it was interrupted"), "{shown}");
        // And it goes on from there, with both logs whole.
        pass(1);
        assert_eq!(bed.post("dave", "operations", &switch()).await.status, 201, "{moment:?}");
        let own = std::fs::read(bed.config().with_extension("ops.jsonl")).expect("it is there");
        assert!(oplog::read(&own).expect("its chain is whole").unfinished().is_none(), "{moment:?}");
        assert_eq!(bed.lines().len(), 4, "{moment:?}");
    }
}

#[tokio::test]
async fn an_operation_whose_config_was_changed_since_is_not_taken_for_done() {
    let mut bed = Bed::with(json!({}), crash_at(Moment::File(Point::InPlace))).await;
    bed.post("alice", "operations", &switch()).await;
    std::fs::write(bed.config(), CONFIG.replace("\"push\"", "\"other\"")).expect("it can be written");
    bed.reopen().await;
    let shown = bed.newest().await;
    assert_eq!(shown["step"], "failed");
    assert!(shown["error"].as_str().expect("text").contains("changed otherwise since"), "{shown}");
}

#[tokio::test]
async fn a_line_that_was_cut_off_loses_nothing_that_was_told_before() {
    let mut bed = Bed::new().await;
    let id = bed.waiting("alice").await;
    let log = std::fs::read_to_string(bed.log()).expect("it can be read");
    bed.operations = None;
    std::fs::write(bed.log(), format!("{log}{{\"time\":\"2027")).expect("it can be written");
    bed.reopen().await;
    assert_eq!(bed.post("bob", &format!("operations/{id}/approve"), &Value::Null).await.status, 200);
    assert_eq!(bed.lines()[1].cut_off.as_deref(), Some("{\"time\":\"2027"));
}

#[tokio::test]
async fn a_second_program_does_not_write_to_the_same_log() {
    let mut bed = Bed::new().await;
    let first = bed.operations.clone().expect("they are there");
    let second = bed.reopen_beside().await;
    assert!(matches!(second, Err(OperationError::Journal(_))), "{second:?}");
    assert_eq!(first.entries(&[], 10, now()), []);
}

impl Bed {
    async fn reopen_beside(&mut self) -> Result<(), OperationError> {
        let _kept = self.operations.clone();
        self.open(json!({}), std::sync::Arc::new(|_| Ok(()))).await
    }
}
