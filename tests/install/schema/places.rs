//! One value of a config after the other is replaced, and the schema and the filter are asked.

use super::configs::{self, Config};
use super::{unreadable, validator};
use pointsman_core::config;
use pointsman_host::reference::schema;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Texts of which each is wrong, or right, for some key.
const TEXTS: [&str; 16] =
    ["", "a b", "a.b", ".a", "a..b", "a/b", "/a", "/a{", "ü", "+08:00", "+15:00", "0s", "5", "1.5s", "010ms", "POST"];
/// So many configs are tried for each type, the shortest first.
const CONFIGS: usize = 2;

/// The types that are objects, by name.
pub(super) fn objects(schema: &Value) -> BTreeMap<String, Value> {
    let object = |schema: &Value| {
        let either = schema["anyOf"].as_array().into_iter().flatten();
        std::iter::once(schema).chain(either).find(|one| one.get("properties").is_some()).cloned()
    };
    let named = schema["$defs"].as_object().expect("the schema has definitions");
    let mut objects: BTreeMap<String, Value> =
        named.iter().filter_map(|(name, schema)| Some((name.clone(), object(schema)?))).collect();
    objects.insert("Config".to_owned(), schema.clone());
    objects
}

/// An object of a sound config, with its type.
struct Place {
    config: Value,
    pointer: String,
    of: String,
}

/// Places of each type in sound configs.
fn places(objects: &BTreeMap<String, Value>) -> Vec<Place> {
    let mut sound: Vec<Config> = configs::all().into_iter().filter(|one| config::load(&one.text).is_ok()).collect();
    sound.sort_by_key(|one| one.text.len());
    let mut places: Vec<Place> = Vec::new();
    for Config { text, .. } in sound {
        let Ok(config) = serde_json::from_str::<Value>(&text) else { continue };
        let mut found = Vec::new();
        walk(&config, &objects["Config"], "Config", String::new(), objects, &mut found);
        let mut seen = BTreeSet::new();
        for (pointer, of) in found {
            if seen.insert(of.clone()) && places.iter().filter(|place| place.of == of).count() < CONFIGS {
                places.push(Place { config: config.clone(), pointer, of });
            }
        }
    }
    places
}

fn walk(
    value: &Value,
    schema: &Value,
    name: &str,
    at: String,
    objects: &BTreeMap<String, Value>,
    found: &mut Vec<(String, String)>,
) {
    if let Some(referred) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        if let Some(schema) = objects.get(referred) {
            walk(value, schema, referred, at, objects, found);
        }
        return;
    }
    if let (Some(members), Some(known)) = (value.as_object(), schema["properties"].as_object()) {
        found.push((at.clone(), name.to_owned()));
        for (key, member) in members {
            walk(member, &known[key], "", format!("{at}/{key}"), objects, found);
        }
    }
    for (index, element) in value.as_array().into_iter().flatten().enumerate() {
        walk(element, &schema["items"], "", format!("{at}/{index}"), objects, found);
    }
}

/// What may stand in the place of a value: something of each kind, and what is just beyond the bounds.
fn candidates(member: &Value) -> Vec<Value> {
    let mut values =
        vec![json!(null), json!([[]]), json!({"no such key": 0}), json!(true), json!(0), json!(-1), json!("A")];
    match member["type"].as_str() {
        Some("array") => {
            values.extend([json!([]), json!(["A"]), json!(["a b"]), json!([""]), json!(["1s"]), json!([1])])
        }
        Some("integer" | "number") => values.push(json!(0.5)),
        Some("boolean" | "object") => {}
        _ => {
            values.extend(TEXTS.map(Value::from));
            values.extend(["x".repeat(64), "x".repeat(65), "x".repeat(257)].map(Value::from));
        }
    }
    for bound in ["minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"] {
        values.extend(member.get(bound).into_iter().flat_map(around));
        values.extend(member["items"].get(bound).into_iter().flat_map(around).map(|value| json!([value])));
    }
    for bound in ["minItems", "maxItems"] {
        let most = member.get(bound).and_then(Value::as_u64).and_then(|most| usize::try_from(most).ok());
        values.extend(most.map(|most| json!(vec!["1s"; most + 1])));
    }
    values
}

