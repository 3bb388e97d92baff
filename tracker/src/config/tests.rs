//! Configs and what is said about them.

use super::*;
use crate::store::embedded;

fn faults(yaml: &str) -> Vec<String> {
    match Config::load(yaml) {
        Ok(config) => panic!("{config:?}"),
        Err(faults) => faults.0.into_iter().map(|fault| format!("{}: {}", fault.path, fault.what)).collect(),
    }
}

#[test]
fn an_empty_config_is_all_defaults_and_reachable_from_this_machine_alone() {
    let config = Config::load("").expect("a config");
    assert_eq!(config.listen.to_string(), "127.0.0.1:4318");
    assert_eq!(config.store, StoreSettings::Embedded(embedded::Settings::in_directory("pointsman-tracker-data")));
    assert_eq!(config.store.retention(), Duration::from_secs(7 * 86_400));
    assert!(config.access.is_none() && config.operations.is_none());
    assert_eq!(config.ingest, ingest::Settings::default());
    assert_eq!(config.limits, Limits::default());
}

#[test]
fn everything_that_is_wrong_is_told_at_once_and_with_its_path() {
    let told = faults(
        "listen: here\n\
         limits: {query_timeout: soon, connections: 0, query_body: 1TiB}\n\
         ingest: {tokens: [{name: envoy, sha256: abc}], max_body: 1GiB}\n\
         statuses: [{name: sent, rank: 3}, {name: clicked, rank: 5, after: [read, nowhere]}]\n\
         store: {embedded: {directory: data, retention: 1h}, memory: {}}\n\
         operations: {log: operations.jsonl}\n\
         patterns: [{above: 0}]\n\
         page: {trace_link: nowhere}\n\
         pages: {}\n",
    );
    let paths: Vec<&str> = told.iter().filter_map(|fault| fault.split(": ").next()).collect();
    let expected = [
        "listen",
        "store",
        "store.embedded.retention",
        "ingest.max_body",
        "ingest.tokens[0].sha256",
        "operations",
        "patterns[0].above",
        "page.trace_link",
        "page.trace_link",
        "statuses[0].name",
        "statuses[1].after[0]",
        "statuses[1].after[1]",
        "limits.query_timeout",
        "limits.connections",
        "limits.query_body",
        "pages",
    ];
    assert_eq!(paths, expected, "{told:#?}");
}

#[test]
fn what_others_can_reach_needs_a_token() {
    let told = faults("listen: 0.0.0.0:4318");
    assert!(told.iter().any(|fault| fault.starts_with("listen: others can reach 0.0.0.0:4318")), "{told:?}");
}

#[test]
fn what_is_no_yaml_is_one_fault() {
    for yaml in ["a: [", "just words", "- a list", "listen: 127.0.0.1:1\nlisten: 127.0.0.1:2\n"] {
        let told = faults(yaml);
        assert!(matches!(told.as_slice(), [one] if one.starts_with("$: ")), "{yaml}: {told:?}");
    }
}

#[test]
fn a_status_of_ones_own_stands_in_the_lifecycle() {
    let config = Config::load("statuses: [{name: clicked, rank: 40, after: [read]}]").expect("a config");
    let clicked = config.lifecycle.by_name("clicked").expect("a status");
    assert_eq!(config.lifecycle.rank(clicked), 40);
}

#[test]
fn secrets_come_from_the_environment_and_a_short_one_is_refused() {
    let config = Config::load("recipients: {secret_env: NEW, old_secret_env: OLD}").expect("a config");
    let none = config.recipients.keys(|_| None).expect("keys");
    assert!(none.is_none());
    let one = config.recipients.keys(|name| (name == "NEW").then(|| b"pointsman-test-secret-1".to_vec()));
    assert_eq!(one.ok().flatten().map(|keys| keys.hashes("", "alice").len()), Some(3));
    assert!(config.recipients.keys(|_| Some(b"short".to_vec())).is_err());
}

#[test]
fn configs_in_the_document_are_sound_and_every_section_stands_there() {
    let document = include_str!("../../../docs/tracker.md");
    let blocks: Vec<&str> = document.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(!blocks.is_empty());
    for block in blocks.into_iter().chain([include_str!("../../../k8s/tracker/tracker.yaml")]) {
        if let Err(faults) = Config::load(block) {
            panic!("{block}\n{faults}");
        }
    }
    let told = faults("nowhere: {}");
    let sections = told.iter().find_map(|fault| fault.split_once("take one of ")).expect("the sections").1;
    for section in sections.split(", ") {
        assert!(document.contains(&format!("`{section}`")), "{section} is not in docs/tracker.md");
    }
}
