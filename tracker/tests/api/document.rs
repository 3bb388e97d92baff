//! The document of the interface says what the interface does.

use crate::world::World;
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A question for each route, or several; `KEY` stands for the key of a message.
const QUESTIONS: [&str; 31] = [
    "find?id=order-1",
    "find?id=nothing",
    "messages/KEY",
    "messages/KEY?events_after=3",
    "search",
    "search?limit=2",
    "search?status=failed&drill=false",
    "lost",
    "doubled",
    "late",
    "trend",
    "trend?points=12&channel=oppo",
    "series?by=channel,status",
    "series?by=code&kind=span&points=10",
    "statistics?by=channel,outcome",
    "statistics?by=",
    "funnel",
    "nodes",
    "nodes?minutes=60&blocked_after=1s",
    "blocked",
    "blocked?after=1m&limit=1",
    "waits",
    "patterns",
    "channels",
    "history",
    "freshness",
    "openapi.json",
    "search.csv",
    "statistics.csv?by=channel",
    "find?id=oppo-v1",
    "find?id=4bf92f3577b34da6a3ce929d0e0e4731",
];

/// Whatever is not described is wrong.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") {
                fields.insert("additionalProperties".to_owned(), false.into());
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(elements) => elements.iter_mut().for_each(close),
        _ => {}
    }
}

/// The schema in a document, with the others beside it.
fn validator(document: &Value, schema: &Value) -> jsonschema::Validator {
    let mut whole = json!({ "allOf": [schema], "components": document["components"] });
    close(&mut whole["components"]["schemas"]);
    jsonschema::validator_for(&whole).expect("a schema")
}

/// The operation of a path below `/api/v1/`.
fn operation<'a>(document: &'a Value, path: &str) -> (String, &'a Value) {
    let path = path.split('?').next().unwrap_or_default();
    let path = if path.starts_with("messages/") { "messages/{key}" } else { path };
    let name = format!("/api/v1/{path}");
    let operations = document["paths"][&name].as_object().unwrap_or_else(|| panic!("{name} is not described"));
    let operation = operations.values().next().expect("an operation");
    (name, operation)
}

#[tokio::test]
async fn every_answer_of_every_route_is_as_described() {
    let world = World::of("shop").await;
    let document = world.get("openapi.json").await;
    let key = world.get("find?id=order-1").await["messages"][0]["key"].as_str().expect("a key").to_owned();
    let mut asked = BTreeSet::new();
    for question in QUESTIONS {
        let (name, operation) = operation(&document, question);
        let answer = world.get(&question.replace("KEY", &key)).await;
        let content = operation["responses"]["200"]["content"].as_object().expect("content");
        if let Some(kind) = content.get("application/json") {
            let validator = validator(&document, &kind["schema"]);
            let faults: Vec<String> =
                validator.iter_errors(&answer).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
            assert!(faults.is_empty(), "{question}: {faults:#?}\n{answer:#}");
            let mut other = answer.clone();
            other["undescribed"] = 1.into();
            assert!(name.ends_with("openapi.json") || !validator.is_valid(&other), "{question}: anything will do");
        }
        asked.insert(name);
    }
    let body = json!({ "ids": ["order-1", "nothing"] });
    let (status, answer) = world.post("lookup", body.to_string()).await;
    let (name, operation) = operation(&document, "lookup");
    let kind = &operation["responses"]["200"]["content"]["application/json"];
    assert!(status == StatusCode::OK && validator(&document, &kind["schema"]).is_valid(&answer), "{answer:#}");
    assert!(validator(&document, &operation["requestBody"]["content"]["application/json"]["schema"]).is_valid(&body));
    asked.insert(name);
    let described: BTreeSet<String> = document["paths"].as_object().expect("paths").keys().cloned().collect();
    assert_eq!(asked, described);
}

#[tokio::test]
async fn an_unknown_parameter_is_refused_everywhere_and_those_that_are_known_are_the_described_ones() {
    let world = World::of("shop").await;
    let document = world.get("openapi.json").await;
    for (path, operations) in document["paths"].as_object().expect("paths") {
        let Some(operation) = operations.get("get").filter(|_| !path.ends_with("openapi.json")) else { continue };
        let described: BTreeSet<&str> = operation["parameters"]
            .as_array()
            .expect("parameters")
            .iter()
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().expect("a name"))
            .collect();
        let path = path.replace("/api/v1/", "").replace("{key}", "000000000000000000000001");
        let (status, code, message) = world.refused(&format!("{path}?colour=blue")).await;
        assert_eq!((status, &*code), (400, "bad_request"), "{path}: {message}");
        let known: BTreeSet<&str> = message.split('`').skip(3).step_by(2).collect();
        assert_eq!(known, described, "{path}: {message}");
    }
}

#[tokio::test]
async fn parameters_are_described_with_their_type_and_what_they_mean() {
    let document = World::of("shop").await.get("openapi.json").await;
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for operation in operations.as_object().expect("operations").values() {
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let kind = parameter["schema"]["type"].as_str();
                assert!(matches!(kind, Some("string" | "integer" | "boolean")), "{path}: {parameter}");
                assert!(parameter["description"].as_str().is_some_and(|text| text.len() > 5), "{path}: {parameter}");
            }
            assert!(operation["summary"].is_string(), "{path}");
        }
    }
    let names =
        document["paths"].as_object().expect("paths").values().flat_map(|path| path.as_object().expect("one").values());
    let names: Vec<&str> = names.map(|operation| operation["operationId"].as_str().expect("an id")).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
}

#[tokio::test]
async fn errors_are_as_described() {
    let world = World::of("shop").await;
    let document = world.get("openapi.json").await;
    for question in [
        "find",
        "find?id=",
        "messages/000000000000000000000001",
        "messages/x",
        "search?from_ms=5&to_ms=4",
        "trend?from_ms=0",
    ] {
        let (_, operation) = operation(&document, question);
        let (status, answer) = world.ask(question).await;
        assert!(status.is_client_error(), "{question}: {answer}");
        let schema = &operation["responses"]["default"]["content"]["application/json"]["schema"];
        assert!(validator(&document, schema).is_valid(&answer), "{question}: {answer}");
    }
}
