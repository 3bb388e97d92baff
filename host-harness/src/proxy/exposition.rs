//! What `/metrics` answers: the guests' metrics and the host's own, with the names and labels that Envoy's
//! `/stats/prometheus` gives them.
//!
//! There are two forms of it, since Prometheus asks for OpenMetrics and people read the older text. A counter whose name
//! does not end with `_total` keeps its name in both: OpenMetrics allows that for the type `unknown` only.

mod format;
mod guests;
mod host;
mod name;

pub use format::Format;
pub use host::{Cluster, ClusterClassLabels, ClusterLabels, Count, HostMetrics, Listener, ListenerClassLabels};
pub use host::{ListenerLabels, Reloads};

use crate::process::Process;
use guests::Guests;
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;
use std::fmt;
use std::sync::Arc;

/// What `/metrics` answers. It is made once and reads the metrics anew for every scrape.
#[derive(Debug)]
pub struct Exposition {
    registry: Registry,
}

impl Exposition {
    /// Shows the metrics of the guests of `process` and those of the host.
    pub fn new(process: Arc<Process>, host: &HostMetrics) -> Self {
        let mut registry = Registry::default();
        host.register(&mut registry);
        registry.register_collector(Box::new(Guests::new(process, host.clone())));
        Self { registry }
    }

    /// All metrics as they are now. Whatever guests call their metrics, the text can be parsed.
    ///
    /// # Errors
    /// Only that of the formatter; writing to a string has none.
    pub fn encode(&self, format: Format) -> Result<String, fmt::Error> {
        let mut out = String::new();
        match format {
            Format::OpenMetrics => text::encode(&mut out, &self.registry)?,
            Format::Text => prometheus_text::encode(&mut out, &self.registry)?,
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests;
