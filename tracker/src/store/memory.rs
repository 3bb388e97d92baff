//! The plain engine: everything in one list, every question answered by going through all of it.
//!
//! It says what the other engines have to answer, and stands in for them where nothing has to last.

use super::{
    Appended, Cohort, Count, Counts, Cursor, Health, Id, MAX_CLAIMS, MAX_PAGE, MAX_TRACE_EVENTS, Message, Page, Range,
    Search, Store, StoreError,
};
use crate::event::{Event, Identity, Key, Kind, SpanId, Subject};
use crate::fold::summarise;
use async_trait::async_trait;
use pointsman_core::lifecycle::Lifecycle;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// Events in memory, with no bound: for tests.
#[derive(Debug)]
pub struct Memory {
    lifecycle: Lifecycle,
    subjects: RwLock<Subjects>,
}

type Subjects = BTreeMap<Key, BTreeMap<Identity, Event>>;

impl Memory {
    /// An empty one.
    pub fn new(lifecycle: Lifecycle) -> Self {
        Self { lifecycle, subjects: RwLock::default() }
    }

    fn read(&self) -> RwLockReadGuard<'_, Subjects> {
        self.subjects.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The messages that own what stands under a key.
    fn owners(subjects: &Subjects, key: Key) -> Vec<Key> {
        let Some(event) = subjects.get(&key).and_then(|events| events.values().next()) else { return Vec::new() };
        let owners: Vec<Key> = match event.subject() {
            Subject::Message { .. } => vec![key],
            Subject::Vendor { .. } => Self::claimers(subjects, key),
            Subject::Trace(trace) => {
                let has = |event: &Event| event.trace_id == Some(trace);
                let named = |key: &Key| Self::is_named(subjects, *key);
                subjects
                    .iter()
                    .filter(|(key, events)| named(key) && events.values().any(has))
                    .map(|(key, _)| *key)
                    .collect()
            }
            Subject::Nobody => return Vec::new(),
        };
        if owners.is_empty() { vec![key] } else { owners }
    }

    fn claimers(subjects: &Subjects, vendor: Key) -> Vec<Key> {
        let claims = |events: &BTreeMap<Identity, Event>| events.values().any(|event| event.claim() == Some(vendor));
        subjects.iter().filter(|(_, events)| claims(events)).map(|(key, _)| *key).take(MAX_CLAIMS).collect()
    }

    fn is_named(subjects: &Subjects, key: Key) -> bool {
        let first = subjects.get(&key).and_then(|events| events.values().next());
        first.is_some_and(|event| matches!(event.subject(), Subject::Message { .. }))
    }

    fn message(&self, subjects: &Subjects, key: Key) -> Option<Message> {
        let own = subjects.get(&key)?;
        let first = own.values().next()?;
        let mut all: BTreeMap<(u64, Key, Identity), &Event> = BTreeMap::new();
        take(&mut all, key, own);
        let named = Self::is_named(subjects, key);
        if named {
            let claims: BTreeSet<Key> = own.values().filter_map(Event::claim).collect();
            for vendor in claims {
                if let Some(events) = subjects.get(&vendor).filter(|_| Self::claimers(subjects, vendor).contains(&key))
                {
                    take(&mut all, vendor, events);
                }
            }
        }
        let summary = summarise(&self.lifecycle, all.values().copied())?;
        if named {
            let traces: BTreeSet<Key> =
                own.values().filter_map(|event| Some(Subject::Trace(event.trace_id?).key())).collect();
            let mut traced = BTreeMap::new();
            for trace in traces {
                if let Some(events) = subjects.get(&trace) {
                    take(&mut traced, trace, events);
                }
            }
            all.extend(traced.into_iter().take(MAX_TRACE_EVENTS));
        }
        Some(Message {
            key,
            tenant: first.facts.tenant.clone(),
            id: first.message_id.clone(),
            events: all.into_values().cloned().collect(),
            summary,
        })
    }
}

fn take<'a>(all: &mut BTreeMap<(u64, Key, Identity), &'a Event>, key: Key, events: &'a BTreeMap<Identity, Event>) {
    all.extend(events.iter().map(|(identity, event)| ((event.at_ms, key, *identity), event)));
}

