//! Counts of events: over time, or in all.

use super::Steps;
use crate::histogram::Histogram;
use crate::store::{Count, Dimension};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The most series of an answer.
const MAX_SERIES: usize = 200;
/// The most rows of an answer.
const MAX_ROWS: usize = 1_000;

/// What events have in common: what each dimension that was asked for says.
pub type Group = BTreeMap<String, String>;

/// Events over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "SeriesAnswer")]
pub struct SeriesOf {
    /// The length of a step, in milliseconds.
    pub step_ms: u64,
    /// When each step begins, in milliseconds since 1970.
    pub at_ms: Vec<u64>,
    /// The largest first, at most 200; a last one then sums up the rest.
    pub series: Vec<Series>,
}

/// Events that have something in common, over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Series {
    /// What they have in common; `other` throughout of what sums up the rest.
    pub group: Group,
    /// How many, for each step.
    pub values: Vec<u64>,
    /// Whether it sums up the rest.
    pub rest: bool,
}

/// Events in all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Statistics {
    /// The largest first, at most 1,000; a last one then sums up the rest.
    pub rows: Vec<Row>,
}

/// Events that have something in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Row {
    /// What they have in common; `other` throughout of what sums up the rest.
    pub group: Group,
    /// How many.
    pub events: u64,
    /// How many of them were within their objective.
    pub on_time: u64,
    /// How many of them were not.
    pub late: u64,
    /// Half of their visits took less than this, in milliseconds; null if none tells.
    pub p50_ms: Option<u64>,
    /// 99 % of them took less than this.
    pub p99_ms: Option<u64>,
    /// Whether it sums up the rest.
    pub rest: bool,
}

/// The name of a dimension in questions and answers.
pub(crate) const fn dimension_name(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Kind => "kind",
        Dimension::Node => "node",
        Dimension::Channel => "channel",
        Dimension::Status => "status",
        Dimension::Outcome => "outcome",
        Dimension::Code => "code",
        Dimension::Business => "business",
        Dimension::Text => "text",
    }
}

fn group(by: &[Dimension], values: &[String]) -> Group {
    by.iter().zip(values).map(|(dimension, value)| (dimension_name(*dimension).to_owned(), value.clone())).collect()
}

fn others(by: &[Dimension]) -> Group {
    by.iter().map(|dimension| (dimension_name(*dimension).to_owned(), "other".to_owned())).collect()
}

/// Counts over time.
pub fn series(steps: &Steps, by: &[Dimension], counts: &[Count]) -> SeriesOf {
    let index = |count: &Count| steps.index(count.at_ms);
    // There may be very many groups: only those that are told of get a value for each step.
    let mut sums: BTreeMap<&[String], u64> = BTreeMap::new();
    for count in counts {
        let sum = sums.entry(&count.group).or_default();
        *sum = sum.saturating_add(index(count).map_or(0, |_| count.events));
    }
    let mut sorted: Vec<(&[String], u64)> = sums.into_iter().collect();
    sorted.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
    let has_rest = sorted.len() > MAX_SERIES;
    sorted.truncate(MAX_SERIES);
    let places: BTreeMap<&[String], usize> =
        sorted.iter().enumerate().map(|(place, (values, _))| (*values, place)).collect();
    let empty = |group, rest| Series { group, values: vec![0; steps.points], rest };
    let mut series: Vec<Series> = sorted.iter().map(|(values, _)| empty(group(by, values), false)).collect();
    if has_rest {
        series.push(empty(others(by), true));
    }
    for count in counts {
        let place = places.get(count.group.as_slice()).copied().unwrap_or(MAX_SERIES);
        let value = index(count).and_then(|index| series.get_mut(place)?.values.get_mut(index));
        if let Some(value) = value {
            *value = value.saturating_add(count.events);
        }
    }
    SeriesOf { step_ms: steps.step_ms, at_ms: steps.at_ms(), series }
}

#[derive(Default)]
struct Sum {
    events: u64,
    on_time: u64,
    late: u64,
    durations: Histogram,
}

impl Sum {
    fn add(&mut self, events: u64, on_time: u64, late: u64, durations: &Histogram) {
        self.events = self.events.saturating_add(events);
        self.on_time = self.on_time.saturating_add(on_time);
        self.late = self.late.saturating_add(late);
        self.durations.merge(durations);
    }

    fn row(&self, group: Group, rest: bool) -> Row {
        let (p50_ms, p99_ms) = (self.durations.quantile(0.5), self.durations.quantile(0.99));
        Row { group, events: self.events, on_time: self.on_time, late: self.late, p50_ms, p99_ms, rest }
    }
}

/// Counts in all.
pub fn statistics(by: &[Dimension], counts: &[Count]) -> Statistics {
    let mut all: BTreeMap<&[String], Sum> = BTreeMap::new();
    for Count { group, events, on_time, late, durations, .. } in counts {
        all.entry(group).or_default().add(*events, *on_time, *late, durations);
    }
    let mut sorted: Vec<(&[String], Sum)> = all.into_iter().collect();
    sorted.sort_by_key(|(_, sum)| std::cmp::Reverse(sum.events));
    let rest = sorted.split_off(sorted.len().min(MAX_ROWS));
    let mut rows: Vec<Row> = sorted.iter().map(|(values, sum)| sum.row(group(by, values), false)).collect();
    if !rest.is_empty() {
        let mut sum = Sum::default();
        rest.iter().for_each(|(_, other)| sum.add(other.events, other.on_time, other.late, &other.durations));
        rows.push(sum.row(others(by), true));
    }
    Statistics { rows }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MINUTE_MS, Range};

    #[test]
    fn the_largest_have_a_series_each_and_the_rest_one_together() {
        let steps = Steps::over(Range { from_ms: 0, to_ms: 3 * MINUTE_MS }, 3);
        let count = |n: u64, at_ms: u64| Count { at_ms, group: vec![format!("{n:03}")], events: n, ..Count::default() };
        let mut counts: Vec<Count> = (0..203).flat_map(|n| [count(n, 0), count(n, MINUTE_MS)]).collect();
        counts.push(count(1_000, 10 * MINUTE_MS));
        let answer = series(&steps, &[Dimension::Code], &counts);
        assert_eq!(answer.series.len(), MAX_SERIES + 1);
        let values: Vec<&[u64]> = answer.series.iter().map(|one| one.values.as_slice()).collect();
        assert_eq!(values.first(), Some(&[202, 202, 0].as_slice()));
        assert_eq!(values.last(), Some(&[3, 3, 0].as_slice()));
        assert_eq!(answer.series.iter().filter(|one| one.rest).count(), 1);
    }
}
