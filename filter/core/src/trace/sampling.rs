//! Consistent probability sampling, as OpenTelemetry defines it: the trace id itself is the dice.
//!
//! The right-most 56 bits of the trace id are compared with a threshold, so all who see a trace decide alike, and who
//! keeps more keeps all that others keep.

use super::ids::TraceId;

/// 2^56, one more than the largest value of the bits that are compared.
const RANGE: u64 = 1 << 56;

/// A share from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Ratio(f64);

/// A number that is no share.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("{0} is not between 0 and 1")]
pub struct InvalidRatio(pub f64);

impl Ratio {
    /// Nothing.
    pub const ZERO: Self = Self(0.0);
    /// All.
    pub const ONE: Self = Self(1.0);

    /// The share as a number.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Ratio {
    type Error = InvalidRatio;

    fn try_from(ratio: f64) -> Result<Self, InvalidRatio> {
        if (0.0..=1.0).contains(&ratio) { Ok(Self(ratio)) } else { Err(InvalidRatio(ratio)) }
    }
}

/// Whether a trace belongs to the share `ratio` of all traces.
pub fn sampled(trace_id: &TraceId, ratio: Ratio) -> bool {
    randomness(trace_id) >= threshold(ratio)
}

fn randomness(trace_id: &TraceId) -> u64 {
    u128::from_be_bytes(*trace_id.as_bytes()) as u64 & (RANGE - 1)
}

/// How many of 2^56 traces are left out. The share that stays is scaled, and not the rest, because small shares are
/// exact as a floating point number and 1 minus them is not.
fn threshold(ratio: Ratio) -> u64 {
    RANGE.saturating_sub((ratio.0 * RANGE as f64).round() as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ratio(value: f64) -> Ratio {
        Ratio::try_from(value).unwrap()
    }

    fn trace_id(left: u128, randomness: u64) -> TraceId {
        TraceId::from_bytes((left << 56 | u128::from(randomness)).to_be_bytes()).unwrap()
    }

    #[test]
    fn a_ratio_lies_between_0_and_1() {
        for value in [0.0, f64::MIN_POSITIVE, 0.5, 1.0] {
            assert_eq!(ratio(value).get(), value);
        }
        for value in [-0.1, 1.000_000_1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(Ratio::try_from(value).is_err(), "{value}");
        }
        assert_eq!(InvalidRatio(1.5).to_string(), "1.5 is not between 0 and 1");
    }

    #[test]
    fn thresholds_are_those_of_opentelemetry() {
        for (value, expected) in [
            (1.0, 0),
            (0.5, 0x80_0000_0000_0000),
            (0.25, 0xc0_0000_0000_0000),
            (0.1, 0xe6_6666_6666_6666),
            (0.01, 0xfd_70a3_d70a_3d71),
            (0.001, 0xff_be76_c8b4_3958),
            (2f64.powi(-56), 0xff_ffff_ffff_ffff),
            (0.0, RANGE),
        ] {
            assert_eq!(threshold(ratio(value)), expected, "{value}");
        }
    }

    #[test]
    fn a_trace_is_kept_from_the_threshold_upwards_by_its_right_most_56_bits_alone() {
        for left in [1, u128::MAX >> 56] {
            assert!(sampled(&trace_id(left, 0x80_0000_0000_0000), ratio(0.5)));
            assert!(!sampled(&trace_id(left, 0x7f_ffff_ffff_ffff), ratio(0.5)));
        }
    }

    #[test]
    fn ratio_1_keeps_every_trace_and_ratio_0_none() {
        for randomness in [0, 1, RANGE - 1] {
            assert!(sampled(&trace_id(1, randomness), Ratio::ONE));
            assert!(!sampled(&trace_id(1, randomness), Ratio::ZERO));
        }
    }

    proptest! {
        #[test]
        fn a_larger_ratio_keeps_all_that_a_smaller_one_keeps(id in 1..=u128::MAX, a in 0.0..=1.0f64, b in 0.0..=1.0f64) {
            let trace_id = TraceId::from_bytes(id.to_be_bytes()).unwrap();
            let (smaller, larger) = (ratio(a.min(b)), ratio(a.max(b)));
            prop_assert!(sampled(&trace_id, larger) || !sampled(&trace_id, smaller));
        }
    }
}
