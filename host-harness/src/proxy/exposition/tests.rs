//! The exposition as a scraper reads it.

use super::{Exposition, Format, HostMetrics};
use crate::abi::MetricKind::{self, Counter, Gauge, Histogram};
use crate::process::{BucketSetting, Metrics, Process};
use crate::scrape::Scrape;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The text after guests have defined these metrics and recorded a value into each.
fn text(metrics: &[(MetricKind, &str, u64)], format: Format) -> String {
    let setting = BucketSetting { prefix: String::new(), bounds: vec![0.5, 10.0] };
    let process = Process::new(Metrics::with_buckets(vec![setting]));
    for (kind, name, value) in metrics {
        process.metrics.define(*kind, name).record(*value);
    }
    Exposition::new(Arc::new(process), &HostMetrics::default()).encode(format).unwrap()
}

/// The lines of [`text`] without those of the host and without help.
fn check(metrics: &[(MetricKind, &str, u64)], format: Format, expected: &[&str]) {
    let text = text(metrics, format);
    let own =
        |line: &&str| !line.starts_with("# HELP") && !line.contains("envoy_") && !line.contains("pointsman_host_");
    assert_eq!(text.lines().filter(own).collect::<Vec<_>>(), expected);
}

/// Labels to ask a scrape for.
type Labels<'a> = &'a [(&'a str, &'a str)];

const ALL: &[(MetricKind, &str, u64)] = &[
    (Counter, "node=.=oppo_push;.;outcome=.=ok;.;calls_total", 3),
    (Counter, "node=.=a\"b\\c;.;calls_total", 1),
    (Counter, "seen", 4),
    (Gauge, "in.flight", 5),
    (Histogram, "node=.=n;.;wait_ms", 7),
];

#[test]
fn the_older_text_has_the_series_of_envoy() {
    check(
        ALL,
        Format::Text,
        &[
            "# TYPE calls_total counter",
            r#"calls_total{node="a\"b\\c"} 1"#,
            r#"calls_total{node="oppo_push",outcome="ok"} 3"#,
            "# TYPE in_flight gauge",
            "in_flight 5",
            "# TYPE seen untyped",
            "seen 4",
            "# TYPE wait_ms histogram",
            r#"wait_ms_bucket{node="n",le="0.5"} 0"#,
            r#"wait_ms_bucket{node="n",le="10"} 1"#,
            r#"wait_ms_bucket{node="n",le="+Inf"} 1"#,
            r#"wait_ms_sum{node="n"} 7.0"#,
            r#"wait_ms_count{node="n"} 1"#,
        ],
    );
}

#[test]
fn open_metrics_has_the_same_names() {
    check(
        ALL,
        Format::OpenMetrics,
        &[
            "# TYPE calls counter",
            r#"calls_total{node="a\"b\\c"} 1"#,
            r#"calls_total{node="oppo_push",outcome="ok"} 3"#,
            "# TYPE in_flight gauge",
            "in_flight 5",
            "# TYPE seen unknown",
            "seen 4",
            "# TYPE wait_ms histogram",
            r#"wait_ms_sum{node="n"} 7.0"#,
            r#"wait_ms_count{node="n"} 1"#,
            r#"wait_ms_bucket{le="0.5",node="n"} 0"#,
            r#"wait_ms_bucket{le="10.0",node="n"} 1"#,
            r#"wait_ms_bucket{le="+Inf",node="n"} 1"#,
            "# EOF",
        ],
    );
}

#[test]
fn a_name_belongs_to_the_first_that_comes_and_the_others_are_counted() {
    let metrics = [
        (Counter, "a.b", 1),
        (Counter, "a_b", 2),
        (Gauge, "a_b", 3),
        (Histogram, "h", 4),
        (Gauge, "h_count", 5),
        (Gauge, "in_use", 6),
        (Counter, "in_use_total", 7),
        (Counter, "9", 8),
        (Gauge, "envoy_http_downstream_rq_total", 9),
    ];
    for format in [Format::Text, Format::OpenMetrics] {
        let scrape = Scrape::parse(&text(&metrics, format)).unwrap();
        for (name, value) in [("a_b", 1.0), ("h_count", 1.0), ("in_use", 6.0), ("in_use_total", 7.0)] {
            assert_eq!(scrape.value(name, &[]), Some(value), "{format:?} {name}");
        }
        assert_eq!(scrape.value("pointsman_host_metrics_hidden", &[]), Some(5.0), "{format:?}");
        assert_eq!(scrape.samples("envoy_http_downstream_rq_total").count(), 0, "{format:?}");
    }
}

