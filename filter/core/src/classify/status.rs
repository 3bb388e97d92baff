//! HTTP statuses and hundreds of them.

use thiserror::Error;

/// One status (`"503"`) or a hundred (`"5xx"`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange {
    first: u16,
    last: u16,
}

/// Why a text is no status.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{text:?} is no HTTP status: write one such as \"503\", or a hundred such as \"5xx\"")]
pub struct InvalidStatus {
    /// The text given.
    pub text: String,
}

impl StatusRange {
    /// `2xx`.
    pub const SUCCESS: Self = Self { first: 200, last: 299 };

    /// Reads `"503"` or `"5xx"`.
    pub fn parse(text: &str) -> Result<Self, InvalidStatus> {
        let invalid = || InvalidStatus { text: text.to_owned() };
        let (first, width) = match text.strip_suffix("xx") {
            Some(hundred) => (hundred.parse::<u16>().map_err(|_| invalid())?.saturating_mul(100), 100),
            None => (text.parse::<u16>().map_err(|_| invalid())?, 1),
        };
        if !(100..=599).contains(&first) {
            return Err(invalid());
        }
        Ok(Self { first, last: first.saturating_add(width - 1) })
    }

    /// Whether `status` is in it.
    pub const fn contains(self, status: u16) -> bool {
        self.first <= status && status <= self.last
    }

    /// How many statuses it covers, less one.
    pub const fn width(self) -> u16 {
        self.last - self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_one_or_a_hundred() {
        let range = StatusRange::parse("5xx").unwrap();
        assert!(range.contains(500) && range.contains(599) && !range.contains(600) && !range.contains(499));
        assert!(StatusRange::parse("503").unwrap().contains(503));
        for text in ["", "xx", "5x", "6xx", "0xx", "99", "600", "-1", "655xx"] {
            assert!(StatusRange::parse(text).is_err(), "{text}");
        }
    }
}
