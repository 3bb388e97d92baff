//! Lengths of time, counted in buckets that grow by a fifth: every engine counts in the same ones, so their quantiles agree.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The bound of the last bucket that has one is about 3 hours.
pub const MAX_BUCKET: u8 = 92;

/// Counts by bucket. Bucket 0 is below 1 ms, bucket n up to 1.2^(n-1) ms rounded up, the last one has no bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram(pub BTreeMap<u8, u64>);

const BOUNDS: [u64; MAX_BUCKET as usize] = {
    let mut bounds = [1_u64; MAX_BUCKET as usize];
    let (mut rest, mut bound): (&mut [u64], u64) = (&mut bounds, 1);
    while let [first, more @ ..] = rest {
        *first = bound;
        bound += if bound < 5 { 1 } else { bound / 5 };
        rest = more;
    }
    bounds
};

/// The upper bounds in milliseconds, ascending, of buckets 0 to [`MAX_BUCKET`] - 1.
pub fn bounds() -> impl Iterator<Item = u64> {
    BOUNDS.into_iter()
}

/// The bucket of a length of time: the first whose bound is greater.
pub fn bucket(duration_ms: u64) -> u8 {
    u8::try_from(BOUNDS.partition_point(|bound| *bound <= duration_ms)).unwrap_or(MAX_BUCKET)
}

impl Histogram {
    /// Counts one.
    pub fn add(&mut self, duration_ms: u64) {
        *self.0.entry(bucket(duration_ms)).or_default() += 1;
    }

    /// Adds another one.
    pub fn merge(&mut self, other: &Self) {
        for (bucket, count) in &other.0 {
            *self.0.entry(*bucket).or_default() += count;
        }
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The bound below which this share lies, in milliseconds; `None` if nothing was counted. What lies in the last bucket has no bound, and
    /// is told by that of the one before.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let count = self.count();
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let wanted = (count as f64 * share).ceil().max(1.0);
        let mut seen = 0;
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let found = self.0.iter().find(|(_, count)| {
            seen += **count;
            seen as f64 >= wanted
        });
        let bucket = usize::from(*found?.0).min(usize::from(MAX_BUCKET) - 1);
        bounds().nth(bucket)
    }
}

#[cfg(test)]
mod tests;
