//! What an event has in common with others: made once, and found again for as long as it is asked for often.

use crate::event::{Facts, Kind};
use std::sync::Arc;

/// The place of each text of [`Facts`] in [`Told::words`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Name,
    Tenant,
    Service,
    Node,
    Channel,
    Status,
    Outcome,
    Code,
    Business,
    Template,
    Fate,
    SwitchedFrom,
    Conflict,
    Text,
}

const WORDS: usize = 14;

/// [`Facts`] that are not made yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Told<'a> {
    pub(super) kind: Kind,
    words: [&'a str; WORDS],
    pub(super) on_time: Option<bool>,
    pub(super) drill: bool,
}

impl<'a> Told<'a> {
    pub(super) fn put(&mut self, word: Word, text: &'a str) {
        if let Some(place) = self.words.get_mut(word as usize) {
            *place = text;
        }
    }

    pub(super) fn get(&self, word: Word) -> &'a str {
        self.words.get(word as usize).copied().unwrap_or_default()
    }

    fn of(facts: &'a Facts) -> Self {
        let Facts {
            kind, name, tenant, service, node, channel, status, outcome, code, business, template, fate, ..
        } = facts;
        let Facts { switched_from, conflict, text, on_time, drill, .. } = facts;
        let words = [
            name,
            tenant,
            service,
            node,
            channel,
            status,
            outcome,
            code,
            business,
            template,
            fate,
            switched_from,
            conflict,
            text,
        ];
        Self { kind: *kind, words: words.map(String::as_str), on_time: *on_time, drill: *drill }
    }

    fn facts(&self) -> Facts {
        let [
            name,
            tenant,
            service,
            node,
            channel,
            status,
            outcome,
            code,
            business,
            template,
            fate,
            switched,
            conflict,
            text,
        ] = self.words.map(str::to_owned);
        Facts {
            kind: self.kind,
            name,
            tenant,
            service,
            node,
            channel,
            status,
            outcome,
            code,
            business,
            template,
            fate,
            switched_from: switched,
            conflict,
            text,
            on_time: self.on_time,
            drill: self.drill,
        }
    }

    /// Tells most of them apart. Whoever finds two that it does not tell apart gains nothing: they share a place in the cache.
    fn hash(&self) -> usize {
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut state = (self.kind as u64) << 8 | u64::from(self.drill) << 2 | self.on_time.map_or(2, u64::from);
        let mut mix = |word: u64| state = (state.rotate_left(23) ^ word).wrapping_mul(FACTOR);
        for word in self.words {
            let mut chunks = word.as_bytes().chunks_exact(8);
            for chunk in chunks.by_ref() {
                mix(chunk.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes)));
            }
            let rest = chunks.remainder().iter().fold(word.len() as u64, |sum, byte| sum << 8 | u64::from(*byte));
            mix(rest);
        }
        usize::try_from(state >> 40).unwrap_or_default()
    }
}

/// The facts that were asked for last, a place for each hash.
#[derive(Debug)]
pub(super) struct Cache(Vec<Option<Arc<Facts>>>);

/// Places in the cache.
const PLACES: usize = 4_096;

impl Default for Cache {
    fn default() -> Self {
        Self(vec![None; PLACES])
    }
}

impl Cache {
    pub(super) fn intern(&mut self, told: &Told<'_>) -> Arc<Facts> {
        let Some(place) = self.0.get_mut(told.hash() % PLACES) else { return Arc::new(told.facts()) };
        if let Some(facts) = place.as_ref().filter(|facts| Told::of(facts) == *told) {
            return Arc::clone(facts);
        }
        let facts = Arc::new(told.facts());
        *place = Some(Arc::clone(&facts));
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_twice_is_kept_once_and_every_word_has_its_place() {
        let mut cache = Cache::default();
        let mut told = Told { kind: Kind::Alias, on_time: Some(false), drill: true, ..Told::default() };
        for (word, text) in [(Word::Name, "a"), (Word::SwitchedFrom, "b"), (Word::Text, "c"), (Word::Status, "sent")] {
            told.put(word, text);
        }
        let first = cache.intern(&told);
        assert!(Arc::ptr_eq(&first, &cache.intern(&told)));
        let Facts { name, switched_from, text, status, kind, on_time, drill, .. } = &*first;
        assert_eq!([&**name, switched_from, text, status], ["a", "b", "c", "sent"]);
        assert_eq!((*kind, *on_time, *drill), (Kind::Alias, Some(false), true));
        told.put(Word::Text, "d");
        assert_eq!(cache.intern(&told).text, "d");
    }

    #[test]
    fn words_that_lie_close_to_each_other_are_told_apart() {
        let hash = |node: &str, channel: &str| {
            let mut told = Told::default();
            told.put(Word::Node, node);
            told.put(Word::Channel, channel);
            told.hash()
        };
        assert_ne!(hash("ab", "c"), hash("a", "bc"));
        assert_ne!(hash("", "abc"), hash("abc", ""));
    }
}
