//! The reference of the config: a section for each type.

use super::types::{self, Definitions, code, constants, description, referred};
use serde_json::{Map, Value};
use std::fmt::Write;

const HEAD: &str = include_str!("head.txt");

/// Writes the sections of `schema` and of all that it names, in the order in which they are named.
pub(super) fn write(schema: &Value) -> String {
    let none = Definitions::new();
    let all = schema.get("$defs").and_then(Value::as_object).unwrap_or(&none);
    let mut text = HEAD.to_owned();
    section(&mut text, "Config", schema, all);
    for (name, schema) in in_order(schema, all).into_iter().filter_map(|name| all.get_key_value(name)) {
        section(&mut text, name, schema, all);
    }
    text
}

/// The names of all definitions, those first that are named first.
fn in_order<'a>(schema: &'a Value, all: &'a Definitions) -> Vec<&'a str> {
    let mut names: Vec<&str> = Vec::new();
    let mut next = vec![schema];
    while !next.is_empty() {
        let mut found: Vec<&str> = Vec::new();
        for schema in next {
            named(schema, &mut found);
        }
        found.retain(|name| !names.contains(name) && all.contains_key(*name));
        let mut new: Vec<&str> = Vec::new();
        for name in found {
            if !new.contains(&name) {
                new.push(name);
            }
        }
        next = new.iter().filter_map(|name| all.get(*name)).collect();
        names.extend(new);
    }
    names
}

/// Adds the definitions that `schema` names anywhere but in its own definitions.
fn named<'a>(schema: &'a Value, found: &mut Vec<&'a str>) {
    found.extend(referred(schema));
    match schema {
        Value::Object(members) => {
            members.iter().filter(|(key, _)| *key != "$defs").for_each(|(_, member)| named(member, found));
        }
        Value::Array(elements) => elements.iter().for_each(|element| named(element, found)),
        _ => {}
    }
}

fn section(text: &mut String, name: &str, schema: &Value, all: &Definitions) {
    let _ = write!(text, "\n## {name}\n\n{}\n", description(schema));
    if let Some(object) = object(schema) {
        keys(text, object, all);
    } else if schema.get("oneOf").is_some() {
        values(text, schema, all);
    }
}

/// The schema itself, or the object among those of which it is one.
fn object(schema: &Value) -> Option<&Map<String, Value>> {
    let either = schema.get("anyOf").and_then(Value::as_array).into_iter().flatten();
    let mut all = std::iter::once(schema).chain(either).filter_map(Value::as_object);
    all.find(|schema| schema.contains_key("properties"))
}

fn keys(text: &mut String, object: &Map<String, Value>, all: &Definitions) {
    text.push_str("\n| key | type | default | |\n|---|---|---|---|\n");
    let Some(members) = object.get("properties").and_then(Value::as_object) else { return };
    let required = |key: &str| {
        object.get("required").and_then(Value::as_array).is_some_and(|all| all.iter().any(|one| one == key))
    };
    let (first, rest): (Vec<_>, Vec<_>) = members.iter().partition(|(key, _)| required(key));
    for (key, member) in first.into_iter().chain(rest) {
        let default = match member.get("default") {
            Some(default) => code(&default.to_string()),
            None if required(key) => "required".to_owned(),
            None => String::new(),
        };
        let what = cell(description(member));
        let _ = writeln!(text, "| {} | {} | {default} | {what} |", code(key), types::name(member, all));
    }
}

fn values(text: &mut String, schema: &Value, all: &Definitions) {
    text.push_str("\n| value | |\n|---|---|\n");
    for (value, what) in constants(schema) {
        let _ = writeln!(text, "| {} | {} |", code(&value.to_string()), cell(what));
    }
    let objects = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    for variant in objects.filter(|variant| variant.get("const").is_none()) {
        let members = variant.get("properties").and_then(Value::as_object).into_iter().flatten();
        for (key, member) in members {
            let _ = writeln!(
                text,
                "| an object with {} ({}) | {} |",
                code(key),
                types::name(member, all),
                cell(description(variant))
            );
        }
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
