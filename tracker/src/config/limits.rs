//! The section `limits`.

use super::fault::Faults;
use crate::serve::{Limits, Settings};
use serde::Deserialize;
use std::time::Duration;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wire {
    connections: Option<u64>,
    header_timeout: Option<String>,
    query_timeout: Option<String>,
    query_body: Option<String>,
    stop_timeout: Option<String>,
}

/// All bounds that stand there.
pub(super) struct All {
    pub(super) limits: Limits,
    pub(super) connections: usize,
    pub(super) header_timeout: Duration,
    pub(super) stop_timeout: Duration,
}

impl Wire {
    pub(super) fn validate(self, path: &str, faults: &mut Faults) -> All {
        let seconds = Duration::from_secs;
        let (limits, server) = (Limits::default(), Settings::default());
        let at = |name: &str| format!("{path}.{name}");
        let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let mut duration = |name: &str, text: Option<String>, default, most| {
            faults.duration(&at(name), text.as_deref(), default, Duration::from_millis(100)..=seconds(most))
        };
        let header_timeout = duration("header_timeout", self.header_timeout, server.header_timeout, 300);
        let query_timeout = duration("query_timeout", self.query_timeout, limits.query_timeout, 300);
        let stop_timeout = duration("stop_timeout", self.stop_timeout, server.stop_timeout, 300);
        let connections = faults.number(&at("connections"), self.connections, server.connections as u64, 1..=65_536);
        let body =
            faults.size(&at("query_body"), self.query_body.as_deref(), limits.query_body as u64, 1024..=16 << 20);
        let limits = Limits { query_timeout, query_body: whole(body) };
        All { limits, connections: whole(connections), header_timeout, stop_timeout }
    }
}
