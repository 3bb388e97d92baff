//! What is known of the drills, as bytes in the shared data.

use super::report::StoppedBy;
use super::{DrillId, DrillRule, MAX_DRILLS};
use crate::labels::Label;
use crate::roster::{put, seal, take, unseal};
use crate::time::{Monotonic, WallClock};

/// Name and version of the format.
const MAGIC: &[u8; 4] = b"pmd1";
/// In the place of a time that is not known.
const NONE: u64 = u64::MAX;

/// All drills that run, or have run and might begin anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Book {
    pub(super) records: Vec<Record>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Calls that were struck.
    pub(super) calls: u64,
    pub(super) switched_calls: u64,
    /// Struck calls whose end was told.
    pub(super) ended: u64,
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) backup_calls: u64,
    pub(super) backup_failures: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) at: Monotonic,
    pub(super) wall: WallClock,
    pub(super) by: StoppedBy,
}

/// One drill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) id: DrillId,
    pub(super) name: Box<str>,
    pub(super) channel: Box<str>,
    pub(super) by: Box<str>,
    pub(super) reason: Box<str>,
    pub(super) fault: Box<str>,
    pub(super) share: u16,
    pub(super) stop_above: u16,
    pub(super) until: WallClock,
    pub(super) started: Monotonic,
    pub(super) started_wall: WallClock,
    /// When a worker last found it in its config.
    pub(super) seen: Monotonic,
    pub(super) counts: Counts,
    pub(super) detected: Option<Monotonic>,
    pub(super) switched: Option<Monotonic>,
    pub(super) recovered: Option<Monotonic>,
    pub(super) end: Option<End>,
    pub(super) reported: bool,
}

impl Book {
    pub(super) fn get(&self, id: DrillId) -> Option<&Record> {
        self.records.iter().find(|record| record.id == id)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut content = Vec::new();
        self.records.iter().for_each(|record| record.encode(&mut content));
        seal(MAGIC, &content)
    }

    pub(super) fn decode(value: &[u8]) -> Option<Self> {
        let mut content = unseal(MAGIC, value)?;
        let mut records = Vec::new();
        while !content.is_empty() && records.len() < MAX_DRILLS {
            records.push(Record::decode(&mut content)?);
        }
        Some(Self { records })
    }
}

impl Record {
    pub(super) fn new(id: DrillId, rule: &DrillRule, now: Monotonic, wall: WallClock) -> Self {
        Self {
            id,
            name: rule.name.clone(),
            channel: rule.channel.clone(),
            by: rule.by.clone(),
            reason: rule.reason.clone(),
            fault: rule.fault_text().into(),
            share: rule.share,
            stop_above: rule.stop_above,
            until: rule.until,
            started: now,
            started_wall: wall,
            seen: now,
            counts: Counts::default(),
            detected: None,
            switched: None,
            recovered: None,
            end: None,
            reported: false,
        }
    }

    pub(super) fn add(&mut self, more: &Counts, first_switch: Option<Monotonic>) {
        let mut sums = self.counts.numbers();
        for (sum, more) in sums.iter_mut().zip(more.numbers()) {
            *sum = sum.saturating_add(more);
        }
        self.counts = Counts::of(sums);
        self.switched = self.switched.into_iter().chain(first_switch).min();
    }

    fn encode(&self, bytes: &mut Vec<u8>) {
        for text in [&self.name, &self.channel, &self.by, &self.reason, &self.fault] {
            put(bytes, u64::try_from(text.len()).unwrap_or(0));
            bytes.extend(text.as_bytes());
        }
        let [detected, switched, recovered] =
            [self.detected, self.switched, self.recovered].map(|time| time.map_or(NONE, |time| time.0));
        let (end, end_wall, by) =
            self.end.as_ref().map_or((NONE, 0, 0), |end| (end.at.0, end.wall.0, end.by.index() as u64));
        let [share, stop_above] = [self.share, self.stop_above].map(u64::from);
        let (started, started_wall, seen) = (self.started.0, self.started_wall.0, self.seen.0);
        let numbers = [self.id.0, share, stop_above, self.until.0, started, started_wall, seen];
        let times = [detected, switched, recovered, end, end_wall, by, self.reported.into()];
        numbers.into_iter().chain(self.counts.numbers()).chain(times).for_each(|number| put(bytes, number));
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let [name, channel, by, reason, fault] = [text(bytes)?, text(bytes)?, text(bytes)?, text(bytes)?, text(bytes)?];
        Some(Self {
            name,
            channel,
            by,
            reason,
            fault,
            id: DrillId(take(bytes)?),
            share: take(bytes)?.try_into().ok()?,
            stop_above: take(bytes)?.try_into().ok()?,
            until: WallClock(take(bytes)?),
            started: Monotonic(take(bytes)?),
            started_wall: WallClock(take(bytes)?),
            seen: Monotonic(take(bytes)?),
            counts: Counts::decode(bytes)?,
            detected: time(bytes)?,
            switched: time(bytes)?,
            recovered: time(bytes)?,
            end: End::decode(bytes)?,
            reported: take(bytes)? != 0,
        })
    }
}

impl Counts {
    const fn numbers(&self) -> [u64; 7] {
        let Self { calls, switched_calls, ended, lost, doubled, backup_calls, backup_failures } = *self;
        [calls, switched_calls, ended, lost, doubled, backup_calls, backup_failures]
    }

    const fn of(numbers: [u64; 7]) -> Self {
        let [calls, switched_calls, ended, lost, doubled, backup_calls, backup_failures] = numbers;
        Self { calls, switched_calls, ended, lost, doubled, backup_calls, backup_failures }
    }

    fn decode(bytes: &mut &[u8]) -> Option<Self> {
        let mut numbers = [0; 7];
        for number in &mut numbers {
            *number = take(bytes)?;
        }
        Some(Self::of(numbers))
    }
}

impl End {
    fn decode(bytes: &mut &[u8]) -> Option<Option<Self>> {
        let (at, wall, by) = (time(bytes)?, WallClock(take(bytes)?), usize::try_from(take(bytes)?).ok()?);
        let by = *StoppedBy::ALL.get(by)?;
        Some(at.map(|at| Self { at, wall, by }))
    }
}

fn text(bytes: &mut &[u8]) -> Option<Box<str>> {
    let len = usize::try_from(take(bytes)?).ok()?;
    let (text, rest) = bytes.split_at_checked(len)?;
    *bytes = rest;
    std::str::from_utf8(text).ok().map(Into::into)
}

fn time(bytes: &mut &[u8]) -> Option<Option<Monotonic>> {
    take(bytes).map(|time| (time != NONE).then_some(Monotonic(time)))
}
