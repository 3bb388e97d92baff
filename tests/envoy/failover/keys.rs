//! Failures after which nobody knows whether a message was sent: what a vendor does with repeats decides.

use super::bed::{PROBE, auto, bed, config, failover, oppo, oppo_abroad, records, says_unsure, setup, with_credential};
use super::messages::{self, id, oppo_recipient, sms_recipient};
use super::steady::{A_SECOND, Push, Steady, Tally};
use pointsman_host::envoy::Protocol;
use pointsman_host::vendors::{Effect, Fault, ResetAt, Vendors};
use pointsman_tests::Bed;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

fn sms_rules() -> String {
    let to = json!(["lc"]);
    config(&[json!("sms-tencent")], &[auto("sms-tencent", &to), failover("sms-tencent", &to)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_a_hang_doubles_nothing_and_what_is_lost_is_told() {
    let bed = bed(&sms_rules()).await;
    let pushes = without_key(&bed, Fault::new(Effect::Hang)).await;
    assert!(!Tally::of(&[&bed.vendors]).lost(&pushes, sms_recipient).is_empty(), "the vendor has sent nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_a_hang_after_the_send_doubles_nothing() {
    let bed = bed(&sms_rules()).await;
    let pushes = without_key(&bed, Fault::new(Effect::Hang).accepting()).await;
    assert!(Tally::of(&[&bed.vendors]).lost(&pushes, sms_recipient).is_empty(), "the vendor has sent all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_a_reset_after_the_bytes_doubles_nothing_and_what_is_lost_is_told() {
    let bed = bed(&sms_rules()).await;
    let pushes = without_key(&bed, Fault::new(Effect::Reset(ResetAt::Read))).await;
    assert!(!Tally::of(&[&bed.vendors]).lost(&pushes, sms_recipient).is_empty(), "the vendor has sent nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_key_a_reset_after_the_send_doubles_nothing() {
    let bed = bed(&sms_rules()).await;
    let pushes = without_key(&bed, Fault::new(Effect::Reset(ResetAt::Read)).accepting()).await;
    assert!(Tally::of(&[&bed.vendors]).lost(&pushes, sms_recipient).is_empty(), "the vendor has sent all");
}

/// Two seconds of a vendor that cannot tell a repeat.
async fn without_key(bed: &Bed, fault: Fault) -> Vec<Push> {
    let mut load = Steady::start(bed.envoy.outbound(), messages::sms);
    load.until("half a second of pushes", |pushes| pushes.len() > A_SECOND as usize / 2).await;
    bed.vendors.set_fault("sms-tencent", fault).unwrap();
    load.run_until(Instant::now() + Duration::from_secs(2)).await;
    let pushes = load.stop().await;

    let tally = Tally::of(&[&bed.vendors]);
    let doubled = tally.doubled(&pushes, sms_recipient);
    assert!(doubled.is_empty(), "{doubled:?}");
    let records = records(bed);
    for push in tally.lost(&pushes, sms_recipient) {
        assert!(says_unsure(&records, &id(push.number)), "nothing is told of {push:?}");
    }
    assert_no_replay(bed);
    pushes
}

/// What the vendor has been asked to send, nobody else was asked to, and the vendor itself only once.
fn assert_no_replay(bed: &Bed) {
    let (mut asked, mut backup) = (BTreeSet::new(), BTreeSet::new());
    for request in bed.vendors.requests("sms-tencent").unwrap() {
        let phone = request.json().unwrap()["PhoneNumberSet"][0].as_str().unwrap().to_owned();
        assert!(asked.insert(phone.clone()), "{phone} was asked for twice");
    }
    for request in bed.vendors.requests("lc").unwrap() {
        let to = request.json().unwrap()["to"].as_str().unwrap().to_owned();
        // The bed itself asks until the backup has its credential.
        assert!(to == PROBE || backup.insert(to.clone()), "the backup was asked twice for {to}");
    }
    let both: Vec<&String> = asked.intersection(&backup).collect();
    assert!(both.is_empty(), "replayed: {both:?}");
}

fn oppo_rules() -> String {
    // No breaker, so that every message meets the vendor.
    config(&[oppo()], &[failover("oppo", &json!(["lc"]))])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_key_a_hang_loses_nothing_and_nobody_sees_a_message_twice() {
    let bed = bed(&oppo_rules()).await;
    with_key(&bed, Fault::new(Effect::Hang)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_key_a_hang_after_the_send_loses_nothing_and_nobody_sees_a_message_twice() {
    let bed = bed(&oppo_rules()).await;
    with_key(&bed, Fault::new(Effect::Hang).accepting()).await;
    assert!(accepted_by_oppo(&bed) > 0, "messages were sent again");
}

/// A vendor that knows repeats by their key hangs for less time than the proxy waits for it, so that whatever is sent
/// again meets it well.
async fn with_key(bed: &Bed, fault: Fault) {
    let mut load = Steady::start(bed.envoy.outbound(), messages::oppo);
    load.until("half a second of pushes", |pushes| pushes.len() > A_SECOND as usize / 2).await;
    bed.vendors.set_fault("oppo", fault).unwrap();
    load.until_begun(A_SECOND as usize / 4).await;
    bed.vendors.clear_fault("oppo").unwrap();
    load.run_until(Instant::now() + Duration::from_secs(1)).await;
    let pushes = load.stop().await;

    let tally = Tally::of(&[&bed.vendors]);
    let lost = tally.lost(&pushes, oppo_recipient);
    assert!(lost.is_empty(), "{lost:?}");
    let twice: Vec<&Push> = pushes.iter().filter(|push| tally.seen(&oppo_recipient(push.number)) > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    let failed: Vec<&Push> = pushes.iter().filter(|push| !push.is_done()).collect();
    assert!(failed.is_empty(), "callers see no failure: {failed:?}");
    assert!(pushes.iter().any(|push| push.ended - push.began > Duration::from_millis(600)), "some have met the hang");
    let others = bed.vendors.requests("lc").unwrap().into_iter();
    let others = others.filter(|request| request.json().is_none_or(|body: Value| body["to"] != PROBE));
    assert_eq!(others.count(), 0, "no other vendor knows what this one has sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_key_a_reset_after_the_bytes_loses_nothing_where_the_same_vendor_has_another_host() {
    let abroad = Vendors::start().await.unwrap();
    let to = json!([{"channel": "oppo-intl", "keep_credentials": true}]);
    let rules = config(&[oppo(), oppo_abroad()], &[failover("oppo", &to)]);
    let intl = abroad.addr("oppo").unwrap();
    let bed = with_credential(setup(&rules).upstream("oppo-intl", intl, Protocol::Http1)).await;
    let pushes = under_fault(&bed, Fault::new(Effect::Reset(ResetAt::Read))).await;
    let tally = Tally::of(&[&bed.vendors, &abroad]);
    let lost = tally.lost(&pushes, oppo_recipient);
    assert!(lost.is_empty(), "{lost:?}");
    let doubled = tally.doubled(&pushes, oppo_recipient);
    assert!(doubled.is_empty(), "{doubled:?}");
    let failed: Vec<&Push> = pushes.iter().filter(|push| !push.is_done()).collect();
    assert!(failed.is_empty(), "callers see no failure: {failed:?}");
    assert!(abroad.counts("oppo").unwrap().messages_accepted > 0, "some have met the resets");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_key_a_reset_after_the_send_loses_nothing_and_nobody_sees_a_message_twice() {
    let bed = bed(&oppo_rules()).await;
    let pushes = under_fault(&bed, Fault::new(Effect::Reset(ResetAt::Read)).accepting()).await;
    let tally = Tally::of(&[&bed.vendors]);
    let lost = tally.lost(&pushes, oppo_recipient);
    assert!(lost.is_empty(), "{lost:?}");
    let twice: Vec<&Push> = pushes.iter().filter(|push| tally.seen(&oppo_recipient(push.number)) > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    assert!(accepted_by_oppo(&bed) > 0, "messages were sent again");
}

/// Half a second of a vendor that is not well, between times in which it is.
async fn under_fault(bed: &Bed, fault: Fault) -> Vec<Push> {
    let mut load = Steady::start(bed.envoy.outbound(), messages::oppo);
    load.until("half a second of pushes", |pushes| pushes.len() > A_SECOND as usize / 2).await;
    bed.vendors.set_fault("oppo", fault).unwrap();
    load.until_begun(A_SECOND as usize / 2).await;
    bed.vendors.clear_fault("oppo").unwrap();
    load.run_until(Instant::now() + Duration::from_millis(500)).await;
    load.stop().await
}

/// Messages that OPPO has accepted more than once.
fn accepted_by_oppo(bed: &Bed) -> usize {
    bed.vendors.books().iter().filter(|(.., book)| book.by("oppo").accepted > 1).count()
}
