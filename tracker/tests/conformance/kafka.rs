//! What a Collector puts into Kafka becomes, by `docs/scale/kafka.sql`, the events that the tracker makes of it.

use crate::chdb::Server;
use crate::lifecycle;
use axum::body::Body;
use pointsman_tracker::event::{Event, Facts};
use pointsman_tracker::ingest;
use pointsman_tracker::serve::{App, now_ms};
use pointsman_tracker::store::clickhouse::ClickHouse;
use pointsman_tracker::store::memory::Memory;
use pointsman_tracker::store::{Id, Store, StoreError};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use tower_service::Service as _;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn attributes(told: &Value) -> Value {
    let value = |value: &Value| match value {
        Value::String(text) => json!({ "stringValue": text }),
        Value::Bool(truth) => json!({ "boolValue": truth }),
        Value::Array(list) => {
            json!({ "arrayValue": { "values": list.iter().map(|text| json!({ "stringValue": text })).collect::<Vec<_>>() } })
        }
        number => json!({ "intValue": number.to_string() }),
    };
    let told = told.as_object().expect("an object").iter();
    Value::Array(told.map(|(key, told)| json!({ "key": key, "value": value(told) })).collect())
}

fn logs(at_ms: u64) -> Value {
    let record = |name: &str, after_ms: u64, span: &str, told: Value| {
        json!({ "timeUnixNano": ((at_ms + after_ms) * 1_000_000).to_string(), "eventName": name, "traceId": TRACE,
            "spanId": span, "severityNumber": 9, "attributes": attributes(&told) })
    };
    let (one, other) = ("00f067aa0ba902b7", "00f067aa0ba902b8");
    let hostile = "it's \\ \"quoted\"\n😀";
    json!({ "resourceLogs": [{
        "resource": { "attributes": attributes(&json!({ "service.name": "push-worker", "push.tenant": "acme" })) },
        "scopeLogs": [{ "logRecords": [
            record("push.message.status", 0, one, json!({ "push.message.id": "m1", "push.status": "submitted",
                "push.node": "GATEWAY", "push.business": hostile, "push.template.id": "t-1" })),
            record("push.node.enter", 5, other, json!({ "push.message.id": ["m1", "m2"], "push.node": "FCM_PUSH",
                "push.channel": "fcm", "push.attempt": 2 })),
            record("push.message.status", 90, other, json!({ "push.message.id": "m1", "push.status": "sent",
                "push.node": "FCM_PUSH", "push.channel": "fcm", "push.duration_ms": 85, "push.on_time": true,
                "push.outcome": "ok", "push.recipient.hash": ["r1", "r2"], "push.switched_from": "oppo" })),
            record("push.message.status", 91, other, json!({ "push.message.id": ["m1", "m2"], "push.status": "failed",
                "push.node": "FCM_PUSH", "push.channel": "fcm", "push.vendor.code": 503, "push.on_time": false,
                "push.recipient.hash": ["r3", "r4"], "push.drill": true, "push.fate": "unsure" })),
            record("push.message.alias", 92, other, json!({ "push.message.id": "m1", "push.channel": "fcm",
                "push.vendor.message_id": "v1" })),
            record("push.message.dead_letter", 93, other, json!({ "push.message.id": ["m2"], "push.channel": "fcm",
                "push.node": "FCM_PUSH", "push.outcome": "vendor_unavailable" })),
            record("push.message.status", 5_000, "", json!({ "push.vendor.message_id": "v1", "push.channel": "fcm",
                "push.status": "delivered" })),
            record("something.else", 6_000, one, json!({ "messaging.message.id": "m1" })),
        ] }],
    }] })
}

fn spans(at_ms: u64) -> Value {
    let nanos = |ms: u64| ((at_ms + ms) * 1_000_000).to_string();
    let link = |name: &str, id: &str| {
        json!({ "traceId": TRACE, "spanId": "00f067aa0ba902b7",
        "attributes": attributes(&json!({ name: id })) })
    };
    let span = |id: &str, name: &str, told: Value, links: Value| {
        json!({ "traceId": TRACE, "spanId": id, "parentSpanId": "00f067aa0ba902b1", "name": name, "kind": 3,
            "startTimeUnixNano": nanos(5), "endTimeUnixNano": nanos(90), "attributes": attributes(&told), "links": links })
    };
    json!({ "resourceSpans": [{
        "resource": { "attributes": attributes(&json!({ "service.name": "push-worker", "push.tenant": "acme" })) },
        "scopeSpans": [{ "spans": [
            span("00f067aa0ba902b8", "push fcm", json!({ "messaging.message.id": "m1", "push.node": "FCM_PUSH" }), json!([])),
            span("00f067aa0ba902b9", "process", json!({}),
                json!([link("messaging.message.id", "m1"), link("push.message.id", "m2"), link("push.message.id", "m2")])),
            span("00f067aa0ba902c0", "nothing but a trace", json!({}), json!([])),
        ] }],
    }] })
}

