//! What a message's events say together.

use super::*;
use crate::event::Facts;
use proptest::prelude::*;
use std::sync::Arc;

fn status(status: &str, at_ms: u64, span: u8) -> Event {
    let node = if status == "submitted" { "PUSH" } else { "OPPO_PUSH" };
    let facts = Facts {
        status: status.to_owned(),
        node: node.to_owned(),
        channel: if span == 0 { String::new() } else { format!("channel-{span}") },
        ..Facts::default()
    };
    Event {
        facts: Arc::new(facts),
        at_ms,
        message_id: "m1".to_owned(),
        recipient: "r1".to_owned(),
        span_id: SpanId::from_bytes(&[1, 0, 0, 0, 0, 0, 0, span]),
        ..Event::default()
    }
}

fn of(events: &[Event]) -> Summary {
    summarise(&Lifecycle::builtin(), events).unwrap_or_default()
}

#[test]
fn a_late_report_does_not_move_a_message_backwards() {
    let summary = of(&[status("delivered", 3_000, 1), status("submitted", 1_000, 0), status("sent", 9_000, 1)]);
    assert_eq!((summary.status.as_str(), summary.begun_ms, summary.last_ms), ("delivered", 1_000, 9_000));
}

#[test]
fn the_channel_is_that_of_the_event_that_decides() {
    let summary = of(&[status("failed", 2_000, 1), status("sent", 3_000, 2)]);
    assert_eq!((summary.status.as_str(), summary.channel.as_str()), ("sent", "channel-2"));
    assert!(!summary.doubled);
}

#[test]
fn two_visits_that_were_accepted_for_one_recipient_are_a_message_sent_twice() {
    assert!(of(&[status("sent", 2_000, 1), status("sent", 3_000, 2)]).doubled);
    let other = Event { recipient: "r2".to_owned(), ..status("sent", 3_000, 2) };
    assert!(!of(&[status("sent", 2_000, 1), other]).doubled);
}

#[test]
fn a_step_that_cannot_be_is_told() {
    let summary = of(&[status("delivered", 2_000, 1), status("failed", 3_000, 1)]);
    assert_eq!(summary.conflicts, [("delivered".to_owned(), "failed".to_owned())]);
}

#[test]
fn a_status_that_nobody_knows_moves_nothing() {
    let summary = of(&[status("sent", 1_000, 1), status("vanished", 9_000, 1)]);
    assert_eq!((summary.status.as_str(), summary.last_ms), ("sent", 9_000));
    assert_eq!(summarise(&Lifecycle::builtin(), &[]), None);
}

proptest! {
    #[test]
    fn neither_order_nor_repetition_matters(
        seen in prop::collection::vec((0_usize..6, 0_u64..50, 0_u8..4), 1..12),
        turn in 0_usize..12,
    ) {
        let names = ["submitted", "sending", "sent", "failed", "delivered", "read"];
        let mut events: Vec<Event> =
            seen.iter().map(|(name, at, span)| status(names.get(*name).copied().unwrap_or_default(), at * 1_000, *span)).collect();
        // The store keeps one of each identity, so no two of them differ in time alone.
        events.sort_by_key(|event| (event.identity(), event.at_ms));
        events.dedup_by_key(|event| event.identity());
        let expected = of(&events);
        let length = events.len();
        events.rotate_left(turn % length);
        events.push(events.first().cloned().unwrap_or_default());
        prop_assert_eq!(of(&events), expected);
    }
}
