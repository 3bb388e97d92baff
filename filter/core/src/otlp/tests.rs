//! The judge of what is written is the crate of OpenTelemetry itself.

use super::*;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1 as common;
use opentelemetry_proto::tonic::logs::v1 as logs;
use opentelemetry_proto::tonic::resource::v1 as resource;
use opentelemetry_proto::tonic::trace::v1 as trace;
use proptest::prelude::*;
use serde_json::json;

/// The values as their JSON, by name.
type Pairs = Vec<(String, serde_json::Value)>;

fn attributes(pairs: &Pairs) -> Attributes {
    let mut attributes = Attributes::default();
    for (name, value) in pairs {
        attributes.put(name, value);
    }
    attributes
}

fn expected(pairs: &Pairs) -> Vec<common::KeyValue> {
    let pair = |(name, value): &(String, serde_json::Value)| common::KeyValue {
        key: name.clone(),
        value: Some(expected_value(value)),
        ..Default::default()
    };
    pairs.iter().map(pair).collect()
}

fn expected_value(value: &serde_json::Value) -> common::AnyValue {
    use common::any_value::Value;
    let value = match value {
        serde_json::Value::Null => None,
        serde_json::Value::Bool(value) => Some(Value::BoolValue(*value)),
        serde_json::Value::Number(number) => {
            Some(number.as_i64().map_or_else(|| Value::DoubleValue(number.as_f64().unwrap()), Value::IntValue))
        }
        serde_json::Value::String(text) => Some(Value::StringValue(text.clone())),
        serde_json::Value::Array(values) => {
            Some(Value::ArrayValue(common::ArrayValue { values: values.iter().map(expected_value).collect() }))
        }
        serde_json::Value::Object(_) => Some(Value::StringValue(value.to_string())),
    };
    common::AnyValue { value }
}

fn any_value() -> impl Strategy<Value = serde_json::Value> {
    let one = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        (-1.0e12..1.0e12).prop_map(|number: f64| json!(number + 0.5)),
        ".{0,200}".prop_map(Into::into),
    ];
    prop_oneof![4 => one.clone(), 1 => prop::collection::vec(one, 0..4).prop_map(Into::into)]
}

fn any_pairs() -> impl Strategy<Value = Pairs> {
    prop::collection::vec(("[a-z.]{1,40}", any_value()), 0..8)
}

fn any_trace_id() -> impl Strategy<Value = TraceId> {
    any::<[u8; 16]>().prop_filter_map("zero is none", TraceId::from_bytes)
}

fn any_span_id() -> impl Strategy<Value = SpanId> {
    any::<[u8; 8]>().prop_filter_map("zero is none", SpanId::from_bytes)
}

fn any_flags() -> impl Strategy<Value = Flags> {
    any::<u8>().prop_map(Flags::from_byte)
}

const EVENTS: [&str; 2] = [Event::STATUS, Event::ENTER];

prop_compose! {
    fn any_log()(
        event in prop::sample::select(&EVENTS[..]),
        at in any::<u64>(),
        is_error in any::<bool>(),
        trace in prop::option::of((any_trace_id(), prop::option::of(any_span_id()), any_flags())),
        pairs in any_pairs(),
    ) -> (Log, logs::LogRecord) {
        let expected = logs::LogRecord {
            time_unix_nano: at,
            severity_number: if is_error { logs::SeverityNumber::Error } else { logs::SeverityNumber::Info }.into(),
            attributes: expected(&pairs),
            flags: trace.map_or(0, |(.., flags)| flags.as_byte().into()),
            trace_id: trace.map(|(id, ..)| id.as_bytes().to_vec()).unwrap_or_default(),
            span_id: trace.and_then(|(_, id, _)| id).map(|id| id.as_bytes().to_vec()).unwrap_or_default(),
            event_name: event.to_owned(),
            ..Default::default()
        };
        (Log { event, at: WallClock(at), is_error, trace, attributes: attributes(&pairs) }, expected)
    }
}

prop_compose! {
    fn any_link()(trace_id in any_trace_id(), span_id in any_span_id(), pairs in any_pairs()) -> (Link, trace::span::Link) {
        let expected = trace::span::Link {
            trace_id: trace_id.as_bytes().to_vec(),
            span_id: span_id.as_bytes().to_vec(),
            attributes: expected(&pairs),
            ..Default::default()
        };
        (Link { trace_id, span_id, attributes: attributes(&pairs) }, expected)
    }
}

