//! What all workers have agreed on about one breaker.

use super::state::{Gate, Reason, State};
use super::{Settings, WHOLE};
use crate::time::Monotonic;

/// One lease as the others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SharedLease {
    pub(super) owner: u64,
    pub(super) expires: Monotonic,
}

/// The phase without its reason, which outlives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Healthy,
    Degraded,
    Probing,
    Recovering(u8),
}

/// The agreed state of one breaker. Its generation grows by one with each change of phase, and by nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) identity: u64,
    pub(super) generation: u32,
    pub(super) phase: Phase,
    /// Why it was last degraded.
    pub(super) reason: Reason,
    /// Openings since it was last healthy for long enough.
    pub(super) attempts: u8,
    /// When the phase began.
    pub(super) since: Monotonic,
    /// When it may be probed; only while it is degraded.
    pub(super) until: Monotonic,
    pub(super) leases: Vec<SharedLease>,
}

impl Record {
    /// A breaker that nobody has touched.
    pub(super) const fn new(identity: u64) -> Self {
        Self {
            identity,
            generation: 0,
            phase: Phase::Healthy,
            reason: Reason::FailureRatio,
            attempts: 0,
            since: Monotonic(0),
            until: Monotonic(0),
            leases: Vec::new(),
        }
    }

    /// The next generation, in another phase from `now` on.
    pub(super) fn moved_to(&self, phase: Phase, now: Monotonic) -> Self {
        let generation = self.generation.saturating_add(1);
        Self { generation, phase, since: now, until: now, leases: Vec::new(), ..*self }
    }

    /// Whether it is still in the phase of `other`, begun by the same move.
    pub(super) fn is_same_move(&self, other: &Self) -> bool {
        let Self { generation, phase, reason, since, .. } = other;
        (self.generation, self.phase, self.reason, self.since) == (*generation, *phase, *reason, *since)
    }

    pub(super) const fn state(&self) -> State {
        match self.phase {
            Phase::Healthy => State::Healthy,
            Phase::Degraded => State::Degraded(self.reason),
            Phase::Probing => State::Probing,
            Phase::Recovering(step) => State::Recovering { step },
        }
    }

    /// What it says to requests. A step that the ramp has not (it was changed) is the whole.
    pub(super) fn gate(&self, settings: &Settings) -> Gate {
        match self.phase {
            Phase::Healthy => Gate::Pass,
            Phase::Degraded => Gate::Divert,
            Phase::Probing => Gate::Probe,
            Phase::Recovering(step) => Gate::Ramp(settings.ramp.get(usize::from(step)).copied().unwrap_or(WHOLE)),
        }
    }

    /// Probes at once. A fault of configuration is not cured by asking more often.
    pub(super) fn slots(&self, settings: &Settings) -> usize {
        if self.reason == Reason::ConfigFault { 1 } else { usize::from(settings.probes) }
    }
}
