//! Texts of a HAR that stand for something else.

use ::base64::Engine as _;
use ::base64::alphabet::STANDARD;
use ::base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use pointsman_core::time::WallClock;

/// Some recorders leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The bytes that `text` stands for; lines may be broken anywhere.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let unbroken: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    BASE64.decode(unbroken).ok()
}

/// Reads a date and time with a zone (ISO 8601 as RFC 3339 has it). There is none before 1970.
pub(super) fn instant(text: &str) -> Option<WallClock> {
    let read: toml::value::Datetime = text.trim().parse().ok()?;
    let (date, time, offset) = (read.date?, read.time?, read.offset?);
    let minutes_ahead = match offset {
        toml::value::Offset::Z => 0,
        toml::value::Offset::Custom { minutes } => i64::from(minutes),
    };
    let days = days_since_1970(date.year.into(), date.month.into(), date.day.into());
    let minutes = (days * 24 + i64::from(time.hour)) * 60 + i64::from(time.minute) - minutes_ahead;
    let seconds = u64::try_from(minutes * 60 + i64::from(time.second.unwrap_or(0))).ok()?;
    let nanos = u64::from(time.nanosecond.unwrap_or(0));
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos).map(WallClock)
}

/// Counts in years that begin in March, so that the leap day is the last of its year.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    let days_of_months = (153 * month + 2) / 5;
    365 * year + leap_days + days_of_months + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_the_same_in_every_zone_and_precision() {
        let expected = Some(WallClock(1_640_032_401_500_000_000));
        for text in [
            "2021-12-20T20:33:21.5Z",
            "2021-12-20T20:33:21.500000+00:00",
            "2021-12-21T04:33:21.500+08:00",
            "2021-12-20T15:03:21.5-05:30",
            "2021-12-20 20:33:21.5z",
        ] {
            assert_eq!(instant(text), expected, "{text}");
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let cases = [
            ("1970-01-01", 0),
            ("1970-03-01", 59),
            ("2000-02-29", 11_016),
            ("2000-03-01", 11_017),
            ("2026-11-27", 20_784),
        ];
        for (date, days) in cases {
            let read = instant(&format!("{date}T00:00:00Z"));
            assert_eq!(read, Some(WallClock(days * 86_400 * 1_000_000_000)), "{date}");
        }
    }

    #[test]
    fn what_has_no_zone_or_lies_before_1970_is_no_instant() {
        for text in [
            "",
            "today",
            "2021-12-20",
            "2021-12-20T20:33:21",
            "20:33:21",
            "1969-12-31T23:59:59Z",
            "2021-13-20T20:33:21Z",
        ] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn base64_may_be_broken_into_lines_and_lack_its_padding() {
        for text in ["eyJjb2RlIjoxfQ==", "eyJjb2Rl\r\nIjoxfQ", " eyJjb2RlIjoxfQ= =\n"] {
            assert_eq!(base64(text).as_deref(), Some(&b"{\"code\":1}"[..]), "{text:?}");
        }
        assert_eq!(base64("{\"code\":1}"), None);
        assert_eq!(base64("").as_deref(), Some(&b""[..]));
    }
}
