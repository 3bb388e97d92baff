//! Questions, most of them about what is there.

use crate::messages::{DAY_0_MS, DAY_MS, DAYS, one_of};
use crate::words::{Chance, HOSTILE, one};
use pointsman_tracker::event::{Event, Key, TraceId};
use pointsman_tracker::store::{
    Cohort, Count, Counts, Cursor, Dimension, Filter, Id, MINUTE_MS, Message, Range, Search, Store, StoreError,
};
use rand::RngExt as _;
use rand::seq::IndexedRandom as _;

/// A question.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
#[derive(Clone, Debug)]
pub(crate) enum Question {
    Find(Id, usize),
    Search(Search),
    Counts(Counts),
    Cohorts(Range, u64),
    OpenVisits(Range, usize),
    History(Range, usize),
    Newest,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Messages(Vec<Message>),
    Counts(Vec<Count>),
    Cohorts(Vec<Cohort>),
    Events(Vec<Event>),
    Newest(u64),
}

const DIMENSIONS: [Dimension; 8] = [
    Dimension::Kind,
    Dimension::Node,
    Dimension::Channel,
    Dimension::Status,
    Dimension::Outcome,
    Dimension::Code,
    Dimension::Business,
    Dimension::Text,
];

impl Question {
    /// One about these events.
    pub(crate) fn new(chance: &mut Chance, events: &[Event]) -> Self {
        match chance.random_range(0..14) {
            0..4 => Self::Find(id(chance, events), *one_of(chance, &[1, 2, 1_000])),
            4..9 => Self::Search(search(chance, events)),
            9..11 => Self::Counts(counts(chance, events)),
            11 => Self::Cohorts(whole_minutes(range(chance)), step(chance)),
            12 => Self::OpenVisits(range(chance), *one_of(chance, &[1, 7, 1_000])),
            _ if chance.random_bool(0.1) => Self::Newest,
            _ => Self::History(range(chance), *one_of(chance, &[1, 7, 1_000])),
        }
    }

    /// Asks it; a search to its end.
    pub(crate) async fn ask(&self, store: &dyn Store) -> Result<Answer, StoreError> {
        Ok(match self {
            Self::Find(id, limit) => Answer::Messages(store.find(id, *limit).await?),
            Self::Search(search) => Answer::Messages(all_pages(store, search.clone()).await?),
            Self::Counts(counts) => Answer::Counts(store.counts(counts).await?),
            Self::Cohorts(range, step_ms) => Answer::Cohorts(store.cohorts(*range, *step_ms).await?),
            Self::OpenVisits(range, limit) => Answer::Events(store.open_visits(*range, *limit).await?),
            Self::History(range, limit) => Answer::Events(store.history(*range, *limit).await?),
            Self::Newest => Answer::Newest(store.health().await?.newest_ms),
        })
    }
}

/// A page may be short of messages and yet not the last one; none has more than were asked for.
async fn all_pages(store: &dyn Store, mut search: Search) -> Result<Vec<Message>, StoreError> {
    let mut messages = Vec::new();
    for _ in 0..100_000 {
        let page = store.search(&search).await?;
        assert!(page.messages.len() <= search.limit, "more than asked for: {search:?}");
        messages.extend(page.messages);
        let Some(next) = page.next else { return Ok(messages) };
        let told: Cursor = next.to_string().parse().expect("a cursor comes back as it was told");
        assert!(search.after.is_none_or(|before| told < before), "{told} does not come after {search:?}");
        search.after = Some(told);
    }
    panic!("no end: {search:?}");
}

fn any<'a>(chance: &mut Chance, events: &'a [Event]) -> &'a Event {
    events.choose(chance).expect("there are events")
}