#[async_trait]
impl Store for Memory {
    async fn append(&self, events: Vec<Event>) -> Result<Appended, StoreError> {
        let mut subjects = self.subjects.write().unwrap_or_else(PoisonError::into_inner);
        let mut appended = Appended::default();
        for event in events {
            let place = subjects.entry(event.subject().key()).or_default().entry(event.identity());
            match place {
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(event);
                    appended.new += 1;
                }
                std::collections::btree_map::Entry::Occupied(_) => appended.repeated += 1,
            }
        }
        Ok(appended)
    }

    async fn find(&self, id: &Id, limit: usize) -> Result<Vec<Message>, StoreError> {
        let subjects = self.read();
        let is = |event: &Event| match id {
            Id::Message(id) => event.message_id == *id,
            Id::Vendor(id) => event.vendor_id == *id,
            Id::Trace(trace) => event.trace_id == Some(*trace),
            Id::Key(_) => false,
        };
        let found = subjects.iter().filter(|(key, events)| match id {
            Id::Key(wanted) => *key == wanted,
            _ => **key != Key::default() && events.values().any(is),
        });
        let keys: BTreeSet<Key> = found.flat_map(|(key, _)| Self::owners(&subjects, *key)).collect();
        Ok(keys.into_iter().filter_map(|key| self.message(&subjects, key)).take(limit).collect())
    }

    async fn search(&self, search: &Search) -> Result<Page, StoreError> {
        let subjects = self.read();
        let mut newest: BTreeMap<Key, u64> = BTreeMap::new();
        for (key, events) in subjects.iter().filter(|(key, _)| **key != Key::default()) {
            let taken = events.values().filter(|event| search.range.has(event.at_ms) && search.filter.takes(event));
            let Some(at_ms) = taken.map(|event| event.at_ms).max() else { continue };
            for owner in Self::owners(&subjects, *key) {
                let known = newest.entry(owner).or_default();
                *known = at_ms.max(*known);
            }
        }
        let mut order: Vec<Cursor> =
            newest.into_iter().map(|(key, at_ms)| Cursor { second: at_ms / 1_000, key }).collect();
        order.sort_by(|one, other| other.cmp(one));
        let limit = search.limit.clamp(1, MAX_PAGE);
        let mut page = Page::default();
        let mut last = None;
        for cursor in order.into_iter().filter(|cursor| search.after.is_none_or(|after| *cursor < after)) {
            let Some(message) = self.message(&subjects, cursor.key) else { continue };
            let summary = &message.summary;
            if search.now.as_ref().is_some_and(|now| *now != summary.status)
                || search.doubled.is_some_and(|doubled| doubled != summary.doubled)
            {
                continue;
            }
            if page.messages.len() == limit {
                page.next = last;
                break;
            }
            page.messages.push(message);
            last = Some(cursor);
        }
        Ok(page)
    }

    async fn counts(&self, counts: &Counts) -> Result<Vec<Count>, StoreError> {
        let subjects = self.read();
        let mut groups: BTreeMap<(u64, Vec<String>), Count> = BTreeMap::new();
        let step_ms = counts.step_ms.max(super::MINUTE_MS);
        for event in subjects.values().flat_map(BTreeMap::values) {
            let facts = &*event.facts;
            let wanted = counts.only.iter().all(|(dimension, text)| dimension.of(facts) == text);
            if !wanted || !counts.range.has(event.at_ms) || facts.kind.is_history() {
                continue;
            }
            let group: Vec<String> = counts.by.iter().map(|dimension| dimension.of(facts).to_owned()).collect();
            let at_ms = event.at_ms / step_ms * step_ms;
            let count =
                groups.entry((at_ms, group.clone())).or_insert_with(|| Count { at_ms, group, ..Count::default() });
            count.events += 1;
            count.on_time += u64::from(facts.on_time == Some(true));
            count.late += u64::from(facts.on_time == Some(false));
            if let Some(duration_ms) = event.duration_ms {
                count.durations.add(duration_ms);
            }
        }
        Ok(groups.into_values().collect())
    }

    async fn cohorts(&self, range: Range, step_ms: u64) -> Result<Vec<Cohort>, StoreError> {
        let subjects = self.read();
        let step_ms = step_ms.max(super::MINUTE_MS);
        let mut cohorts: BTreeMap<Cohort, u64> = BTreeMap::new();
        for key in subjects.keys().filter(|key| Self::is_named(&subjects, **key)) {
            let Some(Message { summary, .. }) = self.message(&subjects, *key) else { continue };
            if summary.status.is_empty() || !range.has(summary.begun_ms) {
                continue;
            }
            let cohort = Cohort {
                at_ms: summary.begun_ms / step_ms * step_ms,
                channel: summary.channel,
                business: summary.business,
                status: summary.status,
                reached: summary.reached,
                doubled: summary.doubled,
                messages: 0,
            };
            *cohorts.entry(cohort).or_default() += 1;
        }
        Ok(cohorts.into_iter().map(|(cohort, messages)| Cohort { messages, ..cohort }).collect())
    }

    async fn open_visits(&self, range: Range, limit: usize) -> Result<Vec<Event>, StoreError> {
        let subjects = self.read();
        let mut open: Vec<(u64, Key, Event)> = Vec::new();
        for (key, events) in subjects.iter() {
            let ended: BTreeSet<SpanId> =
                events.values().filter(|event| event.ends_visit()).filter_map(|event| event.span_id).collect();
            let mut first: BTreeMap<SpanId, &Event> = BTreeMap::new();
            for event in events.values().filter(|event| event.facts.kind == Kind::Enter) {
                let Some(span) = event.span_id.filter(|span| !ended.contains(span)) else { continue };
                let known = first.entry(span).or_insert(event);
                if (event.at_ms, event.identity()) < (known.at_ms, known.identity()) {
                    *known = event;
                }
            }
            open.extend(first.into_values().map(|event| (event.at_ms, *key, event.clone())));
        }
        open.retain(|(at_ms, ..)| range.has(*at_ms));
        open.sort_by_key(|(at_ms, key, event)| (*at_ms, *key, event.identity()));
        Ok(open.into_iter().map(|(.., event)| event).take(limit).collect())
    }

    async fn history(&self, range: Range, limit: usize) -> Result<Vec<Event>, StoreError> {
        let subjects = self.read();
        let nobody = subjects.get(&Key::default()).into_iter().flat_map(BTreeMap::values);
        let mut events: Vec<Event> =
            nobody.filter(|event| event.facts.kind.is_history() && range.has(event.at_ms)).cloned().collect();
        events.sort_by_key(|event| std::cmp::Reverse((event.at_ms, event.identity())));
        events.truncate(limit);
        Ok(events)
    }

    async fn expire(&self, before_ms: u64) -> Result<(), StoreError> {
        let mut subjects = self.subjects.write().unwrap_or_else(PoisonError::into_inner);
        for events in subjects.values_mut() {
            events.retain(|_, event| event.at_ms >= before_ms);
        }
        subjects.retain(|_, events| !events.is_empty());
        Ok(())
    }

    async fn health(&self) -> Result<Health, StoreError> {
        let newest_ms = self.read().values().flat_map(BTreeMap::values).map(|event| event.at_ms).max();
        Ok(Health { disk_bytes: 0, newest_ms: newest_ms.unwrap_or_default() })
    }
}
