//! One figure: a count, a time, or nothing where nothing was measured.

use std::time::Duration;

use serde::{Serialize, Serializer};

/// The names of all figures. Messages are counted per recipient.
pub const NAMES: [&str; 22] = [
    "messages",
    "sent",
    "lost",
    "undeliverable",
    "duplicated",
    "late",
    "on_time",
    "switched",
    "retries",
    "calls",
    "accepted",
    "refused",
    "failed",
    "p50",
    "p99",
    "seen",
    "seen_ok",
    "seen_on_time",
    "switches",
    "time_to_detect",
    "time_to_switch",
    "time_to_recover",
];

/// One figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    /// So many.
    Count {
        /// How many.
        count: u64,
        /// Of how many, for percentages; 0 if it is no part of anything.
        of: u64,
    },
    /// So long.
    Time(Duration),
    /// It was not measured: it did not happen, or the filter has no such metric.
    None,
}

impl Figure {
    /// The part that a count is of its whole, from 0 to 1.
    pub fn share(&self) -> Option<f64> {
        match self {
            Self::Count { count, of } if *of > 0 => Some(*count as f64 / *of as f64),
            _ => None,
        }
    }

    /// The figure for people.
    pub fn text(&self) -> String {
        match self {
            Self::Count { count, .. } => thousands(*count),
            Self::Time(time) => time_text(*time),
            Self::None => "-".to_owned(),
        }
    }
}

/// Counts are numbers, times are numbers of seconds.
impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count { count, .. } => serializer.serialize_u64(*count),
            Self::Time(time) => serializer.serialize_f64(time.as_secs_f64()),
            Self::None => serializer.serialize_none(),
        }
    }
}

/// A count with separators, such as `12,340`.
pub(crate) fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time with a unit that fits, such as `82 ms`, `1.25 s` or `9 min 5 s`.
pub(crate) fn time_text(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match time.as_secs() {
        _ if ms < 9.95 => format!("{ms:.1} ms"),
        _ if ms < 999.5 => format!("{ms:.0} ms"),
        0..60 => format!("{} s", format!("{:.2}", ms / 1e3).trim_end_matches('0').trim_end_matches('.')),
        seconds if seconds < 3_600 && seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        seconds if seconds < 3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// A share in percent, such as `3.1 %`; what is not nothing is never shown as nothing, nor all but all as all.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let decimals = if (1.0..=99.0).contains(&percent) { 1 } else { 2 };
    match format!("{percent:.decimals$}").as_str() {
        _ if percent <= 0.0 => "0 %".to_owned(),
        _ if percent >= 100.0 => "100 %".to_owned(),
        "0.00" => "< 0.01 %".to_owned(),
        "100.00" => "> 99.99 %".to_owned(),
        text => format!("{text} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::{percent, thousands, time_text};
    use std::time::Duration;

    #[test]
    fn figures_are_for_people() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        let times = [3, 82, 1_250, 60_000, 545_000, 3_700_000].map(|ms| time_text(Duration::from_millis(ms)));
        assert_eq!(times, ["3.0 ms", "82 ms", "1.25 s", "1 min", "9 min 5 s", "1 h 1 min"]);
    }

    #[test]
    fn a_little_is_not_nothing() {
        let texts = [0.0, 0.000_001, 0.005, 0.031, 0.999_999, 1.0].map(percent);
        assert_eq!(texts, ["0 %", "< 0.01 %", "0.50 %", "3.1 %", "> 99.99 %", "100 %"]);
    }
}
