//! How long a breaker stays open.
//!
//! Twice as long each time, with jitter so that many sidecars do not probe at once, up to a cap. What the vendor says
//! goes before; a used-up quota comes back at the vendor's midnight.

use super::Settings;
use super::nanos;
use super::state::Reason;
use super::trigger::Hints;
use super::verdict::Bad;
use crate::classify::MAX_RETRY_AFTER;
use crate::time::{WallClock, until_midnight};
use rand_core::Rng;
use std::time::Duration;

/// A day whose quota was used up this early in it was rather not yet begun by the vendor's clock.
const AFTER_MIDNIGHT: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
const MAX_DOUBLINGS: u8 = 20;

/// What the open time depends on.
pub(super) struct Opening<'a> {
    pub(super) settings: &'a Settings,
    pub(super) reason: Reason,
    /// Why it was degraded before, if it has not been healthy since.
    pub(super) before: Option<Reason>,
    pub(super) attempts: u8,
    pub(super) hints: Hints,
    pub(super) wall: WallClock,
}

impl Opening<'_> {
    pub(super) fn time(&self, rng: &mut dyn Rng) -> Duration {
        let settings = self.settings;
        match self.reason {
            Reason::RateLimited => self.hint(Bad::Throttle).unwrap_or_else(|| self.backoff(settings.throttle, rng)),
            Reason::Quota => self.hint(Bad::Quota).unwrap_or_else(|| self.until_quota(rng)),
            Reason::ConfigFault => settings.max_open,
            Reason::FailureRatio | Reason::SlowRatio | Reason::ConsecutiveFailures | Reason::OnTimeRatio => {
                self.hint(Bad::Failure).unwrap_or_else(|| self.backoff(settings.open, rng))
            }
        }
    }

    /// What the vendor asks for, if that is not over.
    fn hint(&self, bad: Bad) -> Option<Duration> {
        let until = self.hints.get(bad as usize).copied().flatten()?;
        Some(until.since(self.wall).min(MAX_RETRY_AFTER)).filter(|wait| !wait.is_zero())
    }

    fn until_quota(&self, rng: &mut dyn Rng) -> Duration {
        let midnight = until_midnight(self.wall, self.settings.utc_offset_s);
        let just_begun = midnight > DAY.saturating_sub(AFTER_MIDNIGHT);
        if self.before == Some(Reason::Quota) && just_begun {
            return self.backoff(self.settings.throttle, rng);
        }
        midnight
    }

    /// `base` doubled with each attempt, give or take a fifth, never over the cap.
    fn backoff(&self, base: Duration, rng: &mut dyn Rng) -> Duration {
        let cap = self.settings.max_open;
        let doubled = base.saturating_mul(1 << self.attempts.min(MAX_DOUBLINGS)).min(cap);
        let per_mille = 800 + rng.next_u64() % 401;
        Duration::from_nanos((nanos(doubled) / 1_000).saturating_mul(per_mille)).min(cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand_xoshiro::{Xoshiro256PlusPlus, rand_core::SeedableRng};

    const HOUR_NS: u64 = 3_600 * 1_000_000_000;
    /// 2021-12-20 20:00 UTC, 04:00 in China.
    const NIGHT: WallClock = WallClock(1_640_030_400_000_000_000);

    fn time(
        reason: Reason,
        before: Option<Reason>,
        attempts: u8,
        hints: Hints,
        wall: WallClock,
        seed: u64,
    ) -> Duration {
        let settings = Settings::default();
        let opening = Opening { settings: &settings, reason, before, attempts, hints, wall };
        opening.time(&mut Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    proptest! {
        #[test]
        fn it_doubles_give_or_take_a_fifth_up_to_the_cap(attempts: u8, seed: u64) {
            let got = time(Reason::SlowRatio, None, attempts, Hints::default(), NIGHT, seed).as_secs_f64();
            let doubled = (5.0 * 2_f64.powi(attempts.into())).min(300.0);
            prop_assert!((doubled * 0.8..=doubled * 1.2).contains(&got) && got <= 300.0, "{got} for {doubled}");
        }
    }

    #[test]
    fn jitter_reaches_both_sides() {
        let times: Vec<_> =
            (0..200).map(|seed| time(Reason::SlowRatio, None, 0, Hints::default(), NIGHT, seed)).collect();
        assert!(times.iter().min().unwrap() < &Duration::from_millis(4_100));
        assert!(times.iter().max().unwrap() > &Duration::from_millis(5_900));
    }

    #[test]
    fn the_word_of_the_vendor_goes_before() {
        let at = |seconds: u64| Some(WallClock(NIGHT.0 + seconds * 1_000_000_000));
        let hints = [at(7), at(120), at(90_000), None];
        let hinted = |reason| time(reason, None, 3, hints, NIGHT, 1).as_secs();
        assert_eq!(hinted(Reason::ConsecutiveFailures), 7);
        assert_eq!(hinted(Reason::RateLimited), 120);
        assert_eq!(hinted(Reason::Quota), 90_000);
        assert_eq!(hinted(Reason::ConfigFault), 300, "which no waiting cures");
        let over = time(Reason::RateLimited, None, 0, [None, Some(WallClock(1)), None, None], NIGHT, 1);
        assert!((24..=36).contains(&over.as_secs()), "a hint that is over is none: {over:?}");
        let forever = time(Reason::Quota, None, 0, [None, None, Some(WallClock(u64::MAX)), None], NIGHT, 1);
        assert_eq!(forever, MAX_RETRY_AFTER);
    }

    #[test]
    fn a_quota_is_back_at_the_midnight_of_the_vendor() {
        assert_eq!(time(Reason::Quota, None, 5, Hints::default(), NIGHT, 1), Duration::from_secs(20 * 3_600));
    }

    #[test]
    fn a_quota_still_used_up_just_after_midnight_is_asked_for_again_soon() {
        let wall = WallClock(NIGHT.0 + 20 * HOUR_NS + 1_000_000_000);
        let again = time(Reason::Quota, Some(Reason::Quota), 0, Hints::default(), wall, 1);
        assert!((24..=36).contains(&again.as_secs()), "{again:?}");
        let first = time(Reason::Quota, None, 0, Hints::default(), wall, 1);
        assert_eq!(first.as_secs(), 24 * 3_600 - 1, "used up in the first second: the next day");
        let later = time(Reason::Quota, Some(Reason::Quota), 0, Hints::default(), WallClock(wall.0 + HOUR_NS), 1);
        assert_eq!(later.as_secs(), 23 * 3_600 - 1);
    }
}
