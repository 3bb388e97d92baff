//! The tick: publish, hear, move.

use super::lease::Held;
use super::local::Breaker;
use super::machine::View;
use super::published::{Said, believed_for};
use super::record::{Phase, Record, SharedLease};
use super::tail::Failed;
use super::trigger::Merged;
use super::verdict::ProbeFault;
use super::{BreakerId, Breakers, Transition};
use crate::board::SharedData;
use crate::few;
use crate::time::{Monotonic, WallClock};
use rand_core::Rng;

/// So often a worker tries again that was not the quickest; then there is the next tick.
const TRIES: u8 = 3;

/// A change that one breaker wants.
struct Proposal {
    record: Record,
    /// The leases of this worker after it.
    held: Held,
    transition: Option<Transition>,
}

impl Breakers {
    /// Takes over the states that others have agreed on. Once at the start, so that a new worker or a new config does not
    /// send to a channel that is known to be degraded.
    pub fn load(&mut self, shared: &mut dyn SharedData) {
        self.table.read(shared);
        self.adopt();
    }

    /// Publishes this worker's counts, hears those of the others, and moves what must move. Returns the moves that this
    /// worker has made for all; those of others are found in [`state`](Self::state).
    pub fn tick(
        &mut self,
        now: Monotonic,
        wall: WallClock,
        rng: &mut dyn Rng,
        shared: &mut dyn SharedData,
    ) -> Vec<Transition> {
        self.load(shared);
        self.count_overdue(now);
        self.exchange(now, shared);
        let mut made = Vec::new();
        for _ in 0..TRIES {
            let proposals = self.propose(now, wall, rng);
            if proposals.is_empty() && !self.table.is_damaged() {
                break;
            }
            if self.agree(&proposals, shared) {
                made = self.apply(proposals);
                break;
            }
            self.load(shared);
        }
        for breaker in &mut self.breakers {
            breaker.end_tick();
        }
        made
    }

    fn adopt(&mut self) {
        for breaker in &mut self.breakers {
            if let Some(agreed) = self.table.record(breaker.identity) {
                breaker.adopt(agreed);
            }
        }
    }

    fn count_overdue(&mut self, now: Monotonic) {
        for call in self.calls.waiting() {
            let Some(breaker) = self.breakers.get_mut(call.breaker.index()) else { continue };
            call.overdue = now.since(call.started) > breaker.settings.slow_after;
            if call.overdue && call.generation == breaker.record.generation {
                breaker.count_overdue(call.probe, now);
            }
        }
        self.calls.tidy(now);
    }

    fn exchange(&mut self, now: Monotonic, shared: &mut dyn SharedData) {
        for breaker in &mut self.breakers {
            breaker.begin_tick(now);
        }
        // The counts are told while what others say is written beside them, so the latter is set apart meanwhile.
        let mut others: Vec<_> = self.breakers.iter_mut().map(|breaker| std::mem::take(&mut breaker.others)).collect();
        let (breakers, places) = (&self.breakers, &self.places);
        self.board.exchange(breakers, now, shared, |said, failed, silent_for| {
            let Ok(place) = places.binary_search_by_key(&said.identity, |(known, _)| *known) else { return };
            let Some(index) = places.get(place).map(|(_, index)| usize::from(*index)) else { return };
            if let (Some(breaker), Some(others)) = (breakers.get(index), others.get_mut(index)) {
                let believed = silent_for <= believed_for(breaker.settings.window);
                if believed && said.generation == breaker.record.generation {
                    others.hear(said, failed);
                }
            }
        });
        for (breaker, others) in self.breakers.iter_mut().zip(others) {
            breaker.others = others;
        }
    }

    fn propose(&mut self, now: Monotonic, wall: WallClock, rng: &mut dyn Rng) -> Vec<Proposal> {
        let member = self.board.member();
        let mut proposals = Vec::new();
        for (index, breaker) in (0..).zip(&mut self.breakers) {
            let agreed = self.table.record(breaker.identity);
            let proposal = breaker.propose(BreakerId(index), member, now, wall, rng);
            // A breaker that never moved needs no record.
            let is_news = agreed.map_or(proposal.record.generation > 0, |agreed| *agreed != proposal.record);
            if is_news {
                proposals.push(proposal);
            } else {
                breaker.held = proposal.held;
            }
        }
        proposals
    }

