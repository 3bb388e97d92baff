//! When a breaker opens.
//!
//! Comparisons include equality. All that counts against the channel counts together, and the commonest kind names the
//! reason: a vendor that refuses half of the calls as too many and lets the other half time out is of no use either.

use super::Settings;
use super::state::Reason;
use super::verdict::{Bad, ProbeFault};
use super::window::Sums;
use crate::time::WallClock;
use std::time::Duration;

/// What a breaker knew when it moved, of all workers and of the calls since its last move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Calls that ended, or hung for too long.
    pub calls: u32,
    /// The vendor, or the way to it, was down or too late to answer.
    pub failures: u32,
    /// Calls that took longer than `slow_after`.
    pub slow: u32,
    /// Calls that met their objective.
    pub on_time: u32,
    /// Refused as too many.
    pub throttled: u32,
    /// Refused because the quota of the application is used up.
    pub quota: u32,
    /// Refused because of the credential.
    pub config_faults: u32,
    /// How many of the calls were a rehearsal.
    pub drills: u32,
    /// Bad calls of any kind in a row.
    pub consecutive: u32,
    /// The window that was looked at.
    pub window: Duration,
}

/// Until when the vendor asks not to be called, by kind in the order of [`Bad::ALL`]; the last is never used.
pub(super) type Hints = [Option<WallClock>; 4];

/// The counts of all workers for one breaker, of its current generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Merged {
    pub(super) short: Sums,
    pub(super) long: Sums,
    /// Bad calls in a row, by kind.
    pub(super) in_a_row: [u32; 4],
    pub(super) probes_passed: u32,
    pub(super) probe_fault: Option<ProbeFault>,
    pub(super) hints: Hints,
    /// Whether another worker has turned away a request that might have been a probe.
    pub(super) wanted_elsewhere: bool,
}

impl Merged {
    fn consecutive(&self) -> u32 {
        self.in_a_row.into_iter().fold(0, u32::saturating_add)
    }

    /// Whether the short window says anything.
    fn short_counts(&self, settings: &Settings) -> bool {
        self.short.judged() >= settings.min_calls
    }

    /// The window that is looked at.
    fn window(&self, settings: &Settings) -> (&Sums, Duration) {
        if self.short_counts(settings) { (&self.short, settings.window) } else { (&self.long, settings.long_window) }
    }

    /// Whether there have been enough calls for a judgement in this generation.
    pub(super) fn enough(&self, settings: &Settings) -> bool {
        self.window(settings).0.judged() >= settings.min_calls
    }

    /// Nothing speaks against the channel, however few the calls.
    pub(super) fn is_spotless(&self, settings: &Settings) -> bool {
        self.long.all_bad() == 0 && (settings.slow_ratio.is_none() || self.long.slow == 0)
    }

    pub(super) fn figures(&self, settings: &Settings) -> Figures {
        let (sums, window) = self.window(settings);
        let Sums { calls, failures, throttled, quota, config_faults, slow, on_time, drills } = *sums;
        let consecutive = self.consecutive();
        Figures { calls, failures, slow, on_time, throttled, quota, config_faults, drills, consecutive, window }
    }

    /// Why the breaker should open, if it should.
    pub(super) fn trips(&self, settings: &Settings) -> Option<Reason> {
        let sums = self.window(settings).0;
        self.fails_too_often(sums, settings)
            .or_else(|| self.fails_in_a_row(settings))
            .or_else(|| self.is_too_slow(sums, settings))
            .or_else(|| self.is_too_late(sums, settings))
    }

    fn fails_too_often(&self, sums: &Sums, settings: &Settings) -> Option<Reason> {
        let limit = settings.failure_ratio?.get();
        let bad = sums.all_bad();
        let trips = self.enough(settings) && bad > 0 && ratio(bad, sums.judged()) >= limit;
        trips.then(|| Bad::commonest(sums.bad()).reason(Reason::FailureRatio))
    }

    fn fails_in_a_row(&self, settings: &Settings) -> Option<Reason> {
        let trips = self.consecutive() >= settings.consecutive_failures?;
        trips.then(|| Bad::commonest(self.in_a_row).reason(Reason::ConsecutiveFailures))
    }

    fn is_too_slow(&self, sums: &Sums, settings: &Settings) -> Option<Reason> {
        let limit = settings.slow_ratio?.get();
        let trips = self.enough(settings) && sums.slow > 0 && ratio(sums.slow, sums.judged()) >= limit;
        trips.then_some(Reason::SlowRatio)
    }

