//! How a breaker moves: healthy, degraded, probing, recovering step by step, healthy.

use super::Settings;
use super::open_time::Opening;
use super::record::{Phase, Record};
use super::state::Reason;
use super::trigger::Merged;
use crate::time::{Monotonic, WallClock};
use rand_core::Rng;
use std::time::Duration;

/// With too few calls to judge, a step of the ramp takes so many times as long.
const FEW_CALLS: u32 = 3;

/// What a move is decided by.
pub(super) struct View<'a> {
    pub(super) record: &'a Record,
    pub(super) settings: &'a Settings,
    pub(super) merged: &'a Merged,
    pub(super) now: Monotonic,
    pub(super) wall: WallClock,
}

/// A move: the record after it, and for how long it is open.
pub(super) type Move = (Record, Option<Duration>);

impl View<'_> {
    /// The move that is due, if one is.
    pub(super) fn next(&self, rng: &mut dyn Rng) -> Option<Move> {
        match self.record.phase {
            Phase::Healthy => self.merged.trips(self.settings).map(|reason| self.open(reason, rng)),
            Phase::Degraded => (self.now >= self.record.until).then(|| self.go(Phase::Probing)),
            Phase::Probing => self.judge_probes(rng),
            Phase::Recovering(step) => self.judge_step(step, rng),
        }
    }

    fn judge_probes(&self, rng: &mut dyn Rng) -> Option<Move> {
        if let Some(fault) = self.merged.probe_fault {
            return Some(self.open(fault.reason(self.record.reason), rng));
        }
        (self.merged.probes_passed >= u32::from(self.settings.probes)).then(|| self.go(self.step(0)))
    }

    fn judge_step(&self, step: u8, rng: &mut dyn Rng) -> Option<Move> {
        if let Some(reason) = self.merged.trips(self.settings) {
            return Some(self.open(reason, rng));
        }
        let (settings, lasted) = (self.settings, self.now.since(self.record.since));
        let judged = lasted >= settings.step && self.merged.enough(settings);
        let quiet = lasted >= settings.step.saturating_mul(FEW_CALLS) && self.merged.is_spotless(settings);
        (judged || quiet).then(|| self.go(self.step(step.saturating_add(1))))
    }

    /// The phase of that step, or the end of the ramp.
    fn step(&self, step: u8) -> Phase {
        if usize::from(step) < self.settings.ramp.len() { Phase::Recovering(step) } else { Phase::Healthy }
    }

    fn go(&self, phase: Phase) -> Move {
        (self.record.moved_to(phase, self.now), None)
    }

    fn open(&self, reason: Reason, rng: &mut dyn Rng) -> Move {
        let forgiven = self.is_forgiven();
        let attempts = if forgiven { 0 } else { self.record.attempts };
        let before = (!forgiven && attempts > 0).then_some(self.record.reason);
        let (settings, hints, wall) = (self.settings, self.merged.hints, self.wall);
        let time = Opening { settings, reason, before, attempts, hints, wall }.time(rng);
        let moved = self.record.moved_to(Phase::Degraded, self.now);
        let until = super::later(self.now, time);
        (Record { reason, until, attempts: attempts.saturating_add(1), ..moved }, Some(time))
    }

    /// Whether it has been healthy for so long that earlier openings no longer count.
    fn is_forgiven(&self) -> bool {
        self.record.phase == Phase::Healthy && self.now.since(self.record.since) >= self.settings.max_open
    }
}
