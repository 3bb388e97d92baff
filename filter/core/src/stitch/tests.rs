//! What workers remember of messages, whatever else is in the store.

use super::message::Message;
use super::*;
use crate::lifecycle::{Lifecycle, Status};
use crate::roster::tests::Store;
use crate::trace::{Flags, SpanId, TraceId};

mod model;

const NO_MESSAGE: Recalled = Recalled { contexts: Vec::new(), submitted_at: None };

fn at(second: u64) -> Monotonic {
    Monotonic(second * 1_000_000_000)
}

fn wall(second: u64) -> WallClock {
    WallClock(1_700_000_000_000_000_000 + second * 1_000_000_000)
}

fn context(trace: u8, span: u8) -> TraceParent {
    TraceParent {
        trace_id: TraceId::from_bytes([trace; 16]).unwrap(),
        parent_id: SpanId::from_bytes([span; 8]).unwrap(),
        flags: Flags::new(true, false),
    }
}

/// A memory of one bucket that forgets after ten seconds.
fn memory(shared: &mut dyn SharedData) -> Memory {
    let mut memory = Memory::new(1, Duration::from_secs(10));
    memory.load([7; 16], shared);
    memory
}

fn tied(message_id: &str) -> Tied {
    let TraceParent { trace_id, parent_id, .. } = context(1, 2);
    Tied { message_id: message_id.to_owned(), tenant: None, trace: trace_id, span: parent_id, sent_at: wall(5) }
}

#[test]
fn with_a_secret_the_name_of_a_message_is_its_derived_trace_id() {
    let memory = memory(&mut Store::default());
    let secret = Key::new(b"pointsman-test-secret-1").unwrap();
    let name = memory.message_key(Some(&secret), "acme", "order-42");
    assert_eq!(&name.0, secret.trace_id("acme", "order-42").as_bytes());
    let others = [(None, "acme", "order-42"), (None, "acme", "order-43"), (None, "other", "order-42")];
    let names = others.map(|(secret, tenant, id)| memory.message_key(secret, tenant, id));
    assert!(!names.contains(&name) && names[0] != names[1] && names[0] != names[2]);
}

#[test]
fn the_first_workers_key_is_that_of_the_process() {
    let named = |memory: &Memory| memory.message_key(None, "acme", "order-42");
    let worker = |random: u8, store: &mut Store| {
        let mut memory = Memory::new(16, Duration::from_secs(10));
        memory.load([random; 16], store);
        memory
    };
    let (mut store, mut other) = (Store::default(), Store::default());
    let first = worker(1, &mut store);
    assert_eq!(named(&first), named(&worker(2, &mut store)));
    assert_ne!(named(&first), named(&worker(2, &mut other)));

    store.overtaken = 2;
    store.values.insert(PROCESS_KEY.to_owned(), (b"something else".to_vec(), 1));
    let (third, fourth) = (worker(3, &mut store), worker(4, &mut store));
    assert_eq!((store.overtaken, named(&third)), (0, named(&fourth)));
}

#[test]
fn who_is_overtaken_by_another_key_takes_that() {
    struct Overtaken(Store);
    impl SharedData for Overtaken {
        fn get(&mut self, key: &str) -> Option<(Vec<u8>, u32)> {
            self.0.get(key)
        }
        fn set(&mut self, key: &str, value: &[u8], version: u32) -> bool {
            if self.0.values.is_empty() {
                self.0.set(key, &seal(MAGIC, &[9; 16]), 0);
            }
            self.0.set(key, value, version)
        }
    }
    let mut store = Overtaken(Store::default());
    let mut memory = Memory::new(16, Duration::from_secs(10));
    memory.load([1; 16], &mut store);
    let expected = Key::of_process([9; 16]).trace_id("acme", "order-42");
    assert_eq!(&memory.message_key(None, "acme", "order-42").0, expected.as_bytes());
}