    fn is_too_late(&self, sums: &Sums, settings: &Settings) -> Option<Reason> {
        let limit = settings.on_time_ratio?.get();
        let trips = self.enough(settings) && ratio(sums.on_time, sums.judged()) <= limit;
        trips.then_some(Reason::OnTimeRatio)
    }
}

fn ratio(part: u32, whole: u32) -> f64 {
    f64::from(part) / f64::from(whole.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Ratio;

    fn settings() -> Settings {
        let ratio = |value: f64| Ratio::try_from(value).ok();
        Settings {
            min_calls: 10,
            failure_ratio: ratio(0.3),
            slow_ratio: ratio(0.8),
            on_time_ratio: ratio(0.5),
            consecutive_failures: Some(5),
            ..Settings::default()
        }
    }

    fn trips(sums: Sums) -> Option<Reason> {
        Merged { short: sums, long: sums, ..Merged::default() }.trips(&settings())
    }

    fn sums(calls: u32) -> Sums {
        Sums { calls, on_time: calls, ..Sums::default() }
    }

    #[test]
    fn a_trigger_fires_at_equality() {
        assert_eq!(trips(Sums { failures: 3, ..sums(10) }), Some(Reason::FailureRatio));
        assert_eq!(trips(Sums { failures: 2, ..sums(10) }), None);
        assert_eq!(trips(Sums { slow: 8, ..sums(10) }), Some(Reason::SlowRatio));
        assert_eq!(trips(Sums { slow: 7, ..sums(10) }), None);
        assert_eq!(trips(Sums { on_time: 5, ..sums(10) }), Some(Reason::OnTimeRatio));
        assert_eq!(trips(Sums { on_time: 6, ..sums(10) }), None);
    }

    #[test]
    fn too_few_calls_say_nothing_and_the_long_window_may_have_enough() {
        let few = Sums { failures: 9, ..sums(9) };
        assert_eq!(trips(few), None);
        let long = Sums { failures: 9, ..sums(12) };
        let merged = Merged { short: few, long, ..Merged::default() };
        assert_eq!(merged.trips(&settings()), Some(Reason::FailureRatio));
        assert_eq!(merged.figures(&settings()).window, settings().long_window);
        let short = Sums { failures: 1, ..sums(10) };
        assert_eq!(Merged { short, long, ..Merged::default() }.trips(&settings()), None, "the short one has enough");
    }

    #[test]
    fn all_that_is_bad_counts_together_and_the_commonest_names_the_reason() {
        assert_eq!(trips(Sums { failures: 1, throttled: 2, ..sums(10) }), Some(Reason::RateLimited));
        assert_eq!(trips(Sums { quota: 3, ..sums(10) }), Some(Reason::Quota));
        assert_eq!(trips(Sums { config_faults: 10, ..sums(10) }), Some(Reason::ConfigFault));
        let row = Merged { in_a_row: [2, 3, 0, 0], ..Merged::default() };
        assert_eq!(row.trips(&settings()), Some(Reason::RateLimited));
        assert_eq!(Merged { in_a_row: [2, 2, 0, 0], ..Merged::default() }.trips(&settings()), None);
    }

    #[test]
    fn a_ratio_of_zero_asks_for_at_least_one() {
        let zero = Settings { failure_ratio: Some(Ratio::ZERO), slow_ratio: Some(Ratio::ZERO), ..settings() };
        let merged = Merged { short: sums(10), ..Merged::default() };
        assert_eq!(merged.trips(&zero), None);
    }

    #[test]
    fn failures_whose_calls_have_left_the_window_are_calls_too() {
        assert_eq!(trips(Sums { failures: 10, ..sums(0) }), Some(Reason::FailureRatio));
    }

    #[test]
    fn a_trigger_that_is_not_set_never_fires() {
        let none = Settings {
            failure_ratio: None,
            slow_ratio: None,
            on_time_ratio: None,
            consecutive_failures: None,
            ..settings()
        };
        let worst = Sums { failures: 10, slow: 10, on_time: 0, ..sums(10) };
        let merged = Merged { short: worst, long: worst, in_a_row: [10, 0, 0, 0], ..Merged::default() };
        assert_eq!(merged.trips(&none), None);
    }
}
