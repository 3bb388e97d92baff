//! Failures after which a message has surely not been sent: it goes to the backup, and the channel follows.

use super::bed::{assert_no_leak, auto, bed, config, failover, fcm, oppo, state, turns};
use super::messages::{self, fcm_recipient, oppo_recipient};
use super::steady::{A_SECOND, Push, Steady, Tally};
use bytes::Bytes;
use http::Request;
use pointsman_host::vendors::{Effect, Fault};
use pointsman_tests::Bed;
use serde_json::json;
use std::time::Duration;
use tokio::time::Instant;

/// Within which the backup must have at least 99 % of the messages, from the first failed call on.
const SWITCHED_WITHIN: Duration = Duration::from_secs(2);

/// How long the vendor is down.
const OUTAGE: Duration = Duration::from_secs(5);

/// A vendor of these tests.
struct Primary {
    vendor: &'static str,
    push: fn(usize) -> Request<Bytes>,
    recipient: fn(usize) -> String,
}

const OPPO: Primary = Primary { vendor: "oppo", push: messages::oppo, recipient: oppo_recipient };
const FCM: Primary = Primary { vendor: "fcm", push: messages::fcm, recipient: fcm_recipient };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_connections_lose_and_double_nothing_and_the_vendor_comes_back() {
    let rules = config(&[oppo()], &[auto("oppo", &json!(["lc"])), failover("oppo", &json!(["lc"]))]);
    outage(&bed(&rules).await, &OPPO, Fault::new(Effect::Refused)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_503_with_the_vendors_own_code_loses_and_doubles_nothing_and_the_vendor_comes_back() {
    let rules = config(&[fcm()], &[auto("fcm", &json!(["lc"])), failover("fcm", &json!(["lc"]))]);
    outage(&bed(&rules).await, &FCM, Fault::error("UNAVAILABLE")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_200_with_the_vendors_own_code_loses_and_doubles_nothing_and_the_vendor_comes_back() {
    let rules = config(&[oppo()], &[auto("oppo", &json!(["lc"])), failover("oppo", &json!(["lc"]))]);
    outage(&bed(&rules).await, &OPPO, Fault::error("-1")).await;
}

/// Well, down, well again: nothing is lost or doubled, the backup takes over, and gives back step by step.
async fn outage(bed: &Bed, primary: &Primary, fault: Fault) {
    let mut load = Steady::start(bed.envoy.outbound(), primary.push);
    load.until("a second of pushes", |pushes| pushes.len() > A_SECOND as usize).await;
    bed.vendors.set_fault(primary.vendor, fault).unwrap();
    let down = Instant::now();
    load.run_until(down + OUTAGE).await;
    bed.vendors.clear_fault(primary.vendor).unwrap();
    let back = Instant::now();
    state(bed, primary.vendor, "recovering").await;
    let recovering = Instant::now();
    state(bed, primary.vendor, "healthy").await;
    let healthy = Instant::now();
    load.run_until(healthy + Duration::from_secs(1)).await;
    let pushes = load.stop().await;

    let tally = Tally::of(&[&bed.vendors]);
    assert!(tally.lost(&pushes, primary.recipient).is_empty(), "{:?}", tally.lost(&pushes, primary.recipient));
    assert!(tally.doubled(&pushes, primary.recipient).is_empty(), "{:?}", tally.doubled(&pushes, primary.recipient));
    let failed: Vec<&Push> = pushes.iter().filter(|push| !push.is_done()).collect();
    assert!(failed.is_empty(), "callers see no failure: {failed:?}");

    let share = |from: Instant, until: Instant, vendor: &str| {
        let within = pushes.iter().filter(|push| from <= push.began && push.began < until);
        tally.share(within, primary.recipient, vendor)
    };
    assert!(share(down + SWITCHED_WITHIN, back, "lc") >= 0.99, "{}", share(down + SWITCHED_WITHIN, back, "lc"));
    // The first step gives the vendor a tenth of the messages, the last but one a half: its share never jumps.
    let first = share(recovering, recovering + Duration::from_millis(700), primary.vendor);
    assert!(first <= 0.25, "{first} at once");
    let ramp = share(recovering, recovering + Duration::from_millis(2_700), primary.vendor);
    assert!(ramp <= 0.5, "{ramp} while it recovers");
    let after = share(healthy + Duration::from_millis(400), healthy + Duration::from_secs(1), primary.vendor);
    assert!(after >= 0.99, "{after} once it is healthy");
    assert_eq!(turns(bed, primary.vendor, "healthy"), 1, "it does not overshoot and fall back");
    assert_no_leak(bed);
}
