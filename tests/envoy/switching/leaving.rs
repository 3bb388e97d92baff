//! Clients that leave while another channel is asked to take their message.

use crate::failover::bed::{bed, config, failover, oppo, records, says_unsure, until};
use crate::failover::messages::{self, id, oppo_recipient};
use crate::failover::steady::Tally;
use pointsman_host::vendors::Fault;
use pointsman_tests::Bed;
use pointsman_tests::load::Waiting;
use serde_json::json;

const CLIENTS: usize = 20;

/// How long the backup takes.
const SLOW_MS: u64 = 600;

fn calls(bed: &Bed) -> (u64, u64) {
    let counts = bed.vendors.counts("lc").unwrap();
    (counts.open, counts.messages_accepted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_during_a_replay_changes_nothing_for_others_and_is_sent_once() {
    let bed = bed(&config(&[oppo()], &[failover("oppo", &json!(["lc"]))])).await;
    let (_, before) = calls(&bed);
    bed.vendors.set_fault("oppo", Fault::error("-1")).unwrap();
    bed.vendors.set_fault("lc", Fault::delay(SLOW_MS)).unwrap();
    let leaving = Waiting::send(bed.envoy.outbound(), (0..CLIENTS).map(messages::oppo));
    let staying = Waiting::send(bed.envoy.outbound(), (CLIENTS..2 * CLIENTS).map(messages::oppo));
    until("all replays to be under way", || async {
        let (open, _) = calls(&bed);
        if open == 2 * CLIENTS as u64 { Ok(()) } else { Err(format!("{open} open")) }
    })
    .await;
    drop(leaving);
    let answers = staying.answers().await;
    assert!(answers.iter().all(|status| status.is_some_and(|status| status == 200)), "{answers:?}");
    bed.vendors.clear_fault("lc").unwrap();

    bed.expect("pointsman_node_in_flight", &[("channel", "oppo")], 0.0).await;
    bed.expect("pointsman_failovers_in_flight", &[], 0.0).await;
    let tally = Tally::of(&[&bed.vendors]);
    for number in CLIENTS..2 * CLIENTS {
        assert_eq!(tally.accepted(&oppo_recipient(number)), 1, "{}", id(number));
    }
    // Whether the call outlives its client is Envoy's affair; that nobody knows what has become of it is told.
    let records = records(&bed);
    for number in 0..CLIENTS {
        assert!(tally.accepted(&oppo_recipient(number)) <= 1, "{} is doubled", id(number));
        assert!(says_unsure(&records, &id(number)), "nothing is told of {}", id(number));
    }
    assert!(calls(&bed).1 - before <= 2 * CLIENTS as u64);
    let log = bed.envoy.log();
    assert!(!log.contains("could not") && !log.contains("was not done"), "{log}");
}
