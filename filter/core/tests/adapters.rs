//! The adapters that are built in.

use pointsman_core::adapter::{Adapter, Rule};
use pointsman_core::config;
use pointsman_core::outcome::OutcomeClass;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// The files of `filter/adapters`, by name.
fn files() -> Vec<(String, PathBuf)> {
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../adapters")).into_iter().flatten();
    let name = |path: PathBuf| Some((path.file_stem()?.to_str()?.to_owned(), path));
    let mut files: Vec<_> = folder.flatten().filter_map(|entry| name(entry.path())).collect();
    files.sort();
    files
}

#[test]
fn every_file_is_built_in_under_its_own_name() {
    let names: Vec<String> = files().into_iter().map(|(name, _)| name).collect();
    assert!(names.len() >= 21, "{names:?}");
    assert_eq!(Adapter::names().collect::<Vec<_>>(), names);
    for (name, path) in files() {
        let text = fs::read_to_string(&path).unwrap();
        let adapter: Adapter = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(adapter.name, name);
        let built_in = Adapter::built_in(&name).unwrap().unwrap();
        assert_eq!(format!("{built_in:?}"), format!("{adapter:?}"), "{name}");
    }
    assert!(Adapter::built_in("carrier-pigeon").is_none());
}

#[test]
fn every_adapter_makes_a_channel_without_faults() {
    for name in Adapter::names() {
        let own_hosts = !Adapter::built_in(name).unwrap().unwrap().hosts.is_empty();
        let hosts = if own_hosts { "" } else { r#", "hosts": ["lc.internal"]"# };
        let config = format!(r#"{{"channels": [{{"name": "{name}"{hosts}}}]}}"#);
        let plan = config::load(&config).unwrap_or_else(|faults| panic!("{name}: {faults}"));
        let sends = plan.nodes().filter(|(_, node)| node.counts_messages).count();
        assert_eq!(sends, 1, "{name} has one node for its sends");
    }
}

#[test]
fn every_adapter_at_once_fits_into_one_config_and_into_its_bound_of_series() {
    let channels: Vec<String> =
        Adapter::names().map(|name| format!(r#"{{"name": "{name}", "hosts": ["{name}.internal"]}}"#)).collect();
    let config = format!(r#"{{"channels": [{}]}}"#, channels.join(", "));
    assert!(config::load(&config).is_ok());
}

/// The lists of rules of an adapter: those of its calls, then those of each list of recipients' results.
fn lists_of_rules(adapter: &Adapter) -> Vec<Vec<Rule>> {
    let of_operations = adapter.operation.iter().flat_map(|operation| operation.items.iter().flatten());
    let of_items = adapter.response.items.iter().chain(of_operations).map(|items| items.rule.clone());
    std::iter::once(adapter.response.rules().collect()).chain(of_items).collect()
}

#[test]
fn a_code_stands_for_one_class_and_no_success() {
    for name in Adapter::names() {
        let adapter = Adapter::built_in(name).unwrap().unwrap();
        for rules in lists_of_rules(&adapter) {
            let mut seen = BTreeSet::new();
            let codes = rules.iter().flat_map(|rule| rule.codes.iter().map(move |code| (rule, code)));
            for (rule, code) in codes {
                let is_new = seen.insert((code, &rule.message_contains, &rule.status));
                assert!(is_new, "{name}: {code} is listed twice, once as {}", rule.class.as_str());
                let is_plain = rule.message_contains.is_empty() && rule.status.is_empty();
                assert!(!is_plain || !adapter.response.ok_codes.contains(code), "{name}: {code} is a success too");
                let is_failure = !matches!(rule.class, OutcomeClass::Ok | OutcomeClass::Partial);
                assert!(is_failure, "{name}: {code} is listed as {}", rule.class.as_str());
            }
        }
    }
}

/// Two vendors may share a host where their paths differ. That each case lands at its own vendor's channel with all of
/// them configured is what the tests of exchanges see.
#[test]
fn hosts_are_lower_case_and_named_once_by_an_adapter() {
    for name in Adapter::names() {
        let adapter = Adapter::built_in(name).unwrap().unwrap();
        let of_operations = adapter.operation.iter().map(|operation| &operation.hosts);
        for hosts in of_operations {
            assert!(hosts.iter().all(|host| *host == host.to_ascii_lowercase()), "{name}: {hosts:?}");
        }
        let mut seen = BTreeSet::new();
        for host in adapter.hosts.iter().chain(&adapter.unconfirmed_hosts) {
            assert_eq!(*host, host.to_ascii_lowercase());
            assert!(seen.insert(host), "{name}: {host}");
        }
    }
}
