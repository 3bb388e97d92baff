//! Documents that a commit looks at or changes, and those that the last commits have left in memory.

use super::base::View;
use super::day::Day;
use super::document::{Piece, Sort};
use super::view::Document;
use crate::event::Kind;
use crate::event::{Event, Identity, Key, SpanId, Subject};
use crate::store::{MAX_CLAIMS, StoreError};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

/// From so many events on their identities are kept.
const MANY: usize = 48;
/// So many bytes of documents are left in memory by the last commits, twice.
const MAX_LEFT_BYTES: usize = 24 << 20;

/// By keys, which are hashes already: they are only mixed with a secret, so that nobody can make many that fall together.
pub(super) type KeyMap<T> = HashMap<Key, T, Mixing>;

/// Makes a [`Mix`].
#[derive(Clone)]
pub(super) struct Mixing(u64);

impl Default for Mixing {
    fn default() -> Self {
        Self(RandomState::new().hash_one(0_u8) | 1)
    }
}

impl BuildHasher for Mixing {
    type Hasher = Mix;

    fn build_hasher(&self) -> Mix {
        Mix { secret: self.0, hash: self.0 }
    }
}

/// Mixes the bytes of a key.
pub(super) struct Mix {
    secret: u64,
    hash: u64,
}

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(part).for_each(|(byte, given)| *byte = *given);
            let wide = u128::from(u64::from_le_bytes(word) ^ self.hash).wrapping_mul(u128::from(self.secret));
            let [low, high] = [wide, wide >> 64].map(|half| u64::try_from(half & u128::from(u64::MAX)).unwrap_or(0));
            self.hash = (low ^ high).wrapping_add(self.secret);
        }
    }

    fn finish(&self) -> u64 {
        self.hash
    }
}

/// Events of nobody have a document for each visit, or each of their own.
pub(super) fn key_of(event: &Event, subject: &Subject<'_>) -> Key {
    if *subject != Subject::Nobody {
        return subject.key();
    }
    let [a, b, c, d, e, f, g, h] = event.span_id.map_or_else(|| event.identity().0.to_be_bytes(), |span| span.0);
    let last = if event.span_id.is_some() { b's' } else { b'i' };
    Key([a, b, c, d, e, f, g, h, b'n', b'o', 0, last])
}

/// A document, with what of it is new.
pub(super) struct Work {
    pub(super) document: Document,
    /// Events before the commit.
    pub(super) old_events: usize,
    /// Claimers before the commit, if they have changed.
    pub(super) old_claims: Option<Vec<Key>>,
    pub(super) new_claims: Vec<Key>,
    /// The numbers of the facts of new events, in the dictionary of the document's day.
    pub(super) numbers: Vec<u32>,
    identities: Option<HashSet<Identity>>,
}

impl Work {
    pub(super) fn of(document: Document) -> Self {
        Self {
            old_events: document.events.len(),
            document,
            old_claims: None,
            new_claims: Vec::new(),
            numbers: Vec::new(),
            identities: None,
        }
    }

    /// A document that is not there yet.
    pub(super) fn new(key: Key, day: Arc<Day>, sort: Sort, id: &str) -> Self {
        let piece = Piece::new(sort, id, day.begins_ms());
        Self::of(Document { key, day, sort, events: Vec::new(), claims: Vec::new(), piece, pieces: 1 })
    }

    /// Takes an event, unless it is there already.
    pub(super) fn add(&mut self, event: Event) -> bool {
        let events = &mut self.document.events;
        if events.len() >= MANY {
            let known = self.identities.get_or_insert_with(|| events.iter().map(Event::identity).collect());
            if !known.insert(event.identity()) {
                return false;
            }
        } else {
            // What has another kind or another visit has another identity; most need not be hashed.
            let alike = |one: &&Event| one.facts.kind == event.facts.kind && one.span_id == event.span_id;
            let mut alike = events.iter().filter(alike).peekable();
            if alike.peek().is_some() {
                let identity = event.identity();
                if alike.any(|one| one.identity() == identity) {
                    return false;
                }
            }
        }
        events.push(event);
        true
    }

    /// Gives the facts of new events numbers.
    pub(super) fn number(&mut self) {
        let mut dictionary = self.document.day.dictionary_mut();
        let fresh = self.document.events.iter().skip(self.old_events);
        let numbers = fresh.map(|event| dictionary.facts(&event.facts)).collect();
        drop(dictionary);
        self.numbers = numbers;
    }

