//! The embedded engine beside the plain one: whatever is kept, in whatever order and company, both answer alike.

use super::{Embedded, Settings};
use crate::event::{Event, Facts, Kind, SpanId, TraceId};
use crate::store::memory::Memory;
use crate::store::{Counts, Cursor, Dimension, Filter, Id, MAX_TRACE_EVENTS, Range, Search, Store, StoreError};
use pointsman_core::lifecycle::Lifecycle;
use proptest::prelude::*;
use std::sync::Arc;

/// Some day, at noon.
const NOON_MS: u64 = 1_795_780_800_000;

fn pick(from: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(from).prop_map(str::to_owned)
}

fn facts() -> impl Strategy<Value = Facts> {
    let kind = prop::sample::select(&Kind::ALL[..]);
    let kind = prop_oneof![3 => Just(Kind::Status), 1 => Just(Kind::Enter), 1 => Just(Kind::Alias), 2 => kind];
    let words = (
        pick(&["", "acme"]),
        pick(&["", "oppo", "vivo"]),
        pick(&["", "IN", "OUT"]),
        pick(&["", "submitted", "sent", "failed", "delivered", "read", "odd"]),
        pick(&["", "order", "code"]),
        pick(&["", "-1", "28"]),
    );
    let rest = (prop::option::of(any::<bool>()), any::<bool>(), pick(&["", "oppo"]), pick(&["", "no such #"]));
    (kind, words, rest).prop_map(|(kind, words, rest)| {
        let (tenant, channel, node, status, business, code) = words;
        let (on_time, drill, switched_from, text) = rest;
        let template = business.clone();
        Facts {
            kind,
            tenant,
            channel,
            node,
            status,
            business,
            template,
            code,
            on_time,
            drill,
            switched_from,
            text,
            ..Facts::default()
        }
    })
}

fn event() -> impl Strategy<Value = Event> {
    let ids = (
        prop_oneof![1 => Just(String::new()), 4 => (0..6).prop_map(|n| format!("order-{n}"))],
        prop_oneof![2 => Just(String::new()), 2 => (0..3).prop_map(|n| format!("{n}00"))],
        prop_oneof![2 => Just(String::new()), 2 => (0..3).prop_map(|n| format!("{n:032x}"))],
        prop::option::of((1..4_u8).prop_map(|n| TraceId([n; 16]))),
        prop::option::of((1..4_u8).prop_map(|n| SpanId([n; 8]))),
        prop::option::of((1..4_u8).prop_map(|n| SpanId([n; 8]))),
    );
    let at_ms = prop_oneof![
        3 => NOON_MS..NOON_MS + 3_000,
        1 => NOON_MS - 90_000_000..NOON_MS + 90_000_000,
    ];
    (facts(), ids, at_ms, prop::option::of(0..5_000_u64), 0..2_u32, pick(&["", "{\"a\":1}"])).prop_map(
        |(facts, ids, at_ms, duration_ms, attempt, rest)| {
            let (message_id, vendor_id, recipient, trace_id, span_id, parent_id) = ids;
            // What tells of channels names no message.
            let message_id = if facts.kind.is_history() { String::new() } else { message_id };
            Event {
                facts: Arc::new(facts),
                at_ms,
                message_id,
                vendor_id,
                recipient,
                trace_id,
                span_id,
                parent_id,
                duration_ms,
                attempt,
                rest,
            }
        },
    )
}

