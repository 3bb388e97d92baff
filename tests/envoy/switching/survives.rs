//! A worker that loses its VM in an outage, and rules that change in one: what the workers have agreed on stays.

use crate::failover::bed::{auto_for_long, config, failover, oppo, setup, state};
use crate::failover::messages::{self, oppo_recipient};
use crate::failover::steady::{Steady, Tally};
use pointsman_host::vendors::Fault;
use pointsman_tests::load::Connection;
use pointsman_tests::{Bed, pushes};
use serde_json::json;
use std::collections::BTreeSet;
use tokio::time::Instant;

/// How many VMs are taken down; connections go to workers by chance, so that both are hit.
const TRAPS: usize = 12;

fn rules(more: &str) -> String {
    let to = json!(["lc"]);
    let rules = config(&[oppo()], &[auto_for_long("oppo", &to), failover("oppo", &to)]);
    rules.replacen('{', &format!("{{{more}"), 1)
}

/// How often a hundred pushes may pass until none of them has asked the vendor.
const QUIET_TRIES: usize = 10;

fn asked(bed: &Bed) -> u64 {
    bed.vendors.counts("oppo").unwrap().requests
}

/// Waits until so many more pushes have ended.
async fn more(load: &mut Steady, pushes: usize) {
    let enough = load.so_far().len() + pushes;
    load.until("more pushes", |ended| ended.len() >= enough).await;
}

/// Lets the channel degrade, and waits until nobody asks the vendor any more.
async fn outage(bed: &Bed, load: &mut Steady) {
    load.until("pushes", |pushes| pushes.len() > 100).await;
    bed.vendors.set_fault("oppo", Fault::error("-1")).unwrap();
    state(bed, "oppo", "degraded").await;
    // All workers know it a tick later: then the vendor is asked no more, whoever pushes.
    let mut is_quiet = false;
    for _ in 0..QUIET_TRIES {
        let before = asked(bed);
        more(load, 100).await;
        is_quiet = asked(bed) == before;
        if is_quiet {
            break;
        }
    }
    assert!(is_quiet, "the vendor is still asked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_vm_knows_that_a_channel_is_degraded() {
    let bed = setup(&rules("")).with_trap().start().await;
    let mut load = Steady::start(bed.envoy.outbound(), messages::oppo);
    outage(&bed, &mut load).await;
    let before = asked(&bed);
    let began = Instant::now();
    for _ in 0..TRAPS {
        let mut connection = Connection::open(bed.envoy.outbound()).await;
        let status = connection.send(pushes::with(messages::oppo(900_000), "x-test-trap", b"1")).await;
        assert_eq!(status.map(|status| status.as_u16()), Some(503), "the trapping push fails");
        more(&mut load, 60).await;
    }
    state(&bed, "oppo", "degraded").await;
    let pushes = load.stop().await;
    assert_eq!(asked(&bed), before, "no new VM has asked the vendor");
    let tally = Tally::of(&[&bed.vendors]);
    let answered: Vec<usize> =
        pushes.iter().filter(|push| push.began > began && push.status() == 200).map(|push| push.number).collect();
    assert!(answered.len() > 100, "{} pushes were answered after the first trap", answered.len());
    let elsewhere: BTreeSet<&usize> =
        answered.iter().filter(|number| !tally.is_by(&oppo_recipient(**number), "lc")).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    assert!(tally.doubled(&pushes, oppo_recipient).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_rules_know_that_a_channel_is_degraded() {
    let bed = setup(&rules("")).start().await;
    let mut load = Steady::start(bed.envoy.outbound(), messages::oppo);
    outage(&bed, &mut load).await;
    let before = asked(&bed);
    bed.apply(&rules(r#""sample_ratio": 0.5, "#)).await;
    more(&mut load, 200).await;
    state(&bed, "oppo", "degraded").await;
    let pushes = load.stop().await;
    assert_eq!(asked(&bed), before, "no worker has asked the vendor under the new rules");
    let tally = Tally::of(&[&bed.vendors]);
    assert!(tally.lost(&pushes, oppo_recipient).is_empty() && tally.doubled(&pushes, oppo_recipient).is_empty());
    assert!(pushes.iter().all(|push| push.is_done()), "callers see no failure");
}
