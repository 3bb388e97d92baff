//! No push waits for the export of records, not even if the collector never answers in time.
//!
//! What the machine does besides is in both measurements alike: two sidecars stand side by side, one with export and one
//! without, and take turns. No absolute time is asked for.

use crate::stitching::config;
use pointsman_host::otlp::Behaviour;
use pointsman_tests::collector::Collector;
use pointsman_tests::load::{Load, MakePush, gateway_push};
use pointsman_tests::{Bed, Setup};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::sleep;

const ROUNDS: usize = 7;

/// A busy machine may spoil a whole comparison, but not six.
const ATTEMPTS: usize = 6;

const PUSHES_IN_A_ROUND: usize = 600;
const SENDERS: usize = 16;
const EVERY: Duration = Duration::from_millis(20);

/// The most that the median of the rounds' 99th percentiles may be, of what it is without export.
const MOST: f64 = 1.2;

async fn bed(collector: &Collector, records: Value) -> Bed {
    let mut config: Value = serde_json::from_str(&config(&json!({}))).unwrap();
    config["records"] = records;
    if config["records"].is_null() {
        config.as_object_mut().unwrap().remove("records");
    }
    Setup::with_rules(&config.to_string()).workers(2).collector(collector.addr()).start().await
}

/// The 99th percentile of what one round's pushes took, none of which may fail.
async fn round(bed: &Bed) -> Duration {
    let load = Load::new(bed.envoy.outbound(), EVERY, gateway_push as MakePush).kept(SENDERS).start();
    while load.so_far().len() < PUSHES_IN_A_ROUND {
        sleep(EVERY).await;
    }
    let pushes = load.stop().await;
    assert!(pushes.iter().all(pointsman_tests::load::Push::is_ok), "a push has failed");
    let mut took: Vec<Duration> = pushes.iter().map(|push| push.ended - push.began).collect();
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

fn median(mut rounds: Vec<Duration>) -> Duration {
    rounds.sort_unstable();
    rounds[rounds.len() / 2]
}

/// The median with export, of that without; the collector behaves in one of these ways after the other.
async fn compare(with: &Bed, without: &Bed, collector: &Collector, behaviours: &[Behaviour]) -> f64 {
    let (mut of_with, mut of_without) = (Vec::new(), Vec::new());
    for (number, behaviour) in behaviours.iter().cycle().take(ROUNDS).enumerate() {
        collector.behave(behaviour.clone());
        // Whoever comes first in a pair of rounds comes second in the next.
        if number % 2 == 0 {
            of_with.push(round(with).await);
            of_without.push(round(without).await);
        } else {
            of_without.push(round(without).await);
            of_with.push(round(with).await);
        }
    }
    let (with, without) = (median(of_with), median(of_without));
    let ratio = with.as_secs_f64() / without.as_secs_f64();
    println!("p99 {} us with export, {} us without: {ratio:.2}", with.as_micros(), without.as_micros());
    ratio
}

/// Whether pushes take no longer with a collector that behaves so.
async fn undelayed(behaviours: &[Behaviour]) {
    let collector = Collector::start();
    let records = json!({"cluster": "otlp", "buffer": 1_000});
    let (with, without) = tokio::join!(bed(&collector, records), bed(&collector, Value::Null));
    round(&with).await;
    round(&without).await;
    let mut ratios = Vec::new();
    while ratios.len() < ATTEMPTS && ratios.last().is_none_or(|ratio| *ratio > MOST) {
        ratios.push(compare(&with, &without, &collector, behaviours).await);
    }
    assert!(ratios.last().is_some_and(|ratio| *ratio <= MOST), "pushes take longer with export: {ratios:.2?}");
    assert!(with.scrape().await.sum("pointsman_records_total", &[]) > 0.0, "nothing was to be exported");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_push_is_delayed_by_a_collector_that_is_well() {
    undelayed(&[Behaviour::Accept]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_push_is_delayed_by_a_collector_that_never_answers_in_time() {
    undelayed(&[Behaviour::Slow(Duration::from_secs(5))]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_push_is_delayed_by_a_collector_that_refuses_and_breaks_off() {
    let status =
        |status, retry_after: Option<&str>| Behaviour::Status { status, retry_after: retry_after.map(Into::into) };
    undelayed(&[status(429, Some("1")), status(400, None), Behaviour::Reset, status(503, None)]).await;
}
