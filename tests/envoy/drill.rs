//! Drills: failures by order that never leave the proxy.

use crate::failover::bed::{auto, bed, change, config, failover, oppo, records, state, until};
use crate::failover::messages::{self, oppo_recipient};
use crate::failover::steady::{Push, Steady, Tally};
use pointsman_host::vendors::{Effect, Fault};
use pointsman_tests::Bed;
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// An instant so far from now, as configs write it.
fn instant(from_now: Duration) -> String {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + from_now;
    crate::cases_of_rules::instant::fill("{+0s}", since_1970)
}

fn drill(fault: &Value, stop_above: f64, until: Duration) -> Value {
    json!({
        "name": "game-day", "by": "alice@example.com", "reason": "rehearsal", "until": instant(until),
        "drill": {"channel": "oppo", "share": 0.5, "fault": fault, "stop_above": stop_above},
    })
}

/// Half of the calls is the most that a drill may fail, so the breaker opens at less.
fn rules(drills: &[Value]) -> String {
    let to = json!(["lc"]);
    let mut auto = auto("oppo", &to);
    auto["auto"]["failure_ratio"] = 0.3.into();
    config(&[oppo()], &[drills, &[auto, failover("oppo", &to)]].concat())
}

async fn report(bed: &Bed) -> Value {
    until("the report", || async {
        let records = records(bed);
        let report = records.iter().find(|record| record["event_name"] == "push.drill.report");
        if report.is_some() { Ok(()) } else { Err(format!("{} records", records.len())) }
    })
    .await;
    records(bed).into_iter().find(|record| record["event_name"] == "push.drill.report").unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_of_an_outage_loses_nothing_and_ends_with_a_report() {
    let bed = bed(&rules(&[])).await;
    let mut load = Steady::start(bed.envoy.outbound(), messages::oppo);
    load.until("pushes", |pushes| pushes.len() > 100).await;
    change(&bed, &rules(&[drill(&json!("refused"), 0.2, Duration::from_secs(4))])).await;
    state(&bed, "oppo", "degraded").await;
    bed.expect("pointsman_drills_active", &[("channel", "oppo")], 1.0).await;
    let report = report(&bed).await;
    state(&bed, "oppo", "healthy").await;
    load.run_until(Instant::now() + Duration::from_millis(500)).await;
    let pushes = load.stop().await;

    let tally = Tally::of(&[&bed.vendors]);
    assert!(tally.lost(&pushes, oppo_recipient).is_empty() && tally.doubled(&pushes, oppo_recipient).is_empty());
    let failed: Vec<&Push> = pushes.iter().filter(|push| !push.is_done()).collect();
    assert!(failed.is_empty(), "{failed:?}");
    let refused = bed.vendors.counts("oppo").unwrap().messages_refused;
    assert_eq!(refused, 0, "nothing of a drill reaches the vendor");
    assert_eq!(report["attributes"]["push.channel"], "oppo");
    assert_eq!(report["attributes"]["push.drill.verdict"], "passed", "{report}");
    assert_eq!(report["attributes"]["push.drill.name"], "game-day");
    bed.expect("pointsman_drills_active", &[("channel", "oppo")], 0.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_stops_by_itself_when_the_backup_really_fails() {
    let bed = bed(&rules(&[])).await;
    let mut load = Steady::start(bed.envoy.outbound(), messages::oppo);
    load.until("pushes", |pushes| pushes.len() > 100).await;
    change(&bed, &rules(&[drill(&json!({"code": "-1"}), 0.05, Duration::from_secs(300))])).await;
    bed.expect("pointsman_drills_active", &[("channel", "oppo")], 1.0).await;
    state(&bed, "oppo", "degraded").await;
    bed.vendors.set_fault("lc", Fault::new(Effect::Html)).unwrap();
    bed.expect("pointsman_drills_active", &[("channel", "oppo")], 0.0).await;
    // The report is made when the channel is healthy again.
    state(&bed, "oppo", "recovering").await;
    state(&bed, "oppo", "healthy").await;
    let report = report(&bed).await;
    assert_eq!(report["attributes"]["push.drill.stopped_by"], "stop_above");
    load.stop().await;
}
