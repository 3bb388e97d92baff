//! Attributes of records, and what may be their values.

use super::proto::{AnyValue, ArrayValue, KeyValue, Value};
use crate::event::Event;

/// Attributes in the order in which they were put; no name comes twice, or readers would disagree on which one counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(Vec<KeyValue>);

impl Attributes {
    /// Adds an attribute. Its name must not be there yet.
    pub fn put(&mut self, name: &str, value: impl Into<AnyValue>) {
        self.0.push(KeyValue { key: name.to_owned(), value: Some(value.into()) });
    }

    /// Adds an attribute if there is a value for it.
    pub fn put_some(&mut self, name: &str, value: Option<impl Into<AnyValue>>) {
        if let Some(value) = value {
            self.put(name, value);
        }
    }

    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|pair| pair.key == name)?.value.as_ref()?.value.as_ref()
    }

    pub(super) fn into_pairs(self) -> Vec<KeyValue> {
        self.0
    }
}

/// All of an event but [`Event::TRACE_ID`], which a record has a field for.
impl From<&Event> for Attributes {
    fn from(event: &Event) -> Self {
        let mut attributes = Self::default();
        for (name, value) in event.attributes.iter().filter(|(name, _)| *name != Event::TRACE_ID) {
            attributes.put(name, value);
        }
        attributes
    }
}

impl From<Value> for AnyValue {
    fn from(value: Value) -> Self {
        Self { value: Some(value) }
    }
}

impl From<String> for AnyValue {
    fn from(text: String) -> Self {
        Value::String(text).into()
    }
}

impl From<&str> for AnyValue {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<bool> for AnyValue {
    fn from(value: bool) -> Self {
        Value::Bool(value).into()
    }
}

impl From<i64> for AnyValue {
    fn from(number: i64) -> Self {
        Value::Int(number).into()
    }
}

impl From<u32> for AnyValue {
    fn from(number: u32) -> Self {
        i64::from(number).into()
    }
}

/// The highest that OTLP has where the number is higher.
impl From<u64> for AnyValue {
    fn from(number: u64) -> Self {
        i64::try_from(number).unwrap_or(i64::MAX).into()
    }
}

impl From<f64> for AnyValue {
    fn from(number: f64) -> Self {
        Value::Double(number).into()
    }
}

impl<T: Into<AnyValue>> From<Vec<T>> for AnyValue {
    fn from(values: Vec<T>) -> Self {
        Value::Array(ArrayValue { values: values.into_iter().map(Into::into).collect() }).into()
    }
}

/// An object, which no record has, as its text.
impl From<&serde_json::Value> for AnyValue {
    fn from(value: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match value {
            Json::Null => Self { value: None },
            Json::Bool(value) => (*value).into(),
            Json::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(number), ..) => number.into(),
                (_, Some(number), _) => number.into(),
                (.., fraction) => fraction.unwrap_or_default().into(),
            },
            Json::String(text) => text.as_str().into(),
            Json::Array(values) => values.iter().collect::<Vec<_>>().into(),
            Json::Object(_) => value.to_string().into(),
        }
    }
}
