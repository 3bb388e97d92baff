//! The adapters that are built in.

use pointsman_core::adapter::Adapter;
use pointsman_core::config;
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
    assert!(names.len() >= 6, "{names:?}");
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

#[test]
fn a_code_stands_for_one_class_and_no_success() {
    for name in Adapter::names() {
        let response = Adapter::built_in(name).unwrap().unwrap().response;
        let mut seen = BTreeSet::new();
        for (class, codes) in &response.class {
            for code in codes {
                assert!(seen.insert(code), "{name}: {code} is listed twice, once as {}", class.as_str());
                assert!(!response.ok_codes.contains(code), "{name}: {code} is a success too");
            }
        }
        assert!(!["ok", "partial"].iter().any(|class| response.class.keys().any(|known| known.as_str() == *class)));
    }
}

#[test]
fn hosts_are_lower_case_and_no_two_vendors_share_one() {
    let mut seen = BTreeSet::new();
    for name in Adapter::names() {
        for host in Adapter::built_in(name).unwrap().unwrap().hosts {
            assert_eq!(host, host.to_ascii_lowercase());
            assert!(seen.insert(host.clone()), "{name}: {host}");
        }
    }
}
