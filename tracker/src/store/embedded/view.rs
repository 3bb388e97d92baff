//! Reading: documents, whose they are, and messages with all that belongs to them.

use super::base::{View, broken};
use super::day::{Day, Link, Short, unreadable};
use super::document::{Piece, Sort};
use crate::event::{Event, Key, Subject, TraceId};
use crate::fold::summarise;
use crate::store::{Id, MAX_CLAIMS, MAX_TRACE_EVENTS, Message, StoreError};
use fjall::Readable as _;
use pointsman_core::lifecycle::Lifecycle;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A document with what is in all of its pieces.
pub(super) struct Document {
    pub(super) key: Key,
    pub(super) day: Arc<Day>,
    pub(super) sort: Sort,
    pub(super) events: Vec<Event>,
    /// Messages that claim this vendor's id, ascending.
    pub(super) claims: Vec<Key>,
    /// The last piece, and its number.
    pub(super) piece: Piece,
    pub(super) pieces: u32,
}

/// The smallest keys of those that were found, up to a limit.
struct Smallest {
    keys: BTreeSet<Key>,
    limit: usize,
}

impl Smallest {
    fn has_room(&self, key: &Key) -> bool {
        self.keys.len() < self.limit || self.keys.last().is_some_and(|last| key < last)
    }

    fn extend(&mut self, keys: impl IntoIterator<Item = Key>) {
        for key in keys {
            self.keys.insert(key);
            if self.keys.len() > self.limit {
                self.keys.pop_last();
            }
        }
    }
}

/// The key of a piece of a document.
pub(super) fn piece_key(key: &Key, piece: u32) -> Vec<u8> {
    let mut bytes = key.0.to_vec();
    if piece > 0 {
        bytes.extend_from_slice(&piece.to_be_bytes());
    }
    bytes
}

impl Document {
    /// The messages that have what stands here, if any of them has.
    pub(super) fn claimers(&self) -> &[Key] {
        self.claims.get(..MAX_CLAIMS).unwrap_or(&self.claims)
    }

    /// Those whose vendor's ids an event claims.
    pub(super) fn claimed(&self) -> BTreeSet<Key> {
        if self.sort == Sort::Message { self.events.iter().filter_map(Event::claim).collect() } else { BTreeSet::new() }
    }
}

/// Reads the pieces of one document; `first` is the first of them.
pub(super) fn read_document(view: &View, day: &Arc<Day>, key: Key, first: &[u8]) -> Result<Document, StoreError> {
    let dictionary = day.dictionary();
    let read = |bytes: &[u8]| Piece::read(bytes, day.begins_ms(), &dictionary).ok_or_else(|| unreadable("document"));
    let (sort, mut piece, mut contents) = read(first)?;
    let mut pieces = 1;
    while let Some(bytes) = more(view, day, &key, pieces, &piece)? {
        let (_, next, further) = read(&bytes)?;
        contents.events.extend(further.events);
        contents.claims.extend(further.claims);
        (piece, pieces) = (next, pieces + 1);
    }
    contents.claims.sort_unstable();
    contents.claims.dedup();
    let day = Arc::clone(day);
    Ok(Document { key, day, sort, events: contents.events, claims: contents.claims, piece, pieces })
}

fn more(view: &View, day: &Day, key: &Key, pieces: u32, last: &Piece) -> Result<Option<fjall::UserValue>, StoreError> {
    // A piece that is not full is the last one.
    if last.is_full() { view.get(&day.docs, &piece_key(key, pieces)) } else { Ok(None) }
}

impl View {
    /// The document under a key.
    pub(super) fn document(&self, key: Key) -> Result<Option<Document>, StoreError> {
        self.check_time()?;
        for day in &self.days {
            if let Some(first) = self.get(&day.docs, &key.0)? {
                return read_document(self, day, key, &first).map(Some);
            }
        }
        Ok(None)
    }

    /// The keys of documents of a day that begin so.
    pub(super) fn keys(&self, day: &Day, short: Short) -> Result<Vec<Key>, StoreError> {
        let mut keys = Vec::new();
        for item in self.prefix(&day.docs, &short) {
            let key = item.key().map_err(broken)?;
            if let Ok(key) = <[u8; 12]>::try_from(&*key) {
                keys.push(Key(key));
            }
        }
        Ok(keys)
    }

