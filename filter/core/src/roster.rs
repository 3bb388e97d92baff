//! The latest word of every worker on one subject, for those who share something out among them.
//!
//! Each worker writes a value of its own into a slot of the shared data on its tick and reads those of the others. Other
//! plugins may share the store, so a value has a magic, a version and a checksum, and what does not fit is nobody's. Who
//! is silent counts no more, and its slot may be taken over.

use crate::board::{MAX_SLOTS, SILENT_AFTER, SharedData};
use crate::hash::hash;
use crate::time::Monotonic;

/// Name and version of the frame around every value.
const MAGIC: &[u8; 4] = b"pmr1";

/// One worker among those that speak of the same subject.
#[derive(Debug)]
pub(crate) struct Roster {
    subject: &'static str,
    /// Random, so that the next VM in this thread is another member.
    member: u64,
    slot: Option<u16>,
}

/// What one live worker has said last.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) member: u64,
    pub(crate) content: Vec<u8>,
}

struct Entry {
    word: Word,
    live: bool,
    version: u32,
}

impl Roster {
    pub(crate) const fn new(subject: &'static str, member: u64) -> Self {
        Self { subject, member, slot: None }
    }

    /// The last words of all other live workers.
    pub(crate) fn others(&self, now: Monotonic, shared: &mut dyn SharedData) -> Vec<Word> {
        let entries = (0..MAX_SLOTS).map_while(|slot| self.read(slot, now, shared));
        entries.filter(|entry| entry.live && entry.word.member != self.member).map(|entry| entry.word).collect()
    }

    /// Says `content` for this worker. One that finds no slot, or is overtaken, tries again on the next tick.
    pub(crate) fn say(&mut self, now: Monotonic, content: &[u8], shared: &mut dyn SharedData) {
        let is_ours = |entry: &Entry| entry.word.member == self.member;
        let held = self.slot.filter(|slot| self.read(*slot, now, shared).is_some_and(|entry| is_ours(&entry)));
        let slots = held.map_or(0..MAX_SLOTS, |slot| slot..slot.saturating_add(1));
        let mut found = None;
        for slot in slots {
            match self.read(slot, now, shared) {
                Some(entry) if entry.live && !is_ours(&entry) => {}
                entry => {
                    found = Some((slot, entry.map_or(0, |entry| entry.version)));
                    break;
                }
            }
        }
        self.slot = found
            .filter(|(slot, version)| shared.set(&self.key(*slot), &frame(self.member, now, content), *version))
            .map(|(slot, _)| slot);
    }

    fn key(&self, slot: u16) -> String {
        format!("pointsman/{}/{slot}", self.subject)
    }

    fn read(&self, slot: u16, now: Monotonic, shared: &mut dyn SharedData) -> Option<Entry> {
        let (value, version) = shared.get(&self.key(slot))?;
        let (member, said, content) = unframe(&value).unwrap_or((0, Monotonic(0), &[]));
        let live = member != 0 && now.since(said) < SILENT_AFTER;
        Some(Entry { word: Word { member, content: content.to_vec() }, live, version })
    }
}

fn frame(member: u64, now: Monotonic, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(content.len().saturating_add(24));
    put(&mut bytes, member);
    put(&mut bytes, now.0);
    bytes.extend(content);
    seal(MAGIC, &bytes)
}

fn unframe(value: &[u8]) -> Option<(u64, Monotonic, &[u8])> {
    let mut content = unseal(MAGIC, value)?;
    Some((take(&mut content)?, Monotonic(take(&mut content)?), content))
}

/// `content` between a magic and a checksum.
pub(crate) fn seal(magic: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut bytes = magic.to_vec();
    bytes.extend(content);
    let sum = hash(&[&bytes]);
    put(&mut bytes, sum);
    bytes
}

/// What [`seal`] has wrapped; `None` for anything else.
pub(crate) fn unseal<'a>(magic: &[u8; 4], value: &'a [u8]) -> Option<&'a [u8]> {
    let (content, sum) = value.split_last_chunk::<8>()?;
    (hash(&[content]) == u64::from_le_bytes(*sum)).then(|| content.strip_prefix(magic)).flatten()
}

