//! What workers tell each other on a tick: their counts, each in a slot of its own.

use super::bytes::{Kind, Reader, Writer};
use super::local::Breaker;
use super::tail::Failed;
use super::verdict::ProbeFault;
use super::window::Sums;
use crate::board::SharedData;
use crate::time::{Monotonic, WallClock};
use std::time::Duration;

/// More workers than this count for themselves alone.
pub const MAX_WORKERS: usize = 64;

/// A worker is not taken for dead before it has been silent for so long.
const SILENT_AFTER: Duration = Duration::from_secs(5);
const NONE: u64 = u64::MAX;
const RECORD_BYTES: usize = 128;

/// How long the counts of a silent worker are believed, for a window of that length.
pub(super) fn believed_for(window: Duration) -> Duration {
    window.max(SILENT_AFTER)
}

/// What a worker says of one breaker. Its failures follow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) identity: u64,
    pub(super) generation: u32,
    pub(super) probes_passed: u16,
    pub(super) probe_fault: Option<ProbeFault>,
    pub(super) turned_away: bool,
    pub(super) last_good: Option<Monotonic>,
    pub(super) hints: [Option<WallClock>; 3],
    pub(super) short: Sums,
    pub(super) long: Sums,
    failed: u8,
}

impl Said {
    fn write(breaker: &Breaker, writer: &mut Writer) {
        let (counts, failed) = (&breaker.counts, breaker.failed());
        let length = u8::try_from(failed.len()).unwrap_or(u8::MAX);
        writer.u64(breaker.identity);
        let fault = ProbeFault::code(counts.probe_fault);
        writer.mixed(breaker.record.generation, counts.probes_passed, fault, length);
        writer.u64(u64::from(breaker.turned_away > 0));
        writer.u64(counts.tail.last_good.map_or(NONE, |at| at.0));
        for hint in counts.hints.iter().take(3) {
            writer.u64(hint.map_or(NONE, |at| at.0));
        }
        writer.sums(&counts.sums.0);
        writer.sums(&counts.sums.1);
        failed.iter().for_each(|failure| writer.u64(failure.0));
    }

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let identity = reader.u64()?;
        let (generation, probes_passed, fault, failed) = reader.mixed()?;
        let turned_away = reader.u64()? > 0;
        let mut time = || reader.u64().map(|at| (at != NONE).then_some(at));
        let last_good = time()?.map(Monotonic);
        let hints = [time()?.map(WallClock), time()?.map(WallClock), time()?.map(WallClock)];
        let (short, long) = (reader.sums()?, reader.sums()?);
        let probe_fault = ProbeFault::from_code(fault);
        Some(Self {
            identity,
            generation,
            probes_passed,
            probe_fault,
            turned_away,
            last_good,
            hints,
            short,
            long,
            failed,
        })
    }
}

/// Whether there is anything to tell of a breaker.
fn has_news(breaker: &Breaker) -> bool {
    let counts = &breaker.counts;
    let probed = counts.probes_passed > 0 || counts.probe_fault.is_some();
    breaker.turned_away > 0 || probed || counts.sums.1 != Sums::default() || !breaker.failed().is_empty()
}

/// One worker's place among the others.
#[derive(Debug)]
pub(super) struct Board {
    member: u64,
    keys: Vec<String>,
}

/// Who holds a slot.
struct Slot<'a> {
    owner: u64,
    silent_for: Duration,
    said: Reader<'a>,
}

impl<'a> Slot<'a> {
    fn read(bytes: &'a [u8], now: Monotonic) -> Option<Self> {
        let mut said = Reader::open(Kind::Worker, bytes)?;
        let (owner, heartbeat) = (said.u64()?, Monotonic(said.u64()?));
        // One that is far ahead is from no clock of ours.
        let ahead = heartbeat.since(now) > SILENT_AFTER;
        let silent_for = if ahead { Duration::MAX } else { now.since(heartbeat) };
        Some(Self { owner, silent_for, said })
    }
}

impl Board {
    pub(super) fn new(member: u64) -> Self {
        let keys = (0..MAX_WORKERS).map(|slot| format!("pointsman/breaker/worker/{slot}")).collect();
        Self { member, keys }
    }

    pub(super) const fn member(&self) -> u64 {
        self.member
    }

    /// Hears what every other live worker says, and then tells what this one has counted.
    pub(super) fn exchange(
        &self,
        breakers: &[Breaker],
        now: Monotonic,
        shared: &mut dyn SharedData,
        mut hear: impl FnMut(&Said, &mut dyn Iterator<Item = Failed>, Duration),
    ) {
        let longest = breakers.iter().map(|breaker| breaker.settings.window).max().unwrap_or_default();
        let (mut own, mut free) = (None, None);
        for key in &self.keys {
            let Some((value, version)) = shared.get(key) else {
                free = free.or(Some((key, 0)));
                break;
            };
            match Slot::read(&value, now) {
                Some(slot) if slot.owner == self.member => own = own.or(Some((key, version))),
                Some(slot) if slot.silent_for <= believed_for(longest) => listen(slot, &mut hear),
                // Of one who is dead, or of somebody else: it may be taken over.
                _ => free = free.or(Some((key, version))),
            }
        }
        if let Some((key, version)) = own.or(free) {
            // If another worker was quicker, there is a next tick.
            shared.set(key, &self.tell(breakers, now), version);
        }
    }

    fn tell(&self, breakers: &[Breaker], now: Monotonic) -> Vec<u8> {
        let mut writer = Writer::new(Kind::Worker, breakers.len().saturating_mul(RECORD_BYTES));
        writer.u64(self.member);
        writer.u64(now.0);
        for breaker in breakers.iter().filter(|breaker| has_news(breaker)) {
            Said::write(breaker, &mut writer);
        }
        writer.finish()
    }
}

fn listen(slot: Slot<'_>, hear: &mut impl FnMut(&Said, &mut dyn Iterator<Item = Failed>, Duration)) {
    let mut reader = slot.said;
    while let Some(said) = Said::read(&mut reader) {
        let mut failed = (0..said.failed).filter_map(|_| reader.u64().map(Failed));
        hear(&said, &mut failed, slot.silent_for);
        // What nobody wanted is skipped.
        failed.for_each(drop);
    }
}
