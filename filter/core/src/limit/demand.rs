//! How many messages were asked for in the last second.

use crate::time::Monotonic;

/// Tenths of a second: a whole second of them, and the one that is not over.
const BUCKETS: usize = 11;
const BUCKET_NANOS: u64 = 100_000_000;

/// A count by tenths of a second.
#[derive(Debug, Default)]
pub(super) struct Demand {
    /// By number modulo [`BUCKETS`]: the number of the tenth since the start of the clock, and its count.
    buckets: [(u64, u32); BUCKETS],
    /// What the others are told.
    pub(super) published: u64,
}

impl Demand {
    pub(super) fn add(&mut self, messages: u32, now: Monotonic) {
        let number = now.0 / BUCKET_NANOS;
        let place = usize::try_from(number % BUCKETS as u64).unwrap_or(0);
        let Some((held, count)) = self.buckets.get_mut(place) else { return };
        if *held != number {
            (*held, *count) = (number, 0);
        }
        *count = count.saturating_add(messages);
    }

    pub(super) fn publish(&mut self, now: Monotonic) {
        let number = now.0 / BUCKET_NANOS;
        // The tenth that is not over would make the second longer for who ticks late in it.
        let in_second = |held: u64| held < number && number - held < BUCKETS as u64;
        let counts = self.buckets.iter().filter(|(held, _)| in_second(*held)).map(|(_, count)| u64::from(*count));
        self.published = counts.sum();
    }
}
