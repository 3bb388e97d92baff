//! Every config that the repository has.

use pointsman_tests::repository;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// What no other config has, or only beside what it cannot be without.
const REST: &str = r#"{
    "channels": ["apns", {"name": "apns-b", "adapter": "apns", "hosts": ["apns-b.internal"]}],
    "nodes": [
        {"name": "QUOTA", "response": {"quota": {"limit": [{"json": "/limit"}], "used": [{"json": "/used"}]}}}
    ],
    "businesses": [{"name": "order", "priority": 9}],
    "rules": [
        {"name": "breaker", "auto": {"channel": "apns", "to": [{"channel": "apns-b"}]}},
        {"name": "shed", "shed": {"channel": "apns", "below_priority": 3}}
    ]
}"#;

/// A config, with the file in which it stands.
pub(super) struct Config {
    pub(super) name: String,
    pub(super) text: String,
}

/// The cases of the config's own tests, sound or not.
pub(super) fn cases() -> Vec<Config> {
    files("tests/cases/config", "json")
}

/// The configs of cases, stories, examples and documents.
pub(super) fn all() -> Vec<Config> {
    let mut all = cases();
    all.push(Config { name: "what is left".to_owned(), text: REST.to_owned() });
    let plain = ["envoy", "k8s", "host-harness/scenarios"].into_iter().flat_map(|folder| files(folder, "json"));
    all.extend(plain);
    all.extend(files("tests/cases/rules", "case").into_iter().map(of_story));
    let documents = ["docs", "envoy", "k8s"].into_iter().flat_map(|folder| files(folder, "md"));
    all.extend(documents.chain([read(&repository("README.md"))]).flat_map(|document| of_document(&document)));
    // What else is JSON in those places is no config.
    all.retain(|config| config.text.trim().is_empty() || serde_json::from_str::<Value>(&config.text).is_ok());
    all
}

fn of_story(story: Config) -> Config {
    let told: toml::Table = story.text.parse().unwrap_or_else(|error| panic!("{}: {error}", story.name));
    let text = told.get("config").and_then(toml::Value::as_str);
    let text = text.unwrap_or_else(|| panic!("{} has no config", story.name));
    // Stories tell times from their own beginning on.
    let mut parts = text.split("{+");
    let mut config = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, rest) = part.split_once('}').expect("a time ends");
        config.push_str("2026-12-01T04:00:00+08:00");
        config.push_str(rest);
    }
    Config { text: config, name: story.name }
}

fn of_document(document: &Config) -> Vec<Config> {
    let blocks = document.text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.map(|text| Config { name: document.name.clone(), text: text.to_owned() }).collect()
}

fn files(folder: &str, extension: &str) -> Vec<Config> {
    let mut found = Vec::new();
    collect(&repository(folder), extension, &mut found);
    found.sort();
    found.iter().map(|path| read(path)).collect()
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|known| known == extension) {
            found.push(path);
        }
    }
}

fn read(path: &Path) -> Config {
    let name = path.strip_prefix(repository("")).unwrap_or(path).to_string_lossy().into_owned();
    Config { name, text: fs::read_to_string(path).expect("text is UTF-8") }
}