const KINDS: [(SpanKind, trace::span::SpanKind); 3] = [
    (SpanKind::Server, trace::span::SpanKind::Server),
    (SpanKind::Client, trace::span::SpanKind::Client),
    (SpanKind::Producer, trace::span::SpanKind::Producer),
];

prop_compose! {
    fn any_span()(
        (trace_id, span_id, parent, flags) in
            (any_trace_id(), any_span_id(), prop::option::of(any_span_id()), any_flags()),
        name in ".{0,40}",
        (kind, expected_kind) in prop::sample::select(&KINDS[..]),
        (start, end) in any::<(u64, u64)>(),
        is_error in any::<bool>(),
        pairs in any_pairs(),
        links in prop::collection::vec(any_link(), 0..3),
    ) -> (Span, trace::Span) {
        let (links, expected_links): (Vec<_>, Vec<_>) = links.into_iter().unzip();
        let failed = trace::Status { code: trace::status::StatusCode::Error.into(), ..Default::default() };
        let remote = trace::SpanFlags::ContextHasIsRemoteMask as u32 | trace::SpanFlags::ContextIsRemoteMask as u32;
        let expected = trace::Span {
            trace_id: trace_id.as_bytes().to_vec(),
            span_id: span_id.as_bytes().to_vec(),
            parent_span_id: parent.map(|id| id.as_bytes().to_vec()).unwrap_or_default(),
            flags: u32::from(flags.as_byte()) | if parent.is_some() { remote } else { 0 },
            name: name.clone(),
            kind: expected_kind.into(),
            start_time_unix_nano: start,
            end_time_unix_nano: end,
            attributes: expected(&pairs),
            links: expected_links,
            status: is_error.then_some(failed),
            ..Default::default()
        };
        let (start, end, attributes) = (WallClock(start), WallClock(end), attributes(&pairs));
        (Span { trace_id, span_id, parent, flags, name, kind, start, end, is_error, attributes, links }, expected)
    }
}

/// A request with these records, which come from a resource with these attributes.
fn request(pairs: &Pairs, records: &[Vec<u8>]) -> Vec<u8> {
    Frame::new(attributes(pairs)).request(records.iter().map(|record| &**record))
}

fn expected_resource(pairs: &Pairs) -> Option<resource::Resource> {
    Some(resource::Resource { attributes: expected(pairs), ..Default::default() })
}

