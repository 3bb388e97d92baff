//! Receives what a filter, or anyone else, exports by OTLP over HTTP: spans and log records, each made one flat record.
//!
//! It keeps to what the protocol asks of a server: both encodings on one port and the answer in that of the request, gzip,
//! and a bound on a body after it is unpacked. Metrics are taken and dropped.

mod behaviour;
mod exchange;
mod line;
mod receiver;
mod record;
mod refusal;

pub use behaviour::Behaviour;
pub use exchange::{MAX_BODY_BYTES, answer};
pub use receiver::{MAX_RECORDS, Receiver};
pub use record::{Kind, Link, Outcome, Record, Signal};

/// The cluster that a filter's configuration names for its records; `None` if it sends none.
pub fn records_cluster(configuration: &[u8]) -> Option<String> {
    let configuration: serde_json::Value = serde_json::from_slice(configuration).ok()?;
    Some(configuration.get("records")?.get("cluster")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests;
