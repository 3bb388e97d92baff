//! From when to when, and in how many steps.

use crate::store::{MINUTE_MS, Range};
use thiserror::Error;

/// Records may be so much ahead of the clock here: what is more is not believed when it comes in.
const AHEAD_MS: u64 = 10 * MINUTE_MS;

/// Why a range is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RangeFault {
    /// It ends before it begins.
    #[error("from_ms has to be less than to_ms")]
    Empty,
    /// It is longer than may be asked for.
    #[error("from_ms to to_ms are more than {most_h} hours")]
    Long {
        /// How much may be asked for.
        most_h: u64,
    },
}

/// The range that is asked for. Without a beginning it is this long; without an end it goes on to the newest.
///
/// # Errors
/// [`RangeFault`].
pub fn asked(
    now_ms: u64,
    from_ms: Option<u64>,
    to_ms: Option<u64>,
    usual_ms: u64,
    most_ms: u64,
) -> Result<Range, RangeFault> {
    let begin = |end: u64| end.saturating_sub(usual_ms);
    let range = match (from_ms, to_ms) {
        (None, None) => Range { from_ms: begin(now_ms), to_ms: now_ms.saturating_add(AHEAD_MS) },
        (None, Some(to_ms)) => Range { from_ms: begin(to_ms), to_ms },
        (Some(from_ms), to_ms) => Range { from_ms, to_ms: to_ms.unwrap_or(now_ms.saturating_add(AHEAD_MS)) },
    };
    let length_ms = range.to_ms.checked_sub(range.from_ms).filter(|length_ms| *length_ms > 0);
    match length_ms {
        None => Err(RangeFault::Empty),
        Some(length_ms) if length_ms > most_ms.saturating_add(AHEAD_MS) => {
            Err(RangeFault::Long { most_h: most_ms / (60 * MINUTE_MS) })
        }
        Some(_) => Ok(range),
    }
}

/// The same range with both ends moved out to whole minutes.
pub fn minutes(range: Range) -> Range {
    Range {
        from_ms: range.from_ms / MINUTE_MS * MINUTE_MS,
        to_ms: range.to_ms.div_ceil(MINUTE_MS).saturating_mul(MINUTE_MS),
    }
}

/// A range in steps of equal length, which begin at multiples of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steps {
    /// From the first step to the end of the last.
    pub range: Range,
    /// The length of a step, whole minutes.
    pub step_ms: u64,
    /// How many.
    pub points: usize,
}

impl Steps {
    /// At most so many steps over a range, none shorter than a minute.
    pub fn over(range: Range, points: usize) -> Self {
        let most = points.max(1) as u64;
        let length_ms = range.to_ms.saturating_sub(range.from_ms).max(1);
        let mut step_ms = length_ms.div_ceil(most).div_ceil(MINUTE_MS).max(1).saturating_mul(MINUTE_MS);
        loop {
            let this = Self::of(range, step_ms);
            // Where the ends are no multiples, it takes one more step than was asked for.
            if this.points as u64 <= most || most == 1 && this.points <= 2 {
                return this;
            }
            step_ms = step_ms.saturating_add(MINUTE_MS);
        }
    }

    /// The last so many steps of a length up to now, the one that has not ended yet among them.
    pub fn last(now_ms: u64, points: usize, step_ms: u64) -> Self {
        let to_ms = (now_ms / step_ms).saturating_add(1).saturating_mul(step_ms);
        let from_ms = to_ms.saturating_sub((points as u64).saturating_mul(step_ms));
        Self::of(Range { from_ms, to_ms }, step_ms)
    }

    fn of(range: Range, step_ms: u64) -> Self {
        let from_ms = range.from_ms / step_ms * step_ms;
        let to_ms = range.to_ms.div_ceil(step_ms).saturating_mul(step_ms);
        let points = usize::try_from((to_ms.saturating_sub(from_ms)) / step_ms).unwrap_or(usize::MAX);
        Self { range: Range { from_ms, to_ms }, step_ms, points }
    }

    /// When each step begins.
    pub fn at_ms(&self) -> Vec<u64> {
        (0..self.points as u64).map(|step| self.range.from_ms + step * self.step_ms).collect()
    }

    /// The step in which a time lies.
    pub fn index(&self, at_ms: u64) -> Option<usize> {
        let step = at_ms.checked_sub(self.range.from_ms)? / self.step_ms;
        usize::try_from(step).ok().filter(|step| *step < self.points)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 60 * MINUTE_MS;

    #[test]
    fn a_range_may_lack_either_end() {
        let now = 100 * HOUR_MS;
        let asked = |from, to| asked(now, from, to, HOUR_MS, 24 * HOUR_MS).map(|range| (range.from_ms, range.to_ms));
        assert_eq!(asked(None, None), Ok((99 * HOUR_MS, now + AHEAD_MS)));
        assert_eq!(asked(Some(98 * HOUR_MS), None), Ok((98 * HOUR_MS, now + AHEAD_MS)));
        assert_eq!(asked(None, Some(90 * HOUR_MS)), Ok((89 * HOUR_MS, 90 * HOUR_MS)));
        assert_eq!(asked(Some(5), Some(5)), Err(RangeFault::Empty));
        assert_eq!(asked(Some(6), Some(5)), Err(RangeFault::Empty));
        assert_eq!(asked(Some(0), None), Err(RangeFault::Long { most_h: 24 }));
        assert_eq!(asked(Some(0), Some(u64::MAX)), Err(RangeFault::Long { most_h: 24 }));
    }

    #[test]
    fn steps_are_whole_minutes_and_never_more_than_asked_for() {
        for (from_ms, length_ms, points) in
            [(0, HOUR_MS, 60), (30_000, HOUR_MS, 60), (7, 24 * HOUR_MS, 60), (59_999, 1, 60), (HOUR_MS - 1, 2, 1)]
        {
            let range = Range { from_ms, to_ms: from_ms + length_ms };
            let steps = Steps::over(range, points);
            assert!(steps.range.from_ms <= range.from_ms && steps.range.to_ms >= range.to_ms, "{steps:?}");
            assert_eq!((steps.step_ms % MINUTE_MS, steps.range.from_ms % steps.step_ms), (0, 0), "{steps:?}");
            assert!(steps.points <= points.max(2), "{steps:?}");
            assert_eq!(steps.at_ms().len(), steps.points);
        }
        assert_eq!(Steps::over(Range { from_ms: 0, to_ms: HOUR_MS }, 60).step_ms, MINUTE_MS);
    }

    #[test]
    fn the_last_steps_end_with_the_present_one() {
        let steps = Steps::last(HOUR_MS + 61_000, 60, MINUTE_MS);
        assert_eq!(steps.range, Range { from_ms: 2 * MINUTE_MS, to_ms: HOUR_MS + 2 * MINUTE_MS });
        assert_eq!(steps.index(HOUR_MS + 61_000), Some(59));
        assert_eq!((steps.index(0), steps.index(HOUR_MS + 2 * MINUTE_MS)), (None, None));
    }
}
