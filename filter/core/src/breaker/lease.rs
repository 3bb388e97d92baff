//! The leases that this worker holds: each lets one request pass as a probe.
//!
//! Leases are taken in the shared state on the tick, so all workers together never hold more than there are slots; a
//! request takes one from its own worker's memory.

use crate::time::Monotonic;

/// The most probes at once.
pub const MAX_PROBES: usize = 16;

/// Names a lease of this worker; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeaseId(u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Unused,
    Used,
    Done,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    id: LeaseId,
    expires: Monotonic,
    stage: Stage,
}

/// The leases of one breaker in one worker.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    leases: [Option<Lease>; MAX_PROBES],
    last: u32,
}

impl Held {
    /// Uses one that has not run out.
    pub(super) fn take(&mut self, now: Monotonic) -> Option<LeaseId> {
        let unused = |lease: &&mut Lease| lease.stage == Stage::Unused && lease.expires > now;
        let lease = self.leases.iter_mut().flatten().find(unused)?;
        lease.stage = Stage::Used;
        Some(lease.id)
    }

    /// Its probe has ended.
    pub(super) fn finish(&mut self, id: LeaseId) {
        self.set(id, Stage::Done);
    }

    /// Its probe was not sent after all: another may use it.
    pub(super) fn give_back(&mut self, id: LeaseId) {
        self.set(id, Stage::Unused);
    }

    fn set(&mut self, id: LeaseId, stage: Stage) {
        if let Some(lease) = self.leases.iter_mut().flatten().find(|lease| lease.id == id) {
            lease.stage = stage;
        }
    }

    /// Drops those that have ended or run out.
    pub(super) fn prune(&mut self, now: Monotonic) {
        self.retain(|lease| lease.stage != Stage::Done && lease.expires > now);
    }

    /// Drops those whose end is not in the state that all have agreed on.
    pub(super) fn keep(&mut self, is_agreed: impl Fn(Monotonic) -> bool) {
        self.retain(|lease| is_agreed(lease.expires));
    }

    fn retain(&mut self, keep: impl Fn(&Lease) -> bool) {
        for place in &mut self.leases {
            *place = place.filter(&keep);
        }
    }

    /// Those that no request has used last until `expires`.
    pub(super) fn renew(&mut self, expires: Monotonic) {
        for lease in self.leases.iter_mut().flatten().filter(|lease| lease.stage == Stage::Unused) {
            lease.expires = expires;
        }
    }

    /// Adds one; nothing happens if there are too many.
    pub(super) fn grant(&mut self, expires: Monotonic) {
        if let Some(place) = self.leases.iter_mut().find(|place| place.is_none()) {
            self.last = self.last.wrapping_add(1);
            *place = Some(Lease { id: LeaseId(self.last), expires, stage: Stage::Unused });
        }
    }

    /// When each runs out.
    pub(super) fn expiries(&self) -> impl Iterator<Item = Monotonic> + '_ {
        self.leases.iter().flatten().map(|lease| lease.expires)
    }

    /// When the first unused one runs out.
    pub(super) fn unused_until(&self) -> Option<Monotonic> {
        let unused = self.leases.iter().flatten().filter(|lease| lease.stage == Stage::Unused);
        unused.map(|lease| lease.expires).min()
    }

    pub(super) fn len(&self) -> usize {
        self.leases.iter().flatten().count()
    }

    pub(super) fn clear(&mut self) {
        self.leases = [None; MAX_PROBES];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_lets_one_pass_before_it_runs_out() {
        let mut held = Held::default();
        held.grant(Monotonic(10));
        assert_eq!(held.clone().take(Monotonic(10)), None);
        assert!(held.take(Monotonic(9)).is_some());
        assert_eq!(held.take(Monotonic(9)), None);
    }

    #[test]
    fn a_probe_that_ended_or_was_lost_frees_its_lease_and_no_other() {
        let mut held = Held::default();
        held.grant(Monotonic(10));
        let first = held.take(Monotonic(0)).unwrap();
        held.prune(Monotonic(10));
        assert_eq!(held.len(), 0, "lost");
        held.grant(Monotonic(20));
        held.finish(first);
        held.prune(Monotonic(11));
        assert_eq!(held.len(), 1, "the late end of the lost one changes nothing");
        let second = held.take(Monotonic(11)).unwrap();
        held.give_back(second);
        assert!(held.take(Monotonic(11)).is_some(), "what was not sent may be tried again");
    }

    #[test]
    fn there_are_never_more_than_the_most() {
        let mut held = Held::default();
        for _ in 0..100 {
            held.grant(Monotonic(10));
        }
        assert_eq!(held.len(), MAX_PROBES);
        held.renew(Monotonic(30));
        assert_eq!(held.unused_until(), Some(Monotonic(30)));
        held.keep(|_| false);
        assert_eq!((held.len(), held.unused_until()), (0, None));
    }
}
