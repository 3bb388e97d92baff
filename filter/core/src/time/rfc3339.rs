//! Times as RFC 3339 writes them: `2026-11-27T22:30:00+08:00`.

use super::WallClock;

const DAY_S: i64 = 24 * 3_600;
/// Days from the first of March of the year 0 to the first of January 1970.
const EPOCH_DAYS: i64 = 719_468;
/// Days of 400 years, after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;

/// Reads a time; `None` for one before 1970, after 2554, or without its offset from UTC.
pub fn parse_rfc3339(text: &str) -> Option<WallClock> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't'])?;
    let (time, rest) = rest.split_at_checked(8)?;
    let (nanos, offset) = fraction(rest)?;
    instant(date, time, nanos, offset_s(offset)?)
}

/// Reads `YYYY-MM-DD hh:mm:ss`, with or without a fraction, of clocks that are `offset_s` seconds ahead of UTC.
pub(super) fn parse_local(text: &str, offset_s: i64) -> Option<WallClock> {
    let (date, rest) = text.split_at_checked(10)?;
    let (time, rest) = rest.strip_prefix(' ')?.split_at_checked(8)?;
    let nanos = if rest.is_empty() { 0 } else { nanos(rest.strip_prefix('.')?)? };
    instant(date, time, nanos, offset_s)
}

fn instant(date: &str, time: &str, nanos: u64, offset_s: i64) -> Option<WallClock> {
    let [year, month, day] = numbers(date, "-", [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ":", [2, 2, 2])?;
    let is_date = (1..=12).contains(&month) && (1..=days_of_month(year, month)).contains(&day);
    // A leap second has the number 60.
    if !is_date || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let of_day = hour * 3_600 + minute * 60 + second;
    let seconds = days(year, month, day) * DAY_S + of_day - offset_s;
    u64::try_from(seconds).ok()?.checked_mul(1_000_000_000)?.checked_add(nanos).map(WallClock)
}

/// Writes a time in UTC, to the second.
pub fn format_rfc3339(time: WallClock) -> String {
    let seconds = i64::try_from(time.0 / 1_000_000_000).unwrap_or(i64::MAX);
    let (year, month, day) = civil(seconds.div_euclid(DAY_S));
    let of_day = seconds.rem_euclid(DAY_S);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// The nanoseconds of a fraction, if there is one, and what follows it.
fn fraction(text: &str) -> Option<(u64, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let (digits, rest) = rest.split_at_checked(end)?;
    Some((nanos(digits)?, rest))
}

/// The nanoseconds of the digits of a fraction. More than nine say nothing more.
pub(super) fn nanos(digits: &str) -> Option<u64> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let kept = digits.get(..9.min(digits.len()))?;
    let unit = 10_u64.checked_pow(9_u32.checked_sub(u32::try_from(kept.len()).ok()?)?)?;
    kept.parse::<u64>().ok()?.checked_mul(unit)
}

fn offset_s(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+')?),
    };
    let [hours, minutes] = numbers(rest, ":", [2, 2])?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// The numbers of `text`, each with as many digits as `digits` says.
fn numbers<const N: usize>(text: &str, separator: &str, digits: [usize; N]) -> Option<[i64; N]> {
    let mut numbers = [0; N];
    let mut parts = text.split(separator);
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970. Years begin in March, so that the leap day is the last one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH_DAYS
}

/// Year, month and day of a day since 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH_DAYS;
    let (era, of_era) = (days.div_euclid(ERA_DAYS), days.rem_euclid(ERA_DAYS));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_read_in_every_form_of_the_rfc() {
        let cases = [
            ("1970-01-01T00:00:00Z", 0),
            ("2021-12-20T20:33:21Z", 1_640_032_401_000_000_000),
            ("2021-12-21t04:33:21.5+08:00", 1_640_032_401_500_000_000),
            ("2021-12-20T15:03:21.000000001999-05:30", 1_640_032_401_000_000_001),
            ("2024-02-29T23:59:59z", 1_709_251_199_000_000_000),
            ("2000-02-29T00:00:00-00:00", 951_782_400_000_000_000),
            // A leap second is the first one of the next minute.
            ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
        ];
        for (text, nanos) in cases {
            assert_eq!(parse_rfc3339(text), Some(WallClock(nanos)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let cases = [
            "",
            "tomorrow",
            "2026-11-27",
            "2026-11-27T22:30:00",
            "2026-11-27 22:30:00Z",
            "2026-11-27T22:30Z",
            "2026-11-27T22:30:00.Z",
            "2026-11-27T22:30:00.5",
            "2026-11-27T22:30:00+8:00",
            "2026-11-27T22:30:00+0800",
            "2026-11-27T22:30:00+24:00",
            "2026-11-27T24:00:00Z",
            "2026-11-27T22:60:00Z",
            "2026-11-27T22:30:61Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-11-31T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "26-11-27T22:30:00Z",
            "2026-11-27T22:30:00Z ",
            "2026-11-+7T22:30:00Z",
            "1969-12-31T23:59:59Z",
            "9999-12-31T23:59:59Z",
            "２026-11-27T22:30:00Z",
        ];
        for text in cases {
            assert_eq!(parse_rfc3339(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same_second(seconds in 0..18_446_744_073_u64) {
            let time = WallClock(seconds * 1_000_000_000);
            prop_assert_eq!(parse_rfc3339(&format_rfc3339(time)), Some(time));
        }

        #[test]
        fn any_text_is_survived(text in ".{0,40}", at in 0..26_usize, byte in any::<char>()) {
            let _ = parse_rfc3339(&text);
            let near = "2026-11-27T22:30:00.5+08:00".chars().enumerate();
            let near: String = near.map(|(index, c)| if index == at { byte } else { c }).collect();
            let _ = parse_rfc3339(&near);
        }
    }
}
