//! Where a change is in force is what filters say, and nothing else.

use super::bed::{Bed, back, now, pass, switch};
use pointsman_core::config::digest;
use pointsman_tracker::event::{Event, Facts, Kind};
use pointsman_tracker::store::Store as _;
use serde_json::{Value, json};
use std::sync::Arc;

impl Bed {
    /// A filter says which config it has.
    async fn report(&self, service: &str, pod: Option<&str>, version: &str) {
        let facts = Facts { kind: Kind::Rule, service: service.to_owned(), name: "a".to_owned(), ..Facts::default() };
        let mut rest = json!({"push.config.version": version});
        if let Some(pod) = pod {
            rest["resource"] = json!({"k8s.pod.name": pod});
        }
        let event = Event { facts: Arc::new(facts), at_ms: now(), rest: rest.to_string(), ..Event::default() };
        self.store.append(vec![event]).await.expect("it is kept");
    }

    /// Known, with, behind: of the newest operation, or of one before.
    async fn in_force(&self, before: usize) -> (bool, u64, u64) {
        let entries = self.get("carol", "operations").await.body;
        assert_eq!(entries["reports"], true);
        let in_force: &Value = &entries["entries"][before]["in_force"];
        let number = |key: &str| in_force[key].as_u64().expect("a number");
        (in_force["known"].as_bool().expect("a boolean"), number("with"), number("behind"))
    }
}

#[tokio::test]
async fn a_change_is_in_force_only_when_filters_say_so() {
    let bed = Bed::new().await;
    let old = digest(&bed.text());
    for pod in ["a", "b"] {
        bed.report("push", Some(pod), &old).await;
    }
    bed.report("other", None, "0123456789abcdef").await;
    pass(1);
    let done = bed.post("alice", "operations", &switch()).await;
    assert_eq!(done.body["in_force"], json!({"known": false, "with": 0, "behind": 0}));
    assert_eq!(bed.in_force(0).await, (false, 0, 2), "another service is not asked");
    let new = done.text("version");
    bed.report("push", Some("a"), new).await;
    assert_eq!(bed.in_force(0).await, (true, 1, 1));
    bed.report("push", Some("b"), new).await;
    bed.report("push", Some("c"), new).await;
    assert_eq!(bed.in_force(0).await, (true, 3, 0));
}

#[tokio::test]
async fn a_filter_that_has_loaded_its_config_long_ago_is_behind() {
    let bed = Bed::new().await;
    bed.report("push", Some("a"), &digest(&bed.text())).await;
    pass(30 * 24 * 60);
    assert_eq!(bed.post("alice", "operations", &switch()).await.status, 201);
    assert_eq!(bed.in_force(0).await, (false, 0, 1));
}

#[tokio::test]
async fn what_a_later_change_has_overtaken_is_not_behind() {
    let bed = Bed::new().await;
    let old = digest(&bed.text());
    bed.report("push", Some("a"), &old).await;
    pass(1);
    assert_eq!(bed.post("alice", "operations", &switch()).await.status, 201);
    pass(1);
    let second = bed.post("alice", "operations", &switch()).await;
    bed.report("push", Some("a"), second.text("version")).await;
    assert_eq!((bed.in_force(0).await, bed.in_force(1).await), ((true, 1, 0), (false, 0, 0)));
}

#[tokio::test]
async fn a_way_back_is_not_taken_for_in_force_by_what_was_said_before() {
    let bed = Bed::new().await;
    bed.report("push", None, &digest(&bed.text())).await;
    pass(10);
    let switched = bed.post("alice", "operations", &switch()).await;
    bed.report("push", None, switched.text("version")).await;
    pass(10);
    let done = bed.post("alice", "operations", &back()).await;
    assert_eq!((done.text("version"), bed.in_force(0).await), (digest(&bed.text()).as_str(), (false, 0, 1)));
    pass(1);
    bed.report("push", None, done.text("version")).await;
    assert_eq!((bed.in_force(0).await, bed.in_force(1).await), ((true, 1, 0), (true, 1, 0)));
}