fn searches() -> Vec<Search> {
    let range = Range { from_ms: NOON_MS - 200_000_000, to_ms: NOON_MS + 200_000_000 };
    let short = Range { from_ms: NOON_MS + 500, to_ms: NOON_MS + 2_001 };
    let all = Search { range, filter: Filter::default(), now: None, doubled: None, after: None, limit: 1_000 };
    let text = |text: &str| Some(text.to_owned());
    let mut searches = vec![all.clone()];
    for filter in [
        Filter { channel: text("oppo"), ..Filter::default() },
        Filter { channel: text("oppo"), status: text("failed"), ..Filter::default() },
        Filter { kind: Some(Kind::Enter), ..Filter::default() },
        Filter { on_time: Some(false), drill: Some(true), ..Filter::default() },
        Filter { switched: Some(true), ..Filter::default() },
        Filter { recipient: text(&format!("{:032x}", 1)), ..Filter::default() },
        Filter { recipient: text(&format!("{:032x}", 2)), status: text("sent"), ..Filter::default() },
        Filter { recipient: text(""), ..Filter::default() },
    ] {
        searches.push(Search { filter: filter.clone(), ..all.clone() });
        searches.push(Search { filter: filter.clone(), range: short, ..all.clone() });
        searches.push(Search { filter, now: text("failed"), ..all.clone() });
    }
    for doubled in [true, false] {
        searches.push(Search { doubled: Some(doubled), ..all.clone() });
        searches.push(Search { doubled: Some(doubled), range: short, ..all.clone() });
    }
    searches.push(Search { now: text("delivered"), ..all.clone() });
    searches
}

