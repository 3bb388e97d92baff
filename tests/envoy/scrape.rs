//! What Prometheus and an operator see: exact names, labels and buckets, the shipped limits, and never the secret.

use bytes::Bytes;
use http::{Request, StatusCode};
use pointsman_host::http::{Version, send};
use pointsman_host::monitoring::catalogue::{Kind, METRICS, Metric, Shown};
use pointsman_host::rules::shipped_buckets_ms;
use pointsman_host::scrape::{Sample, Scrape};
use pointsman_host::vendors::{Effect, Fault, ResetAt};
use pointsman_tests::{Bed, SECRET, Setup, pushes};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const RULES: &str = r#"{
    "service": "push",
    "channels": [{"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}, "oppo"],
    "message": {"business": [{"header": "x-business"}], "submitted_at": [{"header": "x-submitted-at"}]},
    "businesses": [{"name": "order"}],
    "hold_request": true
}"#;

/// The objectives of nodes, of channels and of the whole message where the rules name none, in milliseconds.
const DEFAULT_OBJECTIVES: [u64; 3] = [500, 2_000, 10_000];

async fn admin(bed: &Bed, path: &str) -> String {
    let request = Request::get(path).body(Bytes::new()).unwrap();
    let response = send(bed.envoy.admin(), Version::Http1, request).await.unwrap();
    assert_eq!(response.status, StatusCode::OK, "{path}");
    response.text()
}

/// One push each way, with a business and a time of submission, and the histograms that tell of them.
async fn bed_with_traffic(setup: Setup) -> Bed {
    let bed = setup.start().await;
    for push in [pushes::lc("m1"), pushes::oppo("m2")] {
        let push = pushes::with(pushes::with(push, "x-business", b"order"), "x-submitted-at", b"1700000000");
        assert_eq!(bed.outbound(push).await.status, 200);
    }
    assert_eq!(bed.inbound(pushes::lc("m3")).await.status, 200);
    bed.expect("pointsman_node_duration_milliseconds_count", &[], 3.0).await;
    bed.expect("pointsman_node_in_flight", &[], 0.0).await;
    bed.until("gauges", |scrape| scrape.samples("pointsman_node_blocked").next().map(drop).ok_or("none".to_owned()))
        .await;
    bed
}

/// The samples that belong to Pointsman, whatever their name.
fn ours(text: &str) -> Vec<Sample> {
    let scrape = Scrape::parse(text).unwrap();
    let names = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(['{', ' ']).next());
    let names: BTreeSet<&str> = names.filter(|name| !name.starts_with("envoy_")).collect();
    names.into_iter().flat_map(|name| scrape.samples(name)).cloned().collect()
}