/// A bound, and what lies next to it.
fn around(bound: &Value) -> Vec<Value> {
    match (bound.as_i64(), bound.as_f64()) {
        (Some(bound), _) => vec![json!(bound - 1), json!(bound), json!(bound + 1)],
        (None, Some(bound)) => vec![json!(bound / 2.0), json!(bound), json!(bound * 1.5)],
        _ => Vec::new(),
    }
}

fn with(place: &Place, key: &str, value: Option<&Value>) -> String {
    let mut config = place.config.clone();
    let members = config.pointer_mut(&place.pointer).and_then(Value::as_object_mut).expect("the place is an object");
    match value {
        Some(value) => members.insert(key.to_owned(), value.clone()),
        None => members.remove(key),
    };
    config.to_string()
}

#[test]
fn for_every_key_schema_and_filter_agree_on_what_may_stand_there() {
    let (schema, validator) = (schema(), validator());
    let objects = objects(&schema);
    let places = places(&objects);
    let mut probes = 0;
    for place in &places {
        let known = objects[&place.of]["properties"].as_object().expect("keys");
        let unknown = Map::from_iter([("no_such_key".to_owned(), json!({}))]);
        for (key, member) in known.iter().chain(&unknown) {
            for value in candidates(member) {
                let text = with(place, key, Some(&value));
                let taken = validator.is_valid(&serde_json::from_str(&text).expect("JSON"));
                let unreadable = unreadable(&text);
                let what = format!("{}.{key} = {value} at {} of {}", place.of, place.pointer, place.config);
                assert!(!taken || unreadable.is_empty(), "the schema takes what cannot be read: {what}\n{unreadable}");
                assert!(taken || config::load(&text).is_err(), "the schema refuses what the filter takes: {what}");
                probes += 1;
            }
        }
    }
    let seen: BTreeSet<&String> = places.iter().map(|place| &place.of).collect();
    let missing: Vec<&String> = objects.keys().filter(|name| !seen.contains(name)).collect();
    assert!(missing.is_empty(), "no sound config has {missing:?}");
    assert!(probes > 2_000, "only {probes} values were tried");
}

/// What a config makes the filter do, as far as words tell; its version aside, and in no order, since maps have none.
fn meaning(text: &str) -> Option<Vec<String>> {
    let mut plan = config::load(text).ok()?;
    plan.version = Box::default();
    let text = format!("{plan:?}");
    let words = text.split(|c: char| c.is_whitespace() || "(){}[],".contains(c)).filter(|word| !word.is_empty());
    let mut words: Vec<String> = words.map(str::to_owned).collect();
    words.sort_unstable();
    Some(words)
}

#[test]
fn a_default_that_the_schema_tells_is_what_holds_where_nothing_is_written() {
    let schema = schema();
    let objects = objects(&schema);
    let mut untold: BTreeSet<String> = BTreeSet::new();
    let mut proven: BTreeSet<String> = BTreeSet::new();
    for place in places(&objects) {
        for (key, member) in objects[&place.of]["properties"].as_object().expect("keys") {
            let Some(default) = member.get("default") else { continue };
            let name = format!("{}.{key}", place.of);
            let meanings = (meaning(&with(&place, key, None)), meaning(&with(&place, key, Some(default))));
            // Some keys mean something only beside others.
            let (Some(without), Some(written)) = meanings else {
                untold.insert(name);
                continue;
            };
            assert!(without == written, "{name} is not {default} where it is left out, in {}", place.config);
            proven.insert(name);
        }
    }
    untold.retain(|name| !proven.contains(name));
    assert!(untold.is_empty() && proven.len() > 40, "{untold:?} are told and never held; {} are", proven.len());
}