    /// The documents of a day to which a link leads, by the first bytes of their keys.
    pub(super) fn linked(&self, day: &Day, link: Link<'_>) -> Result<Vec<Short>, StoreError> {
        let prefix = link.prefix();
        let mut found = Vec::new();
        for (count, item) in self.snapshot.prefix(&day.links, &prefix).enumerate() {
            self.check_now_and_then(count)?;
            let key = item.key().map_err(broken)?;
            let short = key.get(prefix.len()..).and_then(|short| short.try_into().ok());
            found.push(short.ok_or_else(|| unreadable("link"))?);
        }
        Ok(found)
    }

    /// Whether a document is that of a named message. That is less work than to read it.
    fn is_named(&self, day: &Day, key: &Key) -> Result<bool, StoreError> {
        self.check_time()?;
        let first = self.get(&day.docs, &key.0)?;
        Ok(first.is_some_and(|first| Sort::of_piece(&first) == Some(Sort::Message)))
    }

    /// The messages that own what stands in a document; of very many, at least as many of those with the smallest keys.
    pub(super) fn owners(&self, document: &Document, most: usize) -> Result<Vec<Key>, StoreError> {
        let mut owners = match document.sort {
            Sort::Message => Vec::new(),
            Sort::Nobody => return Ok(Vec::new()),
            Sort::Vendor => self.existing(document.claimers(), most)?,
            Sort::Trace => {
                let trace = document.events.first().and_then(|event| event.trace_id);
                trace.map_or_else(|| Ok(Vec::new()), |trace| self.named_with(trace, most))?
            }
        };
        if owners.is_empty() && !document.events.is_empty() {
            owners.push(document.key);
        }
        Ok(owners)
    }

    /// A day may be gone, and the claims in another one still be there.
    fn existing(&self, claimers: &[Key], most: usize) -> Result<Vec<Key>, StoreError> {
        let mut existing = Vec::new();
        for (count, key) in claimers.iter().enumerate() {
            self.check_now_and_then(count)?;
            if existing.len() >= most {
                break;
            }
            for day in &self.days {
                if self.snapshot.contains_key(&day.docs, key.0).map_err(broken)? {
                    existing.push(*key);
                    break;
                }
            }
        }
        Ok(existing)
    }

    /// The messages with an event of that trace; of each day, so many with the smallest keys at most.
    fn named_with(&self, trace: TraceId, most: usize) -> Result<Vec<Key>, StoreError> {
        let has = |document: &Document| document.events.iter().any(|event| event.trace_id == Some(trace));
        let mut named = Vec::new();
        for day in &self.days {
            let before = named.len();
            for short in self.linked(day, Link::Trace(&trace.0))? {
                if named.len() - before >= most {
                    break;
                }
                for key in self.keys(day, short)? {
                    if self.is_named(day, &key)? && self.document(key)?.as_ref().is_some_and(has) {
                        named.push(key);
                    }
                }
            }
        }
        Ok(named)
    }

    /// The message under a key, with all that belongs to it.
    pub(super) fn message(&self, lifecycle: &Lifecycle, key: Key) -> Result<Option<Message>, StoreError> {
        let Some(own) = self.document(key)? else { return Ok(None) };
        self.message_of(lifecycle, own)
    }

    /// The message of a document, with all that belongs to it; `None` if nothing stands there but claims.
    pub(super) fn message_of(&self, lifecycle: &Lifecycle, own: Document) -> Result<Option<Message>, StoreError> {
        let key = own.key;
        let first = match own.sort {
            // Those of one trace may be of several tenants.
            Sort::Trace => own.events.iter().min_by_key(|event| event.identity()),
            _ => own.events.first(),
        };
        let Some((tenant, id)) = first.map(|first| (first.facts.tenant.clone(), first.message_id.clone())) else {
            return Ok(None);
        };
        let mut parts = Vec::new();
        for vendor in own.claimed() {
            parts.extend(self.document(vendor)?.filter(|document| document.claimers().contains(&key)));
        }
        let traces = self.traces_of(&own)?;
        parts.push(own);
        parts.sort_by_key(|part| part.key);
        let said = parts.iter().flat_map(|part| &part.events);
        let Some(summary) = summarise(lifecycle, said) else { return Ok(None) };
        let mut events = keyed(parts);
        let mut traced = keyed(traces);
        if traced.len() > MAX_TRACE_EVENTS {
            sort(&mut traced);
            traced.truncate(MAX_TRACE_EVENTS);
        }
        events.extend(traced);
        sort(&mut events);
        let events = events.into_iter().map(|(_, event)| event).collect();
        Ok(Some(Message { key, tenant, id, events, summary }))
    }