#[tokio::test]
async fn every_metric_has_its_name_and_its_labels_and_there_is_no_other() {
    let bed = bed_with_traffic(Setup::with_rules(RULES)).await;
    let text = admin(&bed, "/stats/prometheus").await;
    let mut seen: BTreeMap<&str, BTreeSet<Vec<String>>> = BTreeMap::new();
    let samples = ours(&text);
    for Sample { name, labels, .. } in &samples {
        let suffixes = ["_bucket", "_sum", "_count"];
        let of_histogram = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
        let keys = labels.keys().filter(|key| of_histogram.is_none() || *key != "le");
        seen.entry(of_histogram.unwrap_or(name)).or_default().insert(keys.cloned().collect());
        assert!(labels.values().all(|value| !value.is_empty()), "{name} {labels:?}");
    }
    let labels = |keys: &[&str]| BTreeSet::from([keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>()]);
    let always = METRICS.iter().filter(|metric| metric.shown == Shown::Always);
    let expected: BTreeMap<&str, _> = always.clone().map(|metric| (metric.name, labels(metric.labels))).collect();
    assert_eq!(seen, expected);
    for Metric { name, kind, .. } in always {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name}");
    }

    let value = |name: &str, labels: &[(&str, &str)]| Scrape::parse(&text).unwrap().value(name, labels);
    let oppo = [("node", "OPPO_PUSH"), ("channel", "oppo")];
    let of_order = [&oppo[..], &[("business", "order"), ("outcome", "ok")]].concat();
    assert_eq!(value("pointsman_node_messages_total", &of_order), Some(1.0));
    assert_eq!(value("pointsman_node_on_time_total", &[&oppo[..], &[("met", "true")]].concat()), Some(1.0));
    assert_eq!(value("pointsman_vendor_codes_total", &[("channel", "oppo"), ("code", "0")]), Some(1.0));
    assert_eq!(value("pointsman_message_on_time_total", &[("channel", "oppo"), ("met", "false")]), Some(1.0));
    assert_eq!(value("pointsman_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), Some(1.0));
    let inbound = [("node", "PUSH"), ("channel", "none"), ("business", "none"), ("outcome", "ok")];
    assert_eq!(value("pointsman_node_messages_total", &inbound), Some(1.0));
}

#[tokio::test]
async fn histograms_have_a_bucket_for_every_default_objective() {
    let bed = bed_with_traffic(Setup::with_rules(RULES)).await;
    let ladder = shipped_buckets_ms().unwrap();
    for objective in DEFAULT_OBJECTIVES {
        assert!(ladder.contains(&objective), "{objective}");
    }
    let mut expected: Vec<f64> = ladder.iter().map(|bound| f64::from(u32::try_from(*bound).unwrap())).collect();
    expected.push(f64::INFINITY);
    let scrape = bed.scrape().await;
    let bounds = |name, labels: &[(&str, &str)]| {
        let buckets = scrape.samples(name).filter(|sample| sample.has(labels));
        let mut bounds: Vec<f64> = buckets.map(|sample| sample.labels["le"].parse().unwrap()).collect();
        bounds.sort_by(f64::total_cmp);
        bounds
    };
    for node in ["LC_PUSH", "OPPO_PUSH", "PUSH"] {
        assert_eq!(bounds("pointsman_node_duration_milliseconds_bucket", &[("node", node)]), expected, "{node}");
    }
    assert_eq!(bounds("pointsman_message_duration_milliseconds_bucket", &[("channel", "oppo")]), expected);
}

#[tokio::test]
async fn the_secret_is_shown_nowhere() {
    let bed = bed_with_traffic(Setup::with_rules(RULES).log_level("wasm:trace")).await;
    // Visits are logged from the first tick on.
    assert_eq!(bed.outbound(pushes::lc("logged")).await.status, 200);
    bed.expect("pointsman_trace_contexts_total", &[("result", "derived")], 3.0).await;
    let dump = admin(&bed, "/config_dump?include_eds").await;
    assert!(dump.contains("POINTSMAN_SECRET"), "the name of the variable is shown");
    let log = bed.envoy.log();
    assert!(log.contains("visit {\"node\":"), "the log shows visits");
    let shown = ["/stats", "/stats/prometheus", "/server_info", "/clusters", "/listeners", "/runtime", "/init_dump"];
    for path in shown {
        assert!(!admin(&bed, path).await.contains(SECRET), "{path}");
    }
    assert!(!dump.contains(SECRET), "/config_dump");
    assert!(!log.contains(SECRET), "the log");
}

#[tokio::test]
async fn no_header_of_a_caller_makes_a_broken_push_a_second_one() {
    let bed = Setup::with_rules(RULES).edit(let_callers_ask_for_retries).start().await;
    for (number, at) in [(1_u32, ResetAt::Request), (2, ResetAt::Response)] {
        bed.vendors.set_fault("lc", Fault::new(Effect::Reset(at))).unwrap();
        let headers = [
            ("x-forwarded-for", "127.0.0.1"),
            ("x-envoy-retry-on", "5xx,reset,connect-failure,refused-stream,reset-before-request"),
            ("x-envoy-max-retries", "3"),
            ("x-envoy-hedge-on-per-try-timeout", "true"),
        ];
        let push = headers
            .into_iter()
            .fold(pushes::lc(&number.to_string()), |push, (name, value)| pushes::with(push, name, value.as_bytes()));
        let answer = send(bed.envoy.outbound(), Version::Http1, push).await;
        assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status == StatusCode::SERVICE_UNAVAILABLE));
        let failed = [("node", "LC_PUSH"), ("outcome", "vendor_unavailable")];
        bed.expect("pointsman_node_calls_total", &failed, f64::from(number)).await;
        assert_eq!(bed.vendors.counts("lc").unwrap().requests, u64::from(number));
    }
}

/// Takes away whatever else would hold a retry back than that no caller's header asks for one.
fn let_callers_ask_for_retries(bootstrap: &mut Value) {
    let loopback = json!({ "cidr_ranges": [{ "address_prefix": "127.0.0.0", "prefix_len": 8 }] });
    for listener in each(bootstrap, "/static_resources/listeners") {
        let manager = listener.pointer_mut("/filter_chains/0/filters/0/typed_config").unwrap();
        manager["internal_address_config"] = loopback.clone();
    }
    for cluster in each(bootstrap, "/static_resources/clusters") {
        if let Some(thresholds) = cluster.pointer_mut("/circuit_breakers/thresholds/0") {
            thresholds["max_retries"] = json!(3);
        }
    }
}

fn each<'a>(value: &'a mut Value, pointer: &str) -> impl Iterator<Item = &'a mut Value> {
    value.pointer_mut(pointer).and_then(Value::as_array_mut).unwrap().iter_mut()
}

#[tokio::test]
async fn envoy_runs_with_the_limits_that_ship() {
    let bed = Setup::with_rules(RULES).start().await;
    let dump: Value = serde_json::from_str(&admin(&bed, "/config_dump").await).unwrap();
    let bootstrap = &dump["configs"][0]["bootstrap"]["static_resources"];
    let mut routes = 0;
    for listener in bootstrap["listeners"].as_array().unwrap().iter().filter(|listener| listener["name"] != "scrape") {
        let manager = &listener["filter_chains"][0]["filters"][0]["typed_config"];
        assert_eq!(manager["stream_idle_timeout"], "60s");
        for host in manager["route_config"]["virtual_hosts"].as_array().unwrap() {
            for route in host["routes"].as_array().unwrap().iter().filter(|route| route.get("route").is_some()) {
                assert_eq!(route["route"]["timeout"], "30s", "{route}");
                routes += 1;
            }
        }
    }
    assert_eq!(routes, 10);
    let clusters = bootstrap["clusters"].as_array().unwrap().iter().filter(|cluster| cluster["name"] != "admin");
    for cluster in clusters {
        let limits = &cluster["circuit_breakers"]["thresholds"][0];
        assert_eq!(limits["max_retries"], 0, "{cluster}");
        assert!(limits["max_connections"].is_u64() && limits["max_requests"].is_u64(), "{cluster}");
    }
    for word in ["retry_policy", "hedge_policy", "request_mirror_policies"] {
        assert!(!dump.to_string().contains(word), "{word}");
    }
}
