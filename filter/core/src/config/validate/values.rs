//! Numbers of the config: their defaults and their bounds.

use crate::config::Faults;
use crate::time::{DurationText, format_duration};
use crate::trace::Ratio;
use std::ops::RangeInclusive;
use std::time::Duration;

/// What callers are told to wait where a rule does not say.
const RETRY_AFTER: Duration = secs(30);

/// Shares are taken of 10,000 calls or messages.
const LEAST_SHARE: f64 = 0.0001;

pub(super) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Reads the values of the object at a path.
pub(super) struct Values<'a> {
    pub(super) at: String,
    pub(super) faults: &'a mut Faults,
}

impl Values<'_> {
    /// Notes a fault of the member `key`.
    pub(super) fn fault(&mut self, key: &str, what: impl std::fmt::Display) {
        self.faults.add(format!("{}.{key}", self.at), what);
    }

    /// A share that is worth telling from none, and at most `most`.
    pub(super) fn ratio(&mut self, key: &str, written: Option<f64>, default: f64, most: f64) -> Ratio {
        let value = written.unwrap_or(default);
        if !(LEAST_SHARE..=most).contains(&value) {
            self.fault(key, format!("is {value}: a share of {LEAST_SHARE} to {most}"));
        }
        Ratio::try_from(value).unwrap_or(Ratio::ONE)
    }

    pub(super) fn number(&mut self, key: &str, written: Option<u32>, default: u32, range: RangeInclusive<u32>) -> u32 {
        let value = written.unwrap_or(default);
        if !range.contains(&value) {
            self.fault(key, format!("is {value}: {} to {}", range.start(), range.end()));
        }
        value
    }

    pub(super) fn duration(
        &mut self,
        key: &str,
        written: Option<DurationText>,
        default: Duration,
        range: RangeInclusive<Duration>,
    ) -> Duration {
        let value = written.map_or(default, |text| text.0);
        if !range.contains(&value) {
            let [value, least, most] = [value, *range.start(), *range.end()].map(format_duration);
            self.fault(key, format!("is {value}: {least} to {most}"));
        }
        value
    }

    /// What callers are told to wait. `Retry-After` has whole seconds.
    pub(super) fn retry_after(&mut self, written: Option<DurationText>) -> Duration {
        let value = self.duration("retry_after", written, RETRY_AFTER, secs(1)..=secs(3_600));
        if value > secs(1) && value.subsec_millis() != 0 {
            self.fault("retry_after", format!("is {}: whole seconds", format_duration(value)));
        }
        value
    }

    /// Reports a member that has a meaning only together with another.
    pub(super) fn only(&mut self, key: &str, is_written: bool, allowed: bool, with: &str) {
        if is_written && !allowed {
            self.fault(key, format!("means nothing here: it goes with {with}"));
        }
    }
}
