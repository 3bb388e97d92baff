//! JSON as CEL values, and back.

use cel::Value as Cel;
use cel::common::types::CelStruct;
use cel::objects::{Key, OptionalValue};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::Arc;

/// The root of the typed objects of mutations.
const OBJECT: &str = "Object";

pub(super) fn to_cel(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(it) => Cel::Bool(*it),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Cel::Int(integer),
            (None, float) => Cel::Float(float.unwrap_or(f64::NAN)),
        },
        Value::String(text) => Cel::String(Arc::new(text.clone())),
        Value::Array(items) => Cel::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (Key::String(Arc::new(name.clone())), to_cel(value)));
            Cel::Map(members.collect::<HashMap<_, _>>().into())
        }
    }
}

/// What JSON has for it; a typed object must stand where its name says.
pub(super) fn to_json(value: &Cel) -> Result<Value, String> {
    convert(value, None)
}

/// `expected` is the name that a typed object must have here, if it stands in one.
fn convert(value: &Cel, expected: Option<&str>) -> Result<Value, String> {
    Ok(match value {
        Cel::List(items) => Value::Array(items.iter().map(|item| convert(item, expected)).collect::<Result<_, _>>()?),
        Cel::Map(map) => {
            let members = map.map.iter().map(|(name, value)| Ok((name.to_string(), convert(value, expected)?)));
            Value::Object(members.collect::<Result<Map<_, _>, String>>()?)
        }
        Cel::Struct(object) => typed(object, expected)?,
        Cel::Opaque(_) => match <&OptionalValue>::try_from(value).map_err(|error| error.to_string())?.value() {
            Some(inner) => convert(inner, expected)?,
            None => Value::Null,
        },
        other => other.json().map_err(|error| error.to_string())?,
    })
}

fn typed(object: &CelStruct<'_>, expected: Option<&str>) -> Result<Value, String> {
    let name = object.name();
    if let Some(expected) = expected.filter(|expected| *expected != name) {
        return Err(format!("a {name} stands where {expected} belongs"));
    }
    let is_object = name == OBJECT || name.starts_with("Object.");
    let mut members = Map::new();
    for (field, value) in object.field_values() {
        let value = Cel::try_from(value.as_ref()).map_err(|error| error.to_string())?;
        let inner = is_object.then(|| format!("{name}.{field}"));
        members.insert(field, convert(&value, inner.as_deref())?);
    }
    Ok(json!(members))
}
