//! Rules come, change and are refused while Envoy runs, and no push notices.

use pointsman_core::metrics::MAX_SERIES;
use pointsman_host::envoy::Rules;
use pointsman_host::http::{Version, send};
use pointsman_host::scrape::Scrape;
use pointsman_host::vendors::Fault;
use pointsman_tests::load::Load;
use pointsman_tests::{Bed, Setup, pushes};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// How soon rules must be in force.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(2);

const GATEWAY: &str = r#"{"name": "lc", "adapter": "generic-json", "hosts": ["lc.internal"]}"#;

/// Seven faults.
const FAULTY: &str = r#"{
    "servce": "push",
    "channels": ["oppo", 7, {"name": "x y"}],
    "hold_timeout": "soon",
    "sample_ratio": 1.5,
    "businesses": [{"name": "none"}]
}"#;
const FAULTS: [&str; 7] = [
    "$.servce: unknown field `servce`",
    "$.channels[1]: invalid type: integer `7`",
    "$.channels[2].name: \"x y\" is no name",
    "$.channels[2]: there is no adapter `x y`",
    "$.hold_timeout: \"soon\" is not a duration",
    "$.sample_ratio: ",
    "$.businesses[0].name: `none` has a meaning of its own",
];

fn rules(channels: &[&str], more: &str) -> String {
    format!(r#"{{"service": "push", "channels": [{}], "hold_request": true{more}}}"#, channels.join(", "))
}

fn calls(scrape: &Scrape, node: &str) -> f64 {
    scrape.sum("pointsman_node_calls_total", &[("node", node)])
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

/// Waits until the rules that make this node are in force, which must not take longer than the limit.
async fn node_appears(bed: &Bed, node: &str, applied: Instant) {
    bed.until(&format!("the node {node}"), |scrape| {
        let known = scrape.samples("pointsman_node_calls_total").any(|sample| sample.has(&[("node", node)]));
        if known { Ok(()) } else { Err("no such node".to_owned()) }
    })
    .await;
    let took = applied.elapsed();
    assert!(took < IN_FORCE_WITHIN, "the rules took {took:?}");
}

async fn config_total(bed: &Bed, result: &str) -> f64 {
    bed.scrape().await.sum("pointsman_config_total", &[("result", result)])
}

/// Waits until Envoy has told of this many refused rules files.
async fn refusals(bed: &Bed, number: f64) {
    bed.expect("envoy_extension_config_discovery_http_filter_pointsman_update_rejected", &[], number).await;
}

#[tokio::test]
async fn rules_replaced_under_load_are_in_force_within_two_seconds_and_no_push_fails() {
    let bed = Setup::with_rules(&rules(&[GATEWAY, r#""wechat""#], "")).workers(2).start().await;
    bed.vendors.set_fault("wechat", Fault::delay(3_000)).unwrap();
    let every = Duration::from_millis(10);
    let outbound = Load::new(bed.envoy.outbound(), every, pushes::lc).kept(3).fresh(2).start();
    let inbound = Load::new(bed.envoy.inbound(), every, pushes::lc).kept(2).fresh(1).start();
    let slow: Vec<_> = ["slow-1", "slow-2", "slow-3"]
        .map(|id| tokio::spawn(send(bed.envoy.outbound(), Version::Http1, pushes::wechat(id))))
        .into();
    bed.expect("pointsman_node_in_flight", &[("node", "WECHAT_PUSH")], 3.0).await;

    // The channel that three pushes are waiting for goes, one comes, and inbound pushes have a node of their own.
    let own_node = r#", "nodes": [{"name": "MESSAGE_TO_PUSH", "path": "/push"}]"#;
    bed.envoy.apply(&rules(&[GATEWAY, r#""oppo""#], own_node)).unwrap();
    let applied = Instant::now();
    node_appears(&bed, "OPPO_PUSH", applied).await;
    bed.expect("pointsman_node_in_flight", &[("node", "WECHAT_PUSH")], 3.0).await;
    let late = |push: &&pointsman_tests::load::Push| push.began > applied + IN_FORCE_WITHIN;
    inbound.until("pushes after the limit", |pushes| pushes.iter().filter(late).count() >= 100).await;

    let (outbound, inbound) = (outbound.stop().await, inbound.stop().await);
    let failed: Vec<_> = outbound.iter().chain(&inbound).filter(|push| !push.is_ok()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    for push in slow {
        assert_eq!(push.await.unwrap().unwrap().status, 200);
    }
    // Every push is counted once, under the old rules or the new ones.
    bed.expect("pointsman_node_calls_total", &[("node", "LC_PUSH"), ("outcome", "ok")], count(outbound.len())).await;
    bed.until("every inbound push to be counted", |scrape| {
        let (old, new) = (calls(scrape, "PUSH"), calls(scrape, "MESSAGE_TO_PUSH"));
        let all = old + new == count(inbound.len()) && new >= count(inbound.iter().filter(late).count());
        if all { Ok(()) } else { Err(format!("{old} and {new} of {}", inbound.len())) }
    })
    .await;
    bed.expect("pointsman_node_calls_total", &[("node", "WECHAT_PUSH"), ("outcome", "ok")], 3.0).await;
    bed.expect("pointsman_node_in_flight", &[], 0.0).await;
    bed.expect("pointsman_node_blocked", &[], 0.0).await;
    assert_eq!(config_total(&bed, "applied").await, 2.0);
}

#[tokio::test]
async fn faulty_rules_are_refused_with_every_fault_and_the_old_ones_stay_in_force() {
    let old = rules(&[GATEWAY], "");
    let bed = Setup::with_rules(&old).workers(4).start().await;
    let load = Load::new(bed.envoy.outbound(), Duration::from_millis(10), pushes::lc).kept(4).fresh(2).start();
    bed.envoy.apply(FAULTY).unwrap();
    refusals(&bed, 1.0).await;
    let refused = Instant::now();
    load.until("pushes after the refusal", |pushes| pushes.iter().filter(|push| push.began > refused).count() >= 100)
        .await;
    let pushes = load.stop().await;
    assert!(pushes.iter().all(pointsman_tests::load::Push::is_ok), "{pushes:#?}");
    bed.expect("pointsman_node_calls_total", &[("node", "LC_PUSH"), ("outcome", "ok")], count(pushes.len())).await;
    let trace = [("result", "derived")];
    bed.expect("pointsman_trace_contexts_total", &trace, count(pushes.len())).await;
    assert_eq!((config_total(&bed, "applied").await, config_total(&bed, "rejected").await), (1.0, 1.0));

    let log = bed.envoy.log();
    for fault in FAULTS {
        let lines = log.lines().filter(|line| line.contains(&format!("config rejected: {fault}"))).count();
        assert_eq!(lines, 1, "{fault} in {log}");
    }
    assert_eq!(log.matches("config rejected: ").count(), FAULTS.len(), "{log}");
}

#[tokio::test]
async fn rules_are_counted_once_in_the_process_however_often_they_come() {
    let (old, new) = (rules(&[GATEWAY], ""), rules(&[GATEWAY, r#""oppo""#], ""));
    let bed = Setup::with_rules(&old).workers(2).start().await;
    let totals = async || (config_total(&bed, "applied").await, config_total(&bed, "rejected").await);
    assert_eq!(totals().await, (1.0, 0.0));
    bed.envoy.apply(FAULTY).unwrap();
    refusals(&bed, 1.0).await;
    assert_eq!(totals().await, (1.0, 1.0));
    bed.apply(&new).await;
    assert_eq!(totals().await, (2.0, 1.0));
    bed.envoy.apply(FAULTY).unwrap();
    refusals(&bed, 2.0).await;
    bed.apply(&old).await;
    assert_eq!(totals().await, (2.0, 1.0));
    bed.envoy.apply(r#"{"service": 1}"#).unwrap();
    refusals(&bed, 3.0).await;
    assert_eq!(totals().await, (2.0, 2.0));
}

#[tokio::test]
async fn a_useless_rules_file_at_start_passes_every_push_unchanged_until_it_is_corrected() {
    let useless = [
        (Rules::Config(FAULTY.to_owned()), 1.0),
        (Rules::Raw(String::new()), 0.0),
        (Rules::Missing, 0.0),
        (Rules::Raw("{ no json".to_owned()), 0.0),
    ];
    for (file, rejected) in useless {
        let bed = Setup::with_rules("{}").rules_file(file.clone()).workers(2).start().await;
        for id in ["first", "second"] {
            passes_unchanged(&bed, id).await;
        }
        assert_eq!((config_total(&bed, "applied").await, config_total(&bed, "rejected").await), (0.0, rejected));
        let scrape = bed.scrape().await;
        assert_eq!(calls(&scrape, "LC_PUSH"), 0.0, "{file:?}");
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        assert_eq!(scrape.value("pointsman_build_info", &version), Some(1.0), "{file:?}");

        bed.envoy.apply(&rules(&[GATEWAY], "")).unwrap();
        node_appears(&bed, "LC_PUSH", Instant::now()).await;
        assert_eq!(bed.outbound(pushes::lc("seen")).await.status, 200);
        bed.expect("pointsman_node_calls_total", &[("node", "LC_PUSH"), ("outcome", "ok")], 1.0).await;
        assert!(bed.last_at("lc").header("traceparent").is_some(), "{file:?}");
    }
}

#[tokio::test]
async fn rules_that_are_emptied_later_pass_every_push_unchanged() {
    let bed = Setup::with_rules(&rules(&[GATEWAY], "")).workers(2).start().await;
    bed.vendors.set_fault("lc", Fault::delay(1_500)).unwrap();
    let open = tokio::spawn(send(bed.envoy.outbound(), Version::Http1, pushes::lc("under-the-old-rules")));
    bed.expect("pointsman_node_in_flight", &[("node", "LC_PUSH")], 1.0).await;
    bed.vendors.clear_fault("lc").unwrap();
    bed.apply("{}").await;
    for id in ["first", "second"] {
        passes_unchanged(&bed, id).await;
    }
    assert_eq!(open.await.unwrap().unwrap().status, 200);
    bed.expect("pointsman_node_calls_total", &[("node", "LC_PUSH")], 1.0).await;
    bed.expect("pointsman_node_in_flight", &[], 0.0).await;
}

/// The push reaches the vendor with its own headers and body, and nothing of a trace.
async fn passes_unchanged(bed: &Bed, id: &str) {
    let push = pushes::with(pushes::lc(id), "tracestate", b"other=1");
    let (head, body) = push.clone().into_parts();
    assert_eq!(bed.outbound(push).await.status, 200);
    let received = bed.last_at("lc");
    assert_eq!(received.body, body);
    assert_eq!(received.header("traceparent"), None);
    for (name, value) in &head.headers {
        assert_eq!(received.headers.get(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn rules_that_would_flood_prometheus_are_refused_and_those_below_the_limit_stay_below_it() {
    let businesses = |number: usize| {
        let names = (0..number).map(|index| format!(r#"{{"name": "b{index}"}}"#));
        let names: Vec<String> = names.collect();
        let source = r#""message": {"business": [{"header": "x-business"}]}"#;
        format!(r#"{{"service": "push", {source}, "businesses": [{}]}}"#, names.join(", "))
    };
    let bed = Setup::with_rules(r#"{"service": "push"}"#).start().await;
    bed.envoy.apply(&businesses(400)).unwrap();
    refusals(&bed, 1.0).await;
    let log = bed.envoy.log();
    let fault = format!("above the limit of {MAX_SERIES}; most come from the label `business`: cut its values");
    assert!(log.contains(&fault), "{log}");

    bed.apply(&businesses(120)).await;
    for name in ["b0", "b119", "b120", "nobody"] {
        bed.inbound(pushes::with(pushes::lc("m"), "x-business", name.as_bytes())).await;
    }
    bed.expect("pointsman_node_messages_total", &[("node", "PUSH"), ("outcome", "ok")], 4.0).await;
    let scrape = bed.scrape().await;
    let of = |business| scrape.sum("pointsman_node_messages_total", &[("business", business)]);
    assert_eq!((of("b0"), of("b119"), of("other")), (1.0, 1.0, 2.0));
    let seen: BTreeSet<_> =
        scrape.samples("pointsman_node_messages_total").filter_map(|s| s.labels.get("business")).collect();
    assert_eq!(seen.len(), 3, "values that the rules do not list make no series: {seen:?}");
}
