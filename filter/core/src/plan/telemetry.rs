//! What is told beside metrics: trace contexts, spans and records.

use serde::Deserialize;
use std::time::Duration;

/// How traces are joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSettings {
    /// Who writes the context of a request.
    pub mode: TraceMode,
    /// What is written beside `traceparent`.
    pub b3: B3Style,
    /// Buckets of the table that ties outbound calls to what came in: a power of two.
    pub buckets: u32,
    /// How long that is remembered.
    pub remember: Duration,
}

impl Default for TraceSettings {
    fn default() -> Self {
        Self { mode: TraceMode::Auto, b3: B3Style::None, buckets: 4_096, remember: Duration::from_secs(600) }
    }
}

/// Who writes the context of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum TraceMode {
    /// The filter.
    Own,
    /// The proxy's own tracer; the filter learns what it wrote.
    Observe,
    /// The proxy's own tracer if it has one, else the filter.
    #[default]
    Auto,
}

/// What is written in the form of B3, which is read in any case where no `traceparent` came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum B3Style {
    /// Nothing.
    #[default]
    None,
    /// The header `b3`.
    Single,
    /// The headers `X-B3-…`.
    Multi,
}

/// Where spans and records go, as OTLP over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSettings {
    /// The Envoy cluster of the collector.
    pub cluster: Box<str>,
    /// The authority of requests to it.
    pub authority: Box<str>,
    /// What stands before `/v1/logs` and `/v1/traces`: empty, or a path without a slash at its end.
    pub path: Box<str>,
    /// Whether visits become spans.
    pub spans: bool,
    /// Whether a record says that a send begins, beside those of how it ends.
    pub sending: bool,
    /// Visits that stay open for longer get a `push.node.enter`.
    pub enter_after: Duration,
    /// The most records of one request.
    pub max_batch: usize,
    /// The longest that a record waits for others.
    pub max_age: Duration,
    /// The most records of each signal that one worker keeps.
    pub buffer: usize,
    /// The longest that one request may take.
    pub timeout: Duration,
}
