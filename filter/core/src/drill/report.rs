//! What is told of a drill that is over: the attributes of the record `push.drill.report`.

use super::record::Record;
use super::{WHOLE, as_millis};
use crate::labels::{Label, label};
use crate::time::{Monotonic, WallClock};
use serde::{Serialize, Serializer};

label! {
    /// What has ended a drill.
    pub enum StoppedBy {
        /// Its time was over.
        Until = "until",
        /// Too many calls of the backups really failed.
        StopAbove = "stop_above",
        /// The config no longer orders it.
        Config = "config",
    }
}

label! {
    /// Whether a real fault would have harmed nobody.
    pub enum Verdict {
        /// The fault was detected, messages were switched, the channel recovered, none was lost and none doubled.
        Passed = "passed",
        /// Anything else.
        Failed = "failed",
    }
}

/// The result of a drill. It is written as the attributes of its record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DrillReport {
    /// The rule's name.
    #[serde(rename = "push.drill.name")]
    pub name: Box<str>,
    /// The channel that was struck.
    #[serde(rename = "push.channel")]
    pub channel: Box<str>,
    /// Who ordered it.
    #[serde(rename = "push.by")]
    pub by: Box<str>,
    /// Why.
    #[serde(rename = "push.reason")]
    pub reason: Box<str>,
    /// When it began.
    #[serde(rename = "push.drill.started_unix_ms")]
    pub started_unix_ms: u64,
    /// When it ended.
    #[serde(rename = "push.drill.ended_unix_ms")]
    pub ended_unix_ms: u64,
    /// The share of messages that was to be struck, from 0 to 1.
    #[serde(rename = "push.drill.share")]
    pub share: f64,
    /// How they were struck, such as `refused` or `status 503`.
    #[serde(rename = "push.drill.fault")]
    pub fault: Box<str>,
    /// Calls that were struck.
    #[serde(rename = "push.drill.calls")]
    pub calls: u64,
    /// Messages that another channel was given.
    #[serde(rename = "push.drill.switched_calls")]
    pub switched_calls: u64,
    /// From the beginning until the channel was no longer healthy.
    #[serde(rename = "push.drill.time_to_detect_ms")]
    pub time_to_detect_ms: Option<u64>,
    /// From the beginning until the first message was switched.
    #[serde(rename = "push.drill.time_to_switch_ms")]
    pub time_to_switch_ms: Option<u64>,
    /// From the end until the channel was healthy again.
    #[serde(rename = "push.drill.time_to_recover_ms")]
    pub time_to_recover_ms: Option<u64>,
    /// Struck calls whose message no channel has accepted, or whose end nobody knows.
    #[serde(rename = "push.drill.lost")]
    pub lost: u64,
    /// Struck calls whose message more than one channel may have accepted.
    #[serde(rename = "push.drill.doubled")]
    pub doubled: u64,
    /// What has ended it.
    #[serde(rename = "push.drill.stopped_by", serialize_with = "word")]
    pub stopped_by: StoppedBy,
    /// Whether it went well.
    #[serde(rename = "push.drill.verdict", serialize_with = "word")]
    pub verdict: Verdict,
}

/// The report of a drill that has ended.
pub(super) fn of(record: &Record) -> DrillReport {
    let counts = record.counts;
    let unknown = counts.calls.saturating_sub(counts.ended);
    let lost = counts.lost.saturating_add(unknown);
    let since = |from: Option<Monotonic>, to: Option<Monotonic>| Some(as_millis(to?.since(from?)));
    let end = record.end.as_ref();
    let (started, ended) = (Some(record.started), end.map(|end| end.at));
    let all_seen = record.detected.is_some() && record.switched.is_some() && record.recovered.is_some();
    DrillReport {
        name: record.name.clone(),
        channel: record.channel.clone(),
        by: record.by.clone(),
        reason: record.reason.clone(),
        started_unix_ms: unix_ms(record.started_wall),
        ended_unix_ms: end.map_or(0, |end| unix_ms(end.wall)),
        share: f64::from(record.share) / f64::from(WHOLE),
        fault: record.fault.clone(),
        calls: counts.calls,
        switched_calls: counts.switched_calls,
        time_to_detect_ms: since(started, record.detected),
        time_to_switch_ms: since(started, record.switched),
        time_to_recover_ms: since(ended, record.recovered),
        lost,
        doubled: counts.doubled,
        stopped_by: end.map_or(StoppedBy::Config, |end| end.by),
        verdict: if all_seen && lost == 0 && counts.doubled == 0 { Verdict::Passed } else { Verdict::Failed },
    }
}

const fn unix_ms(wall: WallClock) -> u64 {
    wall.0 / 1_000_000
}

fn word<L: Label, S: Serializer>(label: &L, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(label.as_str())
}
