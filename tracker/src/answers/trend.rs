//! How messages have fared, over time.

use super::Steps;
use crate::store::Cohort;
use pointsman_core::lifecycle::{Lifecycle, Status};
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;

/// The most channels that have curves of their own; the others are in the total alone.
const MAX_CHANNELS: usize = 100;

/// Messages by when they began, and by how they have fared until now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Trend {
    /// The length of a step, in milliseconds.
    pub step_ms: u64,
    /// When each step begins, in milliseconds since 1970.
    pub at_ms: Vec<u64>,
    /// Of all channels, and of those messages that have come to none.
    pub total: Curves,
    /// Of each channel.
    pub channels: BTreeMap<String, Curves>,
}

/// Messages of each step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Curves {
    /// A vendor has them, or they are further on.
    pub success: Vec<u64>,
    /// They have failed.
    pub failed: Vec<u64>,
    /// They are on their way.
    pub pending: Vec<u64>,
}

/// How a message has fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fared {
    Success,
    Failed,
    Pending,
}

impl Fared {
    /// By its status. One of the config's own is a success if it ranks above `sent`.
    pub(super) fn by(lifecycle: &Lifecycle, name: &str) -> Self {
        match lifecycle.by_name(name) {
            Some(Status::Failed) => Self::Failed,
            Some(Status::Sent) => Self::Success,
            Some(status) if lifecycle.rank(status) > lifecycle.rank(Status::Sent) => Self::Success,
            _ => Self::Pending,
        }
    }
}

impl Curves {
    fn flat(points: usize) -> Self {
        Self { success: vec![0; points], failed: vec![0; points], pending: vec![0; points] }
    }

    fn add(&mut self, index: usize, fared: Fared, messages: u64) {
        let curve = match fared {
            Fared::Success => &mut self.success,
            Fared::Failed => &mut self.failed,
            Fared::Pending => &mut self.pending,
        };
        if let Some(value) = curve.get_mut(index) {
            *value = value.saturating_add(messages);
        }
    }

    fn messages(&self) -> u64 {
        [&self.success, &self.failed, &self.pending].into_iter().flatten().sum()
    }
}

/// The curves of cohorts.
pub fn trend(lifecycle: &Lifecycle, steps: &Steps, cohorts: &[Cohort]) -> Trend {
    let mut total = Curves::flat(steps.points);
    let mut channels: BTreeMap<String, Curves> = BTreeMap::new();
    for cohort in cohorts {
        let Some(index) = steps.index(cohort.at_ms) else { continue };
        let fared = Fared::by(lifecycle, &cohort.status);
        total.add(index, fared, cohort.messages);
        if !cohort.channel.is_empty() {
            let curves = channels.entry(cohort.channel.clone()).or_insert_with(|| Curves::flat(steps.points));
            curves.add(index, fared, cohort.messages);
        }
    }
    if channels.len() > MAX_CHANNELS {
        let mut sizes: Vec<u64> = channels.values().map(Curves::messages).collect();
        sizes.sort_unstable_by(|one, other| other.cmp(one));
        let least = sizes.get(MAX_CHANNELS).copied().unwrap_or_default();
        channels.retain(|_, curves| curves.messages() > least);
    }
    Trend { step_ms: steps.step_ms, at_ms: steps.at_ms(), total, channels }
}
