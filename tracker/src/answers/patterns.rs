//! Failures of one kind: the same channel, vendor's code and words. How many there are, since when, and whether that is too many.

mod settings;
pub mod watch;

pub use settings::{Rule, Settings, Wire, WireRule};
pub use watch::{Above, EVERY, Labels, Propose, Watch, watch};

use super::nodes::is_failure;
use super::{Steps, meaning};
use crate::event::Kind;
use crate::store::{Count, Dimension, MINUTE_MS};
use schemars::JsonSchema;
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The points of a pattern's trend.
pub const TREND: usize = 12;
/// The most patterns of an answer.
const MAX_PATTERNS: usize = 200;
/// Fewer in the last quarter do not make a pattern rise.
const RISING_LEAST: u64 = 5;

/// What patterns are counted by.
pub const PATTERN_DIMENSIONS: [Dimension; 6] =
    [Dimension::Kind, Dimension::Channel, Dimension::Status, Dimension::Outcome, Dimension::Code, Dimension::Text];

/// What messages fail of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Patterns {
    /// The most frequent first, at most 200.
    pub patterns: Vec<Pattern>,
    /// How exact `first_ms` and `last_ms` are, in milliseconds.
    pub resolution_ms: u64,
}

/// Failures of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Pattern {
    /// The channel; empty for what failed before there was one.
    pub channel: String,
    /// The vendor's code.
    pub code: String,
    /// The words, with numbers and ids taken out.
    pub text: String,
    /// What the code means, by the adapter of the channel.
    pub meaning: Option<String>,
    /// The outcome class that most of them have.
    pub outcome: String,
    /// How many.
    pub count: u64,
    /// The step in which the first happened, in milliseconds since 1970.
    pub first_ms: u64,
    /// The step in which the last happened.
    pub last_ms: u64,
    /// How many in each twelfth of the range.
    pub trend: Vec<u64>,
    /// Whether there are more than twice as many in the last quarter as before.
    pub rising: bool,
    /// Whether there are more than the config allows, at present.
    pub above: bool,
    /// How many the config allows; null if it says nothing of this pattern.
    pub threshold: Option<u64>,
    /// What the config then proposes; null if it proposes nothing, or there are not too many.
    pub proposal: Option<Proposal>,
}

/// A switch that somebody may order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Proposal {
    /// To which channels, in this order.
    pub to: Vec<String>,
    /// Why.
    pub reason: String,
}

/// What failures have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Same {
    /// The channel.
    pub channel: String,
    /// The vendor's code.
    pub code: String,
    /// The words.
    pub text: String,
}

/// Failures that have something in common, by when they happened.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    /// Their words: their own, or where they have none those of spans.
    pub text: String,
    by_outcome: BTreeMap<String, u64>,
    by_time: BTreeMap<u64, u64>,
}

impl Failures {
    /// How many.
    pub fn count(&self) -> u64 {
        self.by_time.values().sum()
    }

    /// Those since a time.
    fn since(&self, from_ms: u64) -> u64 {
        self.by_time.range(from_ms..).map(|(_, events)| events).sum()
    }

    fn add(&mut self, count: &Count, outcome: &str) {
        let of_outcome = self.by_outcome.entry(outcome.to_owned()).or_default();
        *of_outcome = of_outcome.saturating_add(count.events);
        let of_time = self.by_time.entry(count.at_ms).or_default();
        *of_time = of_time.saturating_add(count.events);
    }
}

