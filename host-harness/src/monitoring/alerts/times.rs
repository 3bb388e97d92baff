//! Windows as PromQL writes them, all divided by one factor.

use std::num::NonZeroU32;
use std::time::Duration;

/// By what all times are divided; 1 in production.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeScale(NonZeroU32);

impl Default for TimeScale {
    fn default() -> Self {
        Self(NonZeroU32::MIN)
    }
}

impl TimeScale {
    /// The largest: the shortest window is then 300 ms.
    pub const MAX: u32 = 1_000;

    /// Divides by `factor`; `None` for 0, and above [`Self::MAX`].
    pub fn new(factor: u32) -> Option<Self> {
        NonZeroU32::new(factor).filter(|factor| factor.get() <= Self::MAX).map(Self)
    }

    /// A time as PromQL writes it.
    pub fn span(self, time: Duration) -> String {
        let millis = (time / self.0.get()).as_millis();
        let units = [(minutes(24 * 60), "d"), (minutes(60), "h"), (minutes(1), "m"), (Duration::from_secs(1), "s")];
        let whole = units.iter().find(|(unit, _)| millis > 0 && millis.is_multiple_of(unit.as_millis()));
        whole.map_or_else(|| format!("{millis}ms"), |(unit, name)| format!("{}{name}", millis / unit.as_millis()))
    }

    /// A time in seconds.
    pub fn seconds(self, time: Duration) -> f64 {
        time.as_secs_f64() / f64::from(self.0.get())
    }

    /// A number of days.
    pub fn days(self, days: u32) -> f64 {
        f64::from(days) / f64::from(self.0.get())
    }
}

/// So many minutes.
pub(super) const fn minutes(number: u64) -> Duration {
    Duration::from_secs(number * 60)
}

/// So many hours.
pub(super) const fn hours(number: u64) -> Duration {
    minutes(number * 60)
}

/// So many days.
pub(super) const fn days(number: u64) -> Duration {
    hours(number * 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_the_largest_unit_that_holds_them_whole() {
        let one = TimeScale::default();
        let spans = [minutes(5), hours(1), hours(30), days(7), days(30), Duration::from_secs(90)];
        assert_eq!(spans.map(|time| one.span(time)), ["5m", "1h", "30h", "7d", "30d", "90s"]);
    }

    #[test]
    fn a_scale_divides_and_never_to_nothing() {
        let scale = TimeScale::new(60).unwrap();
        assert_eq!(
            [minutes(5), days(30), Duration::from_secs(30)].map(|time| scale.span(time)),
            ["5s", "12h", "500ms"]
        );
        assert_eq!(scale.days(30), 0.5);
        assert_eq!(TimeScale::new(TimeScale::MAX).unwrap().span(Duration::from_secs(30)), "30ms");
        assert_eq!((TimeScale::new(0), TimeScale::new(TimeScale::MAX + 1)), (None, None));
    }
}
