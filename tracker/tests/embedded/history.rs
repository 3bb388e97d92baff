//! What several senders tell: batches that can be made again from their numbers, and what both engines say of them.

use pointsman_core::lifecycle::Lifecycle;
use pointsman_tracker::event::{Event, Facts, Kind, SpanId, TraceId};
use pointsman_tracker::store::embedded::{Embedded, Settings};
use pointsman_tracker::store::{Counts, Dimension, Filter, Id, Range, Search, Store};
use std::path::Path;
use std::sync::Arc;

/// A day, at midnight.
pub(crate) const DAY_0_MS: u64 = 20_777 * DAY_MS;
pub(crate) const DAY_MS: u64 = 86_400_000;
/// From one batch of a sender to its next.
const BATCH_MS: u64 = 17 * 60_000;
const MESSAGES: u64 = 4;
/// Further messages of a batch, of which nothing else is told.
const PLAIN: u64 = 60;
/// After all batches that a test makes.
pub(crate) const BATCHES_END_MS: u64 = DAY_0_MS + 3_660 * DAY_MS;

pub(crate) fn open(directory: &Path) -> Embedded {
    Embedded::open(Settings::in_directory(directory), Lifecycle::builtin()).expect("the store opens")
}

fn event(kind: Kind, status: &str, at_ms: u64, number: u64) -> Event {
    let channel = ["oppo", "vivo", "sms"].into_iter().nth((number % 3) as usize).unwrap_or_default();
    let facts = Facts {
        kind,
        tenant: "acme".to_owned(),
        service: "orders".to_owned(),
        node: if kind == Kind::Alias { String::new() } else { "OUT".to_owned() },
        channel: channel.to_owned(),
        status: status.to_owned(),
        business: "order".to_owned(),
        code: if status == "failed" { "28".to_owned() } else { String::new() },
        ..Facts::default()
    };
    Event {
        facts: Arc::new(facts),
        at_ms,
        message_id: format!("{number:032x}"),
        trace_id: TraceId::from_bytes(&(u128::from(number) + 1).to_be_bytes()),
        ..Event::default()
    }
}

/// A batch of a sender: messages that are sent, and receipts for those of the batch before, by the vendor's id alone.
pub(crate) fn batch(sender: u64, n: u64) -> Vec<Event> {
    let mut events = Vec::new();
    for place in 0..MESSAGES {
        let number = (sender << 40) + n * MESSAGES + place;
        let at_ms = DAY_0_MS + n * BATCH_MS + place * 311 + sender;
        let vendor_id = format!("{}", number + 1_000_000);
        let span_id = SpanId::from_bytes(&(number + 1).to_be_bytes());
        let recipient = format!("{:032x}", number % 7);
        events.push(Event { span_id, recipient: recipient.clone(), ..event(Kind::Enter, "", at_ms, number) });
        let status = if number.is_multiple_of(10) { "failed" } else { "sent" };
        if !number.is_multiple_of(11) {
            let sent = event(Kind::Status, status, at_ms + 80, number);
            events.push(Event { span_id, recipient, duration_ms: Some(number % 90), ..sent });
        }
        events.push(Event { vendor_id, ..event(Kind::Alias, "", at_ms + 81, number) });
        if let Some(before) = number.checked_sub(MESSAGES).filter(|_| n > 0) {
            let vendor_id = format!("{}", before + 1_000_000);
            let receipt = event(Kind::Status, "delivered", at_ms, before);
            events.push(Event { vendor_id, message_id: String::new(), trace_id: None, ..receipt });
        }
    }
    for place in 0..PLAIN {
        let number = (sender << 40) + (1 << 39) + n * PLAIN + place;
        events.push(event(Kind::Status, "submitted", DAY_0_MS + n * BATCH_MS + place * 97, number));
    }
    events
}

/// Fails if an engine says something else than the plain one.
pub(crate) async fn same(engine: &dyn Store, plain: &dyn Store, to_ms: u64) {
    let range = Range { from_ms: DAY_0_MS - DAY_MS, to_ms };
    use Dimension::{Channel, Code, Kind, Node, Status};
    for (step_ms, by) in [(DAY_MS, vec![]), (3_600_000, vec![Channel, Status]), (60_000, vec![Kind, Node, Code])] {
        let counts = Counts { range, step_ms, by, only: Vec::new() };
        let (got, expected) = (engine.counts(&counts).await, plain.counts(&counts).await);
        assert_eq!(got.expect("counts"), expected.expect("counts"));
    }
    let (got, expected) = (engine.cohorts(range, 60_000).await, plain.cohorts(range, 60_000).await);
    assert_eq!(got.expect("cohorts"), expected.expect("cohorts"));
    let (got, expected) = (engine.open_visits(range, 1_000).await, plain.open_visits(range, 1_000).await);
    assert_eq!(got.expect("visits"), expected.expect("visits"));
    let recipient = Filter { recipient: Some(format!("{:032x}", 3)), ..Filter::default() };
    let failed = Filter { status: Some("failed".to_owned()), ..Filter::default() };
    for filter in [recipient, failed, Filter::default()] {
        let search = Search { range, filter, now: None, doubled: None, after: None, limit: 200 };
        let (got, expected) = (engine.search(&search).await, plain.search(&search).await);
        assert_eq!(got.expect("page"), expected.expect("page"));
    }
}

/// Whether a store has all events of a batch. Panics if it has only some of them.
pub(crate) async fn has(store: &dyn Store, sender: u64, n: u64) -> bool {
    let mut kept = 0;
    let events = batch(sender, n);
    let all = events.len();
    for event in events {
        let id = if event.message_id.is_empty() {
            Id::Vendor(event.vendor_id.clone())
        } else {
            Id::Message(event.message_id.clone())
        };
        let found = store.find(&id, 10).await.expect("found");
        let copies = found.iter().flat_map(|message| &message.events).filter(|one| **one == event).count();
        assert!(copies <= 1, "{event:?} is there {copies} times");
        kept += copies;
    }
    assert!(kept == 0 || kept == all, "of batch {n} of sender {sender} {kept} of {all} events are there");
    kept == all
}
