//! The alerts ask for metrics that the tracker has.

use crate::world::event;
use http::StatusCode;
use pointsman_tracker::answers::patterns::Labels;
use pointsman_tracker::metrics::Metrics;
use pointsman_tracker::store::Health;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

const RULES: &str = include_str!("../../alerts.yaml");
const DOCS: &str = include_str!("../../../docs/tracker-api.md");

/// The names of ours that stand in a text.
fn names(text: &str) -> BTreeSet<&str> {
    let words = text.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
    words.filter(|word| word.starts_with("pointsman_tracker_")).collect()
}

/// What is told once everything has happened at least once.
fn told() -> String {
    let metrics = Metrics::default();
    metrics.above().0.get_or_create(&Labels { channel: "oppo".to_owned(), code: "-1".to_owned() }).set(1);
    let late = event(&json!({ "ago_ms": 1, "kind": "status", "status": "failed", "conflict": "delivered" }));
    metrics.conflicts(&[late]);
    metrics.ingested("logs", StatusCode::SERVICE_UNAVAILABLE);
    metrics.appended(Duration::from_millis(3));
    metrics.queried("/api/v1/search".to_owned(), StatusCode::OK, Duration::from_millis(3));
    metrics.store(Some(Health { disk_bytes: 1, newest_ms: 1 }), 2);
    metrics.text()
}

#[test]
fn every_metric_that_an_alert_asks_for_is_there() {
    let text = told();
    let there: BTreeSet<&str> = text.lines().filter(|line| !line.starts_with('#')).flat_map(names).collect();
    let asked: BTreeSet<&str> =
        RULES.lines().filter(|line| !line.trim_start().starts_with("description")).flat_map(names).collect();
    assert!(asked.len() >= 7 && asked.is_subset(&there), "{asked:?} of {there:?}");
    let step = "pointsman_tracker_status_conflicts_total{from=\"delivered\",to=\"failed\"} 1";
    assert!(text.contains(step), "{text}");
}

#[test]
fn a_sender_that_makes_up_statuses_does_not_make_up_series() {
    let metrics = Metrics::default();
    let late = |n: u32| event(&json!({ "ago_ms": 1, "kind": "status", "status": format!("s{n}"), "conflict": "x" }));
    metrics.conflicts(&(0..500).map(late).collect::<Vec<_>>());
    let text = metrics.text();
    let series: Vec<&str> =
        text.lines().filter(|line| line.starts_with("pointsman_tracker_status_conflicts_total{")).collect();
    assert_eq!(series.len(), 101);
    assert!(text.contains("{from=\"other\",to=\"other\"} 400"), "{text}");
}

#[test]
fn every_alert_is_explained() {
    for line in RULES.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(DOCS.contains(&format!("### {line}\n")), "{line} is not in the documentation");
        assert!(RULES.contains(&format!("docs/tracker-api.md#{}\n", line.to_lowercase())), "{line} has no link");
    }
}

#[test]
fn every_route_is_explained() {
    for route in pointsman_tracker::api::table() {
        let named = route.path.trim_start_matches('/');
        assert!(DOCS.contains(&format!("`{named}`")) || DOCS.contains(&format!("`POST {named}`")), "{named}");
    }
}
