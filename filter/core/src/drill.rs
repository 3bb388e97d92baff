//! The life of a drill over all workers: when it begins, whom it strikes, how it ends, and what is reported of it.
//!
//! What has happened stands in one value of the shared data, to which every worker adds on its tick by compare-and-swap;
//! so it outlives a change of rules and a VM that traps, which loses no more than one tick. The request path looks at
//! this worker's memory alone. Who writes down that a report is made has made it, so there is one.

use crate::board::SharedData;
use crate::few;
use crate::hash::{hash, mix};
use crate::policy::{Drill, DrillFault};
use crate::time::{Monotonic, WallClock, as_millis, format_duration};
use crate::trace::Ratio;
use std::collections::{BTreeMap, BTreeSet};

mod life;
mod record;
mod report;

use record::{Book, Counts};
pub use report::{DrillReport, StoppedBy, Verdict};

/// More drills at once than this do not begin.
pub const MAX_DRILLS: usize = 64;
const KEY: &str = "pointsman/drills";
const TRIES: u8 = 4;
/// Shares are of so many.
const WHOLE: u16 = 10_000;

/// Names one drill in all workers: a hash of its name and its end, since one of that name with another end is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DrillId(u64);

/// A drill as the config orders it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DrillRule {
    /// The rule's name.
    pub name: Box<str>,
    /// The channel that is struck.
    pub channel: Box<str>,
    /// The channels that take its messages, whose own failures stop the drill.
    pub backups: Vec<Box<str>>,
    /// Of 10,000 messages so many are struck.
    pub share: u16,
    /// How they are struck.
    pub fault: DrillFault,
    /// When it ends at the latest.
    pub until: WallClock,
    /// It stops when so many of 10,000 calls of the backups have really failed.
    pub stop_above: u16,
    /// Who ordered it.
    pub by: Box<str>,
    /// Why.
    pub reason: Box<str>,
}

/// How a call that was struck, or rather its message, has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StruckEnd {
    /// One channel has accepted it.
    Accepted,
    /// No channel has.
    Lost,
    /// More than one may have.
    Doubled,
}

#[derive(Debug)]
struct Local {
    id: DrillId,
    rule: DrillRule,
    /// Whether it has begun and not ended, as of the last tick.
    active: bool,
}

/// What is to be added to the record of a drill.
#[derive(Debug, Default)]
struct News {
    counts: Counts,
    first_switch: Option<Monotonic>,
}

/// When a channel was first seen as it still is.
#[derive(Clone, Copy, Debug)]
struct Health {
    healthy: bool,
    since: Monotonic,
}

/// The drills of one worker. The main thread's VM has none: it must not tick them.
#[derive(Debug, Default)]
pub struct Drills {
    rules: Vec<Local>,
    /// Those that this worker has seen leave the config.
    removed: BTreeSet<DrillId>,
    news: BTreeMap<DrillId, News>,
    channels: BTreeMap<Box<str>, Health>,
}

impl DrillRule {
    /// The rule of a plan; `None` for one without an end, which validation never lets through.
    pub fn of(channel: &str, backups: Vec<Box<str>>, drill: &Drill) -> Option<Self> {
        let of_whole = |ratio: Ratio| (ratio.get() * f64::from(WHOLE)).round() as u16;
        Some(Self {
            name: drill.name.clone(),
            channel: channel.into(),
            backups,
            share: of_whole(drill.share),
            fault: drill.fault.clone(),
            until: drill.manual.until?,
            stop_above: of_whole(drill.stop_above),
            by: drill.manual.by.clone().unwrap_or_default(),
            reason: drill.manual.reason.clone().unwrap_or_default(),
        })
    }

    /// Its name in all workers.
    pub fn id(&self) -> DrillId {
        DrillId(mix(hash(&[self.name.as_bytes()]) ^ self.until.0))
    }

    /// Whether the message of that key is struck: the same messages on every try, others for every drill.
    pub fn strikes(&self, key: u64) -> bool {
        mix(key ^ mix(hash(&[self.name.as_bytes()]))) % u64::from(WHOLE) < u64::from(self.share)
    }

    fn fault_text(&self) -> String {
        match &self.fault {
            DrillFault::Refused => "refused".to_owned(),
            DrillFault::Status(status) => format!("status {status}"),
            DrillFault::Code(code) => format!("code {code}"),
            DrillFault::Delay(delay) => format!("delay {}", format_duration(*delay)),
        }
    }
}

impl Drills {
    /// The drills that the config orders. One that is over, or has run to its end before, does not begin.
    pub fn set(&mut self, rules: Vec<DrillRule>, wall: WallClock) {
        let mut before = few::map(self.rules.drain(..).map(|local| (local.id, local.active)));
        for rule in rules.into_iter().filter(|rule| wall < rule.until).take(MAX_DRILLS) {
            let id = rule.id();
            let active = before.remove(&id).unwrap_or(false);
            self.removed.remove(&id);
            self.rules.push(Local { id, rule, active });
        }
        self.removed.extend(before.into_keys());
    }

