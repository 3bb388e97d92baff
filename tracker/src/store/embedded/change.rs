//! One commit: the events of all who wait, and everything that is different with them, in one write.

use super::base::{Base, View};
use super::day::{DAY_MS, Day, Link, Short, short};
use super::dictionary::{Part, Place};
use super::document::{Piece, Sort};
use super::tally::Tallies;
use super::view::piece_key;
use super::work::{Left, Work, Works, key_of};
use crate::event::{Event, Key};
use crate::fold::{Summary, summarise};
use crate::store::StoreError;
use fjall::OwnedWriteBatch;
use pointsman_core::lifecycle::Lifecycle;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The first byte of what stands in a day's times: what happened in a second.
pub(super) const SECOND: u8 = b'p';
/// Visits that are open.
pub(super) const OPEN: u8 = b'o';
/// What happened to channels and rules.
pub(super) const HISTORY: u8 = b'h';

/// The documents that have events in a second, by facts; those that are of no named message are told apart.
type Second = BTreeMap<(u32, bool), Vec<Short>>;

/// A commit that is being made.
pub(super) struct Change<'a> {
    base: &'a Base,
    lifecycle: &'a Lifecycle,
    works: Works<'a>,
    tallies: &'a mut Tallies,
    batch: OwnedWriteBatch,
    links: Vec<(Arc<Day>, Vec<u8>)>,
    seconds: BTreeMap<(u64, u64), Second>,
    days: BTreeMap<u64, (Arc<Day>, u64)>,
    newest_ms: u64,
}

/// A commit that has to be written.
pub(super) struct Prepared<'a> {
    pub(super) batch: OwnedWriteBatch,
    works: Works<'a>,
    days: BTreeMap<u64, (Arc<Day>, u64)>,
    newest_ms: u64,
}

impl Prepared<'_> {
    /// It is on its way to the disk: from now on it is taken to be there.
    pub(super) fn settle(self, base: &Base) {
        for (day, events) in self.days.values() {
            day.dictionary_mut().set_saved();
            day.set_events(day.events() + events);
        }
        base.committed(self.newest_ms);
        self.works.settle();
    }
}

impl<'a> Change<'a> {
    pub(super) fn new(base: &'a Base, lifecycle: &'a Lifecycle, left: &'a mut Left, tallies: &'a mut Tallies) -> Self {
        Self {
            base,
            lifecycle,
            works: Works::new(View::of(base), left),
            tallies,
            batch: base.database.batch(),
            links: Vec::new(),
            seconds: BTreeMap::new(),
            days: BTreeMap::new(),
            newest_ms: base.newest_ms(),
        }
    }

    /// Takes an event. Whether it is new.
    pub(super) fn add(&mut self, event: Event) -> Result<bool, StoreError> {
        let subject = event.subject();
        let (sort, key) = (Sort::of(&subject), key_of(&event, &subject));
        let base = self.base;
        let new = || Ok(Work::new(key, base.day_at(event.at_ms)?, sort, &event.message_id));
        let work = self.works.read_or(key, new)?;
        let at_ms = event.at_ms;
        let is_new = work.add(event);
        if is_new {
            self.newest_ms = self.newest_ms.max(at_ms);
        }
        Ok(is_new)
    }

