//! Instants and durations. Monotonic and wall time are different types, and neither can be read here.

use std::time::Duration;

/// An instant of the host's monotonic clock, in nanoseconds since an arbitrary start shared by the whole process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// The time since `earlier`, zero if that lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A point in time by the calendar, in nanoseconds since 1970. It may jump; never subtract two to time a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallClock(pub u64);

impl WallClock {
    /// Reads a Unix time stamp in seconds or milliseconds, told apart by its size: as seconds, 10^11 is the year 5138.
    pub fn from_unix(stamp: &str) -> Option<Self> {
        let stamp: u64 = stamp.parse().ok()?;
        let millis = if stamp < 100_000_000_000 { stamp.checked_mul(1_000)? } else { stamp };
        millis.checked_mul(1_000_000).map(Self)
    }

    /// The time since `earlier`, zero if that lies ahead: clocks of two machines disagree.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A duration in whole milliseconds, as histograms take it.
pub fn as_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Reads `"250ms"`, `"30s"`, `"5m"` or `"2h"`. Zero and fractions are refused.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(unit_at)?;
    let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(unit_ms).map(Duration::from_millis)
}

/// Writes a duration the way [`parse_duration`] reads it, in the largest unit that fits.
pub fn format_duration(duration: Duration) -> String {
    let millis = as_millis(duration);
    for (unit_ms, unit) in [(3_600_000, "h"), (60_000, "m"), (1_000, "s")] {
        if millis >= unit_ms && millis % unit_ms == 0 {
            return format!("{}{unit}", millis / unit_ms);
        }
    }
    format!("{millis}ms")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_unit_and_nothing_else() {
        let cases = [
            ("250ms", Some(250)),
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("2h", Some(7_200_000)),
            ("0s", None),
            ("1.5s", None),
            ("30", None),
            ("s", None),
            ("", None),
            ("-1s", None),
            ("30 s", None),
            ("99999999999999999999s", None),
            ("18446744073709551615h", None),
        ];
        for (text, expected_ms) in cases {
            assert_eq!(parse_duration(text), expected_ms.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn durations_are_written_as_they_are_read() {
        for text in ["250ms", "30s", "5m", "2h", "90s", "1500ms"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn unix_stamps_in_seconds_and_milliseconds_are_the_same_instant() {
        assert_eq!(WallClock::from_unix("1700000000"), WallClock::from_unix("1700000000000"));
        assert_eq!(WallClock::from_unix("yesterday"), None);
        assert_eq!(WallClock::from_unix("18446744073709551615"), None);
    }
}
