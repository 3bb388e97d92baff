//! The files of `k8s/monitoring`, judged by the tools that read them.

use pointsman_core::config;
use pointsman_host::monitoring::alerts::{self, Options};
use pointsman_host::monitoring::{Watched, catalogue};
use pointsman_tests::{manifests, repository, tools};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

const UPDATE: &str = "UPDATE_MONITORING";

/// The operator adds a matcher on the namespace to every route, so its alerts need that label.
const PLAIN: &str = r#"job="push""#;
const OPERATOR: &str = r#"job="push",namespace="push""#;

/// Each file of rules, with its matchers and the other arguments by which it is made.
const RULES: [(&str, &str, &str); 2] = [
    ("plain/pointsman-rules.yml", PLAIN, ""),
    ("operator/common/rules.yaml", OPERATOR, " --format operator --namespace push"),
];

fn shipped(name: &str) -> String {
    fs::read_to_string(repository(&format!("k8s/monitoring/{name}"))).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn groups(matchers: &str) -> Vec<alerts::Group> {
    let example = fs::read_to_string(repository("envoy/pointsman.json")).unwrap();
    let options = Options { matchers: matchers.parse().unwrap(), ..Options::default() };
    alerts::groups(&Watched::of(&config::load(&example).unwrap()), &options)
}

#[test]
fn the_rules_are_what_the_program_makes_of_the_example() {
    for (name, matchers, arguments) in RULES {
        let made = match arguments {
            "" => alerts::prometheus(&groups(matchers)).unwrap(),
            _ => alerts::operator(&groups(matchers), "push").unwrap(),
        };
        let wanted =
            format!("# Made by: pointsman rules --config envoy/pointsman.json --match '{matchers}'{arguments}\n{made}");
        let path = repository(&format!("k8s/monitoring/{name}"));
        if std::env::var_os(UPDATE).is_some() {
            fs::write(path, wanted).unwrap();
            continue;
        }
        assert!(fs::read_to_string(path).unwrap_or_default() == wanted, "{name} is old: {UPDATE}=1 writes it anew");
    }
}

#[test]
fn promtool_takes_the_scrape_configuration_and_the_rules() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pointsman-rules.yml"), shipped("plain/pointsman-rules.yml")).unwrap();
    let mut config = manifests::documents(&shipped("plain/prometheus.yml")).remove(0);
    // Debian's build knows no Kubernetes: what finds the pods is looked at here, and the rest by promtool.
    let found = config["scrape_configs"][0].as_object_mut().unwrap().remove("kubernetes_sd_configs").unwrap();
    assert_eq!(found, serde_json::json!([{"role": "pod", "namespaces": {"names": ["push"]}}]));
    let path = folder.path().join("prometheus.yml");
    fs::write(&path, config.to_string()).unwrap();
    tools::run("promtool", &["check", "config", &path.to_string_lossy()])
        .unwrap_or_else(|complaint| panic!("{complaint}"));
}

#[test]
fn alerts_go_where_their_severity_says_and_no_label_of_an_inhibition_is_missing() {
    let path = repository("k8s/monitoring/plain/alertmanager.yml").to_string_lossy().into_owned();
    tools::run("amtool", &["check-config", &path]).unwrap_or_else(|complaint| panic!("{complaint}"));
    for severity in ["page", "ticket", "info"] {
        let label = format!("severity={severity}");
        let route = tools::run("amtool", &["config", "routes", "test", "--config.file", &path, &label]).unwrap();
        assert_eq!(route.trim(), severity);
    }
    let config = manifests::documents(&shipped("plain/alertmanager.yml")).remove(0);
    let needed = strings(&config, "equal").into_iter().chain(strings(&config["route"], "group_by"));
    let needed: BTreeSet<String> = needed.collect();
    for group in &groups(PLAIN) {
        let group = serde_json::to_value(group).unwrap();
        for rule in group["rules"].as_array().unwrap().iter().filter(|rule| rule.get("alert").is_some()) {
            for label in &needed {
                let expr = rule["expr"].as_str().unwrap();
                // What `pointsman:` rules record has the labels that they are summed by.
                let brought = expr.contains(label.as_str()) || expr.contains("pointsman:");
                assert!(brought || rule["labels"].get(label).is_some(), "{} has no label {label}", rule["alert"]);
            }
        }
    }
}