fn id(chance: &mut Chance, events: &[Event]) -> Id {
    let event = any(chance, events);
    let named = events.iter().filter(|event| !event.message_id.is_empty());
    let vendor = events.iter().filter(|event| !event.vendor_id.is_empty());
    match chance.random_range(0..10) {
        0..3 => Id::Message(pick(chance, named).message_id),
        3..6 => Id::Vendor(pick(chance, vendor).vendor_id),
        6..8 => Id::Trace(event.trace_id.unwrap_or_else(|| TraceId(chance.random()))),
        8 if chance.random_bool(0.2) => Id::Message(one(chance, HOSTILE).to_owned()),
        8 if chance.random_bool(0.2) => Id::Vendor(one(chance, HOSTILE).to_owned()),
        8 if chance.random_bool(0.2) => Id::Key(Key(chance.random())),
        _ => Id::Key(event.subject().key()),
    }
}

fn pick<'a>(chance: &mut Chance, events: impl Iterator<Item = &'a Event>) -> Event {
    let events: Vec<&Event> = events.collect();
    events.choose(chance).map(|event| (*event).clone()).expect("some event has one")
}

fn range(chance: &mut Chance) -> Range {
    let (first, end) = (DAY_0_MS, DAY_0_MS + (DAYS + 3) * DAY_MS);
    match chance.random_range(0..5) {
        0 => Range { from_ms: 0, to_ms: end },
        1 => Range { from_ms: first, to_ms: first + DAY_MS },
        2 => Range { from_ms: end, to_ms: first },
        _ => {
            let from_ms = chance.random_range(first..end);
            Range { from_ms, to_ms: from_ms + chance.random_range(0..2 * DAY_MS) }
        }
    }
}

const fn whole_minutes(range: Range) -> Range {
    Range { from_ms: range.from_ms / MINUTE_MS * MINUTE_MS, to_ms: range.to_ms / MINUTE_MS * MINUTE_MS }
}

fn step(chance: &mut Chance) -> u64 {
    MINUTE_MS * one_of(chance, &[1, 5, 7, 60, 1_440])
}

fn counts(chance: &mut Chance, events: &[Event]) -> Counts {
    let by = DIMENSIONS.into_iter().filter(|_| chance.random_bool(0.3)).collect();
    let mut only = Vec::new();
    for _ in 0..chance.random_range(0..3) {
        let dimension = *one_of(chance, &DIMENSIONS);
        only.push((dimension, dimension.of(&any(chance, events).facts).to_owned()));
    }
    Counts { range: whole_minutes(range(chance)), step_ms: step(chance), by, only }
}

fn search(chance: &mut Chance, events: &[Event]) -> Search {
    let mut filter = Filter::default();
    let event = any(chance, events);
    for _ in 0..chance.random_range(0..4) {
        // Mostly of one event, so that there is one.
        let event = if chance.random_bool(0.8) { event } else { any(chance, events) };
        wish(chance, &mut filter, event);
    }
    let now =
        one(chance, &["submitted", "sending", "sent", "failed", "delivered", "read", "clicked", "parked", "", "'"]);
    Search {
        range: range(chance),
        filter,
        now: chance.random_bool(0.3).then(|| now.to_owned()),
        doubled: chance.random_bool(0.2).then(|| chance.random_bool(0.8)),
        after: None,
        limit: *one_of(chance, &[3, 20, 50, 1_000, 1_000]),
    }
}

fn wish(chance: &mut Chance, filter: &mut Filter, event: &Event) {
    let facts = &*event.facts;
    match chance.random_range(0..15) {
        0 => filter.kind = Some(facts.kind),
        1 => filter.tenant = Some(facts.tenant.clone()),
        2 => filter.service = Some(facts.service.clone()),
        3 => filter.node = Some(facts.node.clone()),
        4 => filter.channel = Some(facts.channel.clone()),
        5 => filter.status = Some(facts.status.clone()),
        6 => filter.outcome = Some(facts.outcome.clone()),
        7 => filter.code = Some(facts.code.clone()),
        8 => filter.business = Some(facts.business.clone()),
        9 => filter.template = Some(facts.template.clone()),
        10 => filter.text = Some(facts.text.clone()),
        11 => filter.on_time = facts.on_time,
        12 => filter.drill = Some(facts.drill),
        13 => filter.switched = Some(!facts.switched_from.is_empty()),
        _ => filter.recipient = Some(event.recipient.clone()),
    }
}
