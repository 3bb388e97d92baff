//! Dashboards for Grafana, with a place for every node and channel of a config.
//!
//! What they show is written once, in the types of [`model`]; how Grafana wants to read it stands in [`json`] alone.

mod business;
mod channel;
mod filter;
mod json;
mod model;
mod node;
mod overview;
mod query;

use super::Watched;
use query::Scope;

/// A dashboard as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its name, such as `pointsman-overview.json`.
    pub name: String,
    /// The JSON that Grafana imports: one panel a line.
    pub text: String,
}

/// Every dashboard of a config. `matching` is put into every selector of the filter's metrics, such as `job="push"`.
pub fn files(watched: &Watched, matching: Option<&str>) -> Vec<File> {
    let scope = Scope::new(matching);
    let dashboards = [
        overview::dashboard(watched, &scope),
        channel::dashboard(watched, &scope),
        node::dashboard(watched, &scope),
        business::dashboard(watched, &scope),
        filter::dashboard(watched, &scope),
    ];
    let service = watched.service.as_deref();
    dashboards
        .iter()
        .map(|dashboard| File {
            name: format!("pointsman-{}.json", dashboard.name),
            text: json::text(dashboard, service, &scope),
        })
        .collect()
}

/// The files as ConfigMaps that Grafana's sidecar takes up by their label: one YAML document each.
pub fn config_maps(files: &[File], namespace: Option<&str>) -> String {
    let namespace = namespace.map(|namespace| format!("  namespace: {namespace}\n")).unwrap_or_default();
    let documents = files.iter().map(|file| {
        let object = file.name.trim_end_matches(".json");
        let text: String = file.text.lines().map(|line| format!("    {line}\n")).collect();
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {object}\n{namespace}  labels:\n    \
             app.kubernetes.io/name: pointsman\n    app.kubernetes.io/part-of: pointsman\n    grafana_dashboard: \"1\"\n\
             data:\n  {name}: |\n{text}",
            name = file.name
        )
    });
    documents.collect::<Vec<_>>().join("---\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use pointsman_core::config;
    use serde_json::Value;

    fn watched(config: &str) -> Watched {
        Watched::of(&config::load(config).unwrap_or_else(|faults| panic!("{faults}")))
    }

    #[test]
    fn a_matcher_stands_in_every_query_of_the_filters_metrics() {
        let watched = watched(r#"{"service": "push", "channels": ["oppo"]}"#);
        for File { name, text } in files(&watched, Some(r#"cluster="eu""#)) {
            let mut selectors = 0;
            for rest in text.split("pointsman_").skip(1) {
                let (metric, matchers) = rest.split_once('{').unwrap();
                if metric.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_') {
                    assert!(matchers.starts_with(r#"cluster=\"eu\""#), "{name}: {metric}{{{matchers:.80}");
                    selectors += 1;
                }
            }
            assert!(selectors > 5, "{name}");
        }
    }

    #[test]
    fn a_config_map_holds_the_very_file() {
        let watched = watched(r#"{"channels": ["oppo"]}"#);
        let files = files(&watched, None);
        let maps: Vec<Value> = serde_saphyr::from_multiple(&config_maps(&files, Some("push"))).unwrap();
        assert_eq!(maps.len(), files.len());
        for (map, file) in maps.iter().zip(&files) {
            assert_eq!(map["data"][&file.name], file.text.as_str());
            assert_eq!(map["metadata"]["namespace"], "push");
        }
    }
}
