//! Objects say what the file of plain Envoy says, and a config comes out of them as it went in.

use super::*;

const CONFIG: &str = "{\n  \"service\": \"push\", \"channels\": [\"oppo\"]\n}\n";
const SETTINGS: &str = "/spec/configPatches/0/patch/value/typed_config/config";

fn rules() -> Placement {
    Placement::new("push", "pointsman-rules")
}

fn fetched() -> Placement {
    let code = Code::Fetched { url: "oci://registry.example.com/filter:1".to_owned(), sha256: "0".repeat(64) };
    Placement { code, ..rules() }
}

fn envoyfilter(placement: &Placement) -> Value {
    render_envoyfilter(CONFIG, &PluginSettings::shipped().unwrap(), placement)
}

#[test]
fn only_the_code_of_an_envoyfilter_differs_from_the_file_of_plain_envoy() {
    let plugin = PluginSettings::shipped().unwrap();
    let mut settings = envoyfilter(&rules()).pointer(SETTINGS).unwrap().clone();
    assert_eq!(settings["vm_config"]["code"], json!({ "local": { "filename": MODULE } }));
    settings["vm_config"]["code"] = plugin.plugin["vm_config"]["code"].clone();
    assert_eq!(settings, Value::from(plugin.with(CONFIG)));
}

#[test]
fn what_the_agent_must_fetch_is_open_at_failure() {
    let object = envoyfilter(&fetched());
    let settings = object.pointer(SETTINGS).unwrap();
    assert_eq!(settings["failure_policy"], "FAIL_OPEN");
    assert_eq!(settings.get("reload_config"), None);
    assert_eq!(settings.pointer("/vm_config/code/remote/sha256").unwrap(), &"0".repeat(64));
}

#[test]
fn another_track_has_pods_and_shared_data_of_its_own() {
    let object = envoyfilter(&Placement { track: "canary".to_owned(), ..rules() });
    assert_eq!(object["spec"]["workloadSelector"]["labels"]["pointsman.io/track"], "canary");
    assert_eq!(object.pointer(SETTINGS).unwrap()["vm_config"]["vm_id"], "pointsman-canary");
}

#[test]
fn a_config_is_found_in_an_envoyfilter_and_replaced_alone() {
    let before = envoyfilter(&rules());
    assert_eq!(config_in_envoyfilter(&before), Some(CONFIG));
    let mut after = before.clone();
    assert!(with_config(&mut after, "{}"));
    assert_eq!(config_in_envoyfilter(&after), Some("{}"));
    assert!(with_config(&mut after, CONFIG));
    assert_eq!(after, before);
}

#[test]
fn an_object_with_two_configs_or_none_has_no_place_for_one() {
    let mut two = envoyfilter(&rules());
    let patch = two["spec"]["configPatches"][0].clone();
    two["spec"]["configPatches"].as_array_mut().unwrap().push(patch);
    let insertion = json!({ "kind": "EnvoyFilter", "spec": { "configPatches": [{ "applyTo": "HTTP_FILTER" }] } });
    let other = render_configmap(CONFIG, &rules());
    for object in [two, insertion, other, json!({})] {
        assert_eq!(config_in_envoyfilter(&object), None);
        let mut changed = object.clone();
        assert!(!with_config(&mut changed, "{}"));
        assert_eq!(changed, object);
    }
}

#[test]
fn what_can_t_hold_requests_refuses_a_config_that_does() {
    let holds = r#"{"service": "push", "hold_request": true}"#;
    for rendered in [render_wasmplugin(holds, &fetched()), render_trafficextension(holds, &fetched())] {
        let refusal = rendered.unwrap_err();
        assert!(matches!(refusal, RulesError::Holds));
        assert!(refusal.to_string().contains("--target envoyfilter"));
    }
    let no_object = render_wasmplugin("[]", &fetched()).unwrap_err();
    assert!(matches!(no_object, RulesError::Json { .. }));
}

#[test]
fn extensions_of_istio_watch_both_sides_and_are_open_at_failure() {
    let plugin = render_wasmplugin(CONFIG, &fetched()).unwrap();
    let extension = render_trafficextension(CONFIG, &fetched()).unwrap();
    for (object, wasm) in [(&plugin, &plugin["spec"]), (&extension, &extension["spec"]["wasm"])] {
        assert_eq!(object["spec"]["match"], json!([{ "mode": "SERVER" }, { "mode": "CLIENT" }]));
        assert_eq!(wasm["failStrategy"], "FAIL_OPEN");
        assert_eq!(wasm["pluginConfig"], json!({ "service": "push", "channels": ["oppo"] }));
        assert_eq!(wasm["url"], "oci://registry.example.com/filter:1");
        assert_eq!(wasm["vmConfig"]["env"], json!([{ "name": "POINTSMAN_SECRET", "valueFrom": "HOST" }]));
    }
    let local = render_wasmplugin(CONFIG, &rules()).unwrap();
    assert_eq!(local["spec"]["url"], format!("file://{MODULE}"));
}

#[test]
fn a_config_stands_in_a_manifest_as_it_was_written() {
    let config = "{\n  \"service\": \"push\",\n\n  \"channels\": [\"oppo: # no comment\"]\n}\n";
    let text = manifest(&render_configmap(config, &Placement::new("push", "pointsman"))).unwrap();
    assert!(text.contains("  pointsman.json: |\n    {\n      \"service\": \"push\",\n"), "{text}");
}

#[test]
fn every_config_comes_out_of_a_manifest_as_it_went_in() {
    for config in [
        "",
        " ",
        "{}",
        "{}\n",
        "{ }\n\n\n",
        "{\r\n}\r\n",
        " {\n}",
        "{\t\n}",
        "{\"a\": \"\u{2028}\u{1F600} yes: no\"}",
        "\u{7f}\n",
    ] {
        let object = render_configmap(config, &Placement::new("push", "pointsman"));
        let read: Value = serde_saphyr::from_str(&manifest(&object).unwrap()).unwrap();
        assert_eq!(read, object, "{config:?}");
    }
}
