//! What an event tells beside its columns.

use crate::event::Event;
use serde_json::{Map, Value};

/// The attributes of an event that have no column, read once.
#[derive(Default)]
pub(super) struct Rest(Map<String, Value>);

impl Rest {
    /// Those of this event; none if it has none, or what it has is no JSON object.
    pub(super) fn of(event: &Event) -> Self {
        Self(serde_json::from_str(&event.rest).unwrap_or_default())
    }

    /// A text, or empty.
    pub(super) fn text(&self, name: &str) -> String {
        match self.0.get(name) {
            Some(Value::String(text)) => text.clone(),
            Some(number @ Value::Number(_)) => number.to_string(),
            _ => String::new(),
        }
    }

    /// A number that is not negative; OTLP in JSON writes it as text.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        match self.0.get(name)? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// The elements of a list.
    pub(super) fn list(&self, name: &str) -> &[Value] {
        self.0.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }
}
