//! The tracker changes an object in the name of whoever has signed in there: what that person may, and nothing more.

use super::bed::Bed;
use http::Method;
use pointsman_host::cluster::annotation;
use pointsman_host::switch::Crash;
use pointsman_tests::apiserver::Trouble;
use pointsman_tracker::access::{Person, Role};
use pointsman_tracker::config::fault::Faults;
use pointsman_tracker::operations::{self, Kind, Moment, OperationError, Operations, Reached, Step, Strike, Wish};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

struct Tracker {
    bed: Bed,
    folder: TempDir,
}

fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

fn person(name: &str, groups: &[&str], role: Role) -> Person {
    Person { name: name.to_owned(), groups: groups.iter().map(|group| (*group).to_owned()).collect(), role }
}

fn alice() -> Person {
    person("alice", &["push-operators"], Role::Operator)
}

fn bob() -> Person {
    person("bob", &["push-operators"], Role::Approver)
}

fn wish(kind: Kind) -> Wish {
    let ends = matches!(kind, Kind::Back | Kind::EndDrill);
    Wish {
        to: if kind == Kind::Switch { vec!["xiaomi-b".to_owned()] } else { Vec::new() },
        lasting: (!ends).then(|| "30m".to_owned()),
        ..Wish::new(kind, "xiaomi".to_owned(), "vendor \"down\"".to_owned())
    }
}

impl Tracker {
    async fn start() -> Self {
        Self { bed: Bed::start().await, folder: tempfile::tempdir().unwrap() }
    }

    async fn operations(&self, reached: Reached) -> Operations {
        let kubeconfig = self.bed.server.kubeconfig("console");
        let wire = json!({
            "kubernetes": {"configmap": "push/pointsman-overrides", "kubeconfig": kubeconfig, "timeout": "60s"},
            "log": self.folder.path().join("operations.jsonl"),
        });
        let mut faults = Faults::default();
        let wire: operations::Wire = serde_json::from_value(wire).unwrap();
        let settings = wire.validate("operations", &mut faults).unwrap();
        assert_eq!(faults.0, []);
        Operations::open_watched(settings, now(), reached).await.unwrap()
    }

    async fn usual(&self) -> Operations {
        self.operations(Arc::new(|_| Ok(()))).await
    }

    fn steps(&self) -> Vec<Step> {
        let log = std::fs::read(self.folder.path().join("operations.jsonl")).unwrap();
        operations::verify(&log).unwrap().into_iter().map(|line| line.step).collect()
    }

    /// Who has written the object, and who has asked in their name.
    fn writers(&self) -> Vec<(String, Option<String>)> {
        let audit = self.bed.server.audit().into_iter();
        audit.filter(|audit| audit.what.starts_with("PUT")).map(|audit| (audit.user, audit.asked_by)).collect()
    }