    fn agree(&mut self, proposals: &[Proposal], shared: &mut dyn SharedData) -> bool {
        let records: Vec<_> = proposals.iter().map(|proposal| proposal.record.clone()).collect();
        let places = &self.places;
        let is_known = |identity| places.binary_search_by_key(&identity, |(known, _)| *known).is_ok();
        self.table.write(&records, is_known, shared)
    }

    fn apply(&mut self, proposals: Vec<Proposal>) -> Vec<Transition> {
        let mut made = Vec::new();
        for Proposal { record, held, transition } in proposals {
            let place = self.places.binary_search_by_key(&record.identity, |(known, _)| *known);
            let index = place.ok().and_then(|place| self.places.get(place)).map(|(_, index)| usize::from(*index));
            if let Some(breaker) = index.and_then(|index| self.breakers.get_mut(index)) {
                breaker.adopt(&record);
                breaker.held = held;
            }
            made.extend(transition);
        }
        made
    }
}

impl super::local::Others {
    fn hear(&mut self, said: &Said, failed: &mut dyn Iterator<Item = Failed>) {
        let Merged { short, long, probes_passed, probe_fault, hints, wanted_elsewhere, .. } = &mut self.merged;
        short.add(&said.short);
        long.add(&said.long);
        *probes_passed = probes_passed.saturating_add(said.probes_passed.into());
        *probe_fault = ProbeFault::first(*probe_fault, said.probe_fault);
        for (hint, told) in hints.iter_mut().zip(said.hints) {
            *hint = told.max(*hint);
        }
        *wanted_elsewhere |= said.turned_away;
        self.failed.extend(failed);
        self.last_good = self.last_good.max(said.last_good);
    }
}

impl Breaker {
    fn propose(&mut self, id: BreakerId, member: u64, now: Monotonic, wall: WallClock, rng: &mut dyn Rng) -> Proposal {
        let merged = self.merged();
        let view = View { record: &self.record, settings: &self.settings, merged: &merged, now, wall };
        let Some((record, open_for)) = view.next(rng) else {
            let mut record = self.record.clone();
            let held = self.plan_leases(&mut record, &merged, member, now);
            return Proposal { record, held, transition: None };
        };
        let transition = Transition {
            breaker: id,
            from: self.record.state(),
            to: record.state(),
            figures: merged.figures(&self.settings),
            open_for,
            generation: record.generation,
        };
        let mut record = record;
        let held = self.plan_leases(&mut record, &Merged::default(), member, now);
        Proposal { record, held, transition: Some(transition) }
    }

    /// The leases that this worker wants to hold in the state of `record`, which is told so.
    fn plan_leases(&self, record: &mut Record, merged: &Merged, member: u64, now: Monotonic) -> Held {
        let mut held = self.held.clone();
        if record.phase != Phase::Probing {
            held.clear();
            return held;
        }
        if record.generation != self.record.generation {
            held.clear();
        }
        held.prune(now);
        // What is not in the agreed state was lost with it.
        held.keep(|expires| record.leases.contains(&SharedLease { owner: member, expires }));
        record.leases.retain(|lease| lease.owner != member && lease.expires > now);
        let taken = record.leases.len().saturating_add(held.len());
        let passed = usize::try_from(merged.probes_passed).unwrap_or(usize::MAX);
        let missing = usize::from(self.settings.probes).saturating_sub(passed);
        let free = record.slots(&self.settings).min(missing).saturating_sub(taken);
        let expires = super::later(now, self.settings.probe_lease);
        // Where a message comes once a minute, the next one must still find the lease that the last one asked for. But a
        // worker that has no traffic must not keep it from one that has.
        let is_ending = held.unused_until().is_some_and(|until| until.since(now) < self.settings.probe_lease / 2);
        if is_ending && (free > 0 || !merged.wanted_elsewhere) {
            held.renew(expires);
        }
        for _ in 0..free.min(usize::try_from(self.turned_away).unwrap_or(usize::MAX)) {
            held.grant(expires);
        }
        record.leases.extend(held.expiries().map(|expires| SharedLease { owner: member, expires }));
        // One order for all, or workers would rewrite each other's for nothing.
        few::sort(&mut record.leases, Ord::cmp);
        held
    }
}
