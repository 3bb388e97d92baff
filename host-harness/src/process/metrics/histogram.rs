//! Counts of values by size. A bucket holds what is at most its bound, as Prometheus reads it, and as in Envoy only the two
//! leading digits of a value count: 3,040 ms lies in the bucket up to 3,000.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Envoy's default bounds; they fit milliseconds.
pub const DEFAULT_BUCKETS: [f64; 19] = [
    0.5,
    1.0,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1000.0,
    2500.0,
    5000.0,
    10_000.0,
    30_000.0,
    60_000.0,
    300_000.0,
    600_000.0,
    1_800_000.0,
    3_600_000.0,
];

/// A histogram at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// Upper bounds, ascending, each with how many values lie in its bucket alone (not in those below).
    pub buckets: Vec<(f64, u64)>,
    /// How many values lie above the last bound.
    pub above: u64,
    /// The sum of all values; it stays at the largest number once it is reached.
    pub sum: u64,
}

impl Distribution {
    /// How many values were recorded.
    pub fn count(&self) -> u64 {
        self.buckets.iter().fold(self.above, |sum, (_, count)| sum.saturating_add(*count))
    }
}

/// Counts that many threads add to.
#[derive(Debug)]
pub(super) struct Histogram {
    buckets: Vec<(f64, AtomicU64)>,
    above: AtomicU64,
    sum: AtomicU64,
}

impl Histogram {
    pub(super) fn new(bounds: &[f64]) -> Self {
        let mut bounds: Vec<f64> = bounds.iter().copied().filter(|bound| bound.is_finite()).collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        let buckets = bounds.into_iter().map(|bound| (bound, AtomicU64::new(0))).collect();
        Self { buckets, above: AtomicU64::new(0), sum: AtomicU64::new(0) }
    }

    #[expect(clippy::cast_precision_loss, reason = "a bound that is as large as 2^53 is no matter of one")]
    pub(super) fn record(&self, value: u64) {
        let counted = two_digits(value);
        let index = self.buckets.partition_point(|(bound, _)| *bound < counted as f64);
        let count = self.buckets.get(index).map_or(&self.above, |(_, count)| count);
        count.fetch_add(1, Relaxed);
        self.sum.update(Relaxed, Relaxed, |sum| sum.saturating_add(value));
    }

    pub(super) fn read(&self) -> Distribution {
        Distribution {
            buckets: self.buckets.iter().map(|(bound, count)| (*bound, count.load(Relaxed))).collect(),
            above: self.above.load(Relaxed),
            sum: self.sum.load(Relaxed),
        }
    }
}

/// A value with all but its two leading digits set to zero, which is how Envoy's log-linear histogram keeps it.
const fn two_digits(value: u64) -> u64 {
    let mut unit = 1;
    while value / unit >= 100 {
        unit *= 10;
    }
    value / unit * unit
}

#[cfg(test)]
mod tests {
    use super::two_digits;

    #[test]
    fn two_digits_are_kept() {
        for (value, kept) in [(0, 0), (99, 99), (101, 100), (3_049, 3_000), (u64::MAX, 18_000_000_000_000_000_000)] {
            assert_eq!(two_digits(value), kept);
        }
    }
}