/// Every text in a list under this key, wherever it stands.
fn strings(value: &Value, key: &str) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let here = fields.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            let below = fields.values().flat_map(|field| strings(field, key));
            here.map(str::to_owned).chain(below).collect()
        }
        Value::Array(items) => items.iter().flat_map(|item| strings(item, key)).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn signals_that_are_inhibited_are_signals_that_alerts_have() {
    let config = manifests::documents(&shipped("plain/alertmanager.yml")).remove(0);
    let groups = serde_json::to_value(groups(PLAIN)).unwrap();
    let rules = groups.as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
    let known: BTreeSet<String> =
        rules.filter_map(|rule| rule["labels"]["signal"].as_str()).map(str::to_owned).collect();
    // The example has no rules, so that no group can be down in it.
    let known: BTreeSet<String> = known.into_iter().chain(["group_down".to_owned()]).collect();
    let matchers = ["source_matchers", "target_matchers"].map(|key| strings(&config["inhibit_rules"], key)).concat();
    for matcher in matchers.iter().filter_map(|matcher| matcher.strip_prefix("signal ")) {
        for signal in matcher.trim_start_matches(['=', '~', '!', ' ']).trim_matches('"').split('|') {
            assert!(known.contains(signal), "no alert has the signal {signal}: {known:?}");
        }
    }
}

#[test]
fn the_operators_routes_are_those_of_the_plain_file() {
    let plain = manifests::documents(&shipped("plain/alertmanager.yml")).remove(0);
    let objects = manifests::documents(&shipped("operator/common/alertmanager.yaml"));
    let spec = &manifests::object(&objects, "AlertmanagerConfig", "pointsman")["spec"];
    let one = |matcher: &Value| {
        let [name, kind, value] = ["name", "matchType", "value"].map(|key| matcher[key].as_str().unwrap());
        if kind == "=~" { format!("{name} {kind} \"{value}\"") } else { format!("{name} {kind} {value}") }
    };
    let translated: Vec<Value> = spec["inhibitRules"].as_array().unwrap().iter().map(|rule| {
        let texts = |key: &str| rule[key].as_array().unwrap().iter().map(one).collect::<Vec<_>>();
        serde_json::json!({
            "source_matchers": texts("sourceMatch"), "target_matchers": texts("targetMatch"), "equal": rule["equal"],
        })
    }).collect();
    assert_eq!(plain["inhibit_rules"], Value::from(translated));
    let times = |route: &Value, keys: [&str; 3]| keys.map(|key| route[key].clone());
    let in_plain = |route: &Value| times(route, ["group_wait", "group_interval", "repeat_interval"]);
    let in_operator = |route: &Value| times(route, ["groupWait", "groupInterval", "repeatInterval"]);
    assert_eq!(in_plain(&plain["route"]), in_operator(&spec["route"]));
    for (plain, operator) in
        plain["route"]["routes"].as_array().unwrap().iter().zip(spec["route"]["routes"].as_array().unwrap())
    {
        assert_eq!((in_plain(plain), &plain["receiver"]), (in_operator(operator), &operator["receiver"]));
        assert_eq!(plain["matchers"][0].as_str().unwrap(), one(&operator["matchers"][0]));
    }
}

#[test]
fn every_way_of_scraping_keeps_all_metrics_and_names_one_port_for_a_pod() {
    let mut ports = BTreeSet::new();
    for overlay in ["sidecar", "istio", "envoy"] {
        let objects = manifests::render(&format!("k8s/monitoring/operator/{overlay}"));
        let monitors: Vec<_> = objects
            .iter()
            .filter(|object| object["kind"] == "PodMonitor" || object["kind"] == "ServiceMonitor")
            .collect();
        assert_eq!(monitors.len(), 1, "{overlay}");
        keeps_all(&monitors[0].to_string());
        for port in ["15090", "15020"] {
            if monitors[0].to_string().contains(port) {
                ports.insert((overlay, port));
            }
        }
    }
    assert_eq!(ports, BTreeSet::from([("sidecar", "15090"), ("istio", "15020")]));
    let plain = manifests::documents(&shipped("plain/prometheus.yml")).remove(0);
    for job in plain["scrape_configs"].as_array().unwrap() {
        keeps_all(&job.to_string());
    }
}

/// Everything else is dropped where it is scraped, so what alerts and dashboards ask for must be in the list.
fn keeps_all(scrape: &str) {
    let kept = "pointsman_.+|envoy_wasm_.+|envoy_server_(live|memory_allocated)";
    assert!(scrape.contains(kept), "{scrape}");
    assert!(catalogue::METRICS.iter().all(|metric| metric.name.starts_with("pointsman_")));
}
