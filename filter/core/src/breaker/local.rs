//! One breaker in one worker's memory: the agreed state, and the counts since it began.

use super::lease::{Held, LeaseId};
use super::record::{Phase, Record};
use super::state::{Gate, Reason};
use super::tail::{Failed, Tail, in_a_row};
use super::trigger::{Hints, Merged};
use super::verdict::{ProbeFault, Verdict};
use super::window::{Sums, Window};
use super::{CallEnd, Settings, Ticket, WHOLE};
use crate::hash::hash;
use crate::time::Monotonic;

/// What this worker has counted in the current generation.
#[derive(Debug)]
pub(super) struct Counts {
    short: Window,
    long: Window,
    pub(super) tail: Tail,
    pub(super) probes_passed: u16,
    pub(super) probe_fault: Option<ProbeFault>,
    pub(super) hints: Hints,
    /// The windows as they stood on the last tick, short and long.
    pub(super) sums: (Sums, Sums),
}

/// What the other workers have said of the current generation on the last tick.
#[derive(Debug, Default)]
pub(super) struct Others {
    pub(super) merged: Merged,
    pub(super) failed: Vec<Failed>,
    pub(super) last_good: Option<Monotonic>,
}

/// One breaker.
#[derive(Debug)]
pub(super) struct Breaker {
    pub(super) name: Box<str>,
    pub(super) identity: u64,
    pub(super) settings: Settings,
    pub(super) record: Record,
    pub(super) gate: Gate,
    pub(super) counts: Counts,
    pub(super) others: Others,
    pub(super) held: Held,
    /// Requests turned away since the last tick; one of them is remembered for as long as there is no lease for it.
    pub(super) turned_away: u32,
}

impl Counts {
    fn new(settings: &Settings) -> Self {
        Self {
            short: Window::new(settings.window),
            long: Window::new(settings.long_window),
            tail: Tail::new(),
            probes_passed: 0,
            probe_fault: None,
            hints: Hints::default(),
            sums: <(Sums, Sums)>::default(),
        }
    }

    fn clear(&mut self) {
        self.short.clear();
        self.long.clear();
        self.tail.clear();
        self.probes_passed = 0;
        self.probe_fault = None;
        self.hints = Hints::default();
        self.sums = <(Sums, Sums)>::default();
    }

    fn each_bucket(&mut self, now: Monotonic, count: impl Fn(&mut Sums)) {
        for window in [&mut self.short, &mut self.long] {
            window.bucket(now).map(&count);
        }
    }
}

impl Others {
    fn clear(&mut self) {
        self.merged = Merged::default();
        self.failed.clear();
        self.last_good = None;
    }
}

impl Breaker {
    pub(super) fn new(name: &str, record: Option<&Record>, settings: Settings) -> Self {
        let (settings, identity) = (settings.bounded(), hash(&[name.as_bytes()]));
        let record = record.cloned().unwrap_or_else(|| Record::new(identity));
        Self {
            name: name.into(),
            identity,
            gate: record.gate(&settings),
            counts: Counts::new(&settings),
            others: Others::default(),
            held: Held::default(),
            turned_away: 0,
            record,
            settings,
        }
    }

    /// Other settings from now on; counts in windows of another length are lost.
    pub(super) fn configure(&mut self, settings: Settings) {
        let settings = settings.bounded();
        if (settings.window, settings.long_window) != (self.settings.window, self.settings.long_window) {
            self.counts = Counts::new(&settings);
        }
        self.gate = self.record.gate(&settings);
        self.settings = settings;
    }

    /// Takes over what others have agreed on. What is older than what this worker knows was written by one who did not
    /// know it, and will be put right.
    pub(super) fn adopt(&mut self, agreed: &Record) {
        if agreed.generation < self.record.generation || *agreed == self.record {
            return;
        }
        // Two workers can have made the same generation only if the shared state was lost in between.
        if !agreed.is_same_move(&self.record) {
            self.counts.clear();
            self.others.clear();
            self.held.clear();
        }
        self.record.clone_from(agreed);
        self.gate = self.record.gate(&self.settings);
    }

    /// Whether a request may pass, and with which lease if it is a probe.
    pub(super) fn admit(&mut self, key: u64, now: Monotonic) -> Result<Option<LeaseId>, Reason> {
        let lease = match self.gate {
            Gate::Pass => return Ok(None),
            Gate::Ramp(share) if key % u64::from(WHOLE) < u64::from(share) => return Ok(None),
            Gate::Probe => self.held.take(now),
            Gate::Divert | Gate::Ramp(_) => None,
        };
        if lease.is_none() {
            self.turned_away = self.turned_away.saturating_add(1);
        }
        lease.map(Some).ok_or(self.record.reason)
    }

