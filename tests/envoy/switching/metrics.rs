//! What rules do is counted under the names and labels that operators build their alarms on.

use crate::failover::bed::{bed, config, failover, fcm, oppo};
use crate::failover::messages;
use pointsman_host::vendors::{Effect, Fault};
use pointsman_tests::{Bed, pushes};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn by_hand(name: &str, force: &Value) -> Value {
    json!({
        "name": name, "by": "alice@example.com", "reason": "maintenance", "until": "2099-01-01T00:00:00Z",
        "force": force,
    })
}

fn rules() -> String {
    let channels = [oppo(), fcm(), json!("wechat"), json!("sms-tencent")];
    let rules = [
        by_hand("elsewhere", &json!({"channel": "oppo", "action": "switch", "to": ["lc"]})),
        by_hand("later", &json!({"channel": "wechat", "action": "shed", "retry_after": "30s"})),
        failover("fcm", &json!(["lc"])),
        json!({"name": "limit", "limit": {
            "channel": "sms-tencent", "messages_per_second": 1, "over": "shed", "retry_after": "30s",
        }}),
    ];
    config(&channels, &rules)
}

/// The sets of labels of a metric's series, which must all be the same.
async fn labels(bed: &Bed, metric: &str) -> Vec<String> {
    let scrape = bed.scrape().await;
    let sets: BTreeSet<Vec<String>> =
        scrape.samples(metric).map(|sample| sample.labels.keys().cloned().collect()).collect();
    assert_eq!(sets.len(), 1, "{metric}: {sets:?}");
    sets.into_iter().next().unwrap_or_default()
}

#[tokio::test]
async fn switches_failovers_and_what_waits_are_counted_by_their_labels() {
    let bed = bed(&rules()).await;
    bed.vendors.set_fault("fcm", Fault::new(Effect::Refused)).unwrap();
    bed.vendors.settled("fcm").await.unwrap();
    assert_eq!(bed.outbound(messages::oppo(1)).await.status, 200);
    assert_eq!(bed.outbound(messages::fcm(2)).await.status, 200);
    let later = bed.outbound(pushes::wechat("3")).await;
    assert_eq!((later.status.as_u16(), later.header("retry-after")), (429, Some("30")));
    let mut over = 0.0;
    for number in 10..20 {
        over += f64::from(u8::from(bed.outbound(messages::sms(number)).await.status == 429));
    }
    assert!(over >= 5.0, "{over} of ten at once are too many for one a second");

    let forced = [("from", "oppo"), ("to", "lc"), ("reason", "forced")];
    bed.expect("pointsman_channel_switches_total", &forced, 1.0).await;
    bed.expect("pointsman_failovers_total", &[("from", "fcm"), ("to", "lc"), ("result", "sent")], 1.0).await;
    bed.expect("pointsman_shed_total", &[("channel", "wechat")], 1.0).await;
    bed.expect("pointsman_limited_total", &[("channel", "sms-tencent")], over).await;
    bed.expect("pointsman_channel_state", &[("channel", "lc"), ("state", "healthy")], 1.0).await;
    bed.expect("pointsman_failovers_in_flight", &[], 0.0).await;
    for (metric, expected) in [
        ("pointsman_channel_switches_total", &["from", "reason", "to"][..]),
        ("pointsman_failovers_total", &["from", "result", "to"]),
        ("pointsman_shed_total", &["business", "channel"]),
        ("pointsman_limited_total", &["channel"]),
        ("pointsman_channel_state", &["channel", "state"]),
    ] {
        assert_eq!(labels(&bed, metric).await, expected, "{metric}");
    }
}