    /// The first drill that strikes this message of `channel`. Allocates nothing.
    pub fn struck(&self, channel: &str, key: u64) -> Option<(DrillId, &DrillRule)> {
        self.active(channel).find(|(_, rule)| rule.strikes(key))
    }

    /// The drills that are under way in `channel`, as of the last tick.
    pub fn active(&self, channel: &str) -> impl Iterator<Item = (DrillId, &DrillRule)> {
        let of_channel = self.rules.iter().filter(move |local| local.active && *local.rule.channel == *channel);
        of_channel.map(|local| (local.id, &local.rule))
    }

    /// A call was struck. Each must have its [`note_end`](Self::note_end): one whose end nobody tells counts as lost.
    pub fn note_struck(&mut self, id: DrillId) {
        self.count(id, |counts| &mut counts.calls);
    }

    /// A message was switched because of the drill: its call was struck, or the channel was not healthy meanwhile.
    pub fn note_switched(&mut self, id: DrillId, now: Monotonic) {
        self.count(id, |counts| &mut counts.switched_calls);
        if let Some(news) = self.news.get_mut(&id) {
            news.first_switch.get_or_insert(now);
        }
    }

    /// The message of a call that was struck has ended.
    pub fn note_end(&mut self, id: DrillId, end: StruckEnd) {
        self.count(id, |counts| &mut counts.ended);
        match end {
            StruckEnd::Accepted => {}
            StruckEnd::Lost => self.count(id, |counts| &mut counts.lost),
            StruckEnd::Doubled => self.count(id, |counts| &mut counts.doubled),
        }
    }

    /// A call of `channel` that no drill has struck has ended. Counts for every drill under way that `channel` backs up.
    pub fn note_backup(&mut self, channel: &str, failed: bool) {
        let backed_up = |local: &&Local| local.active && local.rule.backups.iter().any(|name| **name == *channel);
        for local in self.rules.iter().filter(backed_up) {
            let counts = &mut self.news.entry(local.id).or_default().counts;
            counts.backup_calls = counts.backup_calls.saturating_add(1);
            counts.backup_failures = counts.backup_failures.saturating_add(failed.into());
        }
    }

    /// How the breaker of `channel` stands; to be told on every tick, before [`tick`](Self::tick).
    pub fn note_state(&mut self, channel: &str, healthy: bool, now: Monotonic) {
        match self.channels.get_mut(channel) {
            Some(known) if known.healthy == healthy => {}
            Some(known) => *known = Health { healthy, since: now },
            None => {
                self.channels.insert(channel.into(), Health { healthy, since: now });
            }
        }
    }

    /// How many drills are under way in each channel that has one in the config: `pointsman_drills_active`, the same in
    /// all workers.
    pub fn gauges(&self) -> BTreeMap<&str, u64> {
        let mut gauges = BTreeMap::new();
        for local in &self.rules {
            *gauges.entry(&*local.rule.channel).or_default() += u64::from(local.active);
        }
        gauges
    }

    /// Brings what has happened to the shared record, learns what others have brought, and returns the reports that it
    /// fell to this worker to make. To be called on every tick, with or without drills in the config: one may be left over
    /// from the config before.
    pub fn tick(&mut self, now: Monotonic, wall: WallClock, shared: &mut dyn SharedData) -> Vec<DrillReport> {
        for _ in 0..TRIES {
            let (before, version) = match shared.get(KEY) {
                // What cannot be read is nobody's and may be overwritten.
                Some((value, version)) => (Book::decode(&value).unwrap_or_default(), version),
                None => (Book::default(), 0),
            };
            let mut book = before.clone();
            let reports = self.live(&mut book, now, wall);
            if book == before || shared.set(KEY, &book.encode(), version) {
                self.news.clear();
                self.learn(&book);
                return reports;
            }
        }
        // Others were quicker each time: the news wait for the next tick. What is over must be over all the same.
        self.rules.iter_mut().filter(|local| wall >= local.rule.until).for_each(|local| local.active = false);
        Vec::new()
    }

    fn learn(&mut self, book: &Book) {
        for local in &mut self.rules {
            local.active = book.get(local.id).is_some_and(|record| record.end.is_none());
        }
        self.removed.retain(|id| book.get(*id).is_some_and(|record| record.end.is_none()));
    }

    fn count(&mut self, id: DrillId, of: impl Fn(&mut Counts) -> &mut u64) {
        // Only ids that this worker was given come here, so the map is as bounded as the drills are.
        let count = of(&mut self.news.entry(id).or_default().counts);
        *count = count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests;
