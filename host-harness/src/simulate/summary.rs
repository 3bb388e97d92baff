//! What came of a run, as named figures: the table, the JSON, the assertions and the report all show these.

mod figure;
mod incident;
mod table;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde::ser::SerializeMap as _;

use super::books::{Counts, Histogram};
use super::world::World;
pub use figure::{Figure, NAMES};
pub(super) use figure::{percent, thousands, time_text};
use incident::{Times, times};
pub(super) use incident::{incidents, merged};

/// What came of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// The virtual time of the run, in seconds.
    pub duration_s: f64,
    /// How many sidecars there were.
    pub sidecars: u32,
    /// How many workers each sidecar had.
    pub workers: u32,
    /// How often the filter failed and had to be made anew.
    pub traps: u64,
    /// Of all channels together.
    pub total: Figures,
    /// By channel.
    pub channels: BTreeMap<String, ChannelSummary>,
}

/// What came of one channel.
#[derive(Clone, Debug, Serialize)]
pub struct ChannelSummary {
    /// Its figures.
    #[serde(flatten)]
    pub figures: Figures,
    /// Recipients by the vendor's code, or the status of a page in its place, as the vendor counts them.
    pub refusals: BTreeMap<String, u64>,
    /// Recipients by outcome, as the filter counts them.
    pub outcomes: BTreeMap<String, u64>,
}

/// A figure for each of [`NAMES`], in that order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures(Vec<Figure>);

impl Serialize for Figures {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(NAMES.len()))?;
        for (name, figure) in NAMES.iter().zip(&self.0) {
            map.serialize_entry(name, figure)?;
        }
        map.end()
    }
}

impl Figures {
    /// A figure by its name; `None` if there is no such name.
    pub fn get(&self, name: &str) -> Option<&Figure> {
        let place = NAMES.iter().position(|known| *known == name)?;
        self.0.get(place)
    }

    fn new(counts: &Counts, latency: &Histogram, seen: &Seen, times: &Times) -> Self {
        let of_messages = |count| Figure::Count { count, of: counts.messages };
        let plain = |count| Figure::Count { count, of: 0 };
        let quantile =
            |share| latency.quantile(share).map_or(Figure::None, |us| Figure::Time(Duration::from_micros(us)));
        let time = |time: Option<Duration>| time.map_or(Figure::None, Figure::Time);
        Self(vec![
            plain(counts.messages),
            of_messages(counts.sent),
            of_messages(counts.lost),
            of_messages(counts.undeliverable),
            of_messages(counts.duplicated),
            of_messages(counts.late),
            of_messages(counts.on_time),
            of_messages(counts.switched),
            plain(counts.retries),
            plain(counts.calls),
            plain(counts.accepted),
            plain(counts.refused),
            plain(counts.failed),
            quantile(0.5),
            quantile(0.99),
            seen.messages.map_or(Figure::None, plain),
            seen.ok.map_or(Figure::None, plain),
            seen.calls.map_or(Figure::None, |(met, all)| Figure::Count { count: met, of: all }),
            seen.switches.map_or(Figure::None, plain),
            time(times.to_detect),
            time(times.to_switch),
            time(times.to_recover),
        ])
    }
}

/// What the filter counted.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    messages: Option<u64>,
    ok: Option<u64>,
    /// Calls within the filter's objective, and all.
    calls: Option<(u64, u64)>,
    switches: Option<u64>,
}

impl Seen {
    fn merge(&mut self, other: Self) {
        let add = |sum: &mut Option<u64>, more: Option<u64>| {
            if let Some(more) = more {
                *sum = Some(sum.unwrap_or(0) + more);
            }
        };
        add(&mut self.messages, other.messages);
        add(&mut self.ok, other.ok);
        add(&mut self.switches, other.switches);
        if let Some((met, all)) = other.calls {
            let (sum_met, sum) = self.calls.unwrap_or_default();
            self.calls = Some((sum_met + met, sum + all));
        }
    }
}

impl Summary {
    pub(super) fn of(world: &World) -> Self {
        let scenario = &world.scenario;
        let (mut all_seen, mut all_times, mut all_latency) = (Seen::default(), Vec::new(), Histogram::default());
        let mut channels = BTreeMap::new();
        for (place, (channel, book)) in scenario.channels.iter().zip(&world.books.channels).enumerate() {
            let view = world.view.channels.get(place).cloned().unwrap_or_default();
            let messages = Some(view.outcomes.values().sum()).filter(|_| !view.outcomes.is_empty());
            let ok = messages.map(|_| view.outcomes.get("ok").copied().unwrap_or(0));
            let calls = view.on_time().filter(|(_, all)| *all > 0);
            let seen = Seen { messages, ok, calls, switches: world.view.switched_from(&channel.name) };
            let times = times(world, place, channel);
            all_seen.merge(seen);
            all_latency.merge(&book.latency);
            all_times.extend(times);
            let figures = Figures::new(&book.total, &book.latency, &seen, &times.unwrap_or_default());
            let summary = ChannelSummary { figures, refusals: book.refusals.clone(), outcomes: view.outcomes };
            channels.insert(channel.name.clone(), summary);
        }
        let total = Figures::new(&world.books.total(), &all_latency, &all_seen, &Times::worst(&all_times));
        Self {
            scenario: scenario.name.clone(),
            seed: scenario.seed,
            duration_s: scenario.duration.as_secs_f64(),
            sidecars: scenario.sidecars,
            workers: scenario.workers,
            traps: world.traps(),
            total,
            channels,
        }
    }

    /// The summary as indented JSON with a line end; the same run gives the same bytes.
    ///
    /// # Errors
    /// None that a summary of a run can cause.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }

    /// The summary as a table for people.
    pub fn to_table(&self) -> String {
        table::render(self)
    }
}