    /// What stands under the traces of a message and names nothing else.
    fn traces_of(&self, own: &Document) -> Result<Vec<Document>, StoreError> {
        let mut traces = Vec::new();
        if own.sort == Sort::Message {
            let ids: BTreeSet<TraceId> = own.events.iter().filter_map(|event| event.trace_id).collect();
            for trace in ids {
                traces.extend(self.document(Subject::Trace(trace).key())?);
            }
        }
        Ok(traces)
    }

    /// The messages that an id is of.
    pub(super) fn find(&self, lifecycle: &Lifecycle, id: &Id, limit: usize) -> Result<Vec<Message>, StoreError> {
        let mut keys = Smallest { keys: BTreeSet::new(), limit };
        match id {
            Id::Key(key) => self.add_owners(&mut keys, self.document(*key)?.as_ref(), |_| true)?,
            Id::Trace(trace) => {
                let has = |event: &Event| event.trace_id == Some(*trace);
                self.add_linked(&mut keys, Link::Trace(&trace.0), has)?;
                self.add_owners(&mut keys, self.document(Subject::Trace(*trace).key())?.as_ref(), has)?;
            }
            Id::Message(id) => self.find_message(&mut keys, id)?,
            Id::Vendor(id) => self.find_vendor(&mut keys, id)?,
        }
        let mut found = Vec::new();
        for key in keys.keys {
            found.extend(self.message(lifecycle, key)?);
        }
        Ok(found)
    }

    fn find_message(&self, keys: &mut Smallest, id: &str) -> Result<(), StoreError> {
        let has = |event: &Event| event.message_id == id;
        let tenants: BTreeSet<String> = self.days.iter().flat_map(|day| day.dictionary().tenants().to_vec()).collect();
        for tenant in &tenants {
            let key = Subject::Message { tenant, id }.key();
            self.add_owners(keys, self.document(key)?.as_ref(), has)?;
        }
        self.add_linked(keys, Link::Message(id), has)
    }

    fn find_vendor(&self, keys: &mut Smallest, id: &str) -> Result<(), StoreError> {
        let has = |event: &Event| event.vendor_id == id;
        let senders: BTreeSet<(String, String)> =
            self.days.iter().flat_map(|day| day.dictionary().senders().to_vec()).collect();
        for (tenant, channel) in &senders {
            let Some(document) = self.document(Subject::Vendor { tenant, channel, id }.key())? else { continue };
            // All that claim it tell it, whether or not they have its receipts.
            keys.extend(self.existing(&document.claims, keys.limit)?);
            self.add_owners(keys, Some(&document), has)?;
        }
        self.add_linked(keys, Link::Vendor(id), has)
    }

    fn add_owners(
        &self,
        keys: &mut Smallest,
        document: Option<&Document>,
        has: impl Fn(&Event) -> bool,
    ) -> Result<(), StoreError> {
        if let Some(document) = document.filter(|document| document.events.iter().any(has)) {
            keys.extend(self.owners(document, keys.limit)?);
        }
        Ok(())
    }

    /// The owners of all documents to which a link leads. What is of a named message is owned by nobody else, and is not read where
    /// its key is too great.
    fn add_linked(
        &self,
        keys: &mut Smallest,
        link: Link<'_>,
        has: impl Fn(&Event) -> bool + Copy,
    ) -> Result<(), StoreError> {
        for day in &self.days {
            for short in self.linked(day, link)? {
                for key in self.keys(day, short)? {
                    if keys.has_room(&key) || !self.is_named(day, &key)? {
                        self.add_owners(keys, self.document(key)?.as_ref(), has)?;
                    }
                }
            }
        }
        Ok(())
    }
}

fn keyed(parts: Vec<Document>) -> Vec<(Key, Event)> {
    parts.into_iter().flat_map(|part| part.events.into_iter().map(move |event| (part.key, event))).collect()
}

/// Sorts events by time, the key of their subject, and identity.
fn sort(events: &mut [(Key, Event)]) {
    events.sort_by(|(one_key, one), (other_key, other)| {
        let order = (one.at_ms, one_key).cmp(&(other.at_ms, other_key));
        order.then_with(|| one.identity().cmp(&other.identity()))
    });
}
