//! A clock that a test moves.

use crate::process::Clock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A clock that stands still until the test moves it. It is what the filter reads; timers of the filter and timeouts of the
/// proxy run by the machine's own time.
#[derive(Debug)]
pub struct StoppedClock {
    wall_at_start: Duration,
    passed_ns: AtomicU64,
}

impl StoppedClock {
    /// A clock that shows this time since 1970.
    pub const fn at(wall: Duration) -> Self {
        Self { wall_at_start: wall, passed_ns: AtomicU64::new(0) }
    }

    /// Moves it forward; the monotonic time moves as far as the wall time.
    pub fn advance(&self, by: Duration) {
        self.passed_ns.fetch_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl Clock for StoppedClock {
    fn wall(&self) -> Duration {
        self.wall_at_start.saturating_add(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.passed_ns.load(Ordering::SeqCst))
    }
}
