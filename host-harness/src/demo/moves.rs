//! What becomes of the slow vendor's messages: they have to leave it for its backup, and to come back.

use std::fmt;

use super::rules::{BACKUP, SLOW};
use super::table::Row;

/// The state of a channel that has all of its messages, and the one of a row without one.
const HEALTHY: &str = "healthy";
const NONE: &str = "none";

/// Watches the slow vendor over a run. Whether a message has reached the vendor is for its own books to say, its state for the filter.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Whether it has been seen in any state but healthy.
    troubled: bool,
    /// What the vendor had accepted when it was first seen healthy again.
    accepted_before: Option<u64>,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moves {
    /// Messages that went to the backup.
    pub(super) moved: u64,
    /// Messages that the vendor has accepted since it is healthy again.
    pub(super) back: u64,
    /// The state it is in now.
    pub(super) state: String,
}

impl Watch {
    /// Takes note of the vendor's row and of what the vendor has accepted so far.
    pub(super) fn observe(&mut self, rows: &[Row], accepted: u64) {
        match state(rows) {
            HEALTHY if self.troubled => {
                self.accepted_before.get_or_insert(accepted);
            }
            HEALTHY | NONE => {}
            _ => {
                self.troubled = true;
                self.accepted_before = None;
            }
        }
    }

    /// What it has come to.
    pub(super) fn moves(&self, rows: &[Row], accepted: u64) -> Moves {
        let moved = rows.iter().filter(|row| row.channel == SLOW).map(|row| row.moved).max().unwrap_or(0);
        let back = self.accepted_before.map_or(0, |before| accepted.saturating_sub(before));
        Moves { moved, back, state: state(rows).to_owned() }
    }
}

impl Moves {
    /// Whether messages have left the vendor and it has all of them again.
    pub(super) fn there_and_back(&self) -> bool {
        self.moved > 0 && self.back > 0 && self.state == HEALTHY
    }
}

impl fmt::Display for Moves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { moved, back, state } = self;
        write!(
            f,
            "{moved} messages of {SLOW} went to {BACKUP}; it is {state}, and has had {back} since it is healthy again"
        )
    }
}

fn state(rows: &[Row]) -> &str {
    let row = rows.iter().find(|row| row.channel == SLOW && row.state.is_some());
    row.and_then(|row| row.state.as_deref()).unwrap_or(NONE)
}

#[cfg(test)]
mod tests {
    use super::{Moves, SLOW, Watch};
    use crate::demo::table::Row;

    fn fcm(state: &str, moved: u64) -> [Row; 1] {
        [Row {
            node: "FCM_PUSH".to_owned(),
            channel: SLOW.to_owned(),
            messages: 0,
            calls: 0,
            p50_ms: None,
            p99_ms: None,
            on_time: 0,
            late: 0,
            in_flight: 0,
            blocked: 0,
            state: Some(state.to_owned()),
            moved,
            outcomes: Vec::new(),
            codes: [].into(),
        }]
    }

    /// The vendor's state, what has been moved and what it has accepted, second by second.
    fn watched(seconds: &[(&str, u64, u64)]) -> Moves {
        let mut watch = Watch::default();
        for (state, moved, accepted) in seconds {
            watch.observe(&fcm(state, *moved), *accepted);
        }
        let (state, moved, accepted) = seconds[seconds.len() - 1];
        watch.moves(&fcm(state, moved), accepted)
    }

    #[test]
    fn messages_have_come_back_when_the_vendor_accepts_some_as_a_healthy_one() {
        let there_and_back = [("healthy", 0, 9), ("degraded", 50, 12), ("recovering", 60, 20), ("healthy", 60, 25)];
        let moves = watched(&[&there_and_back[..], &[("healthy", 60, 40)]].concat());
        assert!(moves.there_and_back());
        assert_eq!(
            moves.to_string(),
            "60 messages of fcm went to lc; it is healthy, and has had 15 since it is healthy again"
        );
        assert!(!watched(&there_and_back).there_and_back(), "it has had none since");
    }

    #[test]
    fn what_stays_away_has_not_come_back() {
        for seconds in [
            &[("healthy", 0, 9), ("healthy", 0, 30)][..],
            &[("healthy", 0, 9), ("degraded", 50, 12), ("degraded", 80, 12)],
            &[("healthy", 0, 9), ("degraded", 50, 12), ("recovering", 60, 30)],
            &[("degraded", 50, 12), ("healthy", 50, 12), ("healthy", 50, 20), ("degraded", 70, 25)],
            &[("none", 0, 9)],
        ] {
            assert!(!watched(seconds).there_and_back(), "{seconds:?}");
        }
    }
}
