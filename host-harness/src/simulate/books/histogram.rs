//! Many numbers in little memory, to ask for percentiles.

/// Steps within a power of two: percentiles are off by at most one part in so many.
const STEPS_LOG2: u32 = 6;

/// Counts by size, in steps that grow with the size.
#[derive(Clone, Debug, Default)]
pub(in crate::simulate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    most: u64,
}

impl Histogram {
    pub(in crate::simulate) fn record(&mut self, value: u64) {
        let index = index(value);
        if self.counts.len() <= index {
            self.counts.resize(index + 1, 0);
        }
        if let Some(count) = self.counts.get_mut(index) {
            *count += 1;
        }
        self.total += 1;
        self.most = self.most.max(value);
    }

    /// The value below or at which a share of all values lies; `None` if there are none.
    pub(in crate::simulate) fn quantile(&self, share: f64) -> Option<u64> {
        let rank = ((self.total as f64 * share).ceil() as u64).max(1);
        let mut below = 0;
        let found = self.counts.iter().position(|count| {
            below += count;
            below >= rank
        });
        found.map(|index| value(index).min(self.most))
    }

    pub(in crate::simulate) fn merge(&mut self, other: &Self) {
        self.counts.resize(self.counts.len().max(other.counts.len()), 0);
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
        self.most = self.most.max(other.most);
    }
}

fn index(value: u64) -> usize {
    let exponent = (u64::BITS - value.leading_zeros()).saturating_sub(STEPS_LOG2 + 1);
    ((u64::from(exponent) << STEPS_LOG2) + (value >> exponent)) as usize
}

/// The middle of a step.
fn value(index: usize) -> u64 {
    let index = index as u64;
    let exponent = (index >> STEPS_LOG2).saturating_sub(1);
    let mantissa = index - (exponent << STEPS_LOG2);
    (mantissa << exponent) + ((1 << exponent) >> 1)
}

#[cfg(test)]
mod tests {
    use super::{Histogram, index, value};

    #[test]
    fn a_step_holds_values_that_differ_by_little() {
        for number in [0, 1, 63, 64, 127, 128, 1_000, 65_535, 1_000_000, 30_000_000] {
            let back = value(index(number));
            assert!(back.abs_diff(number) * 64 <= number, "{number} became {back}");
        }
    }

    #[test]
    fn quantiles_are_those_of_the_values() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        (1..=100).for_each(|value| histogram.record(value));
        assert_eq!((histogram.quantile(0.0), histogram.quantile(0.5)), (Some(1), Some(50)));
        assert_eq!(histogram.quantile(1.0), Some(100));
    }
}
