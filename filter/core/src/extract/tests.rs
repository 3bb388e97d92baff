//! Extraction from heads and bodies.

use super::*;
use crate::headers::Headers;
use crate::json::Scan;
use crate::source::{Source, SourceWire};
use proptest::prelude::*;

fn source(json: &str) -> Source {
    let wire: SourceWire = serde_json::from_str(json).unwrap();
    Source::of_request(&wire, &["user".into()]).unwrap()
}

fn reader(fields: &[(Field, &[&str])]) -> Reader {
    let mut builder = ReaderBuilder::default();
    for (field, sources) in fields {
        builder.field(*field, &sources.iter().map(|json| source(json)).collect::<Vec<_>>());
    }
    builder.build()
}

fn body(reader: &Reader, text: &str) -> (Facts, Scan) {
    let mut facts = Facts::default();
    let scan = reader.body(text.as_bytes(), true, true, &mut facts);
    (facts, scan)
}

#[test]
fn each_place_is_read() {
    let reader = reader(&[
        (Field::MessageId, &[r#"{"header": "x-id"}"#]),
        (Field::Business, &[r#"{"query": "biz"}"#]),
        (Field::Recipient, &[r#"{"path": "user"}"#]),
        (Field::Priority, &[r#"{"json": "/p"}"#]),
        (Field::SubmittedAt, &[r#"{"json": "/at"}"#]),
    ]);
    let mut facts = Facts::default();
    let headers = Headers::from_iter([("x-id", "m1")]);
    reader.head(&headers, Some("a=1&biz=pro%20mo"), &["u1"], false, true, &mut facts);
    reader.body(br#"{"p": "7", "at": 1700000000}"#, true, true, &mut facts);
    assert_eq!(facts.message_ids, ["m1"]);
    assert_eq!(facts.business.as_deref(), Some("pro mo"));
    assert_eq!(facts.recipients_kept, [Sensitive("u1".into())]);
    assert_eq!(facts.priority, Some(7));
    assert_eq!(facts.submitted_at, WallClock::from_unix("1700000000"));
}

#[test]
fn json_inside_a_form_field_and_split_lists_are_read() {
    let reader = reader(&[
        (Field::MessageId, &[r#"{"form": "message", "json": "/notification/id"}"#]),
        (Field::Recipient, &[r#"{"form": "to", "split": ";"}"#]),
    ]);
    let (facts, scan) = body(&reader, "to=a%3B+b%3B%3Bc&message=%7B%22notification%22%3A%7B%22id%22%3A9%7D%7D");
    assert_eq!((facts.message_ids, facts.recipients, scan), (vec!["9".to_owned()], 3, Scan::Complete));
}

#[test]
fn a_body_is_read_as_what_it_is_whatever_its_sender_calls_it() {
    let reader = reader(&[(
        Field::MessageId,
        &[r#"{"json": "/id"}"#, r#"{"form": "id"}"#, r#"{"xml": "/xml/id"}"#, r#"{"json": "/text", "inner": "/id"}"#],
    )]);
    let multipart = "--b\r\ncontent-disposition: form-data; name=\"id\"\r\n\r\n42\r\n--b--\r\n";
    for text in [r#" {"id": 42}"#, "id=42&x=1", "<xml><id>42</id></xml>", multipart, r#"{"text": "{\"id\": \"42\"}"}"#]
    {
        let (facts, scan) = body(&reader, text);
        assert_eq!((facts.message_ids, scan), (vec!["42".to_owned()], Scan::Complete), "{text}");
    }
}

#[test]
fn the_first_source_that_tells_wins_and_the_head_before_the_body() {
    let first = reader(&[(Field::MessageId, &[r#"{"json": "/a"}"#, r#"{"json": "/b"}"#])]);
    assert_eq!(body(&first, r#"{"b": "2", "a": "1"}"#).0.message_ids, ["1"]);
    assert_eq!(body(&first, r#"{"b": "2"}"#).0.message_ids, ["2"]);

    let mixed = reader(&[(Field::MessageId, &[r#"{"json": "/a"}"#, r#"{"header": "x-id"}"#])]);
    let mut facts = Facts::default();
    mixed.head(&Headers::from_iter([("x-id", "h")]), None, &[], false, false, &mut facts);
    mixed.body(br#"{"a": "1"}"#, true, false, &mut facts);
    assert_eq!(facts.message_ids, ["h"]);
}

#[test]
fn what_the_config_names_in_the_body_goes_before_what_an_adapter_names_in_the_head() {
    let mut builder = ReaderBuilder::default();
    builder.field(Field::MessageId, &[source(r#"{"json": "/id"}"#)]);
    builder.adapter_follows();
    builder.field(Field::MessageId, &[source(r#"{"header": "x-id"}"#)]);
    let reader = builder.build();
    let mut facts = Facts::default();
    reader.head(&Headers::from_iter([("x-id", "adapter")]), None, &[], false, false, &mut facts);
    assert!(reader.body_may_identify(&facts));
    reader.body(br#"{"id": "config"}"#, true, false, &mut facts);
    assert_eq!(facts.message_ids, ["config"]);
    assert!(!reader.body_may_identify(&facts));
}

#[test]
fn a_value_that_the_end_of_the_beginning_may_have_cut_says_nothing() {
    let reader = reader(&[(Field::MessageId, &[r#"{"form": "id"}"#, r#"{"form": "m", "json": "/id"}"#])]);
    let cases: [(&str, &[&str]); 5] = [
        ("id=order-42", &[]),
        ("id=order-42&", &["order-42"]),
        ("id=order-42&m", &["order-42"]),
        ("m=%7B%22id%22:%22order-42%22,%22te", &["order-42"]),
        ("m=%7B%22id%22:%22order-4", &[]),
    ];
    for (beginning, expected) in cases {
        let mut facts = Facts::default();
        reader.body(beginning.as_bytes(), false, false, &mut facts);
        assert_eq!(facts.message_ids, expected, "{beginning}");
    }
}

#[test]
fn a_batch_names_each_of_its_messages_and_recipients() {
    let reader = reader(&[
        (Field::MessageId, &[r#"{"json": "/list/*/id"}"#]),
        (Field::Recipient, &[r#"{"json": "/list/*/to/*"}"#]),
    ]);
    let (facts, _) = body(&reader, r#"{"list": [{"id": "a", "to": ["1", "2"]}, {"id": "b", "to": ["3"]}]}"#);
    assert_eq!((facts.message_ids, facts.recipients), (vec!["a".to_owned(), "b".to_owned()], 3));
}

#[test]
fn at_the_edge_a_header_is_believed_only_where_the_config_says_so() {
    let reader = reader(&[
        (Field::MessageId, &[r#"{"header": "x-id"}"#]),
        (Field::Business, &[r#"{"header": "x-biz", "from_edge": true}"#]),
    ]);
    let mut facts = Facts::default();
    let headers = Headers::from_iter([("x-id", "forged"), ("x-biz", "order")]);
    reader.head(&headers, None, &[], true, false, &mut facts);
    assert_eq!((facts.message_ids.len(), facts.business.as_deref()), (0, Some("order")));
}

#[test]
fn conditions_hold_by_value_or_by_presence() {
    let mut builder = ReaderBuilder::default();
    builder.condition(0, &source(r#"{"json": "/dry"}"#), &["true".into()]);
    builder.condition(1, &source(r#"{"json": "/any"}"#), &[]);
    let reader = builder.build();
    for (text, expected) in
        [("{}", 0), (r#"{"dry": true}"#, 1), (r#"{"dry": false, "any": 0}"#, 2), (r#"{"any": ""}"#, 0)]
    {
        assert_eq!(body(&reader, text).0.conditions, expected, "{text}");
    }
}

#[test]
fn a_batch_is_safe_to_repeat_only_if_each_of_its_messages_is() {
    let mut builder = ReaderBuilder::default();
    builder.field(Field::Recipient, &[source(r#"{"json": "/list/*/to"}"#), source(r#"{"json": "/to/*"}"#)]);
    builder.dedupe(&source(r#"{"json": "/list/*/id"}"#), &[]);
    builder.dedupe(&source(r#"{"json": "/check"}"#), &["1".into()]);
    let reader = builder.build();
    for (text, expected) in [
        (r#"{"list": [{"to": "a", "id": "1"}, {"to": "b", "id": "2"}]}"#, true),
        (r#"{"list": [{"to": "a", "id": "1"}, {"to": "b"}]}"#, false),
        (r#"{"list": [{"to": "a", "id": ""}]}"#, false),
        (r#"{"check": 1, "to": ["a", "b"]}"#, true),
        (r#"{"check": 0, "to": ["a", "b"]}"#, false),
        ("{}", false),
    ] {
        assert_eq!(body(&reader, text).0.dedupes(), expected, "{text}");
    }
}

#[test]
fn values_too_long_to_be_ids_and_recipients_beyond_the_bound_are_not_kept() {
    let reader = reader(&[(Field::MessageId, &[r#"{"json": "/id"}"#]), (Field::Recipient, &[r#"{"json": "/to/*"}"#])]);
    let many = vec!["\"x\""; MAX_RECIPIENTS_KEPT + 5].join(",");
    let long = "i".repeat(MAX_VALUE_BYTES + 1);
    let (facts, _) = body(&reader, &format!(r#"{{"id": "{long}", "to": [{many}]}}"#));
    assert_eq!(facts.message_ids.len(), 0);
    assert_eq!(
        (facts.recipients as usize, facts.recipients_kept.len()),
        (MAX_RECIPIENTS_KEPT + 5, MAX_RECIPIENTS_KEPT)
    );
}

#[test]
fn a_recipient_never_shows_in_debug_output() {
    let reader = reader(&[(Field::Recipient, &[r#"{"json": "/to"}"#])]);
    let (facts, _) = body(&reader, r#"{"to": "13800000000"}"#);
    assert!(!format!("{facts:?}").contains("138"));
}

proptest! {
    #[test]
    fn order_white_space_and_number_or_string_do_not_matter(id in 0_u32..1_000_000, to in 0_usize..5, swap: bool, quote: bool, space in "[ \\n\\t]{0,3}") {
        let reader = reader(&[(Field::MessageId, &[r#"{"json": "/id"}"#]), (Field::Recipient, &[r#"{"json": "/to/*"}"#])]);
        let id_text = if quote { format!("\"{id}\"") } else { id.to_string() };
        let mut members = [format!("\"id\"{space}:{space}{id_text}"), format!("\"to\":[{}]", vec!["\"t\""; to].join(&format!(",{space}")))];
        if swap {
            members.reverse();
        }
        let (facts, scan) = body(&reader, &format!("{{{space}{}{space},{}}}{space}", members[0], members[1]));
        prop_assert_eq!(scan, Scan::Complete);
        prop_assert_eq!(facts.message_ids, [id.to_string()]);
        prop_assert_eq!(facts.recipients as usize, to);
    }

    #[test]
    fn any_body_and_query_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200), query in ".{0,40}") {
        let reader = reader(&[
            (Field::MessageId, &[r#"{"form": "m", "json": "/a/*"}"#, r#"{"query": "q"}"#]),
            (Field::Recipient, &[r#"{"json": "/to/*"}"#]),
        ]);
        let mut facts = Facts::default();
        reader.head(&Headers::default(), Some(&query), &[], false, true, &mut facts);
        reader.body(&bytes, true, true, &mut facts);
        reader.body(&bytes, false, true, &mut facts);
    }
}
