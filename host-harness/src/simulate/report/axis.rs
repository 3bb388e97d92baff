//! Where times and values stand in a chart, and which of them are written down.

use std::time::Duration;

/// The width of every chart, and of what stands left and right of the curves, in units of the drawing.
pub(super) const WIDTH: f64 = 1_160.0;
pub(super) const LEFT: f64 = 92.0;
pub(super) const RIGHT: f64 = 104.0;

/// How many times of day are written below a chart, at most.
const MAX_TICKS: u64 = 10;

/// Steps between times of day, in seconds.
const STEPS_S: [u64; 17] = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 86_400];

/// The time axis that all charts share.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimeAxis {
    /// Since local midnight.
    start: Duration,
    duration: Duration,
}

impl TimeAxis {
    pub(super) const fn new(start: Duration, duration: Duration) -> Self {
        Self { start, duration }
    }

    /// Where a moment stands, by its time since the start.
    pub(super) fn x(&self, since_start: Duration) -> f64 {
        let part = since_start.as_secs_f64() / self.duration.as_secs_f64().max(1e-9);
        LEFT + part.clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    /// Places with their times of day.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let step = STEPS_S.into_iter().find(|step| self.duration.as_secs() / step <= MAX_TICKS).unwrap_or(86_400);
        let first = self.start.as_secs().div_ceil(step);
        let times = (first..).map(|number| Duration::from_secs(number * step));
        let times = times.take_while(|time| *time <= self.start + self.duration);
        times.map(|time| (self.x(time - self.start), time_of_day(time, step < 60))).collect()
    }

    /// The time of day of the start.
    pub(super) fn begins(&self) -> String {
        time_of_day(self.start, !self.start.as_secs().is_multiple_of(60))
    }

    /// The time of day of a moment, to the second.
    pub(super) fn time_of_day(&self, since_start: Duration) -> String {
        time_of_day(self.start + since_start, true)
    }
}

fn time_of_day(since_midnight: Duration, with_seconds: bool) -> String {
    let seconds = since_midnight.as_secs() % 86_400;
    let (hour, minute) = (seconds / 3_600, seconds % 3_600 / 60);
    if with_seconds { format!("{hour:02}:{minute:02}:{:02}", seconds % 60) } else { format!("{hour:02}:{minute:02}") }
}

/// How values stand on the vertical axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// From 0 to this.
    Linear(f64),
    /// From the first to the second, both powers of ten.
    Log(f64, f64),
}

impl Scale {
    /// A scale that begins at 0 and has room for a value.
    pub(super) fn linear(most: f64) -> Self {
        let step = step(most / 4.0);
        Self::Linear(((most / step).ceil() * step).max(step))
    }

    /// A scale with room for values from `least` to `most`.
    pub(super) fn log(least: f64, most: f64) -> Self {
        let floor = 10_f64.powf(least.max(1e-9).log10().floor());
        let ceiling = 10_f64.powf(most.max(1e-9).log10().ceil());
        Self::Log(floor, ceiling.max(floor * 10.0))
    }

    /// Where a value stands, from 0 (the bottom) to 1.
    pub(super) fn place(&self, value: f64) -> f64 {
        match self {
            Self::Linear(most) => (value / most).clamp(0.0, 1.0),
            Self::Log(least, most) => ((value.max(*least) / least).ln() / (most / least).ln()).clamp(0.0, 1.0),
        }
    }

    /// The values that are written down.
    pub(super) fn ticks(&self) -> Vec<f64> {
        match self {
            Self::Linear(most) => {
                let step = step(most / 4.0);
                let count = (most / step).round() as u32;
                (0..=count).map(|number| step * f64::from(number)).collect()
            }
            Self::Log(least, most) => {
                let decades = (most / least).log10().round() as u32;
                (0..=decades).map(|decade| least * 10_f64.powf(f64::from(decade))).collect()
            }
        }
    }
}

/// The step of 1, 2, 2.5 or 5 times a power of ten that is next to a number.
fn step(number: f64) -> f64 {
    let power = 10_f64.powf(number.max(1e-9).log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power);
    steps.into_iter().find(|step| *step >= number * 0.999_999).unwrap_or(power * 10.0)
}

#[cfg(test)]
mod tests {
    use super::{Scale, TimeAxis};
    use std::time::Duration;

    #[test]
    fn times_are_written_where_they_are_round() {
        let axis = TimeAxis::new(Duration::from_secs(10 * 3_600 + 90), Duration::from_secs(20 * 60));
        let labels: Vec<String> = axis.ticks().into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["10:02", "10:04", "10:06", "10:08", "10:10", "10:12", "10:14", "10:16", "10:18", "10:20"]);
        let midnight = TimeAxis::new(Duration::from_secs(86_340), Duration::from_secs(120));
        assert_eq!(midnight.ticks().last().unwrap().1, "00:01:00");
    }

    #[test]
    fn values_have_round_steps() {
        assert_eq!(Scale::linear(137.0).ticks(), [0.0, 50.0, 100.0, 150.0]);
        assert_eq!(Scale::linear(0.0).place(0.0), 0.0);
        let log = Scale::log(12.0, 5_300.0);
        assert_eq!(log.ticks(), [10.0, 100.0, 1_000.0, 10_000.0]);
        assert!((log.place(100.0) - 1.0 / 3.0).abs() < 1e-9);
    }
}