    /// The call of `ticket` has ended; if it is `overdue`, it has been counted as a slow call already.
    pub(super) fn record(&mut self, ticket: &Ticket, end: &CallEnd, overdue: bool, now: Monotonic) {
        if let Some(lease) = ticket.lease {
            self.held.finish(lease);
        }
        if ticket.generation != self.record.generation {
            return;
        }
        let verdict = end.verdict();
        let slow = !overdue && now.since(ticket.started) > self.settings.slow_after;
        self.counts.each_bucket(now, |sums| {
            sums.calls = sums.calls.saturating_add((!overdue).into());
            sums.slow = sums.slow.saturating_add(slow.into());
            sums.on_time = sums.on_time.saturating_add(end.on_time.into());
            sums.drills = sums.drills.saturating_add(end.drill.into());
            if let Verdict::Bad(bad) = verdict {
                sums.count_bad(bad);
            }
        });
        self.note(verdict, end, now);
        if ticket.is_probe() {
            self.judge_probe(verdict, slow || overdue, end.on_time);
        }
    }

    fn note(&mut self, verdict: Verdict, end: &CallEnd, now: Monotonic) {
        match verdict {
            Verdict::Good => self.counts.tail.good(now),
            Verdict::Neutral => {}
            Verdict::Bad(bad) => {
                self.counts.tail.bad(now, bad);
                if let Some(hint) = self.counts.hints.get_mut(bad as usize) {
                    *hint = end.retry_at.max(*hint);
                }
            }
        }
    }

    fn judge_probe(&mut self, verdict: Verdict, slow: bool, on_time: bool) {
        let fault = match verdict {
            Verdict::Bad(bad) => Some(ProbeFault::Bad(bad)),
            _ if slow && self.settings.slow_ratio.is_some() => Some(ProbeFault::Slow),
            _ if !on_time && self.settings.on_time_ratio.is_some() => Some(ProbeFault::Late),
            Verdict::Good => {
                self.counts.probes_passed = self.counts.probes_passed.saturating_add(1);
                None
            }
            Verdict::Neutral => None,
        };
        self.counts.probe_fault = ProbeFault::first(self.counts.probe_fault, fault);
    }

    /// A call hangs for longer than any should take.
    pub(super) fn count_overdue(&mut self, probe: bool, now: Monotonic) {
        self.counts.each_bucket(now, |sums| {
            sums.calls = sums.calls.saturating_add(1);
            sums.slow = sums.slow.saturating_add(1);
        });
        if probe && self.settings.slow_ratio.is_some() {
            self.counts.probe_fault = ProbeFault::first(self.counts.probe_fault, Some(ProbeFault::Slow));
        }
    }

    /// A tick begins: what others said before is over, and the windows move on.
    pub(super) fn begin_tick(&mut self, now: Monotonic) {
        self.others.clear();
        self.counts.sums = (self.counts.short.sums(now), self.counts.long.sums(now));
    }

    /// A tick is over.
    pub(super) fn end_tick(&mut self) {
        let waits = self.record.phase == Phase::Probing && self.held.unused_until().is_none();
        self.turned_away = if waits { self.turned_away.min(1) } else { 0 };
    }

    /// The failures that this worker tells of.
    pub(super) fn failed(&self) -> &[Failed] {
        // A row that is longer than asked for says no more than one that is long enough.
        self.counts.tail.latest(self.settings.consecutive_failures.map_or(0, |count| count as usize))
    }

    /// The counts of all workers. A good call of another worker ends this worker's row for ever.
    pub(super) fn merged(&mut self) -> Merged {
        let (counts, others) = (&mut self.counts, &self.others);
        counts.tail.heard_good(others.last_good);
        let mut merged = others.merged;
        merged.short.add(&counts.sums.0);
        merged.long.add(&counts.sums.1);
        merged.probes_passed = merged.probes_passed.saturating_add(counts.probes_passed.into());
        merged.probe_fault = ProbeFault::first(counts.probe_fault, merged.probe_fault);
        for (hint, own) in merged.hints.iter_mut().zip(counts.hints) {
            *hint = own.max(*hint);
        }
        let last_good = counts.tail.last_good;
        merged.in_a_row = in_a_row(others.failed.iter().chain(self.failed()), last_good);
        merged
    }
}
