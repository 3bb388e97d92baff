//! Metric series: their names, their bound, and the counts that wait in memory for the next tick.

use std::collections::HashMap;

mod bound;

pub use bound::{MAX_SERIES, bound};

/// What a series is to Envoy. Gauges are not among them: they are set, not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows.
    Counter,
    /// Milliseconds.
    Histogram,
}

/// A series that the shell defines in the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// The encoded name: see [`name`].
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// Index of a series of [`Metrics`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(u32);

impl SeriesId {
    /// The index, for tables beside.
    pub fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// Counts that wait. Envoy's counters are touched on the tick, histograms at the end of each visit.
#[derive(Debug, Default)]
pub struct Metrics {
    series: Vec<(Series, u64)>,
    by_name: HashMap<String, SeriesId>,
    dirty: Vec<SeriesId>,
    samples: Vec<(SeriesId, u64)>,
}

impl Metrics {
    /// The series of that name, made if need be; `None` once there are [`MAX_SERIES`], which a validated plan never needs.
    pub fn series(&mut self, kind: Kind, name: String) -> Option<SeriesId> {
        if let Some(known) = self.by_name.get(&name) {
            return Some(*known);
        }
        if self.series.len() >= MAX_SERIES {
            return None;
        }
        let id = SeriesId(u32::try_from(self.series.len()).ok()?);
        self.by_name.insert(name.clone(), id);
        self.series.push((Series { name, kind }, 0));
        Some(id)
    }

    /// Adds to a counter.
    pub fn add(&mut self, id: Option<SeriesId>, count: u64) {
        let Some(id) = id else { return };
        let Some((_, pending)) = self.series.get_mut(id.index()) else { return };
        if *pending == 0 && count > 0 {
            self.dirty.push(id);
        }
        *pending = pending.saturating_add(count);
    }

    /// Records a value of a histogram.
    pub fn record(&mut self, id: Option<SeriesId>, value: u64) {
        self.samples.extend(id.map(|id| (id, value)));
    }

    /// Takes the counts that wait, each once.
    pub fn take_counts(&mut self) -> Vec<(SeriesId, u64)> {
        let dirty = std::mem::take(&mut self.dirty);
        let take = |id: SeriesId| self.series.get_mut(id.index()).map(|(_, pending)| (id, std::mem::take(pending)));
        dirty.into_iter().filter_map(take).collect()
    }

    /// Takes the next histogram value that waits.
    pub fn take_sample(&mut self) -> Option<(SeriesId, u64)> {
        self.samples.pop()
    }

    /// A series.
    pub fn get(&self, id: SeriesId) -> Option<&Series> {
        self.series.get(id.index()).map(|(series, _)| series)
    }

    /// Every series made so far.
    pub fn ids(&self) -> impl Iterator<Item = SeriesId> + use<> {
        (0..u32::try_from(self.series.len()).unwrap_or(u32::MAX)).map(SeriesId)
    }
}

/// Encodes labels into a name, as Istio's `extraStatTags` and our `stats_tags` take them out again:
/// `node=.=OPPO_PUSH;.;channel=.=oppo;.;pointsman_node_calls_total`. Stats have no labels of their own.
pub fn name(metric: &str, labels: &[(&str, &str)]) -> String {
    let mut name = String::with_capacity(96);
    for (label, value) in labels {
        name.push_str(label);
        name.push_str("=.=");
        name.push_str(value);
        name.push_str(";.;");
    }
    name.push_str(metric);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_wait_until_they_are_taken_and_are_taken_once() {
        let mut metrics = Metrics::default();
        let calls = metrics.series(Kind::Counter, "calls".into());
        metrics.add(calls, 2);
        metrics.add(calls, 3);
        metrics.add(None, 9);
        assert_eq!(metrics.take_counts(), [(calls.unwrap(), 5)]);
        assert_eq!(metrics.take_counts(), []);
        metrics.add(calls, 1);
        assert_eq!(metrics.take_counts(), [(calls.unwrap(), 1)]);
    }

    #[test]
    fn series_have_one_id_a_name_and_a_bound() {
        let mut metrics = Metrics::default();
        assert_eq!(metrics.series(Kind::Counter, "a".into()), metrics.series(Kind::Counter, "a".into()));
        for index in 0..MAX_SERIES + 5 {
            metrics.series(Kind::Counter, index.to_string());
        }
        assert_eq!(metrics.ids().count(), MAX_SERIES);
    }

    #[test]
    fn labels_are_encoded_before_the_name() {
        let labels = [("node", "OPPO_PUSH"), ("channel", "oppo")];
        assert_eq!(
            name("pointsman_node_calls_total", &labels),
            "node=.=OPPO_PUSH;.;channel=.=oppo;.;pointsman_node_calls_total"
        );
    }
}
