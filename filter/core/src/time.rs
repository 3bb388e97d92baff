//! Instants and durations. Monotonic and wall time are different types, and neither can be read here.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::time::Duration;

mod rfc3339;
mod stamp;

pub use rfc3339::{format_rfc3339, parse_rfc3339};
pub use stamp::parse_stamp;

/// An instant of the host's monotonic clock, in nanoseconds since an arbitrary start shared by the whole process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Monotonic(pub u64);

impl Monotonic {
    /// The time since `earlier`, zero if that lies ahead.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The instant that much later.
    pub fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
    }
}

/// Unix time stamps from here on are milliseconds: as seconds, it is the year 5138.
const FIRST_MILLIS: u64 = 100_000_000_000;

/// A point in time by the calendar, in nanoseconds since 1970. It may jump; never subtract two to time a visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallClock(pub u64);

impl WallClock {
    /// Reads a Unix time stamp in seconds or milliseconds, told apart by its size.
    pub fn from_unix(stamp: &str) -> Option<Self> {
        let stamp: u64 = stamp.parse().ok()?;
        let millis = if stamp < FIRST_MILLIS { stamp.checked_mul(1_000)? } else { stamp };
        millis.checked_mul(1_000_000).map(Self)
    }

    /// The point in time that much later.
    pub fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The point in time that much earlier.
    pub fn before(self, time: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)))
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

/// Reads an HTTP date (RFC 9110, section 5.6.7); vendors also write `UTC` in place of `GMT`.
pub fn http_date(text: &str) -> Option<WallClock> {
    let gmt = text.trim().strip_suffix("UTC").map(|date| format!("{date}GMT"));
    let date = httpdate::parse_http_date(gmt.as_deref().unwrap_or(text)).ok()?;
    let since_1970 = date.duration_since(std::time::SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(since_1970.as_nanos()).ok().map(WallClock)
}

const DAY_S: i64 = 24 * 3_600;

/// The time until the next midnight of clocks that are `offset_s` seconds ahead of UTC.
pub fn until_midnight(now: WallClock, offset_s: i64) -> Duration {
    let seconds = i64::try_from(now.0 / 1_000_000_000).unwrap_or(i64::MAX);
    let of_day = seconds.saturating_add(offset_s).rem_euclid(DAY_S);
    let rest = u64::try_from(DAY_S.saturating_sub(of_day)).unwrap_or(0);
    Duration::from_secs(rest).saturating_sub(Duration::from_nanos(now.0 % 1_000_000_000))
}

/// Reads the offset of a time zone such as `"+08:00"`, in seconds ahead of UTC.
pub fn parse_zone(text: &str) -> Option<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+')?),
    };
    let (hours, minutes) = rest.split_once(':')?;
    let digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(hours) || !digits(minutes) {
        return None;
    }
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
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

/// A duration such as `"250ms"`: a whole number above 0 with `ms`, `s`, `m` or `h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "Duration", with = "String", extend("pattern" = "^0*[1-9][0-9]*(ms|s|m|h)$"))
)]
pub struct DurationText(pub Duration);

impl<'de> Deserialize<'de> for DurationText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_duration(&text).map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is not a duration: write a whole number above 0 with ms, s, m or h, such as \"250ms\""
            ))
        })
    }
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
    fn midnight_is_that_of_the_zone() {
        // 2021-12-20 20:33:21.5 UTC is 04:33:21.5 on the next day in China.
        let now = WallClock(1_640_032_401_500_000_000);
        let hours = |zone| until_midnight(now, parse_zone(zone).unwrap()).as_millis();
        assert_eq!(hours("+00:00"), 3 * 3_600_000 + 26 * 60_000 + 38_500);
        assert_eq!(hours("+08:00"), 19 * 3_600_000 + 26 * 60_000 + 38_500);
        assert_eq!(hours("-05:30"), 8 * 3_600_000 + 56 * 60_000 + 38_500);
        for zone in ["08:00", "+8:00", "+0800", "+15:00", "+08:60", "Asia/Shanghai", ""] {
            assert_eq!(parse_zone(zone), None, "{zone}");
        }
    }

    #[test]
    fn dates_are_read_in_the_forms_of_http_and_with_utc() {
        let expected = Some(WallClock(1_640_032_401_000_000_000));
        for text in ["Mon, 20 Dec 2021 20:33:21 GMT", "Mon, 20 Dec 2021 20:33:21 UTC", "Mon Dec 20 20:33:21 2021"] {
            assert_eq!(http_date(text), expected, "{text}");
        }
        for text in ["", "tomorrow", "Mon, 32 Dec 2021 20:33:21 GMT", "20 Dec 1900 00:00:00 GMT"] {
            assert_eq!(http_date(text), None, "{text}");
        }
    }

    #[test]
    fn unix_stamps_in_seconds_and_milliseconds_are_the_same_instant() {
        assert_eq!(WallClock::from_unix("1700000000"), WallClock::from_unix("1700000000000"));
        assert_eq!(WallClock::from_unix("yesterday"), None);
        assert_eq!(WallClock::from_unix("18446744073709551615"), None);
    }
}
