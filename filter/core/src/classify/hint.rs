//! When a vendor says to try again.

use super::StatusRange;
use crate::outcome::OutcomeClass;
use crate::source::Cut;
use crate::time::{WallClock, http_date, until_midnight};
use std::time::Duration;

/// A hint longer than this is cut: no vendor means it, and nobody should wait for it.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(7 * 24 * 3_600);

/// One hint, compiled.
#[derive(Clone, Debug)]
pub(super) struct Hint {
    pub(super) kind: HintKind,
    pub(super) classes: Vec<OutcomeClass>,
    pub(super) codes: Vec<Box<str>>,
    pub(super) status: Vec<StatusRange>,
}

#[derive(Clone, Debug)]
pub(super) enum HintKind {
    /// A number of this many milliseconds each, or a date; in a text behind these words, if there are any.
    Told {
        unit_ms: u64,
        epoch: bool,
        after: Option<Box<str>>,
        cut: Cut,
    },
    Fixed(Duration),
    /// Until midnight where clocks are this many seconds ahead of UTC.
    Midnight(i64),
}

impl Hint {
    /// Whether it is meant for such a failure.
    pub(super) fn applies(&self, class: OutcomeClass, code: Option<&str>, status: u16) -> bool {
        (self.classes.is_empty() || self.classes.contains(&class))
            && (self.codes.is_empty() || code.is_some_and(|code| self.codes.iter().any(|known| **known == *code)))
            && (self.status.is_empty() || self.status.iter().any(|range| range.contains(status)))
    }

    /// How long to wait, given the text that the answer has for it and the time of the answer.
    pub(super) fn wait(&self, text: Option<&str>, now: &mut dyn FnMut() -> WallClock) -> Option<Duration> {
        let wait = match &self.kind {
            HintKind::Fixed(wait) => *wait,
            HintKind::Midnight(offset_s) => until_midnight(now(), *offset_s),
            HintKind::Told { unit_ms, epoch, after, cut } => {
                let text = match after {
                    Some(words) => text?.split_once(&**words)?.1,
                    None => text?,
                };
                let text = cut.values(text).next()?.trim();
                match number(text) {
                    Some(seconds) if *epoch => instant(seconds)?.since(now()),
                    Some(number) => {
                        Duration::try_from_secs_f64(number * as_f64(*unit_ms) / 1_000.0).unwrap_or(MAX_RETRY_AFTER)
                    }
                    None => http_date(text)?.since(now()),
                }
            }
        };
        Some(wait.min(MAX_RETRY_AFTER))
    }
}

/// A number that is not below zero, with or without a fraction.
fn number(text: &str) -> Option<f64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    plain.then(|| text.parse().ok()).flatten()
}

fn instant(seconds: f64) -> Option<WallClock> {
    let since_1970 = Duration::try_from_secs_f64(seconds).ok()?;
    u64::try_from(since_1970.as_nanos()).ok().map(WallClock)
}

fn as_f64(number: u64) -> f64 {
    u32::try_from(number).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(after: Option<&str>, unit_ms: u64, epoch: bool, text: &str) -> Option<u64> {
        let kind = HintKind::Told { unit_ms, epoch, after: after.map(Into::into), cut: Cut::default() };
        let hint = Hint { kind, classes: Vec::new(), codes: Vec::new(), status: Vec::new() };
        // 2021-12-20 20:33:00 UTC.
        let wait = hint.wait(Some(text), &mut || WallClock(1_640_032_380_000_000_000))?;
        u64::try_from(wait.as_millis()).ok()
    }

    #[test]
    fn numbers_dates_and_texts_are_hints() {
        let cases = [
            (None, 1_000, false, "120", Some(120_000)),
            (None, 1_000, false, " 0 ", Some(0)),
            (None, 1_000, false, "1.5", Some(1_500)),
            (None, 1, false, "250", Some(250)),
            (None, 1_000, true, "1640032400", Some(20_000)),
            (None, 1_000, true, "1640032300", Some(0)),
            (None, 1_000, false, "Mon, 20 Dec 2021 20:33:21 GMT", Some(21_000)),
            (None, 1_000, false, "Mon, 20 Dec 2021 20:32:00 GMT", Some(0)),
            (Some("after "), 1_000, false, "limit; try again after Mon, 20 Dec 2021 20:33:21 UTC", Some(21_000)),
            (Some("after "), 1_000, false, "limit", None),
            (None, 1_000, false, "soon", None),
            (None, 1_000, false, "-5", None),
            (None, 1_000, false, "", None),
            (None, 1_000, false, "99999999999999999999", Some(604_800_000)),
            (None, 1_000, false, "9".repeat(400).leak(), Some(604_800_000)),
        ];
        for (after, unit_ms, epoch, text, expected) in cases {
            assert_eq!(told(after, unit_ms, epoch, text), expected, "{text}");
        }
    }
}
