//! What a breaker is told by the config.

use super::lease::MAX_PROBES;
use super::tail::MAX_TAIL;
use crate::trace::Ratio;
use std::time::Duration;

/// The whole of a ramp's share.
pub const WHOLE: u16 = 10_000;

const CHINA_S: i64 = 8 * 3_600;

/// When a breaker opens, for how long, and how it closes again. A trigger that is `None` never fires.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The sliding window that ratios are taken over.
    pub window: Duration,
    /// The window in its place while the short one holds fewer than `min_calls`.
    pub long_window: Duration,
    /// Ratios over fewer calls say nothing.
    pub min_calls: u32,
    /// Failures of calls from which it opens.
    pub failure_ratio: Option<Ratio>,
    /// Slow calls of calls from which it opens.
    pub slow_ratio: Option<Ratio>,
    /// Calls on time of calls down from which it opens.
    pub on_time_ratio: Option<Ratio>,
    /// Failures in a row, over all workers, from which it opens; at most [`MAX_TAIL`].
    pub consecutive_failures: Option<u32>,
    /// A call that takes longer is slow.
    pub slow_after: Duration,
    /// How long it stays open the first time; twice as long each time after.
    pub open: Duration,
    /// The longest that it stays open unless the vendor asks for more.
    pub max_open: Duration,
    /// How long it stays open at first after "too fast", where the vendor does not say.
    pub throttle: Duration,
    /// Probes at once, and successes among them that end the probing; at most [`MAX_PROBES`].
    pub probes: u8,
    /// After so long a probe that has not ended counts as lost.
    pub probe_lease: Duration,
    /// Shares of the traffic, of [`WHOLE`], that come back one after another.
    pub ramp: Vec<u16>,
    /// The shortest that one share lasts.
    pub step: Duration,
    /// Where the vendor's midnight is, in seconds ahead of UTC: a used-up quota comes back then.
    pub utc_offset_s: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(10),
            long_window: Duration::from_secs(300),
            min_calls: 20,
            failure_ratio: Ratio::try_from(0.5).ok(),
            slow_ratio: Ratio::try_from(0.8).ok(),
            on_time_ratio: None,
            consecutive_failures: Some(5),
            slow_after: Duration::from_secs(2),
            open: Duration::from_secs(5),
            max_open: Duration::from_secs(300),
            throttle: Duration::from_secs(30),
            probes: 3,
            probe_lease: Duration::from_secs(10),
            ramp: vec![1_000, 2_500, 5_000, WHOLE],
            step: Duration::from_secs(10),
            utc_offset_s: CHINA_S,
        }
    }
}

impl Settings {
    /// The same with every number inside its bounds; validation reports what is outside, this only keeps it harmless.
    pub(super) fn bounded(mut self) -> Self {
        let least = Duration::from_millis(1);
        self.window = self.window.max(least);
        self.long_window = self.long_window.max(self.window);
        self.min_calls = self.min_calls.max(1);
        self.consecutive_failures = self.consecutive_failures.map(|count| count.clamp(1, MAX_TAIL as u32));
        self.probes = self.probes.clamp(1, MAX_PROBES as u8);
        self.probe_lease = self.probe_lease.max(least);
        self.ramp.truncate(usize::from(u8::MAX));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_bounds_are_made_harmless() {
        let wild = Settings {
            window: Duration::ZERO,
            long_window: Duration::ZERO,
            min_calls: 0,
            consecutive_failures: Some(1_000),
            probes: 200,
            probe_lease: Duration::ZERO,
            ramp: vec![1; 1_000],
            ..Settings::default()
        };
        let tame = wild.bounded();
        assert!(!tame.window.is_zero() && tame.long_window >= tame.window && !tame.probe_lease.is_zero());
        assert_eq!((tame.min_calls, tame.consecutive_failures), (1, Some(MAX_TAIL as u32)));
        assert_eq!((usize::from(tame.probes), tame.ramp.len()), (MAX_PROBES, 255));
        assert_eq!(Settings::default().bounded(), Settings::default(), "the defaults are inside");
    }
}
