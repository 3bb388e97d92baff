//! The memory beside one that never forgets: it may miss, and never says what is not so.

use super::*;
use proptest::prelude::*;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Copy, Debug)]
enum Act {
    Keep { message: u8, span: u8 },
    Count { message: u8, visit: u8 },
    Overtaken(u8),
    Damage(usize),
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let message = 0_u8..7;
    prop_oneof![
        6 => (message.clone(), 1_u8..7).prop_map(|(message, span)| Act::Keep { message, span }),
        6 => (message, 0_u8..6).prop_map(|(message, visit)| Act::Count { message, visit }),
        1 => (0_u8..5).prop_map(Act::Overtaken),
        1 => (0_usize..400).prop_map(Act::Damage),
        3 => (0_u64..5).prop_map(Act::Wait),
    ]
}

/// All that was ever told of one message.
#[derive(Default)]
struct Told {
    /// By span: when it came in first, and when it was kept last.
    contexts: BTreeMap<u8, (u64, u64)>,
    visits: BTreeMap<u8, u32>,
}

impl Told {
    fn check(&self, message: u8, second: u64, recalled: &Recalled) {
        let mut seen = BTreeSet::new();
        for known in &recalled.contexts {
            let span = known.parent_id.as_bytes()[0];
            assert_eq!(*known, context(message + 1, span));
            assert!(seen.insert(span), "once");
            assert!(second - self.contexts[&span].1 < 10, "live");
        }
        assert!(seen.len() <= MAX_CONTEXTS);
        // What was forgotten in between may have come in earlier, never later.
        let earliest = self.contexts.iter().filter(|(span, _)| seen.contains(span)).map(|(_, (first, _))| *first).min();
        assert_eq!(recalled.submitted_at.is_some(), !seen.is_empty());
        assert!(recalled.submitted_at >= earliest.map(wall) && recalled.submitted_at <= Some(wall(second)));
    }
}

proptest! {
    #[test]
    fn it_may_miss_and_never_says_what_is_not_so(acts in prop::collection::vec(act(), 0..80)) {
        let mut store = Store::default();
        let memory = memory(&mut store);
        let names: Vec<_> = (0..7).map(|n| memory.message_key(None, "acme", &n.to_string())).collect();
        let mut told: BTreeMap<u8, Told> = BTreeMap::new();
        let mut second = 0;
        for act in acts {
            match act {
                Act::Keep { message, span } => {
                    let name = &names[usize::from(message)];
                    let context = context(message + 1, span);
                    let update = memory.keep(name, &context, wall(second), at(second), &mut store);
                    if update != Update::Contended {
                        let known = told.entry(message).or_default().contexts.entry(span).or_insert((second, second));
                        known.1 = second;
                        prop_assert!(memory.recall(name, at(second), &mut store).contexts.contains(&context));
                    }
                }
                Act::Count { message, visit } => {
                    let name = &names[usize::from(message)];
                    let (recalled, number) = memory.recall_and_count(name, visit.into(), at(second), &mut store);
                    let told = told.entry(message).or_default();
                    told.check(message, second, &recalled);
                    let counted = told.visits.entry(visit).or_default();
                    *counted += 1;
                    prop_assert!((1..=*counted).contains(&number));
                }
                Act::Overtaken(times) => store.overtaken = times.into(),
                Act::Damage(place) => {
                    let values = store.values.iter_mut().filter(|(key, _)| key.contains("messages"));
                    for byte in values.flat_map(|(_, (value, _))| value.get_mut(place)) {
                        *byte ^= 1;
                    }
                }
                Act::Wait(seconds) => second += seconds,
            }
            for (message, name) in (0..).zip(&names) {
                let recalled = memory.recall(name, at(second), &mut store);
                told.get(&message).unwrap_or(&Told::default()).check(message, second, &recalled);
            }
        }
    }

    #[test]
    fn any_bytes_are_a_message_or_none(bytes: Vec<u8>) {
        let message = Message::decode(Some(&bytes), at(0), Duration::from_secs(10));
        prop_assert!(message.recalled().contexts.len() <= MAX_CONTEXTS);
        let _ = Tied::decode(&bytes);
    }

    #[test]
    fn what_is_tied_is_read_back(message_id in ".{0,24}", tenant in prop::option::of(".{0,24}"), sent: u64) {
        let message = Tied { tenant, sent_at: WallClock(sent), ..tied(&message_id) };
        prop_assert_eq!(message.encode().and_then(|bytes| Tied::decode(&bytes)), Some(message));
    }
}

/// How many of 20,000 messages are found when they go out, up to 2,000 messages after they came in: about 1,000 are under
/// way at any time.
fn found(memory: &Memory, recall: &dyn Fn(&Memory, &SlotKey, Monotonic, &mut Store) -> Recalled) -> usize {
    const MESSAGES: u64 = 20_000;
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(42);
    let (mut store, mut leaving, mut found) = (Store::default(), BTreeMap::<u64, Vec<u64>>::new(), 0);
    let came_in = |number: u64| TraceParent {
        trace_id: TraceId::from_bytes(u128::from(number + 1).to_be_bytes()).unwrap(),
        ..context(1, 1)
    };
    for number in 0..MESSAGES + 2_000 {
        let now = Monotonic(number * 1_000_000);
        if number < MESSAGES {
            let name = memory.message_key(None, "acme", &format!("order-{number}"));
            memory.keep(&name, &came_in(number), WallClock(now.0), now, &mut store);
            leaving.entry(number + rng.next_u64() % 2_000).or_default().push(number);
        }
        for sent in leaving.remove(&number).unwrap_or_default() {
            let name = memory.message_key(None, "acme", &format!("order-{sent}"));
            let recalled = recall(memory, &name, now, &mut store);
            assert!(recalled.contexts.iter().all(|context| *context == came_in(sent)), "never another one's");
            found += recalled.contexts.len();
        }
    }
    assert!(leaving.is_empty() && store.values.len() <= 4_096);
    found
}

#[test]
fn of_20_000_messages_with_1_000_under_way_hardly_one_is_missed() {
    let mut memory = Memory::new(4_096, Duration::from_secs(600));
    memory.load([7; 16], &mut Store::default());
    let recalled = found(&memory, &|memory, name, now, store| memory.recall(name, now, store));
    let counted = found(&memory, &|memory, name, now, store| memory.recall_and_count(name, 1, now, store).0);
    assert!(recalled.min(counted) >= 19_980, "{recalled}, {counted}");
}
