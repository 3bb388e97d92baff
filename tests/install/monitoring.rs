//! From a broken vendor to the page: a real Envoy, a real Prometheus with the generated rules, a real Alertmanager.

mod shipped;

use pointsman_core::config;
use pointsman_host::monitoring::alerts::{self, Options, TimeScale};
use pointsman_host::monitoring::{Watched, catalogue, dashboards};
use pointsman_host::vendors::Fault;
use pointsman_tests::load::{Load, gateway_push};
use pointsman_tests::prometheus::{Alertmanager, Pager, Prometheus};
use pointsman_tests::{Setup, manifests, pushes, repository};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// The breaker of the channel that will fail tries soon again, so that the end of the outage is seen soon. Its limit is
/// below the time that the broken vendor takes, so that it is also late.
const CONFIG: &str = r#"{
    "service": "push",
    "channels": [
        {"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]},
        {"name": "oppo", "objective": {"limit": "200ms"}}
    ],
    "message": {"id": [{"json": "/message_id"}]},
    "rules": [{"name": "oppo-auto",
               "auto": {"channel": "oppo", "open": "500ms", "max_open": "1s", "step": "500ms", "min_calls": 5}}]
}"#;

/// Five minutes of the rules are five seconds of the test.
const TIME_SCALE: u32 = 60;

/// Alertmanager's own times are divided by less: in `group_wait` several evaluations must fit.
const ROUTE_SCALE: u64 = 15;

const PATIENCE: Duration = Duration::from_secs(40);

/// The alert that is the cause of the others.
const DOWN: &str = "PointsmanChannelDown";

fn label<'a>(alert: &'a Value, name: &str) -> &'a str {
    alert["labels"][name].as_str().unwrap_or_default()
}

fn alerts_of(notification: &Value) -> impl Iterator<Item = &Value> {
    notification["alerts"].as_array().into_iter().flatten()
}

/// The shipped configuration, with the pager for all receivers and all times but the last shorter.
fn shipped(pager: &Pager) -> Value {
    let text = std::fs::read_to_string(repository("k8s/monitoring/plain/alertmanager.yml")).unwrap();
    let mut config = manifests::documents(&text).remove(0);
    for receiver in config["receivers"].as_array_mut().unwrap() {
        let url = format!("http://{}/{}", pager.addr, receiver["name"].as_str().unwrap());
        receiver["webhook_configs"][0]["url"] = url.into();
    }
    shorten(&mut config["route"]);
    config
}

fn shorten(route: &mut Value) {
    for key in ["group_wait", "group_interval"] {
        if let Some(time) = route[key].as_str() {
            let (number, unit) = time.split_at(time.len() - 1);
            let seconds = number.parse::<u64>().unwrap() * if unit == "m" { 60 } else { 1 };
            route[key] = format!("{}ms", seconds * 1_000 / ROUTE_SCALE).into();
        }
    }
    for inner in route.get_mut("routes").and_then(Value::as_array_mut).into_iter().flatten() {
        shorten(inner);
    }
}

