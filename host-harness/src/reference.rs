//! The JSON Schema of the config, and the reference that is written from it.
//!
//! Both come from the types by which the filter reads a config, so that neither can know a key that the filter does not.

mod markdown;
mod types;

use pointsman_core::config::wire::ConfigWire;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::{Map, Value};

/// The config as JSON Schema 2020-12. It refuses nothing that the filter takes; what depends on two values at once, or on the
/// adapters, it leaves to `pointsman check`.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize().with_transform(RecursiveTransform(plain));
    let mut schema = settings.into_generator().into_root_schema_for::<ConfigWire>();
    schema.insert("title".to_owned(), "Pointsman config".into());
    schema.into()
}

/// `docs/reference.md`: every key of the config, in Markdown.
pub fn reference() -> String {
    markdown::write(&schema())
}

/// Says in the words of JSON what was said in those of Rust.
fn plain(schema: &mut Schema) {
    let Some(members) = schema.as_object_mut() else { return };
    without_null(members);
    let format = members.get("format").and_then(Value::as_str);
    if format.is_some_and(|format| format.starts_with("uint") || format == "double") {
        if format == Some("uint32") {
            members.entry("maximum").or_insert_with(|| u32::MAX.into());
        }
        members.remove("format");
    }
    let says_nothing = |default: &Value| match default {
        Value::Null => true,
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    };
    if members.get("default").is_some_and(says_nothing) {
        members.remove("default");
    }
    if let Some(Value::String(description)) = members.get_mut("description") {
        *description = description.split_whitespace().collect::<Vec<_>>().join(" ");
    }
}

/// What may be left out may not be `null` in its place.
fn without_null(members: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = members.get_mut("type") {
        types.retain(|name| name != "null");
        if let [name] = types.as_slice() {
            let name = name.clone();
            members.insert("type".to_owned(), name);
        }
    }
    let Some(Value::Array(either)) = members.get_mut("anyOf") else { return };
    either.retain(|schema| schema.get("type").is_none_or(|name| name != "null"));
    if let [Value::Object(only)] = either.as_mut_slice() {
        let only = std::mem::take(only);
        members.remove("anyOf");
        for (key, value) in only {
            members.entry(key).or_insert(value);
        }
    }
}
