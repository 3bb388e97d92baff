//! Messages with all that belongs to them.

use super::ClickHouse;
use super::rows::{COLUMNS, Stored};
use super::sql::{KEY_IN, MOST_KEYS, PAIR_IN, keys, pairs};
use crate::event::{Event, Identity, Key, Subject};
use crate::fold::summarise;
use crate::store::{MAX_TRACE_EVENTS, Message, StoreError};
use clickhouse::query::Query;
use pointsman_core::lifecycle::Lifecycle;
use std::collections::{BTreeMap, BTreeSet};

/// Events by the key of their subject.
pub(super) type Subjects = BTreeMap<Key, BTreeMap<Identity, Event>>;

impl ClickHouse {
    /// The messages of these keys; of a key without events there is none.
    pub(super) async fn messages(&self, wanted: &BTreeSet<Key>) -> Result<BTreeMap<Key, Message>, StoreError> {
        let mut subjects = self.subjects(wanted).await?;
        let named = || subjects.values().filter(|events| is_named(events)).flat_map(BTreeMap::values);
        let vendors: BTreeSet<Key> = named().filter_map(Event::claim).collect();
        let traces: BTreeSet<Key> = named().filter_map(|event| Some(Subject::Trace(event.trace_id?).key())).collect();
        let claimers = self.claimers(&vendors).await?;
        let others: BTreeSet<Key> =
            vendors.into_iter().chain(traces).filter(|key| !subjects.contains_key(key)).collect();
        subjects.append(&mut self.subjects(&others).await?);
        let message = |key: &Key| Some((*key, message(&self.lifecycle, &subjects, &claimers, *key)?));
        Ok(wanted.iter().filter_map(message).collect())
    }

    /// The events under these keys.
    async fn subjects(&self, wanted: &BTreeSet<Key>) -> Result<Subjects, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM events WHERE key {KEY_IN}");
        let wanted: Vec<Key> = wanted.iter().copied().collect();
        let mut subjects = Subjects::new();
        for some in wanted.chunks(MOST_KEYS) {
            self.take(self.query(&sql).param("keys", keys(some)), &mut subjects).await?;
        }
        Ok(subjects)
    }

    /// The events of these keys and identities.
    pub(super) async fn events(&self, wanted: &[(Key, Identity)]) -> Result<Subjects, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM events WHERE (key, identity) {PAIR_IN}");
        let mut subjects = Subjects::new();
        for some in wanted.chunks(MOST_KEYS) {
            self.take(self.query(&sql).param("pairs", pairs(some)), &mut subjects).await?;
        }
        Ok(subjects)
    }

    async fn take(&self, query: Query, subjects: &mut Subjects) -> Result<(), StoreError> {
        let all = async {
            let mut rows = query.fetch::<Stored<'_>>()?;
            while let Some(row) = rows.next().await? {
                // Those that were inserted by others than the tracker may be there twice.
                let place = subjects.entry(Key(row.key)).or_default().entry(Identity(row.identity));
                place.or_insert_with(|| row.event());
            }
            Ok(())
        };
        self.within(all).await
    }
}

fn is_named(events: &BTreeMap<Identity, Event>) -> bool {
    events.values().next().is_some_and(|event| matches!(event.subject(), Subject::Message { .. }))
}

fn message(
    lifecycle: &Lifecycle,
    subjects: &Subjects,
    claimers: &BTreeMap<Key, Vec<Key>>,
    key: Key,
) -> Option<Message> {
    let own = subjects.get(&key)?;
    let first = own.values().next()?;
    let mut all: BTreeMap<(u64, Key, Identity), &Event> = BTreeMap::new();
    let take = |key: Key, all: &mut BTreeMap<_, _>| {
        let events = subjects.get(&key).into_iter().flatten();
        all.extend(events.map(|(identity, event)| ((event.at_ms, key, *identity), event)));
    };
    take(key, &mut all);
    let named = is_named(own);
    let claims = own.values().filter(|_| named).filter_map(Event::claim).collect::<BTreeSet<Key>>();
    for vendor in claims.into_iter().filter(|vendor| claimers.get(vendor).is_some_and(|keys| keys.contains(&key))) {
        take(vendor, &mut all);
    }
    let summary = summarise(lifecycle, all.values().copied())?;
    let traces = own.values().filter(|_| named).filter_map(|event| event.trace_id);
    let mut traced = BTreeMap::new();
    for trace in traces.map(|trace| Subject::Trace(trace).key()).collect::<BTreeSet<Key>>() {
        take(trace, &mut traced);
    }
    all.extend(traced.into_iter().take(MAX_TRACE_EVENTS));
    Some(Message {
        key,
        tenant: first.facts.tenant.clone(),
        id: first.message_id.clone(),
        events: all.into_values().cloned().collect(),
        summary,
    })
}