#[test]
fn a_message_that_came_in_is_recalled_by_every_worker() {
    let mut store = Store::default();
    let (inbound, outbound) = (memory(&mut store), memory(&mut store));
    let name = |id| inbound.message_key(None, "acme", id);
    assert_eq!(inbound.keep(&name("a"), &context(1, 1), wall(0), at(0), &mut store), Update::Done);
    let recalled = Recalled { contexts: vec![context(1, 1)], submitted_at: Some(wall(0)) };
    assert_eq!(outbound.recall(&name("a"), at(9), &mut store), recalled);
    assert_eq!(outbound.recall_and_count(&name("a"), 1, at(9), &mut store), (recalled, 1));
    assert_eq!(outbound.recall(&name("b"), at(9), &mut store), NO_MESSAGE);
    assert_eq!(outbound.recall(&name("a"), at(10), &mut store), NO_MESSAGE, "counting does not prolong a context");
}

#[test]
fn a_context_counts_once_and_lives_for_itself() {
    let mut store = Store::default();
    let memory = memory(&mut store);
    let name = memory.message_key(None, "acme", "a");
    for (span, second) in [(1, 0), (2, 3), (1, 5)] {
        memory.keep(&name, &context(span, span), wall(second), at(second), &mut store);
    }
    let recalled = |spans: &[u8], since| Recalled {
        contexts: spans.iter().map(|span| context(*span, *span)).collect(),
        submitted_at: Some(wall(since)),
    };
    assert_eq!(memory.recall(&name, at(5), &mut store), recalled(&[2, 1], 0));
    assert_eq!(memory.recall(&name, at(13), &mut store), recalled(&[1], 0));
    for span in 3..7 {
        memory.keep(&name, &context(span, span), wall(6), at(6), &mut store);
    }
    assert_eq!(memory.recall(&name, at(6), &mut store), recalled(&[3, 4, 5, 6], 6), "the oldest has given way");
}

#[test]
fn visits_of_one_kind_are_counted() {
    let mut store = Store::default();
    let memory = memory(&mut store);
    let name = memory.message_key(None, "acme", "a");
    let mut count = |visit, second| memory.recall_and_count(&name, visit, at(second), &mut store).1;
    assert_eq!([count(1, 0), count(1, 1), count(2, 2), count(1, 3)], [1, 2, 1, 3]);
    assert_eq!([count(3, 3), count(4, 3), count(5, 3)], [1, 1, 1]);
    assert_eq!([count(1, 4), count(2, 4)], [4, 1], "the one counted longest ago has given way");
    store.overtaken = 3;
    assert_eq!(memory.recall_and_count(&name, 1, at(5), &mut store).1, 5, "it is said even if it cannot be noted");
}

#[test]
fn a_vendors_id_leads_to_the_message() {
    let mut store = Store::default();
    let memory = memory(&mut store);
    let other = Tied { tenant: Some("other".to_owned()), ..tied(&"x".repeat(MAX_TIED_BYTES)) };
    for (vendor_id, message) in [("v1", &tied("a")), ("v2", &other), ("v3", &tied(""))] {
        assert_eq!(memory.tie("fcm", vendor_id, message, at(0), &mut store), Update::Done);
        assert_eq!(memory.tied("fcm", vendor_id, at(9), &mut store).as_ref(), Some(message));
        assert_eq!(memory.tied("apns", vendor_id, at(9), &mut store), None);
    }
    assert_eq!(memory.tied("fcm", "v1", at(10), &mut store), None);
    let long = "x".repeat(MAX_TIED_BYTES + 1);
    for message in [tied(&long), tied(&"x".repeat(300)), Tied { tenant: Some(long), ..tied("a") }] {
        assert_eq!(memory.tie("fcm", "v4", &message, at(0), &mut store), Update::Left);
    }
}

type Step = (u64, Status, Option<Status>, Option<Status>, Option<(Status, Status)>);

/// Reports, one after the other: when it happened, what it was, and what is expected of it.
fn reports(tied: Option<&Tied>, steps: &[Step]) {
    let mut store = Store::default();
    let (memory, lifecycle) = (memory(&mut store), Lifecycle::builtin());
    for (place, (second, status, before, after, conflict)) in steps.iter().enumerate() {
        let event = (*status, wall(*second));
        let reported = memory.report(&lifecycle, ("fcm", "v1", Some("alice")), event, tied, at(0), &mut store);
        assert_eq!(reported, Reported { before: *before, after: *after, conflict: *conflict }, "report {place}");
    }
    let shared: Vec<u8> =
        store.values.into_iter().flat_map(|(key, (value, _))| [key.into_bytes(), value].concat()).collect();
    assert!(!shared.windows(5).any(|window| window == b"alice"));
}