#[test]
fn the_host_shows_its_own_under_the_names_of_envoy() {
    let host = HostMetrics::default();
    let (listener, cluster, reloads) = (host.listener("inbound"), host.cluster("oppo"), host.reloads("my-filter"));
    listener.rq.inc();
    listener.cx_active.inc();
    [200, 204, 503, 0, 600, u16::MAX].into_iter().for_each(|status| listener.answered(status));
    cluster.rq.inc_by(2);
    cluster.answered(404);
    cluster.rq_timeout.inc();
    reloads.backoff.inc();
    host.config_update_success.inc();
    let exposition = Exposition::new(Arc::default(), &host);
    let inbound = ("envoy_http_conn_manager_prefix", "inbound");
    let oppo = ("envoy_cluster_name", "oppo");
    for format in [Format::Text, Format::OpenMetrics] {
        let scrape = Scrape::parse(&exposition.encode(format).unwrap()).unwrap();
        let cases: &[(&str, Labels<'_>, f64)] = &[
            ("envoy_http_downstream_rq_total", &[inbound], 1.0),
            ("envoy_http_downstream_rq_xx", &[inbound, ("envoy_response_code_class", "2")], 2.0),
            ("envoy_http_downstream_rq_xx", &[inbound, ("envoy_response_code_class", "5")], 1.0),
            ("envoy_http_downstream_cx_active", &[inbound], 1.0),
            ("envoy_cluster_upstream_rq_total", &[oppo], 2.0),
            ("envoy_cluster_upstream_rq_xx", &[oppo, ("envoy_response_code_class", "4")], 1.0),
            ("envoy_cluster_upstream_rq_timeout", &[oppo], 1.0),
            ("envoy_cluster_upstream_cx_connect_fail", &[oppo], 0.0),
            ("envoy_wasm_my_filter_vm_reload_backoff", &[], 1.0),
            ("envoy_listener_manager_lds_update_success", &[], 1.0),
            ("envoy_wasm_wasm_vm_count", &[], 0.0),
        ];
        for (name, labels, value) in cases {
            assert_eq!(scrape.value(name, labels), Some(*value), "{format:?} {name}");
        }
    }
}

/// Whether each family has one type and each series one sample.
fn is_sound(text: &str) -> Result<(), String> {
    let scrape = Scrape::parse(text).map_err(|error| error.to_string())?;
    let mut families = BTreeSet::new();
    let mut series = BTreeMap::new();
    for line in text.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            if !families.insert(family.0.to_owned()) {
                return Err(format!("two families {family:?}"));
            }
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            let count = series.entry(name.to_owned()).or_insert(0);
            *count += 1;
        }
    }
    for (name, lines) in series {
        let distinct: BTreeSet<_> = scrape.samples(&name).map(|sample| format!("{:?}", sample.labels)).collect();
        if distinct.len() != lines {
            return Err(format!("{name}: {lines} lines for {} series", distinct.len()));
        }
    }
    Ok(())
}

/// Names that collide often, and any text.
fn name() -> impl Strategy<Value = String> {
    let colliding = "((a|b|le|__name__|[a-z]{0,3})=\\.=[ab\"\\\\\n,}=]{0,3};\\.;){0,3}\
                     (a|b)?(_total|_count|_sum|_bucket|_created|\\.total)?";
    let value_and_name = (any::<String>(), any::<String>());
    prop_oneof![
        proptest::string::string_regex(colliding).unwrap(),
        any::<String>(),
        value_and_name.prop_map(|(value, name)| format!("x=.={value};.;{name}")),
    ]
}

proptest! {
    #[test]
    fn whatever_guests_call_their_metrics_the_text_is_sound(
        metrics in prop::collection::vec((0_u32..3, name(), any::<u64>()), 0..24)
    ) {
        let metrics: Vec<_> =
            metrics.iter().map(|(kind, name, value)| (MetricKind::try_from(*kind).unwrap(), name.as_str(), *value)).collect();
        for format in [Format::Text, Format::OpenMetrics] {
            let text = text(&metrics, format);
            prop_assert_eq!(is_sound(&text), Ok(()), "{}", text);
        }
    }
}
