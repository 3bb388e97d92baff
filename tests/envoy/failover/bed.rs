//! Two workers, the stand-ins, and the shipped rules for a vendor with a backup.

use super::messages::SECRET;
use crate::rules::record;
use pointsman_host::vendors::{Counts, Received};
use pointsman_tests::{Bed, PATIENCE, Setup};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// What the backup wants to see, and what only its cluster knows.
pub(crate) const BACKUP_CREDENTIAL: &str = "Bearer of-the-backup";

/// Whom the bed asks the backup for, until it is ready.
pub(crate) const PROBE: &str = "user-probe";

/// A config with these channels, `lc` as their backup, and these rules.
pub(crate) fn config(channels: &[Value], rules: &[Value]) -> String {
    let lc = json!({"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"], "cluster": "gateway"});
    let channels: Vec<Value> = channels.iter().cloned().chain([lc]).collect();
    json!({"service": "push", "hold_request": true, "channels": channels, "rules": rules}).to_string()
}

/// OPPO's channel, as it is shipped.
pub(crate) fn oppo() -> Value {
    json!({"name": "oppo", "hosts": ["api.push.oppomobile.com"]})
}

/// OPPO's other host as a channel of its own.
pub(crate) fn oppo_abroad() -> Value {
    json!({"name": "oppo-intl", "adapter": "oppo", "hosts": ["api-intl.push.oppomobile.com"]})
}

/// Google's, whose word for being down is sure not to have sent anything.
pub(crate) fn fcm() -> Value {
    let id = json!([{"json": "/message/data/id"}]);
    json!({"name": "fcm", "message_id": id, "overrides": {"response": {"surely_not_sent": ["UNAVAILABLE"]}}})
}

/// A breaker with times as short as a test's patience.
pub(crate) fn auto(channel: &str, to: &Value) -> Value {
    json!({"name": "breaker", "auto": {
        "channel": channel, "to": to, "window": "2s", "long_window": "10s", "min_calls": 20, "open": "500ms",
        "max_open": "1s", "throttle": "1s", "probe_lease": "1s", "ramp": [0.1, 0.25, 0.5, 1.0], "step": "1s",
    }})
}

/// The same, which stays open for longer than a test lasts.
pub(crate) fn auto_for_long(channel: &str, to: &Value) -> Value {
    let mut rule = auto(channel, to);
    rule["auto"]["open"] = "2m".into();
    rule["auto"]["max_open"] = "5m".into();
    rule["auto"]["throttle"] = "2m".into();
    rule
}

pub(crate) fn failover(channel: &str, to: &Value) -> Value {
    json!({"name": "failover", "failover": {"channel": channel, "to": to}})
}

/// Everything, with a backup that wants its own credential and gets it from its cluster.
pub(crate) async fn bed(rules: &str) -> Bed {
    with_credential(setup(rules)).await
}

/// Puts other rules in force, which must be accepted.
pub(crate) async fn change(bed: &Bed, rules: &str) {
    bed.apply(rules).await;
    assert_accepted(bed);
}

/// No rules have been rejected.
fn assert_accepted(bed: &Bed) {
    let log = bed.envoy.log();
    let rejected: Vec<&str> = log.lines().filter(|line| line.contains("config rejected")).collect();
    assert!(rejected.is_empty(), "{rejected:?}");
}

/// Before it is made.
pub(crate) fn setup(rules: &str) -> Setup {
    Setup::with_rules(rules).workers(2).edit(|bootstrap| adapt(bootstrap, Duration::from_millis(700)))
}

/// Starts, with the backup's credential in its place.
pub(crate) async fn with_credential(setup: Setup) -> Bed {
    let bed = setup.start().await;
    assert_accepted(&bed);
    bed.vendors.require_credential("lc", BACKUP_CREDENTIAL).unwrap();
    bed.envoy.set_credential("gateway", BACKUP_CREDENTIAL).unwrap();
    until("the backup's credential to be in force", || async {
        let answer = bed.outbound(pointsman_tests::pushes::lc("probe")).await;
        if answer.status == 200 { Ok(()) } else { Err(answer.status.to_string()) }
    })
    .await;
    bed
}

