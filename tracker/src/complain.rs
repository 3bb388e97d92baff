//! What the program says of trouble, on its standard error.

use std::fmt::Display;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Says something. That nobody listens is no trouble.
pub(crate) fn complain(what: impl Display) {
    let _ = writeln!(std::io::stderr(), "{what}");
}

/// Says the same thing no more than once in a while, however often it happens.
#[derive(Debug, Default)]
pub(crate) struct SeldomComplaint(Mutex<Option<Instant>>);

impl SeldomComplaint {
    const EVERY: Duration = Duration::from_secs(10);

    /// Says it, if it is time.
    pub(crate) fn complain(&self, what: impl Display) {
        if self.is_time(Instant::now()) {
            complain(what);
        }
    }

    fn is_time(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_time = last.is_none_or(|last| now.duration_since(last) >= Self::EVERY);
        if is_time {
            *last = Some(now);
        }
        is_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_all_the_time_is_said_once_in_a_while() {
        let (complaint, now) = (SeldomComplaint::default(), Instant::now());
        let said = [0, 1, 9_999, 10_000, 10_001].map(|after| complaint.is_time(now + Duration::from_millis(after)));
        assert_eq!(said, [true, false, false, true, false]);
    }
}