#[test]
fn reports_in_any_order_never_move_a_message_backwards() {
    use Status::{Delivered, Failed, Read, Sent};
    let (message, sent, delivered, read) = (tied("a"), Some(Sent), Some(Delivered), Some(Read));
    reports(
        Some(&message),
        &[
            (9, Read, sent, read, None),
            (9, Read, read, read, None),
            // The vendor's clock is behind.
            (4, Delivered, read, read, None),
            (4, Delivered, read, read, None),
        ],
    );
    reports(None, &[(9, Delivered, None, delivered, None), (7, Sent, delivered, delivered, None)]);
    reports(
        Some(&message),
        &[
            (9, Delivered, sent, delivered, None),
            (12, Failed, delivered, delivered, Some((Delivered, Failed))),
            (12, Failed, delivered, delivered, None),
            (20, Read, delivered, read, Some((Failed, Read))),
        ],
    );
}

#[test]
fn recipients_of_one_vendors_id_have_lives_of_their_own() {
    let mut store = Store::default();
    let (memory, lifecycle) = (memory(&mut store), Lifecycle::builtin());
    let mut report = |of: (&str, &str, Option<&str>), status| {
        memory.report(&lifecycle, of, (status, wall(0)), None, at(0), &mut store).before
    };
    assert_eq!(report(("fcm", "v1", Some("alice")), Status::Read), None);
    assert_eq!(report(("fcm", "v1", Some("bob")), Status::Sent), None);
    assert_eq!(report(("fcm", "v1", None), Status::Sent), None);
    assert_eq!(report(("fcm", "v2", Some("alice")), Status::Sent), None);
    assert_eq!(report(("fcm", "v1", Some("alice")), Status::Sent), Some(Status::Read));
}

/// Counts what is asked of the shared data.
#[derive(Default)]
struct Counting {
    store: Store,
    gets: usize,
    sets: usize,
    largest: usize,
}

impl SharedData for Counting {
    fn get(&mut self, key: &str) -> Option<(Vec<u8>, u32)> {
        self.gets += 1;
        self.store.get(key)
    }

    fn set(&mut self, key: &str, value: &[u8], version: u32) -> bool {
        self.sets += 1;
        self.largest = self.largest.max(value.len());
        self.store.set(key, value, version)
    }
}

#[test]
fn whatever_is_done_costs_one_reading_and_at_most_one_writing_of_a_small_value() {
    let mut shared = Counting::default();
    let (memory, lifecycle, message) = (memory(&mut shared), Lifecycle::builtin(), tied("order-42"));
    let name = memory.message_key(None, "acme", "order-42");
    let mut cost = |act: &dyn Fn(&mut dyn SharedData)| {
        (shared.gets, shared.sets) = (0, 0);
        act(&mut shared);
        (shared.gets, shared.sets, shared.largest)
    };
    // One entry each, of a message that came in once: a full bucket has four.
    let keep = cost(&|shared| _ = memory.keep(&name, &context(1, 1), wall(0), at(0), shared));
    assert_eq!(keep, (1, 1, 81));
    assert_eq!(cost(&|shared| _ = memory.recall(&name, at(0), shared)), (1, 0, 81));
    assert_eq!(cost(&|shared| _ = memory.recall_and_count(&name, 1, at(0), shared)), (1, 1, 87));
    assert_eq!(cost(&|shared| _ = memory.tie("fcm", "v1", &message, at(0), shared)), (1, 1, 87));
    assert_eq!(cost(&|shared| _ = memory.tied("fcm", "v1", at(0), shared)), (1, 0, 87));
    let event = (Status::Delivered, wall(0));
    let report = cost(&|shared| _ = memory.report(&lifecycle, ("fcm", "v1", None), event, None, at(0), shared));
    assert_eq!(report, (1, 1, 87));
    let mut full = Message::default();
    for n in 1..9 {
        full.keep(&context(n, n), wall(0), at(0));
        full.count(n.into());
    }
    assert!(full.encode().len() <= crate::slots::MAX_VALUE_BYTES);
}
