//! Removes what is older than anything that is kept.

use super::app::App;
use crate::complain::complain;
use std::time::Duration;

/// How often that is done.
const EVERY: Duration = Duration::from_secs(600);

/// A clock that is this far ahead of the newest event may have been set wrong, and nothing is removed by it until it has said so for as
/// long: what is removed does not come back, and what is kept for a day too long harms nobody.
const DOUBTFUL_MS: u64 = 86_400_000;

/// Removes, now and from time to time, what happened longer ago than `retention`. It does not end.
pub async fn expire(app: App, retention: Duration) {
    let retention_ms = u64::try_from(retention.as_millis()).unwrap_or(u64::MAX);
    let mut doubt = Doubt::default();
    loop {
        let newest_ms = app.store.health().await.map_or(0, |health| health.newest_ms);
        let before_ms = doubt.settled((app.clock)(), newest_ms).saturating_sub(retention_ms);
        if let Err(error) = app.store.expire(before_ms).await {
            complain(format_args!("what is too old stays for now: {error}"));
        }
        tokio::time::sleep(EVERY).await;
        doubt.waited(EVERY);
    }
}

/// For how long the clock has been far ahead of all events.
#[derive(Debug, Default)]
struct Doubt {
    for_ms: Option<u64>,
}

impl Doubt {
    /// The time by which something may be removed.
    fn settled(&mut self, now_ms: u64, newest_ms: u64) -> u64 {
        if now_ms <= newest_ms.saturating_add(DOUBTFUL_MS) {
            self.for_ms = None;
            return now_ms;
        }
        match *self.for_ms.get_or_insert(0) {
            waited if waited < DOUBTFUL_MS => newest_ms,
            _ => now_ms,
        }
    }

    /// So much time has gone by, by a clock that nobody sets.
    fn waited(&mut self, time: Duration) {
        if let Some(for_ms) = &mut self.for_ms {
            *for_ms = for_ms.saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = DOUBTFUL_MS;

    #[test]
    fn a_clock_that_jumps_ahead_removes_nothing_for_a_day() {
        let mut doubt = Doubt::default();
        assert_eq!(doubt.settled(10 * DAY, 10 * DAY - 5), 10 * DAY);
        for _ in 0..144 {
            assert_eq!(doubt.settled(400 * DAY, 10 * DAY), 10 * DAY, "it jumps by a year");
            doubt.waited(EVERY);
        }
        assert_eq!(
            doubt.settled(400 * DAY, 10 * DAY),
            400 * DAY,
            "nobody has set it back for a day: nothing comes any more"
        );
    }

    #[test]
    fn a_clock_that_was_set_back_is_believed_at_once() {
        let mut doubt = Doubt::default();
        assert_eq!(doubt.settled(400 * DAY, 10 * DAY), 10 * DAY);
        doubt.waited(EVERY);
        assert_eq!(doubt.settled(10 * DAY + 7, 10 * DAY), 10 * DAY + 7);
        assert_eq!(doubt.settled(400 * DAY, 10 * DAY), 10 * DAY, "and doubted anew");
    }
}
