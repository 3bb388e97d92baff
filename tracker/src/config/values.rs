//! Lengths of time and sizes as they are written.

use std::time::Duration;

const TIMES: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: [(&str, u64); 5] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// `1500ms`, `30s`, `10m`, `1h`, `14d`.
pub fn duration(text: &str) -> Option<Duration> {
    parse(text, &TIMES).map(Duration::from_millis)
}

/// `512B`, `64KiB`, `64MiB`, `2GiB`, `1TiB`.
pub fn size(text: &str) -> Option<u64> {
    parse(text, &SIZES)
}

/// In the greatest unit of which it is a whole number; of milliseconds only whole ones are told.
pub fn format_duration(duration: Duration) -> String {
    format(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), &TIMES)
}

/// In the greatest unit of which it is a whole number.
pub fn format_size(bytes: u64) -> String {
    format(bytes, &SIZES)
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(end)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

fn format(number: u64, units: &[(&str, u64)]) -> String {
    let whole = |(_, factor): &&(&str, u64)| number.is_multiple_of(*factor) && number >= *factor;
    let (unit, factor) = units.iter().rev().find(whole).or(units.first()).copied().unwrap_or(("", 1));
    format!("{}{unit}", number / factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_is_meant() {
        let times = [("1500ms", 1_500), ("30s", 30_000), ("10m", 600_000), ("1h", 3_600_000), ("14d", 1_209_600_000)];
        for (text, millis) in times {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
            assert_eq!(format_duration(Duration::from_millis(millis)), text);
        }
        for (text, bytes) in [("512B", 512), ("64MiB", 64 << 20), ("3TiB", 3 << 40)] {
            assert_eq!(size(text), Some(bytes), "{text}");
            assert_eq!(format_size(bytes), text);
        }
        assert_eq!(format_size(0), "0B");
    }

    #[test]
    fn anything_else_is_nothing() {
        for text in ["", "30", "s", "-1s", "1.5s", "30 s", "1S", "99999999999999999999s", "99999999999999999d", "1é"] {
            assert_eq!(duration(text), None, "{text}");
        }
        assert_eq!(size("64mb"), None);
    }
}