fn expected_scope() -> Option<common::InstrumentationScope> {
    let (name, version) = ("pointsman".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    Some(common::InstrumentationScope { name, version, ..Default::default() })
}

proptest! {
    #[test]
    fn logs_are_read_as_they_were_meant(pairs in any_pairs(), logs in prop::collection::vec(any_log(), 0..6)) {
        let (logs, expected): (Vec<_>, Vec<_>) = logs.into_iter().unzip();
        let records: Vec<_> = logs.into_iter().map(Log::encode).collect();
        let read = ExportLogsServiceRequest::decode(&*request(&pairs, &records)).unwrap();
        let scope_logs = logs::ScopeLogs { scope: expected_scope(), log_records: expected, ..Default::default() };
        let resource_logs = logs::ResourceLogs {
            resource: expected_resource(&pairs),
            scope_logs: vec![scope_logs],
            ..Default::default()
        };
        prop_assert_eq!(read, ExportLogsServiceRequest { resource_logs: vec![resource_logs] });
    }

    #[test]
    fn spans_are_read_as_they_were_meant(pairs in any_pairs(), spans in prop::collection::vec(any_span(), 0..6)) {
        let (spans, expected): (Vec<_>, Vec<_>) = spans.into_iter().unzip();
        let records: Vec<_> = spans.into_iter().map(Span::encode).collect();
        let read = ExportTraceServiceRequest::decode(&*request(&pairs, &records)).unwrap();
        let scope_spans = trace::ScopeSpans { scope: expected_scope(), spans: expected, ..Default::default() };
        let resource_spans = trace::ResourceSpans {
            resource: expected_resource(&pairs),
            scope_spans: vec![scope_spans],
            ..Default::default()
        };
        prop_assert_eq!(read, ExportTraceServiceRequest { resource_spans: vec![resource_spans] });
    }

    #[test]
    fn no_answer_is_too_strange(body in prop::collection::vec(any::<u8>(), 0..64)) {
        rejected(&body);
    }
}

/// The status record of a message that a vendor has accepted, with all that such a record usually has.
fn typical() -> Log {
    let mut attributes = Attributes::default();
    attributes.put("push.message.id", "order-20261128-000042");
    attributes.put("push.node", "OPPO_PUSH");
    attributes.put("push.channel", "oppo");
    attributes.put("push.status", "sent");
    attributes.put("push.outcome", "ok");
    attributes.put("push.vendor.code", "0");
    attributes.put("push.vendor.message_id", "6566e6c8b5d1f10a7c3c2b11");
    attributes.put("push.recipient.hash", "5d1e0f4f1d7a4a7f9d3a5b0c2e1f6a77");
    attributes.put("push.business", "order");
    attributes.put("push.duration_ms", 143_u64);
    attributes.put("push.on_time", true);
    let trace_id = TraceId::from_hex(b"4bf92f3577b34da6a3ce929d0e0e4736").unwrap();
    let span_id = SpanId::from_hex(b"00f067aa0ba902b7").unwrap();
    Log {
        event: Event::STATUS,
        at: WallClock(1_795_789_800_000_000_000),
        is_error: false,
        trace: Some((trace_id, Some(span_id), Flags::new(true, true))),
        attributes,
    }
}

#[test]
fn a_typical_status_record_is_small() {
    let bytes = typical().encode().len();
    assert!(bytes <= 420, "{bytes}");
}

#[test]
fn the_record_of_an_event_belongs_to_its_trace_and_says_the_rest_by_name() {
    let event = Event::new(Event::DEAD_LETTER)
        .with("push.message.id", vec!["order-42"])
        .with(Event::TRACE_ID, "4bf92f3577b34da6a3ce929d0e0e4736");
    let log = Log::of_event(&event, WallClock(7));
    let trace_id = TraceId::from_hex(b"4bf92f3577b34da6a3ce929d0e0e4736").unwrap();
    assert_eq!(log.trace, Some((trace_id, None, Flags::default())));
    assert_eq!(log.attributes, attributes(&vec![("push.message.id".to_owned(), json!(["order-42"]))]));
    assert!(log.is_error);
    assert!(!Log::of_event(&Event::new(Event::RULE_APPLIED), WallClock(7)).is_error);
    assert!(Log::of_event(&Event::new(Event::STATUS).with("push.status", "failed"), WallClock(7)).is_error);
    assert!(!Log::of_event(&Event::new(Event::STATUS).with("push.status", "sent"), WallClock(7)).is_error);
}

#[test]
fn a_value_that_otlp_has_no_word_for_is_said_as_near_as_can_be() {
    let cases = [
        (json!(u64::MAX), Some(Value::Int(i64::MAX))),
        (json!({"a": 1}), Some(Value::String(r#"{"a":1}"#.to_owned()))),
        (json!(null), None),
    ];
    for (json, value) in cases {
        assert_eq!(AnyValue::from(&json).value, value, "{json}");
    }
    assert_eq!(AnyValue::from(u64::MAX).value, Some(Value::Int(i64::MAX)));
}

#[test]
fn what_was_put_is_found_and_nothing_else() {
    let log = typical();
    assert_eq!(log.attributes.get("push.status"), Some(&Value::String("sent".to_owned())));
    assert_eq!(log.attributes.get("push.duration_ms"), Some(&Value::Int(143)));
    assert_eq!(log.attributes.get("push.fate"), None);
}

#[test]
fn rejected_records_are_counted_and_an_answer_that_tells_of_none_has_none() {
    let answer = |partial_success| ExportLogsServiceResponse { partial_success }.encode_to_vec();
    let partial = |rejected_log_records| ExportLogsPartialSuccess {
        rejected_log_records,
        error_message: "no more of these".to_owned(),
    };
    assert_eq!(rejected(&answer(Some(partial(3)))), 3);
    assert_eq!(rejected(&answer(Some(partial(0)))), 0, "a warning alone");
    assert_eq!(rejected(&answer(Some(partial(-1)))), 0);
    assert_eq!(rejected(&answer(None)), 0);
    assert_eq!(rejected(b""), 0);
    assert_eq!(rejected(br#"{"partialSuccess":{}}"#), 0);
}
