//! The Istio overlay: what its objects say beyond their schemas, and the filter in the real Envoy as Istio sets it up.

mod mesh;
mod patches;

use mesh::Mesh;
use pointsman_core::config;
use pointsman_host::rules::{
    self, Code, Placement, PluginSettings, config_in_envoyfilter, manifest, render_envoyfilter,
    render_trafficextension, render_wasmplugin,
};
use pointsman_tests::manifests::{object, render};
use pointsman_tests::smoke::{OTHER_RULES, other_rules, smoke};
use pointsman_tests::{SECRET, pushes, repository};
use serde_json::{Value, json};
use std::fs;

const OVERLAYS: [&str; 3] = ["k8s/istio", "k8s/istio/fetched", "k8s/istio/canary"];
const IMAGE: &str = "oci://registry.example.com/pointsman/filter:0.1.0";

fn text(file: &str) -> String {
    fs::read_to_string(repository(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn json(file: &str) -> Value {
    serde_json::from_str(&text(file)).unwrap()
}

fn fetched() -> Placement {
    let code = Code::Fetched { url: IMAGE.to_owned(), sha256: "0".repeat(64) };
    Placement { code, ..Placement::new("push", "pointsman") }
}

#[test]
fn the_rules_of_the_overlays_are_rendered_from_their_configs() {
    let plugin = PluginSettings::shipped().unwrap();
    let config = text("k8s/istio/filter/pointsman.json");
    let extension = text("k8s/istio/wasmplugin/pointsman.json");
    let canary = Placement { track: "canary".to_owned(), ..Placement::new("push", "pointsman-rules-canary") };
    for (file, expected) in [
        ("filter/rules.yaml", render_envoyfilter(&config, &plugin, &Placement::new("push", "pointsman-rules"))),
        ("canary/rules.yaml", render_envoyfilter(&config, &plugin, &canary)),
        ("wasmplugin/pointsman.yaml", render_wasmplugin(&extension, &fetched()).unwrap()),
        ("trafficextension/pointsman.yaml", render_trafficextension(&extension, &fetched()).unwrap()),
    ] {
        assert_eq!(text(&format!("k8s/istio/{file}")), manifest(&expected).unwrap(), "{file}");
    }
}

#[test]
fn the_configs_are_the_example_of_plain_envoy_in_istio_s_words() {
    let plain = json("envoy/pointsman.json");
    let mut istio = json("k8s/istio/filter/pointsman.json");
    let mut extension = json("k8s/istio/wasmplugin/pointsman.json");
    assert_eq!(extension, json("k8s/istio/trafficextension/pointsman.json"));
    for config in [&istio, &extension] {
        config::load(&config.to_string()).expect("a config that the filter takes");
    }
    let gateway = &mut istio["channels"][5];
    assert_eq!(gateway["cluster"], "outbound|80||lc.internal", "a cluster as Istio names it");
    gateway["cluster"] = plain["channels"][5]["cluster"].clone();
    gateway.as_object_mut().unwrap().remove("authority");
    assert_eq!(istio, plain);
    // Without holding no rule sends anything there, so it needs no way there.
    for key in ["cluster", "path"] {
        extension["channels"][5][key] = plain["channels"][5][key].clone();
    }
    extension["hold_request"] = true.into();
    assert_eq!(extension, plain);
}

#[test]
fn the_canary_is_put_where_the_stable_filter_is_and_never_into_the_same_pod() {
    let stable = render("k8s/istio/filter");
    let canary = render("k8s/istio/canary");
    let (stable, canary) =
        (object(&stable, "EnvoyFilter", "pointsman"), object(&canary, "EnvoyFilter", "pointsman-canary"));
    assert_eq!(stable["spec"]["configPatches"], canary["spec"]["configPatches"]);
    let track = |filter: &Value| filter["spec"]["workloadSelector"]["labels"]["pointsman.io/track"].clone();
    assert_eq!((track(stable), track(canary)), (json!("stable"), json!("canary")));
}

#[test]
fn what_istio_must_fetch_is_open_at_failure() {
    let object_of = |overlay: &str, kind: &str, name: &str| object(&render(overlay), kind, name).clone();
    let rules = object_of("k8s/istio/fetched", "EnvoyFilter", "pointsman-rules");
    let settings = &rules["spec"]["configPatches"][0]["patch"]["value"]["typed_config"]["config"];
    assert!(settings["vm_config"]["code"]["remote"].is_object());
    let placement = Placement { name: "pointsman-rules".to_owned(), ..fetched() };
    let plugin = PluginSettings::shipped().unwrap();
    assert_eq!(rules, render_envoyfilter(config_in_envoyfilter(&rules).unwrap(), &plugin, &placement));
    let plugin = object_of("k8s/istio/wasmplugin", "WasmPlugin", "pointsman");
    assert_eq!(plugin["spec"]["failStrategy"], "FAIL_OPEN");
    let extension = object_of("k8s/istio/trafficextension", "TrafficExtension", "pointsman");
    assert_eq!(extension["spec"]["wasm"]["failStrategy"], "FAIL_OPEN");
}

#[tokio::test]
async fn every_overlay_passes_the_smoke_test_and_takes_other_rules_by_a_change_of_its_text() {
    for overlay in OVERLAYS {
        let mesh = Mesh::of(overlay);
        let bed = mesh.start().await;
        smoke(&mesh.place(&bed)).await;
        mesh.change(OTHER_RULES);
        other_rules(&mesh.place(&bed)).await;
    }
}

#[tokio::test]
async fn without_code_or_rules_every_push_passes_until_they_come() {
    for broken in [Mesh::broken_code, Mesh::no_rules] {
        let mesh = Mesh::of("k8s/istio");
        broken(&mesh);
        let bed = mesh.start().await;
        assert_eq!(bed.inbound(pushes::lc("unseen")).await.status, 200);
        assert_eq!(bed.outbound(pushes::oppo("unseen")).await.status, 200);
        assert_eq!(bed.scrape().await.sum("pointsman_node_messages_total", &[]), 0.0);
        mesh.change(mesh.config());
        mesh.watching(&bed).await;
    }
}

#[tokio::test]
async fn envoy_itself_finds_the_embedded_configs_valid() {
    for credentials in ["k8s/istio/credentials", "k8s/istio/credentials-env"] {
        let mesh = Mesh::of("k8s/istio").with_credentials(credentials);
        let _bed = mesh.start().await;
        mesh.validate();
    }
}

#[tokio::test]
async fn the_gateway_gets_the_credential_of_the_mounted_secret_and_a_new_one_at_once() {
    let mesh = Mesh::of("k8s/istio").with_credentials("k8s/istio/credentials");
    let bed = mesh.start().await;
    for credential in ["Bearer first", "Bearer second"] {
        mesh.mount_credential(credential);
        let deadline = tokio::time::Instant::now() + pointsman_tests::PATIENCE;
        loop {
            let push = pushes::with(pushes::lc("m1"), "authorization", b"of the caller");
            assert_eq!(bed.outbound(push).await.status, 200);
            let sent = bed.last_at("lc").headers.get("authorization").cloned();
            if sent.as_ref().is_some_and(|sent| sent == credential) {
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "{credential} is not in force: {sent:?}");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn the_gateway_gets_the_credential_of_the_proxy_s_environment() {
    // The bed gives Envoy one variable, so it stands for the credential's.
    let mesh = Mesh::of("k8s/istio").with_credentials("k8s/istio/credentials-env");
    let bed = mesh.start().await;
    let push = pushes::with(pushes::lc("m1"), "authorization", b"of the caller");
    assert_eq!(bed.outbound(push).await.status, 200);
    assert_eq!(bed.last_at("lc").headers["authorization"], SECRET);
}

#[test]
fn every_histogram_bound_and_label_of_the_bootstrap_is_in_the_annotations() {
    let bootstrap: Value = serde_saphyr::from_str(&text("envoy/bootstrap.yaml")).unwrap();
    let patch = mesh::workload_patch();
    let annotations = &patch["spec"]["template"]["metadata"]["annotations"];
    assert_eq!(Value::from(mesh::stats_tags(annotations)), bootstrap["stats_config"]["stats_tags"]);
    let buckets: Value =
        serde_json::from_str(annotations["sidecar.istio.io/statsHistogramBuckets"].as_str().unwrap()).unwrap();
    assert_eq!(buckets["wasmcustom"], json!(rules::shipped_buckets_ms().unwrap()));
}
