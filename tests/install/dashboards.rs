//! Dashboards are what Grafana's schema takes, ask only for what is exported, and show all of a config.

mod queries;

use pointsman_core::config;
use pointsman_host::monitoring::dashboards::{File, files};
use pointsman_host::monitoring::{Watched, catalogue};
use pointsman_tests::{manifests, repository, tools};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

pub(super) use queries::{expressions, filled};

/// Set, the files in `k8s/monitoring` are written instead of compared.
const UPDATE: &str = "UPDATE_MONITORING";

/// The Python that has Grafana's models.
const PYTHON: &str = "python";

/// The config of two lines.
const SMALL: &str = "{\"service\": \"push\",\n \"channels\": [\"apns\", \"oppo\"]}";

/// Larger than the largest that `kubectl apply` can write into an annotation.
const MAX_CONFIG_MAP: usize = 256 * 1024;

fn example() -> String {
    fs::read_to_string(repository("envoy/pointsman.json")).unwrap()
}

fn watched(config: &str) -> Watched {
    Watched::of(&config::load(config).unwrap_or_else(|faults| panic!("{faults}")))
}

fn parsed(config: &str, matching: Option<&str>) -> Vec<(File, Value)> {
    let files = files(&watched(config), matching);
    files.into_iter().map(|file| (file.clone(), serde_json::from_str(&file.text).unwrap())).collect()
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// Rows, panels, and the panels in rows.
fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(dashboard, "/panels").flat_map(|panel| std::iter::once(panel).chain(list(panel, "/panels")))
}

