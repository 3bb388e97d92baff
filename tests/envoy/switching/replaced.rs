//! A rules file that takes the place of another by rename, under load.

use crate::failover::bed::{adapt, config, failover, oppo};
use crate::failover::messages::{self, id, oppo_recipient};
use crate::failover::steady::Tally;
use bytes::Bytes;
use http::Request;
use pointsman_tests::load::{Load, Push};
use pointsman_tests::{Bed, Setup};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// Within which new rules must be in force in every worker.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(1);

fn rules(force: bool) -> String {
    let by_hand = json!({
        "name": "by-hand", "by": "alice@example.com", "reason": "maintenance", "until": "2099-01-01T00:00:00Z",
        "force": {"channel": "oppo", "action": "switch", "to": ["lc"]},
    });
    let failover = failover("oppo", &json!(["lc"]));
    let rules: Vec<Value> = if force { vec![by_hand, failover] } else { vec![failover] };
    config(&[oppo()], &rules)
}

/// The number in an id of a load.
fn push(id: &str) -> Request<Bytes> {
    messages::oppo(number(id))
}

/// One for each push of the process, since ids name a connection and a place in it.
fn number(id: &str) -> usize {
    let mut parts = id.split('-').skip(1).map(|part| part.parse::<usize>().unwrap());
    let (connection, place) = (parts.next().unwrap(), parts.next().unwrap());
    connection * 10_000 + place
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_rules_are_in_force_in_every_worker_within_a_second_and_no_push_fails() {
    let bed = Setup::with_rules(&rules(false))
        .workers(2)
        .edit(|bootstrap| adapt(bootstrap, Duration::from_secs(5)))
        .start()
        .await;
    // Twenty connections that stay are spread over both workers.
    let load = Load::new(bed.envoy.outbound(), Duration::from_millis(100), push).kept(20).start();
    load.until("all connections", |pushes| connections(pushes).len() == 20 && pushes.len() > 100).await;
    let mut changes = Vec::new();
    for force in [true, false, true, false, true] {
        bed.envoy.apply(&rules(force)).unwrap();
        let changed = Instant::now();
        changes.push((changed, force));
        load.until("pushes after the change", |pushes| {
            connections_since(pushes, changed + IN_FORCE_WITHIN + Duration::from_millis(300)).len() == 20
        })
        .await;
    }
    let pushes = load.stop().await;
    let failed: Vec<&Push> = pushes.iter().filter(|push| !push.is_ok()).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_places(&bed, &pushes, &changes);
}

/// Every push that began a second after a change, and before the next, has gone where the rules of that time lead.
fn assert_places(bed: &Bed, pushes: &[Push], changes: &[(Instant, bool)]) {
    let tally = Tally::of(&[&bed.vendors]);
    let ends = changes.iter().skip(1).map(|(at, _)| Some(*at)).chain([None]);
    for ((at, force), end) in changes.iter().zip(ends) {
        let vendor = if *force { "lc" } else { "oppo" };
        let within = |push: &&Push| push.began >= *at + IN_FORCE_WITHIN && end.is_none_or(|end| push.ended < end);
        let late: Vec<&Push> = pushes
            .iter()
            .filter(within)
            .filter(|push| !tally.is_by(&oppo_recipient(number(&push.id)), vendor))
            .collect();
        let of_connection: BTreeMap<u32, usize> = late.iter().fold(BTreeMap::new(), |mut counts, push| {
            *counts.entry(push.connection).or_default() += 1;
            counts
        });
        assert!(late.is_empty(), "not at {vendor} a second after the change, by connection: {of_connection:?}");
    }
    for push in pushes {
        let number = number(&push.id);
        assert_eq!(tally.accepted(&oppo_recipient(number)), 1, "{} is sent once", id(number));
    }
}

fn connections(pushes: &[Push]) -> BTreeSet<u32> {
    pushes.iter().map(|push| push.connection).collect()
}

fn connections_since(pushes: &[Push], instant: Instant) -> BTreeSet<u32> {
    pushes.iter().filter(|push| push.began >= instant).map(|push| push.connection).collect()
}
