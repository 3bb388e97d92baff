//! Configs in `tests/cases/config`, each with what becomes of it beside it: `.nodes` for one that is valid, `.faults` for
//! one that is not. `UPDATE_CASES=1 cargo test -p pointsman-core config` writes these files anew; read the difference.

use super::*;
use crate::time::format_duration;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/cases/config");

/// The extension and the content of the file beside a config.
fn verdict(text: &str) -> (&'static str, String) {
    match load(text) {
        Ok(plan) => ("nodes", plan.nodes().map(|(_, node)| line(node)).collect()),
        Err(faults) => ("faults", format!("{faults}\n")),
    }
}

fn line(node: &crate::plan::Node) -> String {
    let counts = if node.counts_messages { "messages" } else { "calls" };
    let limit = format_duration(node.objective.limit);
    format!(
        "{} channel={} counts={counts} objective={limit} target={}\n",
        node.name, node.channel, node.objective.target
    )
}

fn files() -> BTreeSet<PathBuf> {
    fs::read_dir(CASES).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn configs_become_nodes_or_faults_as_the_cases_say() {
    let update = std::env::var_os("UPDATE_CASES").is_some();
    let mut wrong = Vec::new();
    for config in files().into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "json")) {
        let (extension, content) = verdict(&fs::read_to_string(&config).unwrap());
        let beside = config.with_extension(extension);
        if fs::read_to_string(&beside).ok().as_ref() == Some(&content) {
            continue;
        }
        if update {
            let other = if extension == "nodes" { "faults" } else { "nodes" };
            let _ = fs::remove_file(config.with_extension(other));
            fs::write(beside, content).unwrap();
        } else {
            wrong.push(format!("{}:\n{content}", beside.display()));
        }
    }
    assert!(wrong.is_empty(), "not as it stands there:\n{}", wrong.join("\n"));
}

#[test]
fn every_case_has_one_config_and_one_verdict() {
    let files = files();
    let stems: BTreeSet<PathBuf> = files.iter().map(|file| file.with_extension("")).collect();
    assert!(stems.len() > 20, "{} cases in {CASES}", stems.len());
    for stem in stems {
        let has = |extension: &str| files.contains(&stem.with_extension(extension));
        assert!(has("json") && (has("nodes") != has("faults")), "{}", stem.display());
    }
}

#[test]
fn a_config_says_what_the_convention_leaves_open() {
    let path = Path::new(CASES).join("every_setting.json");
    let settings = load(&fs::read_to_string(path).unwrap()).unwrap().settings;
    assert_eq!((&*settings.tenant, settings.edge_ports.as_slice()), ("acme", [8443].as_slice()));
    assert_eq!((settings.hold_request, format_duration(settings.hold_timeout)), (true, "1m".to_owned()));
    assert_eq!((settings.max_body_bytes, settings.blocked_after.len()), (262_144, 8));
    assert_eq!((settings.sample_ratio.get(), settings.hash_recipients), (0.25, false));
    assert_eq!(settings.country_code, crate::trace::CountryCode::new(852).unwrap());
    assert_eq!(format_duration(settings.message_objective.limit), "5m");
}

#[test]
fn the_convention_is_what_the_documents_say() {
    let settings = load(r#"{"service": "push"}"#).unwrap().settings;
    assert_eq!((&*settings.tenant, settings.edge_ports.len()), ("default", 0));
    assert_eq!((settings.hold_request, format_duration(settings.hold_timeout)), (false, "5s".to_owned()));
    assert_eq!(settings.max_body_bytes, 24 * 1_024);
    let ages: Vec<String> = settings.blocked_after.into_iter().map(format_duration).collect();
    assert_eq!(ages, ["1s", "5s", "30s", "1m", "5m"]);
    assert_eq!((settings.sample_ratio.get(), settings.hash_recipients), (1.0, true));
    assert_eq!(settings.country_code, crate::trace::CountryCode::new(86).unwrap());
    assert_eq!((settings.message_objective.limit.as_secs(), settings.message_objective.target), (10, 0.99));
}

#[test]
fn the_digest_of_a_config_tells_texts_apart() {
    assert_eq!(digest("{}"), "44136fa355b3678a");
    assert_ne!(digest("{}"), digest("{} "));
}

mod any_text {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn is_survived(text in ".{0,80}", cut in any::<prop::sample::Index>(), byte in any::<char>()) {
            let _ = load(&text);
            // Near misses get further than noise.
            let valid: Vec<char> = include_str!("../../../../tests/cases/config/every_setting.json").chars().collect();
            let at = cut.index(valid.len());
            let _ = load(&valid[..at].iter().collect::<String>());
            let near: String = valid.iter().enumerate().map(|(index, c)| if index == at { byte } else { *c }).collect();
            let _ = load(&near);
        }
    }
}
