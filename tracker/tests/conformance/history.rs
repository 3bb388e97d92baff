//! What senders send: the events of many messages, out of order, some of them again, in batches.

use crate::messages::{DAY_0_MS, DAY_MS, DAYS, Shared, message, platform};
use crate::words::Chance;
use pointsman_tracker::event::{Event, Facts, Kind};
use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use rand_xoshiro::rand_core::SeedableRng as _;
use std::sync::Arc;

/// Batches, in the order in which they come.
pub(crate) struct History {
    /// Where chance goes on.
    pub(crate) chance: Chance,
    /// The batches.
    pub(crate) batches: Vec<Vec<Event>>,
}

impl History {
    /// So many messages, over all days.
    pub(crate) fn new(seed: u64, messages: usize) -> Self {
        let mut chance = Chance::seed_from_u64(seed);
        let shared = Shared::new(&mut chance);
        let mut events = Vec::new();
        for _ in 0..messages {
            let at_ms = DAY_0_MS + chance.random_range(0..DAYS * DAY_MS);
            events.extend(message(&mut chance, &shared, at_ms, 2 * DAY_MS));
        }
        for _ in 0..messages / 5 {
            let at_ms = DAY_0_MS + chance.random_range(0..DAYS * DAY_MS);
            events.push(platform(&mut chance, at_ms));
        }
        events.extend(claimed_by_many(&mut chance));
        Self::of(chance, events)
    }

    /// Messages each of which lies within one day, and with whose ids no other day has anything to do.
    pub(crate) fn by_day(seed: u64, messages: usize) -> Self {
        let mut chance = Chance::seed_from_u64(seed);
        let mut events = Vec::new();
        for day in 0..DAYS {
            let shared = Shared::new(&mut chance);
            for _ in 0..messages {
                let at_ms = DAY_0_MS + day * DAY_MS + chance.random_range(60_000..DAY_MS / 2);
                events.extend(message(&mut chance, &shared, at_ms, DAY_MS / 2));
            }
            events.push(platform(&mut chance, DAY_0_MS + day * DAY_MS + 1));
        }
        Self::of(chance, events)
    }

    fn of(mut chance: Chance, mut events: Vec<Event>) -> Self {
        let again: Vec<Event> = events.iter().filter(|_| chance.random_bool(0.15)).cloned().collect();
        events.extend(again.into_iter().map(|event| told_otherwise(&mut chance, event)));
        // Some keep their order, as they do where nothing is slow.
        if chance.random_bool(0.8) {
            events.shuffle(&mut chance);
        }
        let mut batches = Vec::new();
        while !events.is_empty() {
            let rest = events.split_off(chance.random_range(0..60).min(events.len()));
            batches.push(std::mem::replace(&mut events, rest));
        }
        Self { chance, batches }
    }

    /// All events.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.batches.concat()
    }
}

/// A repeat: the same fact, some of them with what does not make it another one changed. What came first stays.
fn told_otherwise(chance: &mut Chance, mut event: Event) -> Event {
    let timed = matches!(event.facts.kind, Kind::Status | Kind::Alias | Kind::Enter | Kind::Span);
    if timed && chance.random_bool(0.3) {
        event.at_ms += chance.random_range(0..120_000_u64).min(DAY_MS - 1 - event.at_ms % DAY_MS);
        event.facts = Arc::new(Facts { outcome: "told otherwise".to_owned(), ..(*event.facts).clone() });
    }
    event
}

/// More messages than may share a vendor's id, all sent within some seconds, and one receipt for them.
fn claimed_by_many(chance: &mut Chance) -> Vec<Event> {
    let facts = |kind, status: &str| {
        let (channel, node) = ("fcm".to_owned(), "FCM_PUSH".to_owned());
        Arc::new(Facts {
            kind,
            tenant: "default".to_owned(),
            channel,
            node,
            status: status.to_owned(),
            ..Facts::default()
        })
    };
    let at_ms = DAY_0_MS + 3_600_000;
    let sent = (0..70).map(|n| Event {
        facts: facts(Kind::Status, "sent"),
        at_ms: at_ms + n * 37,
        message_id: format!("many-{n}"),
        vendor_id: "for-many".to_owned(),
        recipient: format!("{:032x}", chance.random::<u128>()),
        ..Event::default()
    });
    let mut events: Vec<Event> = sent.collect();
    let receipt = Event {
        facts: facts(Kind::Status, "delivered"),
        at_ms: at_ms + 60_000,
        vendor_id: "for-many".to_owned(),
        ..Event::default()
    };
    events.push(receipt);
    events
}