/// The failures of counts by [`PATTERN_DIMENSIONS`].
///
/// Statuses count, one for each recipient. What tells none but only spans, such as a node on the way in, counts by its spans; and
/// where statuses have no words, those that most spans of the same channel and code have are theirs.
pub fn failures(counts: &[Count]) -> BTreeMap<Same, Failures> {
    let mut statuses: BTreeMap<Same, Failures> = BTreeMap::new();
    let mut spans: BTreeMap<Same, Failures> = BTreeMap::new();
    for count in counts {
        let [kind, channel, status, outcome, code, text] = count.group.as_slice() else { continue };
        if !is_failure(status, outcome) {
            continue;
        }
        let into = match kind {
            kind if *kind == Kind::Status.name() => &mut statuses,
            kind if *kind == Kind::Span.name() => &mut spans,
            _ => continue,
        };
        let same = Same { channel: channel.clone(), code: code.clone(), text: text.clone() };
        into.entry(same).or_default().add(count, outcome);
    }
    for (same, failures) in &mut statuses {
        failures.text = if same.text.is_empty() { words(&spans, same) } else { same.text.clone() };
    }
    let told: BTreeSet<(String, String)> =
        statuses.keys().map(|same| (same.channel.clone(), same.code.clone())).collect();
    for (same, failures) in spans {
        if !told.contains(&(same.channel.clone(), same.code.clone())) {
            statuses.insert(same.clone(), Failures { text: same.text, ..failures });
        }
    }
    statuses
}

fn words(spans: &BTreeMap<Same, Failures>, of: &Same) -> String {
    let alike = spans.iter().filter(|(same, _)| same.channel == of.channel && same.code == of.code);
    let most = alike.filter(|(same, _)| !same.text.is_empty()).max_by_key(|(_, failures)| failures.count());
    most.map(|(same, _)| same.text.clone()).unwrap_or_default()
}

/// The patterns of failures over a range. `recent` are those by which the config's bounds are judged, up to now.
pub fn patterns(
    steps: &Steps,
    resolution_ms: u64,
    counts: &[Count],
    recent: &[Count],
    settings: &Settings,
    now_ms: u64,
) -> Patterns {
    let recent = failures(recent);
    let mut found: Vec<(Same, Failures)> = failures(counts).into_iter().collect();
    found.sort_by_key(|(_, failures)| Reverse(failures.count()));
    found.truncate(MAX_PATTERNS);
    let pattern = |(same, failures): (Same, Failures)| {
        let verdict = settings.verdict(&same, &failures.text, &recent, now_ms);
        let trend = trend(steps, &failures);
        let outcome = failures.by_outcome.iter().max_by_key(|(_, n)| **n).map(|(outcome, _)| outcome.clone());
        let outcome = outcome.unwrap_or_default();
        Pattern {
            meaning: meaning(&same.channel, &same.code, &outcome),
            outcome,
            count: failures.count(),
            first_ms: failures.by_time.keys().next().copied().unwrap_or_default(),
            last_ms: failures.by_time.keys().next_back().copied().unwrap_or_default(),
            rising: is_rising(&trend),
            trend,
            above: verdict.as_ref().is_some_and(|verdict| verdict.above),
            threshold: verdict.as_ref().map(|verdict| verdict.threshold),
            proposal: verdict.and_then(|verdict| verdict.proposal),
            channel: same.channel,
            code: same.code,
            text: failures.text,
        }
    };
    Patterns { patterns: found.into_iter().map(pattern).collect(), resolution_ms: resolution_ms.max(MINUTE_MS) }
}

fn trend(steps: &Steps, failures: &Failures) -> Vec<u64> {
    let mut trend = vec![0_u64; TREND];
    for (at_ms, n) in &failures.by_time {
        // A short range has fewer steps than points: those before it are empty.
        let place = steps.index(*at_ms).map(|index| index + TREND.saturating_sub(steps.points));
        if let Some(point) = place.and_then(|place| trend.get_mut(place)) {
            *point = point.saturating_add(*n);
        }
    }
    trend
}

fn is_rising(trend: &[u64]) -> bool {
    let (before, last) = trend.split_at(trend.len() / 4 * 3);
    let (before_n, last_n) = (before.iter().sum::<u64>(), last.iter().sum::<u64>());
    let (before_points, last_points) = (before.len() as u64, last.len() as u64);
    // last / its points > 2 * before / its points
    last_n >= RISING_LEAST && last_n.saturating_mul(before_points) > before_n.saturating_mul(2 * last_points)
}

#[cfg(test)]
mod tests;