async fn post(app: &App, path: &str, body: &Value) {
    let request = http::Request::post(path).header("content-type", "application/json");
    let request = request.body(Body::from(body.to_string())).expect("a request");
    let answer = ingest::routes().with_state(app.clone()).call(request).await.expect("an answer");
    assert_eq!(answer.status(), http::StatusCode::OK);
}

/// The events of all that the records name; what the two put otherwise, words on a failure and what has no column, left out.
async fn told(store: &dyn Store) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::new();
    for id in [Id::Message("m1".to_owned()), Id::Message("m2".to_owned()), Id::Vendor("v1".to_owned())] {
        for message in store.find(&id, 10).await? {
            events.extend(message.events.into_iter().map(|event| Event {
                facts: Arc::new(Facts { text: String::new(), ..(*event.facts).clone() }),
                rest: String::new(),
                ..event
            }));
        }
    }
    Ok(events)
}

#[tokio::test]
async fn what_comes_by_kafka_says_what_the_tracker_would_have_made_of_it() {
    let at_ms = now_ms() - 3_600_000;
    let memory = Arc::new(Memory::new(lifecycle()));
    let app = App::new(memory.clone(), Arc::new(lifecycle()));
    post(&app, "/v1/logs", &logs(at_ms)).await;
    post(&app, "/v1/traces", &spans(at_ms)).await;

    let server = Server::start();
    let store = ClickHouse::open(server.settings(), lifecycle()).await.expect("the database is opened");
    let client = clickhouse::Client::default().with_url(server.settings().url).with_database("pointsman");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scale/kafka.sql");
    let file = std::fs::read_to_string(file).expect("the file is there");
    for statement in file.split(";\n").filter(|statement| !statement.trim().is_empty()) {
        // Here nobody is to be asked; what is inserted goes the same way as what comes from a topic.
        let statement = statement.split_once("ENGINE = Kafka").map_or(statement.to_owned(), |(table, settings)| {
            assert!(settings.contains("kafka_format = 'JSONAsString'"), "a message is one body: {settings}");
            format!("{table}ENGINE = Null")
        });
        client.query_raw(&statement).execute().await.expect("the statement is taken");
    }
    for (table, body) in [("logs_from_kafka", logs(at_ms)), ("spans_from_kafka", spans(at_ms))] {
        let insert = format!("INSERT INTO {table} SELECT {{body:String}}");
        client.query_raw(&insert).param("body", body.to_string()).execute().await.expect("the body is taken");
    }
    let (expected, got) = (told(&*memory).await.expect("an answer"), told(&store).await.expect("an answer"));
    assert!(expected.len() > 20, "{expected:#?}");
    assert_eq!(got, expected);
}

#[test]
fn the_collectors_of_the_docs_use_what_they_define_and_the_topics_that_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/scale");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("the file is there");
    for name in ["collector-to-kafka.yaml", "collector-to-tracker.yaml"] {
        let config: Value = serde_saphyr::from_str(&read(name)).expect("it is YAML");
        let used = |list: &Value, kind: &str| {
            for component in list.as_array().into_iter().flatten().filter_map(Value::as_str) {
                assert!(config[kind].get(component).is_some(), "{name}: {kind} has no {component}");
            }
        };
        used(&config["service"]["extensions"], "extensions");
        for signal in ["logs", "traces"] {
            let pipeline = &config["service"]["pipelines"][signal];
            for kind in ["receivers", "processors", "exporters"] {
                used(&pipeline[kind], kind);
            }
            let kafka = if name.ends_with("kafka.yaml") {
                &config["exporters"]["kafka"]
            } else {
                &config["receivers"]["kafka"]
            };
            let topic = kafka[signal]["topic"].as_str().expect("a topic");
            assert!(read("kafka.sql").contains(&format!("kafka_topic_list = '{topic}'")), "{topic} is read");
        }
    }
}
