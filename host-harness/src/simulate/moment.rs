//! Virtual time, and the clock that guests read it from.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::process::Clock;

/// Seconds from 1970 to the midnight (UTC) of the simulated day. Any day would do; a fixed one keeps runs alike.
const DAY: u64 = 1_762_732_800;

/// A moment of virtual time, in microseconds since the start of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Moment(u64);

impl Moment {
    pub(super) const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    pub(super) const fn micros(self) -> u64 {
        self.0
    }

    /// Whole seconds since the start.
    pub(super) const fn seconds(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The moment that is `wait` later; a wait beyond all bounds ends at the last moment.
    pub(super) fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(micros(wait)))
    }

    /// How long after `earlier` this is; zero if it is before.
    pub(super) fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl From<Duration> for Moment {
    fn from(since_start: Duration) -> Self {
        Self(micros(since_start))
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The clock of all guests of a run.
#[derive(Clone, Debug)]
pub(super) struct VirtualClock {
    now: Arc<AtomicU64>,
    /// Since 1970, at the start.
    epoch: Duration,
}

impl VirtualClock {
    /// A clock at the start of a run: `start` after local midnight, in a zone that is `utc_offset_s` ahead of UTC.
    pub(super) fn new(start: Duration, utc_offset_s: i64) -> Self {
        let midnight = DAY.saturating_add_signed(-utc_offset_s);
        Self { now: Arc::default(), epoch: Duration::from_secs(midnight) + start }
    }

    pub(super) fn set(&self, now: Moment) {
        self.now.store(now.0, Ordering::Relaxed);
    }
}

impl Clock for VirtualClock {
    fn wall(&self) -> Duration {
        self.epoch + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.now.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::{Moment, VirtualClock};
    use crate::process::Clock;
    use std::time::Duration;

    #[test]
    fn the_clock_shows_local_time_as_utc_and_never_runs_by_itself() {
        let clock = VirtualClock::new(Duration::from_secs(9 * 3_600), 8 * 3_600);
        assert_eq!(clock.wall().as_secs() % 86_400, 3_600, "09:00 in China is 01:00 UTC");
        assert_eq!(clock.monotonic(), Duration::ZERO);
        clock.set(Moment::from_micros(1_500));
        assert_eq!(clock.monotonic(), Duration::from_micros(1_500));
    }
}
