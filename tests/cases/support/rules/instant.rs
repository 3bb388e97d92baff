//! Instants by the calendar, as configs and cases write them (RFC 3339).

use std::time::Duration;

/// Puts instants in the place of `{+3s}`, counted from `start`, which is the time since 1970.
pub(crate) fn fill(config: &str, start: Duration) -> String {
    let mut filled = String::with_capacity(config.len());
    let mut rest = config;
    while let Some((before, after)) = rest.split_once("{+") {
        filled.push_str(before);
        match after.split_once('}').and_then(|(text, after)| Some((super::case::parse_duration(text)?, after))) {
            Some((offset, after)) => {
                filled.push_str(&write(start + offset));
                rest = after;
            }
            None => {
                filled.push_str("{+");
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// `2026-11-27T23:59:57.250Z`
fn write(since_1970: Duration) -> String {
    let seconds = since_1970.as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let of_day = seconds % 86_400;
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    let millis = since_1970.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Reads `2026-11-27T23:59:57+08:00` as seconds since 1970.
pub(crate) fn read(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T')?;
    let zone_at = time.find(['+', '-', 'Z'])?;
    let (time, zone) = time.split_at_checked(zone_at)?;
    let numbers = |text: &str, separator: char| -> Option<Vec<u64>> {
        text.split(separator).map(|number| number.parse().ok()).collect()
    };
    let (date, time) = (numbers(date, '-')?, numbers(time, ':')?);
    let ([year, month, day], [hour, minute, second]) = (date.as_slice(), time.as_slice()) else { return None };
    let offset = if zone == "Z" { 0 } else { pointsman_core::time::parse_zone(zone)? };
    let day = (0..100_000).find(|number| civil(*number) == (*year, *month, *day))?;
    (day * 86_400 + hour * 3_600 + minute * 60 + second).checked_add_signed(-offset)
}

/// The date of a day since 1970 (Howard Hinnant's `civil_from_days`).
const fn civil(day: u64) -> (u64, u64, u64) {
    let shifted = day + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}
