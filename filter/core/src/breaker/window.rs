//! A sliding window of ten buckets.
//!
//! Buckets are numbered from the start of the monotonic clock, so those of all workers begin and end together. The
//! newest is still filling: the window reaches back between nine and ten tenths of its length.

use super::verdict::Bad;
use crate::time::Monotonic;
use std::time::Duration;

const BUCKETS: u64 = 10;

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) calls: u32,
    pub(super) failures: u32,
    pub(super) throttled: u32,
    pub(super) quota: u32,
    pub(super) config_faults: u32,
    pub(super) slow: u32,
    pub(super) on_time: u32,
    pub(super) drills: u32,
}

impl Sums {
    /// The counts in the order of the definition.
    pub(super) const fn to_array(self) -> [u32; 8] {
        let Self { calls, failures, throttled, quota, config_faults, slow, on_time, drills } = self;
        [calls, failures, throttled, quota, config_faults, slow, on_time, drills]
    }

    pub(super) const fn from_array(counts: [u32; 8]) -> Self {
        let [calls, failures, throttled, quota, config_faults, slow, on_time, drills] = counts;
        Self { calls, failures, throttled, quota, config_faults, slow, on_time, drills }
    }

    pub(super) fn add(&mut self, other: &Self) {
        let (mut sum, other) = (self.to_array(), other.to_array());
        for (count, more) in sum.iter_mut().zip(other) {
            *count = count.saturating_add(more);
        }
        *self = Self::from_array(sum);
    }

    /// Counts one bad call.
    pub(super) fn count_bad(&mut self, bad: Bad) {
        let count = match bad {
            Bad::Failure => &mut self.failures,
            Bad::Throttle => &mut self.throttled,
            Bad::Quota => &mut self.quota,
            Bad::ConfigFault => &mut self.config_faults,
        };
        *count = count.saturating_add(1);
    }

    /// Bad calls by kind, in the order of [`Bad::ALL`].
    pub(super) const fn bad(&self) -> [u32; 4] {
        [self.failures, self.throttled, self.quota, self.config_faults]
    }

    pub(super) fn all_bad(&self) -> u32 {
        self.bad().into_iter().fold(0, u32::saturating_add)
    }

    /// Calls that ratios are taken of. A call that hung is counted before its failure is, and may have left the window
    /// when that comes.
    pub(super) fn judged(&self) -> u32 {
        self.calls.max(self.all_bad())
    }
}

/// The counts of the last while.
#[derive(Clone, Debug)]
pub(super) struct Window {
    width: u64,
    newest: u64,
    buckets: [Sums; BUCKETS as usize],
}

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        let width = (super::nanos(length) / BUCKETS).max(1);
        Self { width, newest: 0, buckets: [Sums::default(); BUCKETS as usize] }
    }

    /// The bucket of `now`, after those that are too old have been emptied.
    pub(super) fn bucket(&mut self, now: Monotonic) -> Option<&mut Sums> {
        self.advance(now);
        self.buckets.get_mut((self.newest % BUCKETS) as usize)
    }

    /// The sums over the window that ends `now`.
    pub(super) fn sums(&mut self, now: Monotonic) -> Sums {
        self.advance(now);
        let mut sums = Sums::default();
        for bucket in &self.buckets {
            sums.add(bucket);
        }
        sums
    }

    pub(super) fn clear(&mut self) {
        self.buckets = [Sums::default(); BUCKETS as usize];
    }

    fn advance(&mut self, now: Monotonic) {
        let number = now.0 / self.width;
        let passed = number.saturating_sub(self.newest).min(BUCKETS);
        for ahead in 1..=passed {
            if let Some(bucket) = self.buckets.get_mut((self.newest.saturating_add(ahead) % BUCKETS) as usize) {
                *bucket = Sums::default();
            }
        }
        self.newest = self.newest.max(number);
        if passed == BUCKETS {
            self.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(window: &mut Window, at: u64) {
        window.bucket(Monotonic(at)).unwrap().calls += 1;
    }

    #[test]
    fn a_call_leaves_the_window_after_nine_to_ten_tenths_of_its_length() {
        for (at, last, gone) in [(1_000, 1_999, 2_000), (1_050, 1_999, 2_000), (1_099, 1_999, 2_000)] {
            let mut window = Window::new(Duration::from_nanos(1_000));
            count(&mut window, at);
            assert_eq!(window.sums(Monotonic(last)).calls, 1, "{at}");
            assert_eq!(window.sums(Monotonic(gone)).calls, 0, "{at}");
        }
    }

    #[test]
    fn a_long_silence_empties_all() {
        let mut window = Window::new(Duration::from_nanos(1_000));
        for at in (0..1_000).step_by(100) {
            count(&mut window, at);
        }
        assert_eq!(window.sums(Monotonic(999)).calls, 10);
        assert_eq!(window.sums(Monotonic(123_456_789)).calls, 0);
        count(&mut window, 5);
        assert_eq!(window.sums(Monotonic(123_456_789)).calls, 1, "what comes late counts in the newest bucket");
    }

    #[test]
    fn sums_are_read_back_from_their_array() {
        let sums = Sums::from_array([1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(sums.to_array(), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!((sums.all_bad(), sums.judged()), (14, 14));
    }
}
