//! What the filter says of itself, read from the metrics of every sidecar once a second.

mod encoded;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::books::Timeline;
use super::moment::Moment;
use crate::process::{Process, Reading};
use encoded::Encoded;

/// The state of a channel in which nothing is wrong with it.
pub(super) const HEALTHY: &str = "healthy";

/// The filter's metrics over time.
pub(super) struct FilterView {
    sidecars: Vec<Sidecar>,
    pub(super) channels: Vec<ChannelView>,
    names: HashMap<String, usize>,
    pub(super) switches: Vec<Switch>,
}

/// One sidecar's metrics as they were last seen.
struct Sidecar {
    process: Arc<Process>,
    seen: HashMap<String, Seen>,
}

/// A series as it was last seen.
struct Seen {
    series: Option<Series>,
    value: u64,
}

/// A series of those that are looked at, with the place of its channel.
#[derive(Clone, Debug)]
enum Series {
    Outcome { channel: usize, outcome: String },
    OnTime { channel: usize, met: bool },
    State { channel: usize, state: String },
    Switched { from: String, to: String, reason: String },
}

/// What the filter says of a channel.
#[derive(Clone, Debug, Default)]
pub(super) struct ChannelView {
    /// Recipients by outcome.
    pub(super) outcomes: BTreeMap<String, u64>,
    /// The same by bucket of the timeline.
    pub(super) outcomes_by_bucket: Vec<BTreeMap<String, u64>>,
    /// Calls within the objective, and beyond it, by bucket.
    pub(super) on_time_by_bucket: Vec<(u64, u64)>,
    /// When the state changed, by sidecar.
    pub(super) states: Vec<StateChange>,
}

/// A channel's state has changed in a sidecar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StateChange {
    pub(super) at: Moment,
    pub(super) sidecar: usize,
    pub(super) state: String,
}

/// Messages of one channel went to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Switch {
    pub(super) at: Moment,
    pub(super) sidecar: usize,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) reason: String,
    pub(super) count: u64,
}

impl ChannelView {
    /// Calls within the objective, and all of which that is known; `None` if nothing is.
    pub(super) fn on_time(&self) -> Option<(u64, u64)> {
        let each = self.on_time_by_bucket.iter().copied();
        each.map(|(met, missed)| (met, met + missed)).reduce(|sum, more| (sum.0 + more.0, sum.1 + more.1))
    }
}

impl FilterView {
    pub(super) fn new(processes: Vec<Arc<Process>>, channels: &[String]) -> Self {
        let sidecars = processes.into_iter().map(|process| Sidecar { process, seen: HashMap::new() }).collect();
        let names = channels.iter().enumerate().map(|(place, name)| (name.clone(), place)).collect();
        Self { sidecars, channels: vec![ChannelView::default(); channels.len()], names, switches: Vec::new() }
    }

