//! Traces, records and statuses as they are written.

use super::List;
#[cfg(feature = "schema")]
use super::schema;
use crate::plan::{B3Style, TraceMode};
use crate::time::DurationText;
use serde::Deserialize;

/// How traces are joined.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "an object such as {\"mode\": \"own\"}")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Trace"))]
pub struct TraceWire {
    /// Who writes the context of a request.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "auto")))]
    pub mode: TraceMode,
    /// What is written beside `traceparent`.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "none")))]
    pub b3: B3Style,
    /// Buckets of the tables in which it is remembered what came in, of four messages each: a power of two.
    #[cfg_attr(feature = "schema", schemars(range(min = 16, max = 65_536), extend("default" = 4_096)))]
    pub buckets: Option<u32>,
    /// How long that is remembered, `1s` to `24h`.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "10m")))]
    pub remember: Option<DurationText>,
}

/// Where spans and records go.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with the `cluster` of the collector")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Records"))]
pub struct RecordsWire {
    /// The Envoy cluster of the collector.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = schema::TOKEN)))]
    pub cluster: String,
    /// The authority of requests to it; by default the cluster's name.
    pub authority: Option<String>,
    /// What stands before `/v1/logs` and `/v1/traces`, such as `/otlp`; by default nothing.
    #[cfg_attr(feature = "schema", schemars(length(max = 256)))]
    pub path: Option<String>,
    /// Whether visits become spans.
    #[cfg_attr(feature = "schema", schemars(extend("default" = true)))]
    pub spans: Option<bool>,
    /// Whether a status `sending` is told when a send begins, beside those of how it ends.
    #[serde(default)]
    pub sending: bool,
    /// Visits that stay open for longer are told of, `1s` to `1h`.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "1m")))]
    pub enter_after: Option<DurationText>,
    /// The most records of one request.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 4_096), extend("default" = 512)))]
    pub max_batch: Option<u32>,
    /// The longest that a record waits for others, `250ms` to `60s`.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "1s")))]
    pub max_age: Option<DurationText>,
    /// The most records of each signal that one worker keeps; the oldest give way.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 65_536), extend("default" = 8_192)))]
    pub buffer: Option<u32>,
    /// The longest that one request may take, `100ms` to `60s`.
    #[cfg_attr(feature = "schema", schemars(extend("default" = "10s")))]
    pub timeout: Option<DurationText>,
}

/// A status of messages beside those that are built in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a status: an object with its `name`, `rank` and `after`")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Status"))]
pub struct StatusWire {
    /// Its name in records, and the value of the label `status`.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = schema::NAME)))]
    pub name: String,
    /// Of two statuses that a message has had, the one with the higher rank is where it is.
    pub rank: u8,
    /// The statuses that it may follow, none of a higher rank.
    pub after: List<String>,
}
