//! Bytes that nobody has made with care.

use super::*;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event as SpanEvent, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::prelude::*;

fn any_value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        ".{0,12}".prop_map(Any::StringValue),
        any::<bool>().prop_map(Any::BoolValue),
        any::<i64>().prop_map(Any::IntValue),
        (-1e9..1e9).prop_map(Any::DoubleValue),
        vec(any::<u8>(), 0..9).prop_map(Any::BytesValue),
    ];
    leaf.prop_map(|value| AnyValue { value: Some(value) }).prop_recursive(3, 12, 4, |inner| {
        let pair = ("[a-z]{0,3}", inner.clone()).prop_map(|(key, value)| attribute(key, value));
        prop_oneof![
            vec(inner, 0..4).prop_map(|values| Any::ArrayValue(ArrayValue { values })),
            vec(pair, 0..4).prop_map(|values| Any::KvlistValue(KeyValueList { values })),
        ]
        .prop_map(|value| AnyValue { value: Some(value) })
    })
}

fn attribute(key: impl Into<String>, value: AnyValue) -> KeyValue {
    KeyValue { key: key.into(), value: Some(value), ..KeyValue::default() }
}

fn name() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 6] =
        ["push.message.id", "push.status", "push.recipient.hash", "push.attempt", "push.drill", "push.vendor.code"];
    prop_oneof![proptest::sample::select(&KNOWN[..]).prop_map(str::to_owned), ".{0,6}"]
}

fn pairs() -> impl Strategy<Value = Vec<KeyValue>> {
    vec((name(), any_value()).prop_map(|(key, value)| attribute(key, value)), 0..6)
}

prop_compose! {
    fn log_record()(
        attributes in pairs(), body in proptest::option::of(any_value()), time in any::<u64>(), observed in any::<u64>(),
        name in prop_oneof![Just("push.message.status".to_owned()), ".{0,9}"], trace in vec(any::<u8>(), 0..17),
        severity in 0..25, flags in any::<u32>(),
    ) -> LogRecord {
        LogRecord {
            attributes, body, time_unix_nano: time, observed_time_unix_nano: observed, event_name: name, trace_id: trace,
            severity_number: severity, flags, ..LogRecord::default()
        }
    }
}

prop_compose! {
    fn span()(
        attributes in pairs(), of_link in pairs(), of_event in pairs(), start in any::<u64>(), end in any::<u64>(), name in ".{0,9}",
        id in vec(any::<u8>(), 8..9), kind in 0..6, message in ".{0,9}", code in 0..3,
    ) -> Span {
        Span {
            attributes, name, kind, start_time_unix_nano: start, end_time_unix_nano: end, span_id: id.clone(), parent_span_id: id.clone(),
            links: vec![Link { span_id: id, attributes: of_link, ..Link::default() }],
            events: vec![SpanEvent { name: message.clone(), time_unix_nano: end, attributes: of_event, ..SpanEvent::default() }],
            status: Some(Status { message, code }),
            ..Span::default()
        }
    }
}

fn logs(attributes: Vec<KeyValue>, log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let resource = Some(Resource { attributes, ..Resource::default() });
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }] }
}

fn spans(attributes: Vec<KeyValue>, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let resource = Some(Resource { attributes, ..Resource::default() });
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }],
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn json_is_the_protobuf_that_it_stands_for(of in pairs(), records in vec(log_record(), 0..4), more in vec(span(), 0..4)) {
        let request = logs(of.clone(), records);
        let made = to_protobuf(Signal::Logs, &serde_json::to_vec(&request).unwrap()).unwrap();
        prop_assert_eq!(ExportLogsServiceRequest::decode(&*made).unwrap(), request);
        let request = spans(of, more);
        let made = to_protobuf(Signal::Traces, &serde_json::to_vec(&request).unwrap()).unwrap();
        prop_assert_eq!(ExportTraceServiceRequest::decode(&*made).unwrap(), request);
    }

    #[test]
    fn whatever_is_sound_is_read_and_what_is_kept_of_it_is_json(of in pairs(), records in vec(log_record(), 0..4), more in vec(span(), 0..4)) {
        let (events, expired) = decode(Signal::Logs, &logs(of.clone(), records.clone()).encode_to_vec()).unwrap();
        prop_assert!(events.len() + expired >= records.len());
        let (others, expired) = decode(Signal::Traces, &spans(of, more.clone()).encode_to_vec()).unwrap();
        prop_assert!(others.len() + expired >= more.len());
        for event in events.iter().chain(&others).filter(|event| !event.rest.is_empty()) {
            let rest: Result<serde_json::Map<String, Value>, _> = serde_json::from_str(&event.rest);
            prop_assert!(rest.is_ok(), "{}", event.rest);
        }
    }

    #[test]
    fn what_is_cut_off_is_refused_where_the_crate_of_the_protocol_refuses_it(records in vec(log_record(), 1..3), share in 0.0..1.0) {
        let body = logs(Vec::new(), records).encode_to_vec();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a place in it")]
        let end = (body.len() as f64 * share) as usize;
        let cut = &body[..end];
        prop_assert_eq!(decode(Signal::Logs, cut).is_err(), ExportLogsServiceRequest::decode(cut).is_err());
    }

    #[test]
    fn no_bytes_end_the_program(mut body in records_as_bytes(), places in vec((any::<usize>(), any::<u8>()), 0..5), noise in vec(any::<u8>(), 0..64)) {
        for (place, byte) in places {
            let place = place % body.len().max(1);
            body.get_mut(place).into_iter().for_each(|old| *old = byte);
        }
        for bytes in [&body, &noise] {
            let _ = (decode(Signal::Logs, bytes), decode(Signal::Traces, bytes));
            let _ = (to_protobuf(Signal::Logs, bytes), to_protobuf(Signal::Traces, bytes));
        }
    }
}

fn records_as_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(log_record(), 0..3).prop_map(|records| logs(Vec::new(), records).encode_to_vec()),
        vec(span(), 0..3).prop_map(|records| spans(Vec::new(), records).encode_to_vec()),
        vec(span(), 0..3).prop_map(|records| serde_json::to_vec(&spans(Vec::new(), records)).unwrap()),
    ]
}

#[test]
fn spans_do_not_pass_for_log_records() {
    let request = request(Signal::Traces, &json!({"traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "name": "send"}));
    assert!(decode(Signal::Logs, &protobuf(Signal::Traces, &request)).is_err());
}
