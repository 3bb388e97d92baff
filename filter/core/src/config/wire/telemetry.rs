//! Traces, records and statuses as they are written.

use super::List;
use crate::plan::{B3Style, TraceMode};
use crate::time::DurationText;
use serde::Deserialize;

/// How traces are joined.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "an object such as {\"mode\": \"own\"}")]
pub struct TraceWire {
    /// Who writes the context of a request; default `auto`.
    pub mode: TraceMode,
    /// What is written beside `traceparent`; default `none`.
    pub b3: B3Style,
    /// Buckets of the table that ties outbound calls to what came in; default 4,096.
    pub buckets: Option<u32>,
    /// How long that is remembered; default `10m`.
    pub remember: Option<DurationText>,
}

/// Where spans and records go.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with the `cluster` of the collector")]
pub struct RecordsWire {
    /// The Envoy cluster of the collector.
    pub cluster: String,
    /// The authority of requests to it; default is the cluster's name.
    pub authority: Option<String>,
    /// What stands before `/v1/logs` and `/v1/traces`; default nothing.
    pub path: Option<String>,
    /// Whether visits become spans; default true.
    pub spans: Option<bool>,
    /// Whether it is told that a send begins; default false.
    #[serde(default)]
    pub sending: bool,
    /// Visits that stay open for longer are told of; default `1m`.
    pub enter_after: Option<DurationText>,
    /// The most records of one request; default 512.
    pub max_batch: Option<u32>,
    /// The longest that a record waits for others; default `1s`.
    pub max_age: Option<DurationText>,
    /// The most records of each signal that one worker keeps; default 8,192.
    pub buffer: Option<u32>,
    /// The longest that one request may take; default `10s`.
    pub timeout: Option<DurationText>,
}

/// A status beside those that are built in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a status: an object with its `name`, `rank` and `after`")]
pub struct StatusWire {
    /// Its name.
    pub name: String,
    /// Of two statuses the one with the higher rank holds.
    pub rank: u8,
    /// The statuses that it may follow.
    pub after: List<String>,
}