    fn note(&self, name: &str) -> Value {
        self.bed.overrides()["metadata"]["annotations"][name].clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_made_in_the_name_of_who_has_signed_in() {
    let tracker = Tracker::start().await;
    let operations = tracker.usual().await;
    let foreseen = operations.preview(alice(), wish(Kind::Switch), now()).await.unwrap();
    assert!(foreseen.diff.contains("switch-xiaomi") && !foreseen.wide, "{foreseen:?}");
    assert!(tracker.bed.orders().is_empty());
    let done = operations.ask(alice(), wish(Kind::Switch), now()).await.unwrap();
    assert_eq!((done.step, tracker.bed.orders()), (Step::Done, vec!["switch-xiaomi".to_owned()]));
    let alice_by_console = ("alice".to_owned(), Some("console".to_owned()));
    assert!(tracker.writers().iter().all(|writer| *writer == alice_by_console), "{:?}", tracker.writers());
    assert_eq!(tracker.note(annotation::BY), "alice");
    let history = tracker.note(annotation::HISTORY);
    assert!(history.as_str().unwrap().contains(done.version.as_deref().unwrap()), "{history}");

    let strike = Wish { share: Some(0.05), fault: Some(Strike::Status(503)), ..wish(Kind::Drill) };
    operations.ask(alice(), strike, now()).await.unwrap();
    assert_eq!(tracker.bed.orders(), ["drill-xiaomi", "switch-xiaomi"]);
    operations.ask(alice(), wish(Kind::EndDrill), now()).await.unwrap();
    operations.ask(alice(), wish(Kind::Back), now()).await.unwrap();
    assert!(tracker.bed.orders().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_in_the_cluster_may_not_here() {
    let tracker = Tracker::start().await;
    let operations = tracker.usual().await;
    let before = tracker.bed.overrides();
    // Without her group Alice has no right; and nobody is taken for the administrator.
    for (person, words) in [
        (person("alice", &[], Role::Approver), "cannot get resource"),
        (person("admin", &["system:masters"], Role::Approver), "impersonate"),
    ] {
        let refused = operations.ask(person, wish(Kind::Switch), now()).await.unwrap_err();
        assert!(matches!(&refused, OperationError::NotAllowed(text) if text.contains(words)), "{refused:?}");
    }
    assert_eq!((tracker.steps(), tracker.bed.overrides()), (vec![Step::Refused; 2], before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_slower_looks_again_and_gives_up_in_the_end() {
    let tracker = Tracker::start().await;
    let operations = tracker.usual().await;
    tracker.bed.server.trouble(Method::PUT, Trouble::Rival);
    assert_eq!(operations.ask(alice(), wish(Kind::Switch), now()).await.unwrap().step, Step::Done);
    for _ in 0..5 {
        tracker.bed.server.trouble(Method::PUT, Trouble::Rival);
    }
    let busy = operations.ask(alice(), wish(Kind::Back), now()).await.unwrap_err();
    assert!(matches!(busy, OperationError::Changing(_)), "{busy:?}");
    assert_eq!(tracker.steps(), [Step::Running, Step::Done, Step::Failed]);
    assert_eq!(tracker.bed.orders(), ["switch-xiaomi"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_demands_a_second_person_waits_for_one() {
    let tracker = Tracker::start().await;
    let mut object = tracker.bed.overrides();
    object["metadata"]["annotations"][annotation::APPROVAL] = "required".into();
    tracker.bed.server.put(object);
    let operations = tracker.usual().await;
    let waiting = operations.ask(alice(), wish(Kind::Switch), now()).await.unwrap();
    assert_eq!(waiting.step, Step::Waiting);
    assert!(waiting.why_wide.unwrap().contains("the object demands"));
    assert!(tracker.bed.orders().is_empty());
    drop(operations);
    let operations = tracker.usual().await;
    let done = operations.approve(bob(), waiting.id, now()).await.unwrap();
    assert_eq!((done.step, done.approved_by.as_deref()), (Step::Done, Some("bob")));
    assert_eq!((tracker.note(annotation::BY), tracker.note(annotation::APPROVED_BY)), (json!("alice"), json!("bob")));
    assert_eq!(tracker.writers().last().unwrap().0, "alice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operation_that_was_interrupted_is_settled_by_the_history_of_the_object() {
    for (moment, expected) in [(Moment::Intended, Step::Failed), (Moment::Performed, Step::Done)] {
        let tracker = Tracker::start().await;
        let crash: Reached = Arc::new(move |reached| if reached == moment { Err(Crash) } else { Ok(()) });
        let operations = tracker.operations(crash).await;
        let crashed = operations.ask(alice(), wish(Kind::Switch), now()).await;
        assert!(matches!(crashed, Err(OperationError::Crashed)), "{crashed:?}");
        drop(operations);
        let entries = tracker.usual().await.entries(&[], 1, now());
        assert_eq!((entries[0].step, tracker.bed.orders().is_empty()), (expected, expected == Step::Failed));
    }
}
