//! Searching: seconds from the newest to the oldest, and in each the messages that have an event as asked.

use super::base::{View, broken};
use super::change::SECOND;
use super::day::{Day, Link, Short, unreadable};
use super::document::Sort;
use super::pack::Reader;
use super::view::Document;
use crate::event::Key;
use crate::store::{Cursor, MAX_PAGE, Message, Page, Search, StoreError};
use fjall::Readable as _;
use pointsman_core::lifecycle::Lifecycle;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Up to so many documents to which a link leads are read at once; of more, the seconds are gone through.
const MAX_READ: usize = 2_000;

/// A search that is being answered.
pub(super) struct Searcher<'a> {
    pub(super) view: &'a View,
    pub(super) lifecycle: &'a Lifecycle,
    pub(super) search: &'a Search,
    /// So many events may be gone through.
    pub(super) most: u64,
}

/// Of so many messages it is remembered when their newest event as asked was.
const MAX_KNOWN: usize = 200_000;

/// What a search has come to.
#[derive(Default)]
struct Found {
    page: Page,
    last: Option<Cursor>,
    /// When the newest event as asked was, of messages that were read; 0 if there is none.
    newest: HashMap<Key, u64>,
}

/// Documents to which a link leads, by day.
type Linked = BTreeMap<u64, HashSet<Short>>;

/// A day whose seconds are gone through.
struct Going<'a> {
    day: &'a Day,
    seconds: fjall::Iter,
    next: Option<(u64, fjall::UserValue)>,
    /// Of each facts' number, whether an event with it may be as asked.
    wanted: Vec<bool>,
}

impl Going<'_> {
    fn go_on(&mut self) -> Result<(), StoreError> {
        self.next = match self.seconds.next() {
            None => None,
            Some(item) => {
                let (key, value) = item.into_inner().map_err(broken)?;
                let second = key.get(1..9).and_then(|second| second.try_into().ok()).map(u64::from_be_bytes);
                Some((!second.ok_or_else(|| unreadable("second"))?, value))
            }
        };
        Ok(())
    }
}

/// The documents that have an event in a second that may be as asked.
#[derive(Default)]
struct Candidates {
    named: BTreeSet<(Short, u64)>,
    others: BTreeSet<(Short, u64)>,
}

