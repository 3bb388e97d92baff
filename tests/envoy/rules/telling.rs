//! What the filter tells in Envoy's log, with the moment at which it stood there.

use pointsman_tests::Bed;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;

/// How often the log is looked at; records are as exact in time as that.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// Reads the log as it grows.
#[derive(Default)]
pub(super) struct Telling {
    read: usize,
}

impl Telling {
    /// The records that have come since the last time, with this moment of the story.
    pub(super) fn since(&mut self, bed: &Bed, start: Instant) -> Vec<(Duration, Value)> {
        let log = bed.envoy.log();
        let at = start.elapsed();
        // A line that is not whole yet is left for the next time.
        let new = log.get(self.read..).unwrap_or_default();
        let whole = new.rfind('\n').map_or("", |end| new.get(..=end).unwrap_or_default());
        self.read += whole.len();
        whole.lines().filter_map(record).map(|record| (at, record)).collect()
    }
}

/// The record in a line of the log.
pub(crate) fn record(line: &str) -> Option<Value> {
    let (_, record) = line.split_once("record {")?;
    serde_json::Deserializer::from_str(&format!("{{{record}")).into_iter().next()?.ok()
}