    /// Works out all that is to be written.
    pub(super) fn prepare(mut self) -> Result<Prepared<'a>, StoreError> {
        self.claim()?;
        let mut changed = Vec::new();
        for (key, work) in self.works.all.iter_mut().filter(|(_, work)| work.is_changed()) {
            work.number();
            changed.push(*key);
        }
        // Neighbours are written one after another.
        changed.sort_unstable();
        self.move_messages(&changed)?;
        for key in &changed {
            self.count(key)?;
            self.post(key)?;
            self.open_and_history(key);
            self.write(key);
        }
        self.links.sort_unstable_by(|(one, link), (other, also)| (one.number, link).cmp(&(other.number, also)));
        for (day, link) in self.links.drain(..) {
            self.batch.insert(&day.links, link, []);
        }
        self.put_seconds();
        self.tallies.put(&mut self.batch);
        for (day, events) in self.days.values() {
            for part in Part::ALL {
                for (number, bytes) in day.dictionary().unsaved(part) {
                    let mut key = vec![part.tag()];
                    key.extend_from_slice(&number.to_be_bytes());
                    self.batch.insert(&day.times, key, bytes);
                }
            }
            let events = (day.events() + events).to_be_bytes();
            self.batch.insert(&day.times, super::day::EVENTS, events);
        }
        self.base.put_state(&mut self.batch, self.newest_ms);
        let Self { batch, works, days, newest_ms, .. } = self;
        Ok(Prepared { batch, works, days, newest_ms })
    }

    /// Tells the vendors' ids that are claimed by whom.
    fn claim(&mut self) -> Result<(), StoreError> {
        let mut claims = Vec::new();
        for (key, work) in self.works.all.iter().filter(|(_, work)| work.document.sort == Sort::Message) {
            let day = &work.document.day;
            claims.extend(work.fresh().iter().filter_map(Event::claim).map(|vendor| (vendor, *key, Arc::clone(day))));
        }
        for (vendor, key, day) in claims {
            self.works.read_or(vendor, || Ok(Work::new(vendor, day, Sort::Vendor, "")))?.claim(key);
        }
        Ok(())
    }

    /// Counts messages out of where they were, and in where they are.
    fn move_messages(&mut self, changed: &[Key]) -> Result<(), StoreError> {
        let mut moved: BTreeSet<Key> = BTreeSet::new();
        for (key, work) in changed.iter().filter_map(|key| Some((key, self.works.all.get(key)?))) {
            match work.document.sort {
                Sort::Message => drop(moved.insert(*key)),
                Sort::Vendor => moved.extend(work.claimers(true).iter().chain(work.claimers(false))),
                Sort::Trace | Sort::Nobody => {}
            }
            if work.claimers(false).is_empty() && work.document.events.len() > 1 && work.document.sort != Sort::Nobody {
                // Whoever is not named may be sent twice as well.
                moved.insert(*key);
            }
        }
        for key in moved {
            if !self.works.read(key)? {
                continue;
            }
            let vendors = self.works.all.get(&key).map(|work| work.claimed(false)).unwrap_or_default();
            for vendor in vendors {
                self.works.read(vendor)?;
            }
            let before = self.summary(&key, true);
            let after = self.summary(&key, false);
            self.move_message(&key, before, after)?;
        }
        Ok(())
    }

    fn move_message(&mut self, key: &Key, before: Option<Summary>, after: Option<Summary>) -> Result<(), StoreError> {
        let Some(work) = self.works.all.get(key) else { return Ok(()) };
        let is_named = work.document.sort == Sort::Message;
        if after.as_ref().is_some_and(|after| after.doubled) && before.as_ref().is_none_or(|before| !before.doubled) {
            self.links.push((Arc::clone(&work.document.day), Link::Doubled.to(key)));
        }
        let place = |summary: Option<Summary>| {
            let summary = summary.filter(|summary| is_named && !summary.status.is_empty())?;
            Some((summary.begun_ms / crate::store::MINUTE_MS, summary.begun_ms, Place::of(&summary)))
        };
        let (before, after) = (place(before), place(after));
        let is_same = match (&before, &after) {
            (Some((one, _, place)), Some((other, _, now))) => one == other && place == now,
            (None, None) => true,
            _ => false,
        };
        if is_same {
            return Ok(());
        }
        for (place, is_in) in [(before, false), (after, true)] {
            let Some((_, begun_ms, place)) = place else { continue };
            let day = self.day_at(begun_ms)?;
            let number = day.dictionary_mut().place(place);
            self.tallies.message(&day, number, begun_ms, is_in)?;
        }
        Ok(())
    }

    /// What the events of a message, and those that it claims, say together.
    fn summary(&self, key: &Key, before: bool) -> Option<Summary> {
        let own = self.works.all.get(key)?;
        let mut parts: Vec<(Key, &[Event])> = vec![(*key, own.events(before))];
        if own.events(before).is_empty() {
            return None;
        }
        for vendor in own.claimed(before) {
            let Some(work) = self.works.all.get(&vendor) else { continue };
            if work.claimers(before).contains(key) {
                parts.push((vendor, work.events(before)));
            }
        }
        parts.sort_unstable_by_key(|(key, _)| *key);
        summarise(self.lifecycle, parts.iter().flat_map(|(_, events)| *events))
    }

    fn day_at(&mut self, at_ms: u64) -> Result<Arc<Day>, StoreError> {
        let day = self.base.day_at(at_ms)?;
        self.days.entry(day.number).or_insert_with(|| (Arc::clone(&day), 0));
        Ok(day)
    }

    /// Counts the new events of a document.
    fn count(&mut self, key: &Key) -> Result<(), StoreError> {
        let Some(work) = self.works.all.get(key) else { return Ok(()) };
        for (event, number) in work.numbered().filter(|(event, _)| !event.facts.kind.is_history()) {
            let same = &work.document.day;
            let is_same = event.at_ms / DAY_MS == same.number;
            let day = if is_same { Arc::clone(same) } else { self.base.day_at(event.at_ms)? };
            let group = {
                let mut dictionary = day.dictionary_mut();
                let number = if is_same { number } else { dictionary.facts(&event.facts) };
                dictionary.group(number, &event.facts)
            };
            self.tallies.event(&day, group, event)?;
            self.days.entry(day.number).or_insert((day, 0));
        }
        Ok(())
    }

    /// Tells in which seconds a document, or the messages that own it, have new events.
    fn post(&mut self, key: &Key) -> Result<(), StoreError> {
        let Some(work) = self.works.all.get(key) else { return Ok(()) };
        if work.document.sort == Sort::Nobody {
            return Ok(());
        }
        let owners: Vec<Key> = work.claimers(false).to_vec();
        let mut owned = false;
        for owner in owners {
            if !self.works.read(owner)? {
                continue;
            }
            owned = true;
            let (Some(work), Some(owner)) = (self.works.all.get(key), self.works.all.get(&owner)) else { continue };
            // One that did not have it before gets what was there too.
            let all = !work.claimers(true).contains(&owner.document.key);
            let is_same = owner.document.day.number == work.document.day.number;
            let before = work.events(true).iter().filter(|_| all).map(|event| (event, None));
            let fresh = work.numbered().map(|(event, number)| (event, Some(number).filter(|_| is_same)));
            for (event, number) in before.chain(fresh) {
                let (day, key) = (&owner.document.day, &owner.document.key);
                post(&mut self.seconds, &mut self.days, day, key, (event, number), true);
                let known = owner.document.events.iter().any(|one| one.recipient == event.recipient);
                if !known && !event.recipient.is_empty() {
                    let link = Link::Recipient(&event.recipient).to(&owner.document.key);
                    self.links.push((Arc::clone(&owner.document.day), link));
                }
            }
        }
        let Some(work) = self.works.all.get(key).filter(|_| !owned) else { return Ok(()) };
        let is_named = work.document.sort == Sort::Message;
        for (event, number) in work.numbered() {
            post(&mut self.seconds, &mut self.days, &work.document.day, key, (event, Some(number)), is_named);
        }
        Ok(())
    }

    fn open_and_history(&mut self, key: &Key) {
        let Some(work) = self.works.all.get(key) else { return };
        let times = &work.document.day.times;
        let (before, after) = (work.open(true), work.open(false));
        for visit in before.difference(&after) {
            self.batch.remove(times, open_key(key, visit.0, &visit.1.0));
        }
        for visit in after.difference(&before) {
            self.batch.insert(times, open_key(key, visit.0, &visit.1.0), []);
        }
        for event in work.fresh().iter().filter(|event| event.facts.kind.is_history()) {
            let mut name = vec![HISTORY];
            name.extend_from_slice(&event.at_ms.to_be_bytes());
            name.extend_from_slice(&key.0);
            self.batch.insert(times, name, []);
        }
    }

    /// Writes a document on.
    fn write(&mut self, key: &Key) {
        let Some(work) = self.works.all.get_mut(key) else { return };
        let day = Arc::clone(&work.document.day);
        let id = work.document.events.first().map(|event| event.message_id.clone()).unwrap_or_default();
        let mut writer = Writer {
            batch: &mut self.batch,
            links: &mut self.links,
            key: *key,
            day: &day,
            sort: work.document.sort,
            id: &id,
        };
        let (piece, pieces) = (&mut work.document.piece, &mut work.document.pieces);
        for claim in &work.new_claims {
            writer.go_on(piece, pieces);
            piece.claim(*claim);
        }
        let mut dictionary = day.dictionary_mut();
        let fresh = work.document.events.get(work.old_events..).unwrap_or_default();
        for (event, facts) in fresh.iter().zip(work.numbers.iter().copied()) {
            writer.go_on(piece, pieces);
            let rest = dictionary.rest(&event.rest);
            let new = piece.add(event, facts, rest);
            writer.link(event, new, &dictionary);
        }
        let is_tried = work.document.sort != Sort::Message || work.old_events > 0;
        let tenant = work.document.events.first().map(|event| event.facts.tenant.as_str()).unwrap_or_default();
        if !is_tried && !dictionary.tries(tenant) {
            writer.links.push((Arc::clone(&day), Link::Message(&id).to(key)));
        }
        drop(dictionary);
        writer.put(piece, *pieces);
        let fresh = work.fresh().len() as u64;
        self.days.entry(day.number).or_insert_with(|| (Arc::clone(&day), 0)).1 += fresh;
    }

    fn put_seconds(&mut self) {
        let commit = self.base.next_commit();
        for ((number, second), by_facts) in &self.seconds {
            let Some((day, _)) = self.days.get(number) else { continue };
            let mut key = vec![SECOND];
            key.extend_from_slice(&(!second).to_be_bytes());
            key.extend_from_slice(&commit.to_be_bytes());
            let mut value = Vec::new();
            for ((facts, is_named), documents) in by_facts {
                let mut documents = documents.clone();
                documents.sort_unstable();
                documents.dedup();
                super::pack::put_number(&mut value, u64::from(*facts) << 1 | u64::from(!is_named));
                super::pack::put_number(&mut value, documents.len() as u64);
                value.extend(documents.iter().flatten());
            }
            self.batch.insert(&day.times, key, value);
        }
    }
}

