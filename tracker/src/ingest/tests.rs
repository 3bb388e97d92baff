//! What becomes of records. Every case comes in protobuf and in JSON, as the crate of the protocol writes both.

mod bounds;
mod cases;
mod foreign;

use super::answer::Refusal;
use super::body::Room;
use super::decode::{Decoded, Decoder, Signal, Times};
use super::facts::Cache;
use super::protobuf::Malformed;
use crate::event::Event;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use serde_json::{Value, json};

/// When every record comes: half past midnight of some day.
const NOW_MS: u64 = 1_795_000_000_000;
const TIMES: Times = Times { received_ms: NOW_MS, expired_before_ms: NOW_MS - 1_000_000 };

/// All events of a body, and how many records are too old.
fn decode(signal: Signal, body: &[u8]) -> Result<(Vec<Event>, usize), Malformed> {
    let (mut decoder, mut cache) = (Decoder::new(signal, body.to_vec().into()), Cache::default());
    let (mut events, mut expired) = (Vec::new(), 0);
    loop {
        let Decoded { events: some, expired: old, is_end } = decoder.next(&mut cache, TIMES)?;
        events.extend(some);
        expired += old;
        if is_end {
            return Ok((events, expired));
        }
    }
}

/// What is made of JSON, where there is room for so many bytes.
fn made_within(most: usize, signal: Signal, json: &[u8]) -> Result<Vec<u8>, Refusal> {
    super::json::to_protobuf(signal, json, Room::new(most, most).none()).map(|(made, _)| made)
}

fn to_protobuf(signal: Signal, json: &[u8]) -> Result<Vec<u8>, Refusal> {
    made_within(64 << 20, signal, json)
}

/// The request in protobuf, by the crate of the protocol.
fn protobuf(signal: Signal, request: &Value) -> Vec<u8> {
    match signal {
        Signal::Traces => {
            serde_json::from_value::<ExportTraceServiceRequest>(request.clone()).expect("spans").encode_to_vec()
        }
        _ => serde_json::from_value::<ExportLogsServiceRequest>(request.clone()).expect("records").encode_to_vec(),
    }
}

/// A request with one record of a push service of `acme`.
fn request(signal: Signal, record: &Value) -> Value {
    let resource = json!({"attributes": attributes(&json!({"service.name": "push", "push.tenant": "acme"}))});
    match signal {
        Signal::Traces => json!({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [record]}]}]}),
        _ => json!({"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": [record]}]}]}),
    }
}

/// Attributes as OTLP writes them.
fn attributes(plain: &Value) -> Value {
    let pairs = plain.as_object().expect("attributes").iter();
    pairs.map(|(key, plain)| json!({"key": key, "value": value(plain)})).collect()
}

fn value(plain: &Value) -> Value {
    match plain {
        Value::String(text) => json!({ "stringValue": text }),
        Value::Bool(value) => json!({ "boolValue": value }),
        Value::Number(number) if number.is_i64() => json!({"intValue": number.to_string()}),
        Value::Number(number) => json!({ "doubleValue": number }),
        Value::Array(list) => json!({"arrayValue": {"values": list.iter().map(value).collect::<Value>()}}),
        Value::Object(_) => json!({"kvlistValue": {"values": attributes(plain)}}),
        Value::Null => json!({}),
    }
}

/// The events of a record, and how many are too old; the same from both encodings.
fn events_of(signal: Signal, record: &Value) -> (Vec<Event>, usize) {
    let request = request(signal, record);
    let from_protobuf = decode(signal, &protobuf(signal, &request)).expect("protobuf");
    let made = to_protobuf(signal, request.to_string().as_bytes()).expect("JSON");
    assert_eq!(decode(signal, &made).expect("what was JSON"), from_protobuf, "JSON and protobuf tell the same");
    from_protobuf
}

/// A log record of that name with these attributes, which has happened just now.
fn log(name: &str, plain: &Value) -> Value {
    json!({
        "timeUnixNano": (NOW_MS * 1_000_000).to_string(),
        "eventName": name,
        "severityNumber": 9,
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        "spanId": "00f067aa0ba902b7",
        "attributes": attributes(plain),
    })
}

/// An event, as far as it says something, and with what has no place of its own as an object.
fn told(event: &Event) -> Value {
    let mut told = serde_json::to_value(event).expect("an event");
    let all = told.as_object_mut().expect("an object");
    let mut facts = all.remove("facts").expect("facts");
    if !event.rest.is_empty() {
        all.insert("rest".to_owned(), serde_json::from_str(&event.rest).expect("JSON"));
    }
    all.append(facts.as_object_mut().expect("an object"));
    all.retain(|_, value| ![json!(""), json!(null), json!(false), json!(0)].contains(value) || value == &json!(NOW_MS));
    told
}