#[test]
fn every_query_is_promql_and_asks_only_for_what_is_exported_or_recorded() {
    let mut seen = BTreeSet::new();
    for (file, dashboard) in parsed(&example(), Some(r#"cluster="eu""#)) {
        for expr in expressions(&dashboard) {
            let metrics = queries::judge(&expr, &["cluster"]);
            seen.extend(metrics.unwrap_or_else(|fault| panic!("{}: {fault}\n{expr}", file.name)));
        }
    }
    let missed: Vec<_> =
        catalogue::METRICS.iter().map(|metric| metric.name).filter(|name| !seen.contains(*name)).collect();
    assert!(missed.is_empty(), "no dashboard shows {missed:?}");
}

#[test]
fn a_query_that_asks_for_what_is_not_there_is_found() {
    for wrong in [
        "sum(rate(pointsman_node_calls[5m]))",
        "pointsman_node_duration_milliseconds",
        r#"pointsman_shed_total{node="A"}"#,
        "sum by (outcome) (pointsman_node_in_flight)",
        "slo:current_burn:ratio",
        r#"{job="push"}"#,
        "sum(pointsman_shed_total",
    ] {
        assert!(queries::judge(wrong, &[]).is_err(), "{wrong}");
    }
}

#[test]
fn grafanas_schema_takes_every_dashboard() {
    let folder = tempfile::tempdir().unwrap();
    for config in [SMALL, &example(), "{}"] {
        let mut paths = Vec::new();
        for File { name, text } in files(&watched(config), None) {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            paths.push(path.to_string_lossy().into_owned());
        }
        let script = repository("tests/install/dashboards/schema.py").to_string_lossy().into_owned();
        let arguments: Vec<&str> = std::iter::once(&script).chain(&paths).map(String::as_str).collect();
        tools::run(PYTHON, &arguments).unwrap_or_else(|complaint| panic!("{complaint}"));
    }
}

#[test]
fn the_judge_of_the_schema_finds_what_is_wrong() {
    let (_, good) = parsed(SMALL, None).remove(0);
    let script = repository("tests/install/dashboards/schema.py").to_string_lossy().into_owned();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong.json").to_string_lossy().into_owned();
    for (pointer, wrong) in [
        ("/panels/1/gridPos", serde_json::json!({"h": "8", "w": 4, "x": 0, "y": 1})),
        ("/panels/1/options", serde_json::json!({"reduceOption": {}})),
        ("/panels/1/targets/0/refId", 1.into()),
        ("/templating/list/1/hide", "never".into()),
        ("/graphTooltip", 7.into()),
    ] {
        let mut dashboard = good.clone();
        *dashboard.pointer_mut(pointer).unwrap() = wrong;
        fs::write(&path, dashboard.to_string()).unwrap();
        assert!(tools::run(PYTHON, &[&script, &path]).is_err(), "{pointer}");
    }
}

#[test]
fn ids_are_unique_and_panels_do_not_overlap() {
    let mut uids = BTreeSet::new();
    for (file, dashboard) in parsed(&example(), None) {
        assert!(uids.insert(dashboard["uid"].to_string()), "{}", file.name);
        let mut ids = BTreeSet::new();
        for panel in panels(&dashboard) {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{}: {}", file.name, panel["title"]);
        }
        no_overlap(&file.name, list(&dashboard, "/panels").collect());
        for row in list(&dashboard, "/panels").filter(|panel| panel["collapsed"] == true) {
            no_overlap(&file.name, list(row, "/panels").collect());
        }
    }
}

fn no_overlap(file: &str, panels: Vec<&Value>) {
    let mut taken = BTreeSet::new();
    for panel in panels {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
        assert!(x + w <= 24 && w > 0 && h > 0, "{file}: {}", panel["title"]);
        for cell in (x..x + w).flat_map(|column| (y..y + h).map(move |line| (column, line))) {
            assert!(taken.insert(cell), "{file}: {} lies on another panel", panel["title"]);
        }
    }
}

#[test]
fn the_data_source_is_the_readers_choice_in_every_place() {
    for (file, dashboard) in parsed(&example(), None) {
        let chosen = serde_json::json!({"type": "prometheus", "uid": "${datasource}"});
        let asked = panels(&dashboard).filter(|panel| panel["type"] != "row").count();
        let targets = panels(&dashboard).flat_map(|panel| list(panel, "/targets")).count();
        let annotations = list(&dashboard, "/annotations/list").count();
        let variables = list(&dashboard, "/templating/list").filter(|variable| variable["type"] == "query").count();
        let found = file.text.matches(&chosen.to_string()).count();
        assert_eq!(found, asked + targets + annotations + variables, "{}", file.name);
        assert!(dashboard.get("__inputs").is_none());
        assert_eq!(dashboard["templating"]["list"][0]["query"], "prometheus");
    }
}

#[test]
fn every_channel_and_every_node_of_a_config_has_its_place_and_its_limit() {
    let text = r#"{"service": "push", "channels": [
        {"name": "oppo", "objective": {"limit": "750ms", "target": 0.97}}, "wechat",
        {"name": "lc-a", "adapter": "generic-json", "hosts": ["lc.internal"]}],
        "nodes": [{"name": "FILTER", "direction": "outbound", "hosts": ["f.internal"]}]}"#;
    let watched = watched(text);
    let dashboards = parsed(text, None);
    let of = |name: &str| &dashboards.iter().find(|(file, _)| file.name == name).unwrap().1;
    let rows = |dashboard: &Value| -> Vec<String> {
        let rows = list(dashboard, "/panels").filter(|panel| panel["type"] == "row" && panel["collapsed"] == true);
        rows.map(|row| row["title"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        rows(of("pointsman-channel.json")),
        watched.channels.iter().map(|channel| channel.name.clone()).collect::<Vec<_>>()
    );
    assert_eq!(rows(of("pointsman-node.json")), watched.nodes.iter().map(|node| node.name.clone()).collect::<Vec<_>>());
    let lines: Vec<_> = panels(of("pointsman-channel.json"))
        .filter(|panel| panel["title"].as_str().is_some_and(|title| title.starts_with("oppo: ")))
        .filter_map(|panel| panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1]["value"].as_f64())
        .collect();
    assert_eq!(lines, [750.0, 0.97]);
    assert!(of("pointsman-node.json").to_string().contains(r#"/ 750""#));
}

#[test]
fn the_same_config_gives_the_same_bytes() {
    assert_eq!(files(&watched(&example()), None), files(&watched(&example()), None));
}

#[test]
fn the_shipped_files_are_what_the_program_makes_of_the_example() {
    for File { name, text } in files(&watched(&example()), None) {
        let path = repository(&format!("k8s/monitoring/grafana/{name}"));
        if std::env::var_os(UPDATE).is_some() {
            fs::write(&path, text).unwrap();
            continue;
        }
        let shipped = fs::read_to_string(&path).unwrap_or_default();
        assert!(shipped == text, "{name} is old: {UPDATE}=1 writes it anew");
    }
}

#[test]
fn the_dashboards_are_config_maps_that_grafana_finds_and_kubectl_can_apply() {
    let maps = manifests::render("k8s/monitoring/grafana");
    let files = files(&watched(&example()), None);
    assert_eq!(maps.len(), files.len());
    for File { name, text } in files {
        let map = manifests::object(&maps, "ConfigMap", name.trim_end_matches(".json"));
        assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
        assert_eq!(map["data"][&name], text.as_str());
        assert!(map.to_string().len() < MAX_CONFIG_MAP, "{name}");
    }
    let mixin = fs::read_to_string(repository("k8s/monitoring/mixin.libsonnet")).unwrap();
    for quoted in mixin.split("importstr '").skip(1).filter_map(|rest| rest.split_once('\'')) {
        assert!(repository(&format!("k8s/monitoring/{}", quoted.0)).is_file(), "{}", quoted.0);
    }
}
