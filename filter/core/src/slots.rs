//! A table in the shared data: what one worker has written under a key, any worker finds for a while.
//!
//! The shared data of a process deletes nothing and bounds nothing. So a table has a fixed number of buckets with a few
//! entries each: an entry lives until its time is over, or until its bucket is full and it is the one that came first. Writing
//! it again prolongs its time and not its turn, or messages that are through would push out those that still wait. A bucket
//! is one value that is changed by compare-and-swap. The table forgets; it never answers with what was written under another
//! key.

use crate::board::SharedData;
use crate::roster::{put, seal, take, unseal};
use crate::time::Monotonic;
use std::time::Duration;

/// Entries of one bucket.
pub const WAYS: usize = 4;
/// Longer values are not written.
pub const MAX_VALUE_BYTES: usize = 256;
/// Other workers may be quicker so often, then a change is given up.
pub const TRIES: u8 = 3;

/// Name and version of what is in a bucket.
const MAGIC: &[u8; 4] = b"pms1";
const ENTRY_BYTES: usize = 26;
/// Expected of an absent value. The store lets an absent value take any version, and 0 overwrites whatever has come into
/// being meanwhile; versions count up from 1, so this one stands nowhere.
pub(crate) const ABSENT: u32 = u32::MAX;

/// The name of an entry: a keyed hash, so that its bits spread evenly and nobody can choose its bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotKey(pub [u8; 16]);

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// It stands.
    Done,
    /// It stands, and a live entry of another key has given way to it.
    Displaced,
    /// Other workers were quicker each time: nothing has changed.
    Contended,
    /// There was nothing to change, or the new value is too long.
    Left,
}

/// Makes a new value of the live one, if there is one; `None` leaves it as it is.
pub type Change<'a> = &'a mut dyn FnMut(Option<&[u8]>) -> Option<Vec<u8>>;

/// One table of the shared data.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    prefix: &'static str,
    buckets: u32,
    remember: Duration,
}

struct Entry<'a> {
    key: SlotKey,
    written: Monotonic,
    value: &'a [u8],
}

impl Table {
    /// The table of that name. Workers that disagree about the number of buckets do not find each other's entries.
    pub const fn new(prefix: &'static str, buckets: u32, remember: Duration) -> Self {
        Self { prefix, buckets: if buckets == 0 { 1 } else { buckets }, remember }
    }

    /// How long an entry lives after it was last written.
    pub const fn remember(&self) -> Duration {
        self.remember
    }

    /// The live value under `key`.
    pub fn find(&self, key: &SlotKey, now: Monotonic, shared: &mut dyn SharedData) -> Option<Vec<u8>> {
        let (bucket, _) = shared.get(&self.bucket(key))?;
        let found = entries(&bucket).into_iter().find(|entry| entry.key == *key && self.is_live(entry, now));
        found.map(|entry| entry.value.to_vec())
    }

    /// Changes the live value under `key` to what `change` makes of it, which is asked again whenever another worker was
    /// quicker.
    pub fn update(&self, key: &SlotKey, now: Monotonic, shared: &mut dyn SharedData, change: Change<'_>) -> Update {
        let name = self.bucket(key);
        for _ in 0..TRIES {
            let (bucket, version) = shared.get(&name).unwrap_or((Vec::new(), ABSENT));
            let mut kept = entries(&bucket);
            kept.retain(|entry| self.is_live(entry, now));
            let own = kept.iter().position(|entry| entry.key == *key);
            let live = own.and_then(|place| kept.get(place)).map(|entry| entry.value);
            let Some(value) = change(live).filter(|value| value.len() <= MAX_VALUE_BYTES) else { return Update::Left };
            let entry = Entry { key: *key, written: now, value: &value };
            let displaced = own.is_none() && kept.len() >= WAYS;
            match own.and_then(|place| kept.get_mut(place)) {
                Some(own) => *own = entry,
                None => {
                    kept.drain(..usize::from(displaced));
                    kept.push(entry);
                }
            }
            if shared.set(&name, &encode(&kept), version) {
                return if displaced { Update::Displaced } else { Update::Done };
            }
        }
        Update::Contended
    }

    fn bucket(&self, key: &SlotKey) -> String {
        let [.., a, b, c, d] = key.0;
        let index = u32::from_be_bytes([a, b, c, d]).checked_rem(self.buckets).unwrap_or(0);
        format!("pointsman/{}/{index}", self.prefix)
    }

    /// Clocks of threads may be read out of order: what was written ahead of now was written now.
    fn is_live(&self, entry: &Entry<'_>, now: Monotonic) -> bool {
        now.since(entry.written) < self.remember
    }
}

/// The entries of a bucket; none if it is not one of ours.
fn entries(bucket: &[u8]) -> Vec<Entry<'_>> {
    let mut bytes = unseal(MAGIC, bucket).unwrap_or_default();
    let mut entries = Vec::with_capacity(WAYS);
    while let Some(entry) = entry(&mut bytes).filter(|_| entries.len() < WAYS) {
        entries.push(entry);
    }
    entries
}

fn entry<'a>(bytes: &mut &'a [u8]) -> Option<Entry<'a>> {
    let (key, written) = (SlotKey(chunk(bytes)?), Monotonic(take(bytes)?));
    let length = u16::from_le_bytes(chunk(bytes)?);
    let (value, rest) = bytes.split_at_checked(length.into())?;
    *bytes = rest;
    Some(Entry { key, written, value })
}

fn encode(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(WAYS.saturating_mul(ENTRY_BYTES.saturating_mul(3)));
    for entry in entries {
        bytes.extend(entry.key.0);
        put(&mut bytes, entry.written.0);
        bytes.extend(u16::try_from(entry.value.len()).unwrap_or(u16::MAX).to_le_bytes());
        bytes.extend(entry.value);
    }
    seal(MAGIC, &bytes)
}

/// Takes the bytes at the front.
pub(crate) fn chunk<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (chunk, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*chunk)
}

#[cfg(test)]
mod tests;
