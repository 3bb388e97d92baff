//! What a value may be, in a few words.

use serde_json::{Map, Value};

const DEFINITIONS: &str = "#/$defs/";

/// The definitions of a schema, by name.
pub(super) type Definitions = Map<String, Value>;

/// Names the type of `schema`, with links to the sections of other types.
pub(super) fn name(schema: &Value, all: &Definitions) -> String {
    if let Some(referred) = referred(schema) {
        return link(referred);
    }
    if let Some(either) = schema.get("anyOf").and_then(Value::as_array) {
        return either.iter().map(|one| name(one, all)).collect::<Vec<_>>().join(" or ");
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("array") => format!("list of {}{}", plural(&items(schema, all)), most(schema, "maxItems")),
        Some("object") => object(schema, all),
        Some("string") => match schema.get("maxLength") {
            Some(most) if *most == 1 => "a character".to_owned(),
            Some(most) => format!("text, at most {most} characters"),
            None => "text".to_owned(),
        },
        Some(kind @ ("integer" | "number")) => format!("{kind}{}", range(schema)),
        Some("boolean") => "boolean".to_owned(),
        _ => "anything".to_owned(),
    }
}

/// The definition that `schema` stands for.
pub(super) fn referred(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix(DEFINITIONS)
}

/// Text between back ticks, in a cell of a table.
pub(super) fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

fn link(definition: &str) -> String {
    format!("[{definition}](#{})", definition.to_lowercase())
}

fn object(schema: &Value, all: &Definitions) -> String {
    let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) else {
        return "object".to_owned();
    };
    let values = name(values, all);
    match schema.get("propertyNames").and_then(referred) {
        Some(keys) => format!("object from {} to {values}", link(keys)),
        None => format!("object of {}{}", plural(&values), most(schema, "maxProperties")),
    }
}

fn plural(name: &str) -> String {
    let kinds = ["text", "integer", "number"];
    let of = kinds.iter().find_map(|kind| name.strip_prefix(kind).map(|rest| format!("{kind}s{rest}")));
    of.unwrap_or_else(|| name.to_owned())
}

/// The values of an enumeration, each with its description.
pub(super) fn constants(schema: &Value) -> impl Iterator<Item = (&Value, &str)> {
    let variants = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    variants.filter_map(|variant| Some((variant.get("const")?, description(variant))))
}

/// The description of a schema.
pub(super) fn description(schema: &Value) -> &str {
    schema.get("description").and_then(Value::as_str).unwrap_or_default()
}

fn items(schema: &Value, all: &Definitions) -> String {
    schema.get("items").map_or_else(|| "anything".to_owned(), |items| name(items, all))
}

fn most(schema: &Value, key: &str) -> String {
    schema.get(key).map_or_else(String::new, |most| format!(", at most {most}"))
}

fn range(schema: &Value) -> String {
    let bound = |keys: [&str; 2]| keys.into_iter().find_map(|key| schema.get(key));
    let least = bound(["minimum", "exclusiveMinimum"]);
    let most = bound(["maximum", "exclusiveMaximum"]).filter(|most| **most != u64::from(u32::MAX));
    match (least, most) {
        (Some(least), Some(most)) => format!(", {least} to {most}"),
        (Some(least), None) if *least != 0 => format!(", {least} or more"),
        (None, Some(most)) => format!(", at most {most}"),
        _ => String::new(),
    }
}
