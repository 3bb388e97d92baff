//! The JSON Schema of the config says what the filter says.

mod configs;
mod places;

use configs::Config;
use jsonschema::Validator;
use pointsman_core::adapter::{Condition, Items, OkWhen, QuotaWire, Response, RetryAfter, Rule};
use pointsman_core::config::wire::{
    AutoWire, BusinessWire, ChannelWire, ConfigWire, DrillWire, FailoverWire, ForceWire, LimitWire, MessageWire,
    NodeWire, ObjectiveWire, ReceiptWire, RecordsWire, RuleWire, ShedWire, StatusWire, TargetWire, TraceWire,
};
use pointsman_core::config::{self, Faults, decode::decode};
use pointsman_core::source::SourceWire;
use pointsman_host::reference::{reference, schema};
use pointsman_tests::repository;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;

/// Configs of `tests/cases/config` in which every fault lies in more than one value, in the bounds of a duration or in an
/// adapter: what a schema cannot say, and `pointsman check` does.
const ONLY_THE_FILTER_KNOWS: [&str; 14] = [
    "nodes_that_tell_nobody",
    "only_settings",
    "overlapping_hosts",
    "repeated_names",
    "rules_for_the_same_channel",
    "rules_in_circles",
    "rules_that_need_hold",
    "rules_that_no_vendor_can_follow",
    "rules_without_channels",
    "telemetry_with_a_query",
    "too_many_businesses",
    "too_many_conditions",
    "too_many_nodes",
    "unknown_adapters",
];

fn validator() -> Validator {
    jsonschema::validator_for(&schema()).expect("the schema can be compiled")
}

/// What cannot be read, whatever it means.
fn unreadable(text: &str) -> Faults {
    let mut faults = Faults::default();
    decode(text, &mut faults);
    faults
}

#[test]
fn the_schema_is_one_and_the_same_each_time() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    jsonschema::meta::validate(&schema).expect("the schema is one of 2020-12");
    assert_eq!(schema.to_string(), pointsman_host::reference::schema().to_string());
    let text = schema.to_string();
    for of_rust in ["\"null\"", "uint", "\"double\"", "Wire", "[`", "\\n"] {
        assert!(!text.contains(of_rust), "the schema has {of_rust}");
    }
}

#[test]
fn whatever_the_filter_takes_the_schema_takes() {
    let validator = validator();
    let sound: Vec<Config> = configs::all().into_iter().filter(|config| config::load(&config.text).is_ok()).collect();
    for Config { name, text } in &sound {
        let value: Value = serde_json::from_str(if text.trim().is_empty() { "{}" } else { text }).expect("JSON");
        let complaints: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(complaints.is_empty(), "{name}: {complaints:#?}");
    }
    for needed in ["envoy/pointsman.json", "README.md", "docs/rules.md", "tests/cases/rules/drill.case"] {
        assert!(sound.iter().any(|config| config.name == needed), "{needed} has no config");
    }
}

#[test]
fn what_cannot_be_read_the_schema_refuses_and_what_else_it_lets_pass_is_known() {
    let validator = validator();
    let mut let_pass = Vec::new();
    for Config { name, text } in configs::cases() {
        let Ok(value) = serde_json::from_str::<Value>(&text) else { continue };
        let refused = !validator.is_valid(&value);
        let unreadable = unreadable(&text);
        assert!(refused || unreadable.is_empty(), "{name} cannot be read, and the schema takes it: {unreadable}");
        if !refused && config::load(&text).is_err() {
            let_pass.push(name);
        }
    }
    let expected = ONLY_THE_FILTER_KNOWS.map(|name| format!("tests/cases/config/{name}.json"));
    assert_eq!(let_pass, expected);
}

/// The keys of a type, as its reader names them when it refuses another.
fn fields<T: DeserializeOwned>() -> BTreeSet<String> {
    let refusal = serde_json::from_value::<T>(json!({"no such key": 0})).err().map(|error| error.to_string());
    let refusal = refusal.expect("there is no such key");
    let (_, known) = refusal.split_once("expected").expect("it says what there is");
    known.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_type_has_the_keys_that_its_reader_knows_and_no_other() {
    let read = [
        ("Config", fields::<ConfigWire>()),
        ("Channel", fields::<ChannelWire>()),
        ("Receipt", fields::<ReceiptWire>()),
        ("Node", fields::<NodeWire>()),
        ("Message", fields::<MessageWire>()),
        ("Objective", fields::<ObjectiveWire>()),
        ("Business", fields::<BusinessWire>()),
        ("Rule", fields::<RuleWire>()),
        ("Target", fields::<TargetWire>()),
        ("Force", fields::<ForceWire>()),
        ("Auto", fields::<AutoWire>()),
        ("Shed", fields::<ShedWire>()),
        ("Failover", fields::<FailoverWire>()),
        ("Limit", fields::<LimitWire>()),
        ("Drill", fields::<DrillWire>()),
        ("Trace", fields::<TraceWire>()),
        ("Records", fields::<RecordsWire>()),
        ("Status", fields::<StatusWire>()),
        ("Source", fields::<SourceWire>()),
        ("Condition", fields::<Condition>()),
        ("Response", fields::<Response>()),
        ("OkWhen", fields::<OkWhen>()),
        ("CodeRule", fields::<Rule>()),
        ("Items", fields::<Items>()),
        ("RetryAfter", fields::<RetryAfter>()),
        ("Quota", fields::<QuotaWire>()),
    ];
    let schema = schema();
    let mut told = places::objects(&schema);
    for (name, fields) in read {
        let object = told.remove(name).unwrap_or_else(|| panic!("the schema has no {name}"));
        let keys: BTreeSet<String> = object["properties"].as_object().expect("keys").keys().cloned().collect();
        assert_eq!(keys, fields, "{name}");
        assert_eq!(object["additionalProperties"], false, "{name} takes any key");
        for (key, member) in object["properties"].as_object().expect("keys") {
            assert!(
                member["description"].as_str().is_some_and(|text| text.ends_with('.')),
                "{name}.{key} says nothing"
            );
        }
    }
    assert!(told.is_empty(), "nothing reads {:?}", told.keys());
}

#[test]
fn the_reference_is_what_the_schema_says() {
    let path = repository("docs/reference.md");
    let wanted = reference();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        fs::write(&path, &wanted).expect("the reference can be written");
        return;
    }
    let written = fs::read_to_string(&path).expect("there is a reference");
    assert!(
        written == wanted,
        "docs/reference.md is not what the config's types say: UPDATE_REFERENCE=1 cargo test --test install schema"
    );
}
