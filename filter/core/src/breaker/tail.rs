//! Failures in a row, over all workers.
//!
//! Each worker keeps the instants of its failures since its own last good call. Those later than the last good call of
//! any worker are in a row.

use super::verdict::Bad;
use crate::time::Monotonic;

/// The most failures in a row that can be asked for.
pub const MAX_TAIL: usize = 64;

const KIND_BITS: u32 = 2;

/// One failure: instant and kind in one word, so that it is cheap to publish.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Failed(pub(super) u64);

impl Failed {
    fn new(at: Monotonic, bad: Bad) -> Self {
        Self(at.0 << KIND_BITS | bad as u64)
    }

    const fn at(self) -> Monotonic {
        Monotonic(self.0 >> KIND_BITS)
    }

    const fn kind(self) -> usize {
        (self.0 & ((1 << KIND_BITS) - 1)) as usize
    }
}

/// One worker's failures since its last good call, the latest [`MAX_TAIL`] of them.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    failed: [Failed; MAX_TAIL],
    len: usize,
    pub(super) last_good: Option<Monotonic>,
}

impl Tail {
    pub(super) const fn new() -> Self {
        Self { failed: [Failed(0); MAX_TAIL], len: 0, last_good: None }
    }

    pub(super) fn good(&mut self, now: Monotonic) {
        self.last_good = self.last_good.max(Some(now));
        self.len = 0;
    }

    pub(super) fn bad(&mut self, now: Monotonic, bad: Bad) {
        if self.len == MAX_TAIL {
            self.failed.rotate_left(1);
            self.len -= 1;
        }
        if let Some(place) = self.failed.get_mut(self.len) {
            *place = Failed::new(now, bad);
            self.len += 1;
        }
    }

    /// The latest `most` of them, the newest last.
    pub(super) fn latest(&self, most: usize) -> &[Failed] {
        self.failed.get(self.len.saturating_sub(most)..self.len).unwrap_or_default()
    }

    /// Another worker has had a good call: failures up to then are in no row any more.
    pub(super) fn heard_good(&mut self, at: Option<Monotonic>) {
        let Some(good) = at.filter(|at| Some(*at) > self.last_good) else { return };
        self.last_good = Some(good);
        let over = self.latest(MAX_TAIL).iter().take_while(|failure| failure.at() <= good).count();
        self.failed.rotate_left(over);
        self.len = self.len.saturating_sub(over);
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.last_good = None;
    }
}

/// Failures later than the last good call, by kind in the order of [`Bad::ALL`].
pub(super) fn in_a_row<'a>(failed: impl Iterator<Item = &'a Failed>, last_good: Option<Monotonic>) -> [u32; 4] {
    let mut counts = [0; 4];
    for failure in failed.filter(|failure| last_good.is_none_or(|good| failure.at() > good)) {
        if let Some(count) = counts.get_mut(failure.kind()) {
            *count += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_call_of_one_worker_ends_the_row_of_all() {
        let (mut a, mut b) = (Tail::new(), Tail::new());
        for at in [1, 2, 7] {
            a.bad(Monotonic(at), Bad::Failure);
        }
        b.good(Monotonic(5));
        b.bad(Monotonic(6), Bad::Quota);
        let all = || a.latest(9).iter().chain(b.latest(9));
        assert_eq!(in_a_row(all(), None), [3, 0, 1, 0]);
        assert_eq!(in_a_row(all(), b.last_good), [1, 0, 1, 0]);
    }

    #[test]
    fn a_good_call_that_was_heard_of_ends_the_row_for_ever() {
        let mut tail = Tail::new();
        for at in [1, 2, 3, 4] {
            tail.bad(Monotonic(at), Bad::Failure);
        }
        tail.heard_good(Some(Monotonic(2)));
        tail.heard_good(Some(Monotonic(1)));
        tail.heard_good(None);
        let left: Vec<_> = tail.latest(9).iter().map(|failure| failure.at().0).collect();
        assert_eq!((left, tail.last_good), (vec![3, 4], Some(Monotonic(2))));
    }

    #[test]
    fn only_the_latest_are_kept() {
        let mut tail = Tail::new();
        for at in 0..200 {
            tail.bad(Monotonic(at), Bad::Throttle);
        }
        assert_eq!(tail.latest(usize::MAX).len(), MAX_TAIL);
        let last: Vec<_> = tail.latest(2).iter().map(|failure| failure.at().0).collect();
        assert_eq!(last, [198, 199]);
        tail.good(Monotonic(200));
        assert!(tail.latest(9).is_empty());
    }
}
