//! An event as it goes out: as it is, and what the document of the interface says about it.

use crate::event::Event;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use std::borrow::Cow;

/// An event as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Record(pub Event);

impl JsonSchema for Record {
    fn schema_name() -> Cow<'static, str> {
        "Event".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let texts = |names: &[&str]| -> serde_json::Map<String, serde_json::Value> {
            names.iter().map(|name| ((*name).to_owned(), serde_json::json!({ "type": "string" }))).collect()
        };
        let mut facts = texts(&[
            "name",
            "tenant",
            "service",
            "node",
            "channel",
            "status",
            "outcome",
            "code",
            "business",
            "template",
            "fate",
            "switched_from",
            "conflict",
            "text",
        ]);
        facts.insert(
            "kind".to_owned(),
            serde_json::json!({ "enum": crate::event::Kind::ALL.map(crate::event::Kind::name) }),
        );
        facts.insert("on_time".to_owned(), serde_json::json!({ "type": ["boolean", "null"] }));
        facts.insert("drill".to_owned(), serde_json::json!({ "type": "boolean" }));
        let facts_needed: Vec<String> = facts.keys().cloned().collect();
        let mut event = texts(&["message_id", "vendor_id", "recipient"]);
        for (name, digits) in [("trace_id", 32), ("span_id", 16), ("parent_id", 16)] {
            let pattern = format!("^[0-9a-f]{{{digits}}}$");
            event.insert(name.to_owned(), serde_json::json!({ "type": ["string", "null"], "pattern": pattern }));
        }
        event.insert("at_ms".to_owned(), serde_json::json!({ "type": "integer", "minimum": 0 }));
        event.insert("duration_ms".to_owned(), serde_json::json!({ "type": ["integer", "null"], "minimum": 0 }));
        event.insert("attempt".to_owned(), serde_json::json!({ "type": "integer", "minimum": 0 }));
        let about = "All else that was told: a JSON object as text, or empty.";
        event.insert("rest".to_owned(), serde_json::json!({ "type": "string", "description": about }));
        let facts = serde_json::json!({ "type": "object", "properties": facts, "required": facts_needed });
        event.insert("facts".to_owned(), facts);
        let needed: Vec<String> = event.keys().cloned().collect();
        json_schema!({
            "type": "object",
            "description": "An event as it is kept. Text is empty where nothing is told.",
            "properties": event,
            "required": needed,
        })
    }
}