fn rules(watched: &Watched) -> String {
    let time_scale = TimeScale::new(TIME_SCALE).unwrap();
    let options = Options { matchers: r#"job="push""#.parse().unwrap(), time_scale, ..Options::default() };
    alerts::prometheus(&alerts::groups(watched, &options)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_vendor_is_one_page_and_what_follows_from_it_is_none() {
    let watched = Watched::of(&config::load(CONFIG).unwrap());
    let bed = Setup::with_rules(CONFIG).start().await;
    let pager = Pager::start().await;
    let alertmanager = Alertmanager::start(&shipped(&pager)).await;
    let prometheus = Prometheus::start(bed.envoy.scrape_addr(), &rules(&watched), &alertmanager).await;

    let load = |make| Load::new(bed.envoy.outbound(), Duration::from_millis(200), make).kept(4).start();
    let (healthy, failing) = (load(gateway_push), load(pushes::oppo));
    for node in ["LC_PUSH", "OPPO_PUSH"] {
        let rate = format!(r#"sum(rate(pointsman_node_calls_total{{node="{node}",outcome="ok"}}[5s])) > 5"#);
        prometheus.until(&rate, PATIENCE).await;
    }
    every_panel_is_answered(&prometheus, &watched).await;

    bed.vendors.set_fault("oppo", Fault::error("-1").after(300)).unwrap();
    let tells = |notification: &Value, status: &str| {
        let is_it = |alert: &Value| label(alert, "alertname") == DOWN && alert["status"] == status;
        notification["path"] == "/page" && alerts_of(notification).any(is_it)
    };
    let page = pager.until("the page", PATIENCE, |notification| tells(notification, "firing")).await;
    assert_eq!(page["groupLabels"]["channel"], "oppo", "{page:#}");
    assert_eq!(page["groupLabels"]["severity"], "page");

    // What fires because the channel is down tells of itself, and nobody is told.
    let follows = |alert: &Value| ["latency", "success"].contains(&label(alert, "signal"));
    alertmanager
        .until("what follows to be suppressed", PATIENCE, |alerts| {
            let cause = alerts.iter().find(|alert| label(alert, "alertname") == DOWN);
            let Some(cause) = cause.and_then(|cause| cause["fingerprint"].as_str()) else { return false };
            let of_channel: Vec<_> = alerts.iter().filter(|alert| label(alert, "channel") == "oppo").collect();
            let followers: Vec<_> = of_channel.into_iter().filter(|alert| follows(alert)).collect();
            let by_cause = |alert: &&Value| {
                let by = alert["status"]["inhibitedBy"].as_array().into_iter().flatten();
                alert["status"]["state"] == "suppressed" && by.into_iter().any(|by| by == cause)
            };
            let kinds: BTreeSet<_> = followers.iter().map(|alert| label(alert, "signal")).collect();
            kinds.len() == 2 && followers.iter().all(by_cause)
        })
        .await;
    assert_eq!(prometheus.broken_rules().await, Vec::<String>::new());

    // The vendor is well again.
    bed.vendors.clear_fault("oppo").unwrap();
    let end = pager.until("the end of the page", PATIENCE, |notification| tells(notification, "resolved")).await;
    assert_eq!(end["groupKey"], page["groupKey"]);

    let notifications = pager.notifications();
    let of_a_channel = |notification: &&Value| notification["groupLabels"]["channel"] != "none";
    let pages = notifications.iter().filter(|notification| notification["path"] == "/page").filter(of_a_channel);
    let groups: BTreeSet<_> = pages.map(|notification| notification["groupKey"].to_string()).collect();
    assert_eq!(groups.len(), 1, "one thing is broken, and one group is paged for: {groups:?}");
    let channels: BTreeSet<_> = notifications.iter().flat_map(alerts_of).map(|alert| label(alert, "channel")).collect();
    assert!(!channels.contains("lc"), "the healthy vendor is told of: {notifications:#?}");
    healthy.stop().await;
    failing.stop().await;
}

/// Each query of each dashboard is one that Prometheus understands, and finds something where the filter always counts.
async fn every_panel_is_answered(prometheus: &Prometheus, watched: &Watched) {
    let always = |expr: &str| {
        let sometimes = catalogue::METRICS.iter().filter(|metric| metric.shown == catalogue::Shown::Sometimes);
        !sometimes.into_iter().any(|metric| expr.contains(metric.name))
            && !expr.contains("slo:")
            && !expr.contains("> 0")
    };
    let mut found = 0;
    for file in dashboards::files(watched, None) {
        let dashboard: Value = serde_json::from_str(&file.text).unwrap();
        for expr in super::dashboards::expressions(&dashboard) {
            let filled = super::dashboards::filled(&expr, "5s");
            let series = prometheus.query(&filled).await.unwrap_or_else(|error| panic!("{filled}: {error}"));
            found += usize::from(always(&expr) && !series.is_empty());
        }
    }
    assert!(found > 30, "only {found} queries have found something");
}