fn open_key(key: &Key, at_ms: u64, span: &[u8; 8]) -> Vec<u8> {
    let mut name = vec![OPEN];
    name.extend_from_slice(&at_ms.to_be_bytes());
    name.extend_from_slice(&key.0);
    name.extend_from_slice(span);
    name
}

fn post(
    seconds: &mut BTreeMap<(u64, u64), Second>,
    days: &mut BTreeMap<u64, (Arc<Day>, u64)>,
    day: &Arc<Day>,
    key: &Key,
    (event, number): (&Event, Option<u32>),
    is_named: bool,
) {
    days.entry(day.number).or_insert_with(|| (Arc::clone(day), 0));
    let facts = number.unwrap_or_else(|| day.dictionary_mut().facts(&event.facts));
    let second = seconds.entry((day.number, event.at_ms / 1_000)).or_default();
    second.entry((facts, is_named)).or_default().push(short(key));
}

struct Writer<'w> {
    batch: &'w mut OwnedWriteBatch,
    links: &'w mut Vec<(Arc<Day>, Vec<u8>)>,
    key: Key,
    day: &'w Arc<Day>,
    sort: Sort,
    id: &'w str,
}

impl Writer<'_> {
    /// Begins another piece where the last one is full.
    fn go_on(&mut self, piece: &mut Piece, pieces: &mut u32) {
        if piece.is_full() {
            self.put(piece, *pieces);
            *piece = Piece::new(self.sort, self.id, self.day.begins_ms());
            *pieces += 1;
        }
    }

    fn put(&mut self, piece: &Piece, pieces: u32) {
        let key = piece_key(&self.key, pieces.saturating_sub(1));
        self.batch.insert(&self.day.docs, key, piece.bytes.as_slice());
    }

    fn link(&mut self, event: &Event, new: super::document::NewIds, dictionary: &super::dictionary::Dictionary) {
        let mut put = |link: Link<'_>| self.links.push((Arc::clone(self.day), link.to(&self.key)));
        if let Some(trace) = event.trace_id.filter(|_| new.trace && matches!(self.sort, Sort::Message | Sort::Vendor)) {
            put(Link::Trace(&trace.0));
        }
        if new.recipient && self.sort != Sort::Nobody {
            put(Link::Recipient(&event.recipient));
        }
        let tried =
            !event.facts.channel.is_empty() && dictionary.tries_sender(&event.facts.tenant, &event.facts.channel);
        if new.vendor && !tried && self.sort != Sort::Nobody {
            put(Link::Vendor(&event.vendor_id));
        }
    }
}
