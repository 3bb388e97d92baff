//! The document that describes the interface (OpenAPI 3.1), made of the table of routes and of the types themselves.

use super::error::Body;
use super::route::{Describe, Gives, Route};
use http::Method;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// The document.
pub fn document(table: &[Route]) -> Value {
    let mut writer = Writer::new();
    let error = writer.answer(|generator| generator.subschema_for::<Body>());
    let mut paths = Map::new();
    for route in table {
        let method = if route.body.is_some() { Method::POST } else { Method::GET };
        let mut operation = writer.operation(route, &error);
        let path = paths.entry(format!("/api/v1{}", route.path)).or_insert_with(|| json!({}));
        if path.get("get").is_some() {
            operation["operationId"] =
                json!(format!("{}_by_body", operation["operationId"].as_str().unwrap_or_default()));
        }
        path[method.as_str().to_ascii_lowercase()] = operation;
    }
    paths.insert("/api/v1/openapi.json".to_owned(), this_document());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Pointsman tracker",
            "description": "Where is my message? Times are milliseconds since 1970; text is empty where nothing is known.",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "paths": paths,
        "security": [{}, { "token": [] }],
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": writer.schemas(),
        },
    })
}

fn this_document() -> Value {
    let content = json!({ "application/json": { "schema": { "type": "object" } } });
    let responses = json!({ "200": { "description": "The document", "content": content } });
    json!({ "get": { "summary": "This document", "operationId": "openapi", "responses": responses } })
}

/// Describes types: those that are read and those that are written differ in what has to be there.
struct Writer {
    questions: SchemaGenerator,
    answers: SchemaGenerator,
}

impl Writer {
    fn new() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self {
            questions: settings.clone().for_deserialize().into_generator(),
            answers: settings.for_serialize().into_generator(),
        }
    }

    fn answer(&mut self, describe: Describe) -> Value {
        describe(&mut self.answers).to_value()
    }

    fn operation(&mut self, route: &Route, error: &Value) -> Value {
        let content = match route.gives {
            Gives::Json(describe) => json!({ "application/json": { "schema": self.answer(describe) } }),
            Gives::Csv => json!({ "text/csv": { "schema": { "type": "string" } } }),
        };
        let failed =
            json!({ "description": "Why there is no answer", "content": { "application/json": { "schema": error } } });
        let name: String =
            route.path.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '_' }).collect();
        let mut operation = json!({
            "summary": route.summary,
            "operationId": name.trim_matches('_'),
            "parameters": self.parameters(route),
            "responses": { "200": { "description": "The answer", "content": content }, "default": failed },
        });
        if let (Some(describe), Some(operation)) = (route.body, operation.as_object_mut()) {
            let schema = describe(&mut self.questions).to_value();
            let body = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
            operation.insert("requestBody".to_owned(), body);
        }
        operation
    }

    fn parameters(&mut self, route: &Route) -> Vec<Value> {
        let mut parameters = Vec::new();
        if route.path.contains("{key}") {
            let schema = json!({ "type": "string", "pattern": "^[0-9a-fA-F]{24}$" });
            let about = "The key of the message.";
            parameters
                .push(json!({ "name": "key", "in": "path", "required": true, "description": about, "schema": schema }));
        }
        let Some(describe) = route.query else { return parameters };
        let schema = resolved(describe, &self.questions);
        let needed =
            |name: &str| schema["required"].as_array().is_some_and(|names| names.iter().any(|known| known == name));
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let mut property = property.clone();
            let about = property.as_object_mut().and_then(|property| property.remove("description"));
            parameters.push(json!({
                "name": name, "in": "query", "required": needed(name), "description": about, "schema": only(property),
            }));
        }
        parameters
    }

    fn schemas(mut self) -> Map<String, Value> {
        let mut schemas = self.questions.take_definitions(true);
        schemas.extend(self.answers.take_definitions(true));
        schemas
    }
}

/// The schema of a question itself and not a reference to it.
fn resolved(describe: Describe, like: &SchemaGenerator) -> Value {
    let settings = like.settings().clone().with(|settings| settings.inline_subschemas = true);
    describe(&mut settings.into_generator()).to_value()
}

/// A parameter is there or not, but never null.
fn only(mut property: Value) -> Value {
    if let Some(kinds) = property.get("type").and_then(Value::as_array) {
        let kind = kinds.iter().find(|kind| *kind != "null").cloned();
        property["type"] = kind.unwrap_or_default();
    }
    if let Some(kinds) = property.get("anyOf").and_then(Value::as_array) {
        return kinds.iter().find(|kind| kind["type"] != "null").cloned().unwrap_or_default();
    }
    property
}
