//! Whose an event is, and what a repeat is.

use super::*;

fn event(facts: Facts) -> Event {
    Event { facts: Arc::new(facts), at_ms: 1_000, span_id: "00000000000000a1".parse().ok(), ..Event::default() }
}

fn sent() -> Event {
    let facts = Facts {
        channel: "oppo".to_owned(),
        node: "OPPO_PUSH".to_owned(),
        status: "sent".to_owned(),
        ..Facts::default()
    };
    Event { message_id: "m1".to_owned(), vendor_id: "v1".to_owned(), ..event(facts) }
}

#[test]
fn a_record_that_comes_again_later_is_the_same_event() {
    let again = Event { at_ms: 2_000, duration_ms: Some(4), ..sent() };
    assert_eq!(again.identity(), sent().identity());
}

#[test]
fn visit_status_recipient_and_vendor_id_tell_events_apart() {
    let other_status = Facts { status: "failed".to_owned(), ..(*sent().facts).clone() };
    let others = [
        Event { span_id: "00000000000000a2".parse().ok(), ..sent() },
        Event { recipient: "0a".to_owned(), ..sent() },
        Event { vendor_id: "v2".to_owned(), ..sent() },
        Event { facts: Arc::new(other_status), ..sent() },
    ];
    for other in others {
        assert_ne!(other.identity(), sent().identity(), "{other:?}");
    }
}

#[test]
fn what_has_no_visit_is_told_apart_by_its_time() {
    let moved = event(Facts { kind: Kind::ChannelState, channel: "oppo".to_owned(), ..Facts::default() });
    let again = Event { at_ms: 2_000, ..moved.clone() };
    assert_ne!(moved.identity(), again.identity());
    assert_eq!(moved.subject(), Subject::Nobody);
}

#[test]
fn what_has_no_time_of_its_own_is_not_told_apart_by_when_it_came() {
    let at = |at_ms: u64, rest: &str| {
        let facts = Facts { kind: Kind::Other, name: "started".to_owned(), ..Facts::default() };
        Event { at_ms, rest: rest.to_owned(), ..event(facts) }.identity()
    };
    for claimed in [r#"{"claimed_unix_ms":0}"#, r#"{"a":1,"claimed_unix_ms":9000000}"#] {
        assert_eq!(at(1_000, claimed), at(2_000, claimed), "{claimed}");
        assert_ne!(at(1_000, claimed), at(1_000, ""), "{claimed}");
    }
    let quoted = r#"{"body":"\"claimed_unix_ms\":0"}"#;
    assert_ne!(at(1_000, quoted), at(2_000, quoted), "words are not believed");
}

#[test]
fn an_event_is_of_the_message_it_names_else_of_the_vendors_id_else_of_its_trace() {
    let trace_id: TraceId = "0af7651916cd43dd8448eb211c80319c".parse().unwrap_or_default();
    let named = Event { trace_id: Some(trace_id), ..sent() };
    assert_eq!(named.subject(), Subject::Message { tenant: "", id: "m1" });
    assert_eq!(named.claim(), Some(Subject::Vendor { tenant: "", channel: "oppo", id: "v1" }.key()));

    let receipt = Event { message_id: String::new(), ..named };
    assert_eq!(receipt.subject(), Subject::Vendor { tenant: "", channel: "oppo", id: "v1" });
    assert_eq!(receipt.claim(), None);

    let span = Event { vendor_id: String::new(), ..receipt };
    assert_eq!(span.subject(), Subject::Trace(trace_id));
    assert_eq!(Event { trace_id: None, ..span }.subject(), Subject::Nobody);
}

#[test]
fn parts_of_a_key_do_not_run_into_each_other() {
    let one = Subject::Message { tenant: "ab", id: "c" }.key();
    assert_ne!(one, Subject::Message { tenant: "a", id: "bc" }.key());
    assert_eq!(one.to_string().parse(), Ok(one));
}

#[test]
fn an_id_is_all_of_its_digits_and_not_zero() {
    for text in [
        "",
        "0",
        "0000000000000000",
        "00000000000000a",
        "00000000000000a11",
        "+0000000000000a1",
        "zzzzzzzzzzzzzzzz",
        "é000000000000a",
    ] {
        assert_eq!(text.parse::<SpanId>(), Err(NotAnId), "{text}");
    }
}
