//! Times as vendors write them in receipts.

use super::{WallClock, http_date, parse_rfc3339, rfc3339};

/// The first of January 2000: what is told of before was not sent by push.
const EARLIEST: WallClock = WallClock(946_684_800_000_000_000);

/// Reads a time in any form that vendors use: Unix seconds or milliseconds, told apart by their size, with or without a
/// fraction; RFC 3339; a date of HTTP or of RFC 2822; `YYYY-MM-DD hh:mm:ss` of clocks that are `offset_s` seconds ahead of UTC.
/// `None` for one before 2000, as zero is.
pub fn parse_stamp(text: &str, offset_s: i64) -> Option<WallClock> {
    let text = text.trim();
    let time = unix(text).or_else(|| parse_rfc3339(text)).or_else(|| rfc3339::parse_local(text, offset_s));
    time.or_else(|| http_date(text)).or_else(|| rfc2822(text)).filter(|time| *time >= EARLIEST)
}

/// Unix time. Of a fraction nine digits count.
fn unix(text: &str) -> Option<WallClock> {
    let (whole, digits) = text.split_once('.').unwrap_or((text, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(digits) {
        return None;
    }
    let nanos = rfc3339::nanos(digits)?;
    let is_seconds = whole.parse::<u64>().ok()? < super::FIRST_MILLIS;
    let nanos = if is_seconds { nanos } else { nanos / 1_000 };
    WallClock::from_unix(whole)?.0.checked_add(nanos).map(WallClock)
}

/// A date as mail has it, which is that of HTTP with an offset such as `+0800` in place of `GMT`.
fn rfc2822(text: &str) -> Option<WallClock> {
    let (date, zone) = text.rsplit_once(' ')?;
    let (sign, digits) = match zone.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, zone.strip_prefix('+')?),
    };
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    let (hours, minutes) = (number / 100, number % 100);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let ahead_ns = sign * (hours * 3_600 + minutes * 60) * 1_000_000_000;
    let mut whole = date.to_owned();
    whole.push_str(" GMT");
    let local = http_date(&whole)?.0;
    let time = if ahead_ns < 0 {
        local.checked_add(ahead_ns.unsigned_abs())
    } else {
        local.checked_sub(ahead_ns.unsigned_abs())
    };
    time.map(WallClock)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CHINA_S: i64 = 8 * 3_600;

    #[test]
    fn the_same_instant_is_read_in_every_form() {
        let forms = [
            "1640032401",
            " 1640032401 ",
            "1640032401.0",
            "1640032401000",
            "1640032401000.0",
            "2021-12-20T20:33:21Z",
            "2021-12-21T04:33:21+08:00",
            "2021-12-21 04:33:21",
            "2021-12-21 04:33:21.0",
            "Mon, 20 Dec 2021 20:33:21 GMT",
            "Mon, 20 Dec 2021 20:33:21 UTC",
            "Mon, 20 Dec 2021 20:33:21 +0000",
            "Tue, 21 Dec 2021 04:33:21 +0800",
            "Mon, 20 Dec 2021 15:03:21 -0530",
        ];
        for text in forms {
            assert_eq!(parse_stamp(text, CHINA_S), Some(WallClock(1_640_032_401_000_000_000)), "{text}");
        }
    }

    #[test]
    fn fractions_are_of_the_unit_and_the_zone_is_of_local_times_alone() {
        let cases = [
            ("1640032401.5", 1_640_032_401_500_000_000),
            ("1640032401.1234567891", 1_640_032_401_123_456_789),
            ("1640032401000.5", 1_640_032_401_000_500_000),
            ("2021-12-20 20:33:21.25", 1_640_032_401_250_000_000),
            ("2021-12-20T20:33:21Z", 1_640_032_401_000_000_000),
            ("946684800", 946_684_800_000_000_000),
        ];
        for (text, nanos) in cases {
            assert_eq!(parse_stamp(text, 0), Some(WallClock(nanos)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let cases = [
            "",
            "0",
            "946684799",
            "-1640032401",
            "+1640032401",
            "1640032401.",
            ".5",
            "1.5.5",
            "1.6e9",
            "18446744073709551616",
            "2021-12-20",
            "2021-12-20 20:33",
            "2021-12-20 20:33:21.",
            "2021-12-20 20:33:21 ago",
            "2021-02-30 20:33:21",
            "1999-12-31 23:59:59",
            "Mon, 20 Dec 2021 20:33:21 +2400",
            "Mon, 20 Dec 2021 20:33:21 +0860",
            "Mon, 20 Dec 2021 20:33:21 +08",
            "+0800",
            "tomorrow",
        ];
        for text in cases {
            assert_eq!(parse_stamp(text, 0), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,40}", near in "[0-9:. +-]{0,30}", offset_s in -50_400..50_400_i64) {
            let _ = (parse_stamp(&text, offset_s), parse_stamp(&near, offset_s));
        }
    }
}