async fn compare(one: &dyn Store, other: &dyn Store) {
    for search in searches() {
        let (page, same) = (one.search(&search).await.expect("page"), other.search(&search).await.expect("page"));
        assert_eq!(page, same, "{search:?}");
        let mut after: Option<Cursor> = None;
        loop {
            let part = Search { after, limit: 2, ..search.clone() };
            let (page, same) = (one.search(&part).await.expect("page"), other.search(&part).await.expect("page"));
            assert_eq!(page, same, "{part:?}");
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    let mut ids: Vec<Id> = (0..6).map(|n| Id::Message(format!("order-{n}"))).collect();
    ids.extend((0..3).map(|n| Id::Vendor(format!("{n}00"))));
    ids.extend((1..4).map(|n| Id::Trace(TraceId([n; 16]))));
    let all = Search { limit: 1_000, ..searches().remove(0) };
    let page = other.search(&all).await.expect("page");
    ids.extend(page.messages.iter().map(|message| Id::Key(message.key)));
    for id in ids {
        for limit in [1, 2, 50] {
            let found = one.find(&id, limit).await.expect("found");
            assert_eq!(found, other.find(&id, limit).await.expect("found"), "{id:?}, {limit}");
        }
    }
    let range = Range { from_ms: NOON_MS - 100_020_000, to_ms: NOON_MS + 60_000 };
    use Dimension::{Business, Channel, Code, Kind, Node, Outcome, Status, Text};
    for by in [vec![], vec![Channel, Status], vec![Kind, Node, Business, Code, Outcome, Text]] {
        for only in [vec![], vec![(Channel, "oppo".to_owned())]] {
            let counts = Counts { range, step_ms: 7 * 60_000, by: by.clone(), only };
            let (sums, same) =
                (one.counts(&counts).await.expect("counts"), other.counts(&counts).await.expect("counts"));
            assert_eq!(sums, same, "{counts:?}");
        }
    }
    for range in [range, Range { from_ms: 0, to_ms: u64::MAX / 60_000 * 60_000 }] {
        let step = 3_600_000;
        let (sums, same) =
            (one.cohorts(range, step).await.expect("cohorts"), other.cohorts(range, step).await.expect("cohorts"));
        assert_eq!(sums, same);
        for limit in [1, 2, 100] {
            let (open, same) = (
                one.open_visits(range, limit).await.expect("open"),
                other.open_visits(range, limit).await.expect("open"),
            );
            assert_eq!(open, same);
            let (told, same) =
                (one.history(range, limit).await.expect("told"), other.history(range, limit).await.expect("told"));
            assert_eq!(told, same);
        }
    }
    let (health, same) = (one.health().await.expect("health"), other.health().await.expect("health"));
    assert_eq!(health.newest_ms, same.newest_ms);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_engines_answer_alike(
        batches in prop::collection::vec(prop::collection::vec(event(), 1..12), 1..8),
        reopened in any::<prop::sample::Index>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
        let directory = tempfile::tempdir().expect("directory");
        let settings = Settings::in_directory(directory.path());
        runtime.block_on(async {
            let memory = Memory::new(Lifecycle::builtin());
            let mut embedded = Embedded::open(settings.clone(), Lifecycle::builtin()).expect("store");
            for (place, events) in batches.iter().enumerate() {
                let appended = embedded.append(events.clone()).await.expect("appended");
                assert_eq!(appended, memory.append(events.clone()).await.expect("appended"));
                if reopened.index(batches.len()) == place {
                    drop(embedded);
                    embedded = Embedded::open(settings.clone(), Lifecycle::builtin()).expect("store");
                }
            }
            compare(&embedded, &memory).await;
        });
    }
}

#[test]
fn a_question_that_takes_too_long_ends_whatever_is_asked() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
    let directory = tempfile::tempdir().expect("directory");
    let settings = Settings { query_time: std::time::Duration::ZERO, ..Settings::in_directory(directory.path()) };
    runtime.block_on(async {
        let store = Embedded::open(settings, Lifecycle::builtin()).expect("store");
        let facts = |kind| Arc::new(Facts { kind, status: "sent".to_owned(), ..Facts::default() });
        let enter = Event {
            facts: facts(Kind::Enter),
            at_ms: NOON_MS,
            message_id: "order-1".to_owned(),
            span_id: Some(SpanId([1; 8])),
            ..Event::default()
        };
        let rule = Event { facts: facts(Kind::Rule), at_ms: NOON_MS, ..Event::default() };
        store.append(vec![enter, rule]).await.expect("appended");
        let range = Range { from_ms: NOON_MS - 60_000, to_ms: NOON_MS + 60_000 };
        let counts = Counts { range, step_ms: 60_000, by: Vec::new(), only: Vec::new() };
        let ends =
            |answer: Result<usize, StoreError>| assert!(matches!(answer, Err(StoreError::TooLong)), "{answer:?}");
        // More often than there are places.
        for _ in 0..3 {
            ends(store.find(&Id::Message("order-1".to_owned()), 1).await.map(|found| found.len()));
            ends(store.counts(&counts).await.map(|found| found.len()));
            ends(store.cohorts(range, 60_000).await.map(|found| found.len()));
            ends(store.open_visits(range, 1).await.map(|found| found.len()));
            ends(store.history(range, 1).await.map(|found| found.len()));
        }
    });
}

#[test]
fn a_trace_of_many_messages_gives_each_of_them_its_earliest_events() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
    let directory = tempfile::tempdir().expect("directory");
    runtime.block_on(async {
        let memory = Memory::new(Lifecycle::builtin());
        let embedded = Embedded::open(Settings::in_directory(directory.path()), Lifecycle::builtin()).expect("store");
        let traced = |kind, at_ms, span: u64| Event {
            facts: Arc::new(Facts { kind, status: "sent".to_owned(), ..Facts::default() }),
            at_ms,
            trace_id: Some(TraceId([1 + u8::from(span % 2 == 1); 16])),
            span_id: Some(SpanId(span.to_be_bytes())),
            ..Event::default()
        };
        // The latest come first, half of them in one trace.
        let spans = MAX_TRACE_EVENTS as u64 + 100;
        let mut events: Vec<Event> = (0..spans).map(|n| traced(Kind::Span, NOON_MS + spans - n / 2, n)).collect();
        for (order, n) in (0..8).flat_map(|order| [(order, 0), (order, 1)]) {
            let message_id = format!("order-{order}");
            events.push(Event { message_id, ..traced(Kind::Status, NOON_MS, n) });
        }
        memory.append(events.clone()).await.expect("appended");
        embedded.append(events).await.expect("appended");
        for (id, limit) in [(Id::Trace(TraceId([1; 16])), 3), (Id::Message("order-1".to_owned()), 1)] {
            let found = embedded.find(&id, limit).await.expect("found");
            assert_eq!(found, memory.find(&id, limit).await.expect("found"), "{id:?}");
            assert_eq!(found.len(), limit);
            assert!(found.iter().all(|message| message.events.len() == MAX_TRACE_EVENTS + 2));
            let last = found.iter().flat_map(|message| &message.events).map(|event| event.at_ms).max();
            assert!(last.is_some_and(|last| last < NOON_MS + spans), "the latest are left out");
        }
    });
}