    /// The new events with the numbers of their facts.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (&Event, u32)> {
        self.fresh().iter().zip(self.numbers.iter().copied())
    }

    /// Notes that a message claims this vendor's id.
    pub(super) fn claim(&mut self, message: Key) {
        if let Err(place) = self.document.claims.binary_search(&message) {
            self.old_claims.get_or_insert_with(|| self.document.claims.clone());
            self.document.claims.insert(place, message);
            self.new_claims.push(message);
        }
    }

    /// Events before the commit or after it.
    pub(super) fn events(&self, before: bool) -> &[Event] {
        let events = &self.document.events;
        if before { events.get(..self.old_events).unwrap_or(events) } else { events }
    }

    /// The new events.
    pub(super) fn fresh(&self) -> &[Event] {
        self.document.events.get(self.old_events..).unwrap_or_default()
    }

    pub(super) fn is_changed(&self) -> bool {
        !self.fresh().is_empty() || !self.new_claims.is_empty()
    }

    /// The messages that have what stands here, before the commit or after it.
    pub(super) fn claimers(&self, before: bool) -> &[Key] {
        match &self.old_claims {
            Some(old) if before => old.get(..MAX_CLAIMS).unwrap_or(old),
            _ => self.document.claimers(),
        }
    }

    /// The vendors' ids that a message claims, before the commit or after it.
    pub(super) fn claimed(&self, before: bool) -> BTreeSet<Key> {
        match self.document.sort {
            Sort::Message => self.events(before).iter().filter_map(Event::claim).collect(),
            _ => BTreeSet::new(),
        }
    }

    /// The visits that are open, with the time of their first event, before the commit or after it.
    pub(super) fn open(&self, before: bool) -> BTreeSet<(u64, SpanId)> {
        let events = self.events(before);
        let enters = || events.iter().filter(|event| event.facts.kind == Kind::Enter);
        if enters().next().is_none() {
            return BTreeSet::new();
        }
        let ended: HashSet<SpanId> =
            events.iter().filter(|event| event.ends_visit()).filter_map(|event| event.span_id).collect();
        let mut open: BTreeMap<SpanId, u64> = BTreeMap::new();
        for event in enters() {
            let Some(span) = event.span_id.filter(|span| !ended.contains(span)) else { continue };
            let at_ms = open.entry(span).or_insert(event.at_ms);
            *at_ms = event.at_ms.min(*at_ms);
        }
        open.into_iter().map(|(span, at_ms)| (at_ms, span)).collect()
    }

    /// What it needs in memory, about, in bytes: what many events share is not counted.
    fn bytes(&self) -> usize {
        let texts = |event: &Event| {
            let Event { message_id, vendor_id, recipient, rest, .. } = event;
            message_id.len() + vendor_id.len() + recipient.len() + rest.len()
        };
        let events = &self.document.events;
        let piece = self.document.piece.bytes.len() + size_of_val(self.document.claims.as_slice());
        size_of::<Self>() + piece + size_of_val(events.as_slice()) + events.iter().map(texts).sum::<usize>()
    }

    /// The commit was made.
    fn settle(&mut self) {
        self.old_events = self.document.events.len();
        self.old_claims = None;
        self.new_claims.clear();
        self.numbers.clear();
    }
}

/// What the last commits have left in memory: the young, and those that were young before.
#[derive(Default)]
pub(super) struct Left {
    young: KeyMap<Box<Work>>,
    old: KeyMap<Box<Work>>,
    young_bytes: usize,
}

impl Left {
    fn take(&mut self, key: &Key) -> Option<Box<Work>> {
        self.young.remove(key).or_else(|| self.old.remove(key))
    }

    /// Takes back what a commit has worked on.
    pub(super) fn put(&mut self, works: KeyMap<Box<Work>>) {
        for (key, mut work) in works {
            work.settle();
            self.young_bytes += work.bytes();
            self.young.insert(key, work);
        }
        if self.young_bytes > MAX_LEFT_BYTES {
            self.young_bytes = 0;
            self.old = std::mem::take(&mut self.young);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The documents of a commit.
pub(super) struct Works<'a> {
    pub(super) view: View,
    left: &'a mut Left,
    pub(super) all: KeyMap<Box<Work>>,
    missing: HashSet<Key, Mixing>,
}

impl<'a> Works<'a> {
    pub(super) fn new(view: View, left: &'a mut Left) -> Self {
        Self { view, left, all: KeyMap::default(), missing: HashSet::default() }
    }

    /// Reads a document, if there is one.
    pub(super) fn read(&mut self, key: Key) -> Result<bool, StoreError> {
        if self.all.contains_key(&key) {
            return Ok(true);
        }
        if self.missing.contains(&key) {
            return Ok(false);
        }
        let known = match self.left.take(&key) {
            Some(work) => Some(work),
            None => self.view.document(key)?.map(|document| Box::new(Work::of(document))),
        };
        let Some(work) = known else {
            self.missing.insert(key);
            return Ok(false);
        };
        self.all.insert(key, work);
        Ok(true)
    }

    /// The document under a key, which may have to be made.
    pub(super) fn read_or(
        &mut self,
        key: Key,
        new: impl FnOnce() -> Result<Work, StoreError>,
    ) -> Result<&mut Work, StoreError> {
        if !self.read(key)? {
            self.missing.remove(&key);
        }
        match self.all.entry(key) {
            std::collections::hash_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            std::collections::hash_map::Entry::Vacant(entry) => Ok(entry.insert(Box::new(new()?))),
        }
    }

    /// Ends the commit, which was made.
    pub(super) fn settle(self) {
        self.left.put(self.all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::embedded::Settings;
    use crate::store::embedded::base::Base;

    #[test]
    fn what_is_left_in_memory_is_bounded_by_its_bytes() {
        let directory = tempfile::tempdir().expect("directory");
        let base = Base::open(&Settings::in_directory(directory.path())).expect("base");
        let day = base.day_at(0).expect("day");
        let mut left = Left::default();
        for n in 0..24_u8 {
            let mut work = Work::new(Key([n; 12]), Arc::clone(&day), Sort::Message, "order-1");
            work.add(Event { message_id: "order-1".to_owned(), rest: "x".repeat(4 << 20), ..Event::default() });
            left.put(KeyMap::from_iter([(Key([n; 12]), Box::new(work))]));
        }
        assert!(left.young.len() + left.old.len() <= 2 * 6 + 1, "{} and {}", left.young.len(), left.old.len());
        assert!(left.take(&Key([23; 12])).is_some());
        assert!(left.take(&Key([0; 12])).is_none());
    }
}
