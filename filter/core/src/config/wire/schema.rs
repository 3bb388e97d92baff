//! What of the schema no derive says by itself.

use schemars::Schema;
use serde_json::{Map, Value, json};

/// A name that becomes part of an Envoy stat's name.
pub(super) const NAME: &str = "^[A-Za-z0-9_-]{1,64}$";
/// A host suffix.
pub(super) const HOST: &str = "^[A-Za-z0-9_-]+([.]+[A-Za-z0-9_-]+)*$";
/// A name of an Envoy cluster.
pub(super) const TOKEN: &str = "^[!-~]{1,256}$";
/// The distance of a time zone from UTC.
pub(super) const ZONE: &str = "^[+-](0[0-9]|1[0-4]):[0-5][0-9]$";

const KINDS: [&str; 6] = ["force", "auto", "shed", "failover", "limit", "drill"];

/// An object that may also be written as the text of the one member that it must have.
pub(super) fn text_or_object(schema: &mut Schema) {
    let mut object = std::mem::take(schema.ensure_object());
    let description = object.remove("description");
    let required = object.get("required").and_then(|names| names.get(0)).and_then(Value::as_str);
    let text = required.and_then(|name| object.get("properties")?.get(name)).cloned();
    let mut either = Map::new();
    either.extend(description.map(|description| ("description".to_owned(), description)));
    either.insert("anyOf".to_owned(), json!([text, object]));
    *schema = either.into();
}

/// A rule has exactly one kind.
pub(super) fn one_kind(schema: &mut Schema) {
    schema.insert("oneOf".to_owned(), KINDS.map(|kind| json!({"required": [kind]})).to_vec().into());
}

/// The statuses that a drill may answer with.
pub(super) fn failed_status(schema: &mut Schema) {
    if let Some(status) = schema.pointer_mut("/properties/status").and_then(Value::as_object_mut) {
        status.extend([("minimum".to_owned(), json!(400)), ("maximum".to_owned(), json!(599))]);
    }
}

/// A source names one place, or JSON inside another.
pub(crate) fn one_place(schema: &mut Schema) {
    let inside = json!({"anyOf": [{"required": ["query"]}, {"required": ["form"]}]});
    let places = json!([
        {"required": ["header"]},
        {"required": ["query"]},
        {"required": ["path"]},
        {"required": ["form"]},
        {"required": ["json"], "not": inside},
        {"required": ["xml"]},
        {"required": ["text"], "properties": {"text": {"const": true}}},
    ]);
    schema.insert("oneOf".to_owned(), places);
    schema.insert("dependentSchemas".to_owned(), json!({"inner": {"required": ["json"], "not": inside}}));
}
