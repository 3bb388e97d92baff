//! What is too much of anything.

use super::*;

fn status(more: Value) -> Value {
    let mut plain = json!({"push.status": "sent", "push.message.id": "a"});
    plain.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    log("push.message.status", &plain)
}

fn only(record: &Value) -> Event {
    let (events, _) = events_of(Signal::Logs, record);
    let [event] = events.as_slice() else { panic!("{} events", events.len()) };
    event.clone()
}

#[test]
fn a_text_that_has_a_place_of_its_own_is_cut_between_characters() {
    let long = "消".repeat(100);
    let event = only(&status(json!({"push.node": long, "push.vendor.message_id": long, "push.message.id": long})));
    for text in [&event.facts.node, &event.vendor_id, &event.message_id] {
        assert_eq!(*text, "消".repeat(85));
    }
}

#[test]
fn what_has_no_place_is_bounded_and_says_that_it_is_cut() {
    let lists = json!(vec![0; 3_000]);
    let many: serde_json::Map<String, Value> = (0..300).map(|n| (format!("name-{n:03}"), json!("text"))).collect();
    let cases = [
        json!({"long": "\"".repeat(20_000)}),
        json!({"a": "x".repeat(6_000), "b": "y".repeat(6_000), "c": "z"}),
        json!({"list": lists, "other": lists}),
        json!({ "n".repeat(300): "the name is too long" }),
        Value::Object(many),
    ];
    for more in cases {
        let event = only(&status(more));
        let rest: Value = serde_json::from_str(&event.rest).expect("JSON");
        assert!(event.rest.len() <= 8 << 10, "{}", event.rest.len());
        assert_eq!(rest["cut"], json!(true), "{}", event.rest.get(..99).unwrap_or_default());
    }
}

#[test]
fn names_stand_sorted_and_once() {
    let mut record = status(json!({"b": 1, "a": 2}));
    let twice = json!({"key": "b", "value": {"intValue": "3"}});
    record["attributes"].as_array_mut().unwrap().push(twice);
    assert_eq!(only(&record).rest, r#"{"a":2,"b":3}"#);
}

#[test]
fn what_is_nested_without_end_is_cut_or_refused() {
    let mut nested = json!("deep");
    for _ in 0..30 {
        nested = json!([nested]);
    }
    let event = only(&status(json!({ "nested": nested })));
    assert!(event.rest.contains(r#"[null]"#) && event.rest.contains(r#""cut":true"#), "{}", event.rest);
    let bomb = format!("{}{}", r#"{"resourceLogs":"#, "[".repeat(1_000_000));
    assert!(to_protobuf(Signal::Logs, bomb.as_bytes()).is_err());
    let unknown = format!("{{\"unknown\":{}{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert_eq!(to_protobuf(Signal::Logs, unknown.as_bytes()).expect("what is not wanted"), b"");
    let value = format!("{}1{}", r#"{"arrayValue":{"values":["#.repeat(200), "]}}".repeat(200));
    let record = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{value}}}]}}]}}]}}"#);
    assert!(to_protobuf(Signal::Logs, record.as_bytes()).is_err());
}

#[test]
fn what_is_longer_in_protobuf_than_in_json_is_bounded_too() {
    let nothing = "{},".repeat(10_000);
    let text = format!(r#"{{"resourceLogs":[{nothing}{{}}]}}"#);
    assert!(made_within(64 << 10, Signal::Logs, text.as_bytes()).is_ok(), "it is twice as long: 60,006 bytes");
    let refused = made_within(48 << 10, Signal::Logs, text.as_bytes()).unwrap_err();
    assert_eq!(refused.status, http::StatusCode::PAYLOAD_TOO_LARGE);
    let body = json!({"stringValue": "x".repeat(60_000)});
    let long = request(Signal::Logs, &json!({"body": body})).to_string();
    assert_eq!(made_within(48 << 10, Signal::Logs, long.as_bytes()).unwrap_err().status, refused.status);
}

#[test]
fn one_record_makes_no_more_than_a_thousand_events_and_they_are_small() {
    let ids: Vec<String> = (0..1_500).map(|n| format!("m-{n}")).collect();
    let (events, _) = events_of(Signal::Logs, &status(json!({"push.message.id": ids, "long": "x".repeat(8_000)})));
    assert_eq!(events.len(), 1_000);
    assert!(events.iter().all(|event| event.rest.len() <= 512), "{}", events[0].rest.len());
    let links: Vec<Value> =
        ids.iter().map(|id| json!({"attributes": attributes(&json!({"push.message.id": id}))})).collect();
    let (events, _) = events_of(Signal::Traces, &json!({"name": "batch", "links": links}));
    assert_eq!(events.len(), 1_000);
    assert!(events[0].rest.contains(r#""more":true"#), "{}", events[0].rest);
}

#[test]
fn a_large_body_comes_in_batches_and_nothing_of_it_is_lost() {
    let record = status(json!({"long": "x".repeat(100)}));
    let mut request = request(Signal::Logs, &record);
    let records = request["resourceLogs"][0]["scopeLogs"][0]["logRecords"].as_array_mut().unwrap();
    *records = (0..10_000)
        .map(|n| {
            let mut record = record.clone();
            record["attributes"].as_array_mut().unwrap().push(json!({"key": "n", "value": {"intValue": n}}));
            record
        })
        .collect();
    let body = protobuf(Signal::Logs, &request);
    let (mut decoder, mut cache) = (Decoder::new(Signal::Logs, body.into()), Cache::default());
    let (mut sizes, mut all) = (Vec::new(), Vec::new());
    loop {
        let decoded = decoder.next(&mut cache, TIMES).unwrap();
        sizes.push(decoded.events.len());
        all.extend(decoded.events);
        if decoded.is_end {
            break;
        }
    }
    assert_eq!(sizes, [4_096, 4_096, 1_808]);
    assert!(all.iter().enumerate().all(|(n, event)| event.rest.contains(&format!("\"n\":{n}"))));
    assert!(all.windows(2).all(|pair| std::sync::Arc::ptr_eq(&pair[0].facts, &pair[1].facts)));
}