impl Searcher<'_> {
    pub(super) fn page(&self) -> Result<Page, StoreError> {
        if self.search.range.to_ms <= self.search.range.from_ms {
            return Ok(Page::default());
        }
        let linked = self.linked()?;
        if let Some(linked) = &linked
            && linked.values().map(HashSet::len).sum::<usize>() <= MAX_READ
        {
            return self.read_all(linked);
        }
        if linked.is_none() {
            self.check_size()?;
        }
        self.go_through(linked.as_ref())
    }

    /// The documents to which a link leads that all answers must have.
    fn linked(&self) -> Result<Option<Linked>, StoreError> {
        let link = match (&self.search.filter.recipient, self.search.doubled) {
            (Some(recipient), _) if !recipient.is_empty() => Link::Recipient(recipient),
            (_, Some(true)) => Link::Doubled,
            _ => return Ok(None),
        };
        let mut linked = Linked::new();
        for day in &self.view.days {
            linked.insert(day.number, self.view.linked(day, link)?.into_iter().collect());
        }
        Ok(Some(linked))
    }

    /// Refuses what would go through too many events.
    fn check_size(&self) -> Result<(), StoreError> {
        let kept: u64 = self.view.days.iter().map(|day| day.events()).sum();
        if kept <= self.most {
            return Ok(());
        }
        let events = super::counts::events_in(self.view, &self.search.range, &self.search.filter)?;
        if events <= self.most {
            return Ok(());
        }
        Err(StoreError::TooMuch {
            events,
            most: self.most,
            narrow: "ask for a shorter time, or for one channel, node, status or code",
        })
    }

    /// Reads all messages, and sorts them.
    fn read_all(&self, linked: &Linked) -> Result<Page, StoreError> {
        let mut owners = BTreeSet::new();
        for day in &self.view.days {
            for short in linked.get(&day.number).into_iter().flatten() {
                owners.extend(self.owners_of(day, *short)?);
            }
        }
        let mut order: Vec<(Cursor, Message)> = Vec::new();
        for key in owners {
            self.check_time()?;
            let Some(message) = self.view.message(self.lifecycle, key)? else { continue };
            if let Some(second) = self.newest(&message).filter(|_| self.takes(&message)) {
                order.push((Cursor { second, key }, message));
            }
        }
        order.retain(|(cursor, _)| self.search.after.is_none_or(|after| *cursor < after));
        order.sort_by(|(one, _), (other, _)| other.cmp(one));
        let mut page = Page::default();
        let limit = self.limit();
        page.next = if order.len() > limit { order.get(limit - 1).map(|(cursor, _)| *cursor) } else { None };
        page.messages = order.into_iter().take(limit).map(|(_, message)| message).collect();
        Ok(page)
    }

    fn owners_of(&self, day: &Day, short: Short) -> Result<Vec<Key>, StoreError> {
        let mut owners = Vec::new();
        for key in self.view.keys(day, short)? {
            if let Some(document) = self.view.document(key)? {
                owners.extend(self.view.owners(&document, usize::MAX)?);
            }
        }
        Ok(owners)
    }

    fn limit(&self) -> usize {
        self.search.limit.clamp(1, MAX_PAGE)
    }

    fn check_time(&self) -> Result<(), StoreError> {
        self.view.check_time()
    }

    /// The second of the newest event that is as asked.
    fn newest(&self, message: &Message) -> Option<u64> {
        let taken = |at_ms| self.search.range.has(at_ms);
        let events = message.events.iter().filter(|event| taken(event.at_ms) && self.search.filter.takes(event));
        events.map(|event| event.at_ms / 1_000).max()
    }

    fn takes(&self, message: &Message) -> bool {
        self.search.now.as_ref().is_none_or(|now| *now == message.summary.status)
            && self.search.doubled.is_none_or(|doubled| doubled == message.summary.doubled)
    }

    fn go_through(&self, linked: Option<&Linked>) -> Result<Page, StoreError> {
        let mut going = self.begin()?;
        let mut found = Found::default();
        while let Some(second) = going.iter().filter_map(|one| one.next.as_ref().map(|(second, _)| *second)).max() {
            // All of this second is still to be done, and nothing of the one after it.
            let before = Cursor { second: second.saturating_add(1), key: Key::default() };
            let candidates = self.candidates(&mut going, second, linked)?;
            match self.take_second(second, candidates, &mut found) {
                Ok(false) => {}
                Ok(true) => {
                    found.page.next = found.last;
                    break;
                }
                Err(StoreError::TooLong) => {
                    let from = found.last.filter(|last| last.second == second).unwrap_or(before);
                    if self.search.after.is_some_and(|after| from >= after) || from >= self.first() {
                        return Err(StoreError::TooLong);
                    }
                    found.page.next = Some(from);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(found.page)
    }

    /// Where a search begins.
    const fn first(&self) -> Cursor {
        Cursor { second: (self.search.range.to_ms - 1) / 1_000 + 1, key: Key([0; 12]) }
    }

    fn begin(&self) -> Result<Vec<Going<'_>>, StoreError> {
        let from = self.search.range.from_ms / 1_000;
        let to = (self.search.range.to_ms - 1) / 1_000;
        let to = self.search.after.map_or(to, |after| to.min(after.second));
        let mut going = Vec::new();
        for day in &self.view.days {
            let name = |second: u64| {
                let mut name = vec![SECOND];
                name.extend_from_slice(&(!second).to_be_bytes());
                name
            };
            let (first, mut end) = (name(to), name(from));
            end.extend_from_slice(&[0xff; 9]);
            let seconds = self.view.snapshot.range(&day.times, first..=end);
            let dictionary = day.dictionary();
            let wanted = dictionary.facts.all().iter().enumerate();
            // Number 0 tells nothing.
            let wanted = wanted.map(|(number, facts)| number == 0 || self.search.filter.takes_facts(facts)).collect();
            let mut one = Going { day, seconds, next: None, wanted };
            one.go_on()?;
            going.push(one);
        }
        Ok(going)
    }

    fn candidates(
        &self,
        going: &mut [Going<'_>],
        second: u64,
        linked: Option<&Linked>,
    ) -> Result<Candidates, StoreError> {
        let mut candidates = Candidates::default();
        for one in going {
            let linked = linked.map(|linked| linked.get(&one.day.number));
            while let Some((_, value)) = one.next.take_if(|(at, _)| *at == second) {
                let read = read_second(&value, &one.wanted, |is_named, short| {
                    if linked.is_none_or(|linked| linked.is_some_and(|linked| linked.contains(&short))) {
                        let set = if is_named { &mut candidates.named } else { &mut candidates.others };
                        set.insert((short, one.day.number));
                    }
                });
                read.ok_or_else(|| unreadable("second"))?;
                one.go_on()?;
            }
        }
        Ok(candidates)
    }

    /// Takes the messages of a second, the greatest key first. Whether the page is full and there is more.
    fn take_second(&self, second: u64, candidates: Candidates, found: &mut Found) -> Result<bool, StoreError> {
        self.check_time()?;
        // Whoever owns these can stand anywhere in the order.
        let mut owners: BTreeSet<Key> = BTreeSet::new();
        for (short, day) in &candidates.others {
            self.check_time()?;
            if let Some(day) = self.day(*day) {
                owners.extend(self.owners_of(day, *short)?);
            }
        }
        let mut named = candidates.named.into_iter().rev().peekable();
        loop {
            let next_named = named.peek().map(|(short, _)| *short);
            let next_owner = owners.last().map(super::day::short);
            let Some(short) = next_named.max(next_owner) else { return Ok(false) };
            let mut keys: BTreeSet<Key> = BTreeSet::new();
            while let Some((_, day)) = named.next_if(|(one, _)| *one == short) {
                if let Some(day) = self.day(day) {
                    keys.extend(self.view.keys(day, short)?);
                }
            }
            while let Some(owner) = owners.last().copied().filter(|owner| super::day::short(owner) == short) {
                owners.remove(&owner);
                keys.insert(owner);
            }
            for key in keys.into_iter().rev() {
                if self.take(Cursor { second, key }, found)? {
                    return Ok(true);
                }
            }
        }
    }

    fn day(&self, number: u64) -> Option<&Day> {
        self.view.days.iter().find(|day| day.number == number).map(|day| &**day)
    }

    /// Takes a message if it is as asked and this is its place. Whether the page was full.
    fn take(&self, cursor: Cursor, found: &mut Found) -> Result<bool, StoreError> {
        let is_elsewhere = found.newest.get(&cursor.key).is_some_and(|second| *second != cursor.second);
        if is_elsewhere || self.search.after.is_some_and(|after| cursor >= after) {
            return Ok(false);
        }
        self.check_time()?;
        let Some(document) = self.view.document(cursor.key)? else { return Ok(false) };
        if !self.may_own(&document)? {
            return Ok(false);
        }
        let Some(message) = self.view.message_of(self.lifecycle, document)? else { return Ok(false) };
        let newest = self.newest(&message);
        if found.newest.len() < MAX_KNOWN {
            found.newest.insert(cursor.key, newest.unwrap_or_default());
        }
        if newest != Some(cursor.second) || !self.takes(&message) {
            return Ok(false);
        }
        if found.page.messages.len() == self.limit() {
            return Ok(true);
        }
        found.page.messages.push(message);
        found.last = Some(cursor);
        Ok(false)
    }

    /// Keys that only begin alike may be of documents that others own.
    fn may_own(&self, document: &Document) -> Result<bool, StoreError> {
        Ok(document.sort == Sort::Message || self.view.owners(document, usize::MAX)?.contains(&document.key))
    }
}

fn read_second(bytes: &[u8], wanted: &[bool], mut take: impl FnMut(bool, Short)) -> Option<()> {
    let mut reader = Reader(bytes);
    while !reader.is_empty() {
        let facts = reader.number()?;
        let count: usize = reader.small()?;
        let shorts = reader.take(count.checked_mul(4)?)?;
        let number: usize = usize::try_from(facts >> 1).ok()?;
        if wanted.get(number).copied().unwrap_or(true) {
            for short in shorts.chunks_exact(4) {
                take(facts & 1 == 0, short.try_into().ok()?);
            }
        }
    }
    Some(())
}
