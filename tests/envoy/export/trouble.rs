//! A collector in trouble costs records, which are counted, and nothing else.

use crate::stitching::config;
use http::StatusCode;
use pointsman_host::otlp::Behaviour;
use pointsman_tests::collector::{Collector, Told};
use pointsman_tests::load::{Load, MakePush, gateway_push};
use pointsman_tests::usage::resident_bytes;
use pointsman_tests::{Bed, Setup, pushes};
use serde_json::json;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Records that one worker keeps of each signal: few, so that they soon are too many.
const BUFFER: u32 = 500;

/// Fills the buffers and every pool of memory that they need.
const WARM_UP: usize = 1_500;

/// Each makes two records at least.
const PUSHES: usize = 4_000;

/// What Envoy may grow by after the warm-up, while it drops [`PUSHES`] twice. They are more than 3 MiB of records.
const GROWTH: u64 = 2 << 20;

/// The longest that the filter waits before it tries again, after a few failures.
const BACK_WITHIN: Duration = Duration::from_secs(20);

const AT_ONCE: usize = 16;

async fn bed(collector: &Collector) -> Bed {
    let records = json!({"cluster": "otlp", "max_age": "250ms", "max_batch": 100, "buffer": BUFFER, "timeout": "1s"});
    let config = config(&json!({"records": records}));
    Setup::with_rules(&config).workers(2).collector(collector.addr()).start().await
}

/// Sends so many pushes, of which none may fail.
async fn push(bed: &Bed, count: usize) {
    let load = Load::new(bed.envoy.outbound(), Duration::from_millis(1), gateway_push as MakePush);
    let load = load.kept(AT_ONCE).start();
    while load.so_far().len() < count {
        sleep(Duration::from_millis(20)).await;
    }
    let pushes = load.stop().await;
    let failed: Vec<_> = pushes.iter().filter(|push| push.status != Some(StatusCode::OK)).collect();
    assert!(failed.is_empty(), "{} of {} failed: {:?}", failed.len(), pushes.len(), failed.first());
}

async fn dropped(bed: &Bed, reason: &str) -> f64 {
    bed.scrape().await.sum("pointsman_records_dropped_total", &[("reason", reason)])
}

/// Whether records arrive again, and within which time.
async fn assert_back(bed: &Bed, collector: &Collector) {
    let began = Instant::now();
    let id = "after-the-trouble";
    assert_eq!(bed.outbound(pushes::oppo(id)).await.status, 200);
    let is_there = || collector.records().iter().any(|told| told.word("messaging.message.id") == id);
    while !is_there() {
        assert!(began.elapsed() < BACK_WITHIN, "no records, though the collector is well again");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Thousands of records that nobody takes: pushes go on, memory does not grow, and what is lost is counted.
async fn troubled(bed: &Bed) -> f64 {
    push(bed, WARM_UP).await;
    let before = resident_bytes(bed.envoy.pid()).unwrap();
    push(bed, PUSHES).await;
    let grown = resident_bytes(bed.envoy.pid()).unwrap().saturating_sub(before);
    println!("grown by {} KiB", grown >> 10);
    assert!(grown < GROWTH, "grown by {} KiB from {} KiB", grown >> 10, before >> 10);
    let full = dropped(bed, "full").await;
    assert!(full > f64::from(u32::try_from(PUSHES).unwrap()), "only {full} were dropped");
    full
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_gone_costs_only_records_and_gets_them_again_when_it_is_back() {
    let collector = Collector::start();
    let bed = bed(&collector).await;
    let addr = collector.addr();
    collector.stop();
    troubled(&bed).await;
    let collector = Collector::start_at(addr);
    assert_back(&bed, &collector).await;
    assert_balanced(&bed, &collector).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_is_slow_costs_only_records() {
    let collector = Collector::start();
    collector.behave(Behaviour::Slow(Duration::from_secs(5)));
    let bed = bed(&collector).await;
    troubled(&bed).await;
    collector.behave(Behaviour::Accept);
    assert_back(&bed, &collector).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_asks_to_wait_is_left_alone_for_that_long() {
    let collector = Collector::start();
    collector.behave(Behaviour::Status { status: 429, retry_after: Some("3".to_owned()) });
    let bed = bed(&collector).await;
    let asked = Instant::now();
    while collector.requests() == 0 {
        push(&bed, AT_ONCE).await;
        assert!(asked.elapsed() < BACK_WITHIN, "nothing is sent");
    }
    // By now each worker has asked for each signal, at most once.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) {
        push(&bed, AT_ONCE).await;
    }
    assert!(collector.requests() <= 4, "{} requests within two seconds", collector.requests());
    collector.behave(Behaviour::Accept);
    assert_back(&bed, &collector).await;
    assert_eq!(dropped(&bed, "refused").await, 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_resets_its_connections_costs_only_records() {
    let collector = Collector::start();
    collector.behave(Behaviour::Reset);
    let bed = bed(&collector).await;
    troubled(&bed).await;
    collector.behave(Behaviour::Accept);
    assert_back(&bed, &collector).await;
}

#[tokio::test]
async fn what_a_collector_refuses_is_dropped_at_once_and_counted() {
    let collector = Collector::start();
    collector.behave(Behaviour::Status { status: 400, retry_after: None });
    let bed = bed(&collector).await;
    assert_eq!(bed.outbound(pushes::oppo("m1")).await.status, 200);
    // A span and a status; the alias of the vendor's id is the third.
    bed.expect("pointsman_records_dropped_total", &[("reason", "refused")], 3.0).await;
    collector.behave(Behaviour::Accept);
    assert_back(&bed, &collector).await;
}

#[tokio::test]
async fn what_a_collector_puts_off_again_and_again_is_dropped_and_counted() {
    let collector = Collector::start();
    collector.behave(Behaviour::Status { status: 503, retry_after: Some("1".to_owned()) });
    let bed = bed(&collector).await;
    assert_eq!(bed.outbound(pushes::oppo("m1")).await.status, 200);
    bed.expect("pointsman_records_dropped_total", &[("reason", "unavailable")], 3.0).await;
    // Five times of each signal.
    assert_eq!(collector.requests(), 10);
    collector.behave(Behaviour::Accept);
    assert_back(&bed, &collector).await;
}

#[tokio::test]
async fn what_a_collector_rejects_of_a_batch_is_counted_and_not_sent_again() {
    let collector = Collector::start();
    collector.behave(Behaviour::Partial { rejected: 1 });
    let bed = bed(&collector).await;
    assert_eq!(bed.outbound(pushes::oppo("m1")).await.status, 200);
    // One request of each signal, and of each one record.
    bed.expect("pointsman_records_dropped_total", &[("reason", "rejected")], 2.0).await;
    let requests = collector.requests();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(collector.requests(), requests);
}

/// Every record that was made has arrived or is counted as lost.
async fn assert_balanced(bed: &Bed, collector: &Collector) {
    bed.until("every record to be accounted for", |scrape| {
        let made = scrape.sum("pointsman_records_total", &[]);
        let lost = scrape.sum("pointsman_records_dropped_total", &[]);
        let arrived = f64::from(u32::try_from(collector.records().len()).unwrap());
        // A batch whose answer was lost may come twice; none did here, since nobody listened.
        if made == lost + arrived { Ok(()) } else { Err(format!("{made} made, {lost} lost, {arrived} arrived")) }
    })
    .await;
}
