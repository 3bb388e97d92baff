//! How long is waited, never twice the same: workers that fail together must not come back together.

use crate::hash::mix;
use std::time::Duration;

/// The first wait at most, and the shortest of all.
const MIN: Duration = Duration::from_secs(1);
/// The longest wait that is not asked for.
const MAX: Duration = Duration::from_secs(30);
/// The longest wait that the collector may ask for.
const MAX_ASKED: Duration = Duration::from_secs(300);

/// Draws times.
#[derive(Debug)]
pub(super) struct BackOff {
    state: u64,
}

impl BackOff {
    /// What is drawn depends on the seed alone.
    pub(super) const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// A time of three quarters of `longest` or more.
    pub(super) fn at_most(&mut self, longest: Duration) -> Duration {
        longest.saturating_sub(self.up_to(longest / 4))
    }

    /// How long to wait after so many failures in a row: twice as long each time, or as long as the collector has asked for
    /// and up to a quarter more.
    pub(super) fn wait(&mut self, failures: u32, asked: Option<Duration>) -> Duration {
        if let Some(asked) = asked {
            let asked = asked.clamp(MIN, MAX_ASKED);
            return asked.saturating_add(self.up_to(asked / 4));
        }
        let longest = MIN.saturating_mul(2_u32.saturating_pow(failures)).min(MAX);
        longest.saturating_sub(self.up_to(longest / 2))
    }

    /// A time from zero to `longest`.
    fn up_to(&mut self, longest: Duration) -> Duration {
        // The increment of SplitMix64.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let longest_ns = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(mix(self.state) % longest_ns.saturating_add(1).max(1))
    }
}
