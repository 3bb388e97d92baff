//! Requests whose headers wait for their body, and the proof that waiting works.
//!
//! Without Envoy's `allow_on_headers_stop_iteration` a held request never gets its body callback and would hang until
//! the route's timeout. Nothing tells a filter whether the knob is set, except that a body arrives.

use crate::time::Monotonic;
use std::time::Duration;

/// As long as holding is unproven, this many releases by time-out end it.
const UNPROVEN_RELEASES: u8 = 3;

/// A stream as the host numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamId(pub u32);

/// Whether holding works in this VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Proof {
    /// No held stream has got its body yet.
    Open { releases: u8 },
    /// One has.
    Works,
    /// None of the first few has.
    Fails,
}

/// The held streams of one worker. They are open visits too, so that table's bound is theirs.
#[derive(Debug)]
pub struct Holds {
    proof: Proof,
    timeout: Duration,
    held: Vec<(StreamId, Monotonic)>,
}

impl Holds {
    /// Nothing held; a stream may wait for `timeout`.
    pub const fn new(timeout: Duration) -> Self {
        Self { proof: Proof::Open { releases: 0 }, timeout, held: Vec::new() }
    }

    /// Whether a request may be held.
    pub fn allowed(&self) -> bool {
        self.proof != Proof::Fails
    }

    /// Holds a stream.
    pub fn hold(&mut self, stream: StreamId, now: Monotonic) {
        self.held.push((stream, now));
    }

    /// A body callback has come for `stream`: `true` if it is held, which proves that holding works; `false` if it has
    /// been released meanwhile.
    pub fn is_held(&mut self, stream: StreamId) -> bool {
        let held = self.held.iter().any(|(known, _)| *known == stream);
        if held {
            self.proof = Proof::Works;
        }
        held
    }

    /// The stream goes on or has ended.
    pub fn forget(&mut self, stream: StreamId) {
        self.held.retain(|(known, _)| *known != stream);
    }

    /// Takes the streams that have waited too long; each must be resumed.
    pub fn overdue(&mut self, now: Monotonic) -> Vec<StreamId> {
        let timeout = self.timeout;
        let (overdue, held) = self.held.drain(..).partition(|(_, since)| now.since(*since) >= timeout);
        self.held = held;
        let overdue: Vec<(StreamId, Monotonic)> = overdue;
        for _ in &overdue {
            self.proof = match self.proof {
                Proof::Open { releases } if releases.saturating_add(1) >= UNPROVEN_RELEASES => Proof::Fails,
                Proof::Open { releases } => Proof::Open { releases: releases.saturating_add(1) },
                proof => proof,
            };
        }
        overdue.into_iter().map(|(stream, _)| stream).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn release(holds: &mut Holds, stream: u32, at_s: u64) {
        holds.hold(StreamId(stream), Monotonic(at_s * SECOND));
        assert_eq!(holds.overdue(Monotonic((at_s + 4) * SECOND)), []);
        assert_eq!(holds.overdue(Monotonic((at_s + 5) * SECOND)), [StreamId(stream)]);
        assert!(!holds.is_held(StreamId(stream)));
    }

    #[test]
    fn three_releases_without_a_body_end_holding() {
        let mut holds = Holds::new(Duration::from_secs(5));
        for stream in 0..3 {
            assert!(holds.allowed());
            release(&mut holds, stream, u64::from(stream) * 10);
        }
        assert!(!holds.allowed());
    }

    #[test]
    fn once_a_body_has_come_slow_uploaders_release_only_themselves() {
        let mut holds = Holds::new(Duration::from_secs(5));
        holds.hold(StreamId(99), Monotonic(0));
        assert!(holds.is_held(StreamId(99)));
        holds.forget(StreamId(99));
        for stream in 0..9 {
            release(&mut holds, stream, u64::from(stream) * 10);
        }
        assert!(holds.allowed());
    }
}