/// Gives vendors less time to answer than they ship with, and room for all calls that wait for one that hangs.
pub(crate) fn adapt(bootstrap: &mut Value, timeout: Duration) {
    for cluster in bootstrap["static_resources"]["clusters"].as_array_mut().unwrap() {
        let limits = json!({"max_connections": 2048, "max_pending_requests": 2048, "max_requests": 2048});
        cluster["circuit_breakers"] = json!({"thresholds": [limits]});
    }
    for listener in bootstrap["static_resources"]["listeners"].as_array_mut().unwrap() {
        let routes = &mut listener["filter_chains"][0]["filters"][0]["typed_config"]["route_config"]["virtual_hosts"];
        let routes = routes.as_array_mut().into_iter().flatten().filter_map(|host| host["routes"].as_array_mut());
        for route in routes.flatten().filter_map(|route| route.get_mut("route")) {
            route["timeout"] = format!("{}s", timeout.as_secs_f64()).into();
        }
    }
}

/// Everything that the filter has told so far.
pub(crate) fn records(bed: &Bed) -> Vec<Value> {
    bed.envoy.log().lines().filter_map(record).collect()
}

/// The records of changes of a channel's state to this one.
pub(crate) fn turns(bed: &Bed, channel: &str, state: &str) -> usize {
    let of = |record: &Value| {
        let attributes = &record["attributes"];
        record["event_name"] == "push.channel.state"
            && attributes["push.channel"] == channel
            && attributes["push.state"] == state
    };
    records(bed).iter().filter(|record| of(record)).count()
}

/// Whether a record says of a message that nobody knows what has become of it.
pub(crate) fn says_unsure(records: &[Value], id: &str) -> bool {
    records.iter().any(|record| {
        let attributes = &record["attributes"];
        let ids = &attributes["push.message.id"];
        let named = ids == id || ids.as_array().is_some_and(|ids| ids.iter().any(|known| known == id));
        named && attributes["push.fate"] == "unsure"
    })
}

/// Whether a record says of a message that it is lost.
pub(crate) fn says_lost(records: &[Value], id: &str) -> bool {
    let of_message = |record: &Value| record["attributes"]["push.message.id"].to_string().contains(id);
    records.iter().any(|record| record["event_name"] == "push.message.dead_letter" && of_message(record))
}

/// Waits until the channel is in this state in the eyes of all.
pub(crate) async fn state(bed: &Bed, channel: &str, state: &str) {
    bed.expect("pointsman_channel_state", &[("channel", channel), ("state", state)], 1.0).await;
}

/// Waits until it holds, and fails with what was there instead.
pub(crate) async fn until<F>(what: &str, holds: impl Fn() -> F)
where
    F: Future<Output = Result<(), String>>,
{
    let deadline = Instant::now() + PATIENCE;
    while let Err(seen) = holds().await {
        assert!(Instant::now() < deadline, "waited for {what}, last saw {seen}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// No request that the backup has kept shows anything of the primary's credential.
pub(crate) fn assert_no_leak(bed: &Bed) {
    let shows = |request: &Received| {
        let has = |bytes: &[u8]| bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        has(&request.body)
            || has(request.uri.to_string().as_bytes())
            || request.headers.values().any(|value| has(value.as_bytes()))
    };
    let requests = bed.vendors.requests("lc").unwrap();
    assert!(!requests.is_empty(), "the backup was called");
    let leak = requests.iter().find(|request| shows(request));
    assert!(leak.is_none(), "the backup has seen the primary's credential: {leak:?}");
    let Counts { foreign_credentials, .. } = bed.vendors.counts("lc").unwrap();
    assert_eq!(foreign_credentials, 0, "the backup has seen a credential that is not its own");
}