/// Appends a number, little-endian.
pub(crate) fn put(bytes: &mut Vec<u8>, number: u64) {
    bytes.extend(number.to_le_bytes());
}

/// Takes the number at the front.
pub(crate) fn take(bytes: &mut &[u8]) -> Option<u64> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    *bytes = rest;
    Some(u64::from_le_bytes(*number))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::HashMap;

    /// Shared data as Envoy keeps it: versions never repeat, and an absent key takes any version.
    #[derive(Default)]
    pub(crate) struct Store {
        pub(crate) values: HashMap<String, (Vec<u8>, u32)>,
        version: u32,
        /// So many writes fail as if another worker had been quicker.
        pub(crate) overtaken: u32,
    }

    impl SharedData for Store {
        fn get(&mut self, key: &str) -> Option<(Vec<u8>, u32)> {
            self.values.get(key).cloned()
        }

        fn set(&mut self, key: &str, value: &[u8], version: u32) -> bool {
            if self.overtaken > 0 {
                self.overtaken -= 1;
                return false;
            }
            if self.values.get(key).is_some_and(|(_, current)| version != 0 && *current != version) {
                return false;
            }
            self.version += 1;
            self.values.insert(key.to_owned(), (value.to_vec(), self.version));
            true
        }
    }

    fn heard(roster: &Roster, second: u64, store: &mut Store) -> Vec<Vec<u8>> {
        roster.others(at(second), store).into_iter().map(|word| word.content).collect()
    }

    fn at(second: u64) -> Monotonic {
        Monotonic(second * 1_000_000_000)
    }

    #[test]
    fn each_hears_the_others_and_the_silent_no_more() {
        let (mut store, mut a, mut b) = (Store::default(), Roster::new("x", 1), Roster::new("x", 2));
        a.say(at(0), b"a", &mut store);
        b.say(at(0), b"b", &mut store);
        assert_eq!((heard(&a, 1, &mut store), heard(&b, 1, &mut store)), (vec![b"b".to_vec()], vec![b"a".to_vec()]));
        b.say(at(4), b"c", &mut store);
        assert_eq!((heard(&a, 5, &mut store), heard(&b, 5, &mut store)), (vec![b"c".to_vec()], vec![]));
        let mut next = Roster::new("x", 3);
        next.say(at(5), b"d", &mut store);
        assert_eq!(next.slot, Some(0), "the slot of the silent one is used again");
        a.say(at(5), b"a", &mut store);
        assert_eq!(a.slot, Some(2), "who comes back finds another");
    }

    #[test]
    fn what_another_plugin_wrote_is_nobodys() {
        let (mut store, mut a, b) = (Store::default(), Roster::new("x", 1), Roster::new("x", 2));
        store.set("pointsman/x/0", b"something else", 0);
        assert_eq!(heard(&b, 0, &mut store), Vec::<Vec<u8>>::new());
        a.say(at(0), b"a", &mut store);
        assert_eq!(heard(&b, 0, &mut store), [b"a"]);
        let mut bytes = seal(b"test", b"content");
        assert_eq!(unseal(b"test", &bytes), Some(&b"content"[..]));
        assert_eq!(unseal(b"tes2", &bytes), None);
        bytes[5] ^= 1;
        assert_eq!(unseal(b"test", &bytes), None);
    }

    #[test]
    fn who_is_overtaken_tries_again_on_the_next_tick() {
        let (mut store, mut a, b) =
            (Store { overtaken: 1, ..Store::default() }, Roster::new("x", 1), Roster::new("x", 2));
        a.say(at(0), b"a", &mut store);
        assert_eq!(heard(&b, 0, &mut store), Vec::<Vec<u8>>::new());
        a.say(at(1), b"a", &mut store);
        assert_eq!(heard(&b, 1, &mut store), [b"a"]);
    }
}
