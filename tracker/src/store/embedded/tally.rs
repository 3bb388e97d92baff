//! What is counted in each minute: events by what they say, and messages by where they are. Absolute numbers, which the writer
//! keeps for the minutes that it has touched last and writes with the events that they count, so that both are on disk or neither.

use super::base::broken;
use super::day::{DAY_MS, Day, unreadable};
use super::pack::{Reader, put_number};
use crate::event::Event;
use crate::histogram::bucket;
use crate::store::{MINUTE_MS, StoreError};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// So many blocks are kept in memory between commits.
const MAX_BLOCKS: usize = 16_384;

/// Events of a group in a minute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counter {
    pub(super) events: u64,
    pub(super) on_time: u64,
    pub(super) late: u64,
    /// By bucket, ascending.
    pub(super) durations: Vec<(u8, u64)>,
}

impl Counter {
    fn add(&mut self, event: &Event) {
        self.events += 1;
        self.on_time += u64::from(event.facts.on_time == Some(true));
        self.late += u64::from(event.facts.on_time == Some(false));
        if let Some(duration_ms) = event.duration_ms {
            let bucket = bucket(duration_ms);
            match self.durations.binary_search_by_key(&bucket, |(bucket, _)| *bucket) {
                Ok(place) => self.durations.iter_mut().skip(place).take(1).for_each(|(_, count)| *count += 1),
                Err(place) => self.durations.insert(place, (bucket, 1)),
            }
        }
    }
}

/// What a block counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Counted {
    Events,
    Messages,
}

impl Counted {
    pub(super) const fn tag(self) -> u8 {
        match self {
            Self::Events => b'm',
            Self::Messages => b'c',
        }
    }
}

/// The number of a minute in its day.
pub(super) fn minute_of_day(at_ms: u64) -> u16 {
    u16::try_from(at_ms % DAY_MS / MINUTE_MS).unwrap_or_default()
}

/// The key of a block: of a minute, and of those of 64 groups.
fn block_key(counted: Counted, minute: u16, block: u32) -> [u8; 6] {
    let [m, n] = minute.to_be_bytes();
    let [_, a, b, c] = block.to_be_bytes();
    [counted.tag(), m, n, a, b, c]
}

/// The minute and the first group of a block.
pub(super) fn read_block_key(key: &[u8]) -> Option<(u16, u32)> {
    let [_, m, n, a, b, c] = <[u8; 6]>::try_from(key).ok()?;
    Some((u16::from_be_bytes([m, n]), u32::from_be_bytes([0, a, b, c]) << 6))
}

/// Reads a block of events: each group's number and counter.
pub(super) fn read_events(first: u32, bytes: &[u8], mut take: impl FnMut(u32, Counter)) -> Option<()> {
    let mut reader = Reader(bytes);
    while !reader.is_empty() {
        let group = first | u32::from(reader.byte()?);
        let mut counter = Counter {
            events: reader.number()?,
            on_time: reader.number()?,
            late: reader.number()?,
            durations: Vec::new(),
        };
        for _ in 0..reader.byte()? {
            counter.durations.push((reader.byte()?, reader.number()?));
        }
        take(group, counter);
    }
    Some(())
}

/// Reads a block of messages: each place's number and how many are there.
pub(super) fn read_messages(first: u32, bytes: &[u8], mut take: impl FnMut(u32, u64)) -> Option<()> {
    let mut reader = Reader(bytes);
    while !reader.is_empty() {
        take(first | u32::from(reader.byte()?), reader.number()?);
    }
    Some(())
}

#[derive(Default)]
struct Block {
    events: BTreeMap<u8, Counter>,
    messages: BTreeMap<u8, u64>,
    touched: u64,
    is_changed: bool,
}

impl Block {
    fn read(counted: Counted, bytes: &[u8]) -> Option<Self> {
        let mut block = Self::default();
        match counted {
            Counted::Events => read_events(0, bytes, |group, counter| {
                block.events.insert(group.to_le_bytes()[0], counter);
            })?,
            Counted::Messages => read_messages(0, bytes, |place, count| {
                block.messages.insert(place.to_le_bytes()[0], count);
            })?,
        }
        Some(block)
    }

    fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (group, counter) in &self.events {
            out.push(*group);
            put_number(&mut out, counter.events);
            put_number(&mut out, counter.on_time);
            put_number(&mut out, counter.late);
            out.push(u8::try_from(counter.durations.len()).unwrap_or(u8::MAX));
            for (bucket, count) in &counter.durations {
                out.push(*bucket);
                put_number(&mut out, *count);
            }
        }
        for (place, count) in self.messages.iter().filter(|(_, count)| **count > 0) {
            out.push(*place);
            put_number(&mut out, *count);
        }
        out
    }
}

type Name = (u64, Counted, u16, u32);

/// The blocks that were touched last.
#[derive(Default)]
pub(super) struct Tallies {
    blocks: HashMap<Name, (Arc<Day>, Block)>,
    commits: u64,
}

impl Tallies {
    fn block(&mut self, day: &Arc<Day>, counted: Counted, at_ms: u64, number: u32) -> Result<&mut Block, StoreError> {
        let name = (day.number, counted, minute_of_day(at_ms), number >> 6);
        let entry = match self.blocks.entry(name) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let bytes = day.times.get(block_key(counted, name.2, name.3)).map_err(broken)?;
                let block = bytes.map(|bytes| Block::read(counted, &bytes).ok_or_else(|| unreadable("count")));
                entry.insert((Arc::clone(day), block.transpose()?.unwrap_or_default()))
            }
        };
        entry.1.touched = self.commits;
        entry.1.is_changed = true;
        Ok(&mut entry.1)
    }

    /// Counts an event. The day is that of its time.
    pub(super) fn event(&mut self, day: &Arc<Day>, group: u32, event: &Event) -> Result<(), StoreError> {
        let block = self.block(day, Counted::Events, event.at_ms, group)?;
        block.events.entry((group & 63).to_le_bytes()[0]).or_default().add(event);
        Ok(())
    }

    /// Counts a message in or out. The day is that in which it began.
    pub(super) fn message(&mut self, day: &Arc<Day>, place: u32, at_ms: u64, is_in: bool) -> Result<(), StoreError> {
        let block = self.block(day, Counted::Messages, at_ms, place)?;
        let count = block.messages.entry((place & 63).to_le_bytes()[0]).or_default();
        *count = if is_in { count.saturating_add(1) } else { count.saturating_sub(1) };
        Ok(())
    }

    /// Puts down what has changed.
    pub(super) fn put(&mut self, batch: &mut fjall::OwnedWriteBatch) {
        for ((_, counted, minute, number), (day, block)) in &mut self.blocks {
            if std::mem::take(&mut block.is_changed) {
                batch.insert(&day.times, block_key(*counted, *minute, *number), block.write());
            }
        }
        self.commits += 1;
        if self.blocks.len() > MAX_BLOCKS {
            let commits = self.commits;
            self.blocks.retain(|_, (_, block)| block.touched + 8 > commits);
        }
    }
}
