//! What ClickHouse complains of, as the store tells it.

use crate::store::StoreError;
use clickhouse::error::Error;

/// Of an answer, at most so much is told.
const MAX_REASON: usize = 300;

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        let text = match error {
            Error::BadResponse(text) => text,
            Error::Network(_) | Error::TimedOut => {
                return Self::Busy { reason: "ClickHouse does not answer".to_owned() };
            }
            other => return Self::Broken { reason: other.to_string() },
        };
        let reason: String =
            text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).take(MAX_REASON).collect();
        match code(&text) {
            // Too many rows or bytes to read.
            Some(158 | 307 | 396) => {
                let (events, most) = limits(&text);
                let narrow = "ask for a shorter time, or for a recipient or an id";
                Self::TooMuch { events, most, narrow }
            }
            Some(159 | 160 | 209) => Self::TooLong,
            // Too many queries, tables read-only, no space, no memory, too many parts, shutting down.
            Some(202 | 236 | 241 | 242 | 243 | 252 | 319 | 394) => Self::Busy { reason },
            // A proxy or a balancer that has nobody behind it.
            None if ["502", "503", "504", "429"].iter().any(|status| text.starts_with(status)) => Self::Busy { reason },
            _ => Self::Broken { reason },
        }
    }
}

/// The code of `Code: 158. DB::Exception: …`.
fn code(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("Code: ")?;
    rest.split(|sign: char| !sign.is_ascii_digit()).next()?.parse().ok()
}

/// How many rows it would be, and how many are allowed; ClickHouse writes them as `12.35 million`.
fn limits(text: &str) -> (u64, u64) {
    let number = |name: &str| {
        let (_, rest) = text.split_once(name)?;
        let (number, rest) = rest.trim_start().split_at(rest.trim_start().find([' ', ',', '('])?);
        let unit = match rest.trim_start().split([',', '.', '(', ' ']).next()? {
            "thousand" => 1e3,
            "million" => 1e6,
            "billion" => 1e9,
            "trillion" => 1e12,
            _ => 1.0,
        };
        let number: f64 = number.trim_end_matches('.').parse().ok()?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is rounded anyway")]
        let whole = (number * unit) as u64;
        Some(whole)
    };
    (number("current rows:").unwrap_or_default(), number("max rows:").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_read_too_much_is_told_with_its_numbers() {
        let text = "Code: 158. DB::Exception: Limit for rows (controlled by 'max_rows_to_read' setting) exceeded, \
            max rows: 10.00, current rows: 12.35 million. (TOO_MANY_ROWS)";
        let error = StoreError::from(Error::BadResponse(text.to_owned()));
        assert!(matches!(error, StoreError::TooMuch { events: 12_350_000, most: 10, .. }), "{error:?}");
    }

    #[test]
    fn what_passes_by_itself_is_busy_and_all_else_is_broken() {
        let of = |text: &str| StoreError::from(Error::BadResponse(text.to_owned()));
        assert!(matches!(of("Code: 252. DB::Exception: Too many parts"), StoreError::Busy { .. }));
        assert!(matches!(of("503 Service Unavailable"), StoreError::Busy { .. }));
        assert!(matches!(of("Code: 159. DB::Exception: Timeout exceeded"), StoreError::TooLong));
        assert!(matches!(of("Code: 60. DB::Exception: Table does not exist"), StoreError::Broken { .. }));
        assert!(matches!(StoreError::from(Error::TimedOut), StoreError::Busy { .. }));
    }
}
