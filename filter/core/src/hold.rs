//! Requests and answers whose headers wait for their body, and the proof that waiting works.
//!
//! Without Envoy's `allow_on_headers_stop_iteration` a held request never gets its body callback and would hang until
//! the route's timeout. Nothing tells a filter whether the knob is set, except that a body arrives.

use crate::time::Monotonic;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// As long as holding is unproven, this many releases by time-out end it.
const UNPROVEN_RELEASES: u8 = 3;
/// As long as holding is unproven, no more than this many wait at once: they are the pushes that a missing knob delays.
const MAX_UNPROVEN: usize = 64;
/// More than this are not held: they pass, and what their bodies would have told comes too late.
pub const MAX_HELD: usize = 65_536;

/// A stream as the host numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(pub u32);

/// Which half of a stream is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The request.
    Request,
    /// The answer.
    Response,
}

/// Whether holding works in this VM: all workers that a VM makes, one after another, share it.
#[derive(Clone, Debug, Default)]
pub struct HoldProof(Rc<Cell<Proof>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// No held stream has got its body yet.
    Open { releases: u8 },
    /// One has.
    Works,
    /// None of the first few has.
    Fails,
}

impl Default for Proof {
    fn default() -> Self {
        Self::Open { releases: 0 }
    }
}

/// The held streams of one worker.
#[derive(Debug)]
pub struct Holds {
    proof: HoldProof,
    timeout: Duration,
    held: BTreeMap<StreamId, (Monotonic, Half)>,
}

impl Holds {
    /// Nothing held; a stream may wait for `timeout`.
    pub const fn new(timeout: Duration, proof: HoldProof) -> Self {
        Self { proof, timeout, held: BTreeMap::new() }
    }

    /// Whether holding has not turned out to be impossible.
    pub fn works(&self) -> bool {
        self.proof.0.get() != Proof::Fails
    }

    /// Whether one more request may be held.
    pub fn allowed(&self) -> bool {
        match self.proof.0.get() {
            Proof::Open { .. } => self.held.len() < MAX_UNPROVEN,
            Proof::Works => self.held.len() < MAX_HELD,
            Proof::Fails => false,
        }
    }

    /// Holds a half of a stream.
    pub fn hold(&mut self, stream: StreamId, half: Half, now: Monotonic) {
        self.held.insert(stream, (now, half));
    }

    /// A body callback has come for `stream`: `true` if it is held, which proves that holding works; `false` if it has
    /// been released meanwhile.
    pub fn is_held(&mut self, stream: StreamId) -> bool {
        let held = self.held.contains_key(&stream);
        if held {
            self.proof.0.set(Proof::Works);
        }
        held
    }

    /// Whether a half of `stream` waits, as far as we know.
    pub fn waits(&self, stream: StreamId) -> bool {
        self.held.contains_key(&stream)
    }

    /// The stream goes on or has ended.
    pub fn forget(&mut self, stream: StreamId) {
        self.held.remove(&stream);
    }

    /// Takes the streams that have waited too long; each must be resumed.
    pub fn overdue(&mut self, now: Monotonic) -> Vec<(StreamId, Half)> {
        let is_overdue = |since: Monotonic| now.since(since) >= self.timeout;
        let held = self.held.iter().filter(|(_, (since, _))| is_overdue(*since));
        let overdue: Vec<(StreamId, Half)> = held.map(|(stream, (_, half))| (*stream, *half)).collect();
        for (stream, _) in &overdue {
            self.held.remove(stream);
            self.proof.0.set(match self.proof.0.get() {
                Proof::Open { releases } if releases.saturating_add(1) >= UNPROVEN_RELEASES => Proof::Fails,
                Proof::Open { releases } => Proof::Open { releases: releases.saturating_add(1) },
                proof => proof,
            });
        }
        overdue
    }
}

/// More requests than this are not slowed down at once.
pub const MAX_DELAYED: usize = 4_096;

/// Requests that a drill slows down. They leave on a tick.
#[derive(Debug, Default)]
pub struct Delays(BTreeMap<StreamId, Monotonic>);

impl Delays {
    /// Lets a whole request wait until `due`; `false` if too many do.
    pub fn insert(&mut self, stream: StreamId, due: Monotonic) -> bool {
        let fits = self.0.len() < MAX_DELAYED;
        if fits {
            self.0.insert(stream, due);
        }
        fits
    }

    /// The stream has ended.
    pub fn forget(&mut self, stream: StreamId) {
        self.0.remove(&stream);
    }

    /// Takes those whose time has come; each must be resumed.
    pub fn due(&mut self, now: Monotonic) -> Vec<StreamId> {
        let due: Vec<StreamId> = self.0.iter().filter(|(_, due)| **due <= now).map(|(stream, _)| *stream).collect();
        for stream in &due {
            self.0.remove(stream);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn release(holds: &mut Holds, stream: u32, at_s: u64) {
        holds.hold(StreamId(stream), Half::Request, Monotonic(at_s * SECOND));
        assert_eq!(holds.overdue(Monotonic((at_s + 4) * SECOND)), []);
        assert_eq!(holds.overdue(Monotonic((at_s + 5) * SECOND)), [(StreamId(stream), Half::Request)]);
        assert!(!holds.is_held(StreamId(stream)));
    }

    #[test]
    fn three_releases_without_a_body_end_holding() {
        let mut holds = Holds::new(Duration::from_secs(5), HoldProof::default());
        for stream in 0..3 {
            assert!(holds.allowed());
            release(&mut holds, stream, u64::from(stream) * 10);
        }
        assert!(!holds.allowed());
    }

    #[test]
    fn what_one_worker_of_a_vm_has_found_out_the_next_one_knows() {
        let proof = HoldProof::default();
        let mut first = Holds::new(Duration::from_secs(5), proof.clone());
        for stream in 0..3 {
            release(&mut first, stream, u64::from(stream) * 10);
        }
        assert!(!Holds::new(Duration::from_secs(5), proof).allowed());
    }

    #[test]
    fn while_it_is_unproven_few_wait_at_once() {
        let mut holds = Holds::new(Duration::from_secs(5), HoldProof::default());
        for stream in 0.. {
            if !holds.allowed() {
                break;
            }
            holds.hold(StreamId(stream), Half::Request, Monotonic(0));
        }
        assert_eq!(holds.held.len(), MAX_UNPROVEN);
        assert!(holds.is_held(StreamId(0)) && holds.allowed());
    }

    #[test]
    fn once_a_body_has_come_slow_uploaders_release_only_themselves() {
        let mut holds = Holds::new(Duration::from_secs(5), HoldProof::default());
        holds.hold(StreamId(99), Half::Request, Monotonic(0));
        assert!(holds.is_held(StreamId(99)));
        holds.forget(StreamId(99));
        for stream in 0..9 {
            release(&mut holds, stream, u64::from(stream) * 10);
        }
        assert!(holds.allowed());
    }
}