    /// Looks at all metrics.
    pub(super) fn sample(&mut self, timeline: &Timeline, now: Moment) {
        // What is seen at the end of a second has happened in it.
        let bucket = timeline.bucket(Moment::from_micros(now.micros().saturating_sub(1)));
        for place in 0..self.sidecars.len() {
            let Some(sidecar) = self.sidecars.get_mut(place) else { return };
            let changes = sidecar.changes(&self.names);
            for (series, value, grown) in changes {
                self.note(place, series, value, grown, bucket, timeline.len(), now);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one change of one series, with where and when it was seen")]
    fn note(
        &mut self,
        sidecar: usize,
        series: Series,
        value: u64,
        grown: u64,
        bucket: usize,
        buckets: usize,
        at: Moment,
    ) {
        match series {
            Series::Outcome { channel, outcome } => {
                let Some(view) = self.channels.get_mut(channel) else { return };
                view.outcomes_by_bucket.resize(buckets, BTreeMap::new());
                if let Some(outcomes) = view.outcomes_by_bucket.get_mut(bucket) {
                    *outcomes.entry(outcome.clone()).or_default() += grown;
                }
                *view.outcomes.entry(outcome).or_default() += grown;
            }
            Series::OnTime { channel, met } => {
                let Some(view) = self.channels.get_mut(channel) else { return };
                view.on_time_by_bucket.resize(buckets, (0, 0));
                if let Some((within, beyond)) = view.on_time_by_bucket.get_mut(bucket) {
                    *(if met { within } else { beyond }) += grown;
                }
            }
            Series::State { channel, state } if value > 0 => {
                if let Some(view) = self.channels.get_mut(channel) {
                    view.states.push(StateChange { at, sidecar, state });
                }
            }
            Series::State { .. } => {}
            Series::Switched { from, to, reason } => {
                self.switches.push(Switch { at, sidecar, from, to, reason, count: grown });
            }
        }
    }

    /// How many sidecars there are.
    pub(super) fn sidecars(&self) -> usize {
        self.sidecars.len()
    }

    /// How long, from a moment, until every sidecar has seen a channel's state be (or no longer be) healthy, but no later than
    /// `until`; `None` if one never has.
    pub(super) fn until_health_is(
        &self,
        channel: usize,
        healthy: bool,
        from: Duration,
        until: Moment,
    ) -> Option<Duration> {
        let view = self.channels.get(channel)?;
        let each = (0..self.sidecars()).map(|sidecar| {
            let changes = view.states.iter().filter(|change| change.sidecar == sidecar);
            let before = changes.clone().rfind(|change| change.at <= from.into());
            let is = |change: &StateChange| (change.state == HEALTHY) == healthy;
            if before.is_some_and(is) {
                return Some(Duration::ZERO);
            }
            let found = changes.clone().find(|change| change.at > from.into() && change.at <= until && is(change))?;
            Some(found.at.since(from.into()))
        });
        each.collect::<Option<Vec<Duration>>>()?.into_iter().max()
    }

    /// How long, from a moment, until every sidecar has moved messages of a channel to another, but no later than `until`;
    /// `None` if one never has.
    pub(super) fn until_switched(&self, channel: &str, from: Duration, until: Moment) -> Option<Duration> {
        let each = (0..self.sidecars()).map(|sidecar| {
            let mut switches = self.switches.iter().filter(|it| it.sidecar == sidecar && it.from == channel);
            Some(switches.find(|it| it.at > from.into() && it.at <= until)?.at.since(from.into()))
        });
        each.collect::<Option<Vec<Duration>>>()?.into_iter().max()
    }

    /// How many messages the filter has moved away from a channel; `None` if it has no such metric.
    pub(super) fn switched_from(&self, channel: &str) -> Option<u64> {
        if !self.knows_switches() {
            return None;
        }
        Some(self.switches.iter().filter(|it| it.from == channel).map(|it| it.count).sum())
    }

    fn knows_switches(&self) -> bool {
        let series = self.sidecars.iter().flat_map(|sidecar| sidecar.seen.values());
        series.filter_map(|seen| seen.series.as_ref()).any(|series| matches!(series, Series::Switched { .. }))
    }
}

impl Sidecar {
    /// The series that have changed, in the order of their names, with their value and by how much they have grown.
    fn changes(&mut self, channels: &HashMap<String, usize>) -> Vec<(Series, u64, u64)> {
        let mut changes = Vec::new();
        for (name, reading) in self.process.metrics.readings() {
            let (Reading::Counter(value) | Reading::Gauge(value)) = reading else { continue };
            let seen = match self.seen.get_mut(&name) {
                Some(seen) => seen,
                None => {
                    let series = Series::of(&name, channels);
                    self.seen.entry(name).or_insert(Seen { series, value: 0 })
                }
            };
            if let Some(series) = seen.series.as_ref().filter(|_| seen.value != value) {
                changes.push((series.clone(), value, value.saturating_sub(seen.value)));
            }
            seen.value = value;
        }
        changes
    }
}

impl Series {
    fn of(name: &str, channels: &HashMap<String, usize>) -> Option<Self> {
        let encoded = Encoded::parse(name);
        let label = |label: &str| encoded.label(label).map(str::to_owned);
        let channel = || channels.get(encoded.label("channel")?).copied();
        match encoded.name {
            "pointsman_node_messages_total" => Some(Self::Outcome { channel: channel()?, outcome: label("outcome")? }),
            "pointsman_node_on_time_total" => {
                Some(Self::OnTime { channel: channel()?, met: encoded.label("met")? == "true" })
            }
            "pointsman_channel_state" => Some(Self::State { channel: channel()?, state: label("state")? }),
            "pointsman_channel_switches_total" => Some(Self::Switched {
                from: label("from")?,
                to: label("to")?,
                reason: label("reason").unwrap_or_default(),
            }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
