//! What was understood of one exchange, for people and for other programs.
//!
//! Nothing in a report is a secret: recipients are keyed hashes, and of the URL only what the adapter lets be shown is.

use crate::adapter::OperationKind;
use crate::lifecycle::Status;
use crate::outcome::{Fate, OutcomeClass};
use serde::Serialize;
use std::collections::BTreeMap;

/// More elements of a list do not stand in the log.
const MAX_LISTED: usize = 100;

/// What was understood of one exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The node; none if no node is visited.
    pub node: Option<String>,
    /// The channel; none where no adapter matches.
    pub channel: Option<String>,
    /// What was done.
    pub operation: OperationKind,
    /// The caller's own ids of the messages.
    pub message_ids: Vec<String>,
    /// The recipients as keyed hashes; empty without a secret.
    pub recipients: Vec<String>,
    /// The template's id.
    pub template: Option<String>,
    /// The business as the config lists it.
    pub business: Option<String>,
    /// How many recipients: at least 1 for a message, 0 for what is none.
    pub batch: u32,
    /// The class of the call.
    pub outcome: OutcomeClass,
    /// What is known of the send.
    pub fate: Fate,
    /// The vendor's code, or the HTTP status in its place; none if nobody answered.
    pub code: Option<String>,
    /// The vendor's own ids of what was sent.
    pub vendor_ids: Vec<String>,
    /// Recipients by outcome; empty for what is no message.
    pub results: BTreeMap<OutcomeClass, u32>,
    /// How long the vendor asks to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The statuses that a receipt reports, once the service has accepted it.
    pub statuses: Vec<StatusReport>,
}

/// One message's status, as a receipt reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StatusReport {
    /// The vendor's id of the message.
    pub vendor_id: Option<String>,
    /// The recipient as a keyed hash.
    pub recipient: Option<String>,
    /// What became of it.
    #[serde(skip)]
    pub status: Status,
    /// The name of that.
    #[serde(rename = "status")]
    pub name: Box<str>,
}

/// A report with what only the sidecar itself knows of the visit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VisitReport {
    /// What was understood.
    #[serde(flatten)]
    pub report: Report,
    /// Path and query, redacted.
    pub url: Option<String>,
    /// Whether the vendor removes repeats of this request.
    pub dedupe: bool,
    /// Whether a receipt could not be read.
    pub opaque: bool,
    /// Higher is more important.
    pub priority: Option<u8>,
    /// The time between entering and leaving the node, in milliseconds.
    pub duration_ms: u64,
    /// The trace that the request went on with.
    pub trace_id: Option<String>,
}

impl VisitReport {
    /// The line that stands in the log. Of long lists it has the beginning.
    pub fn line(&self) -> String {
        let mut shown = self.clone();
        let report = &mut shown.report;
        for list in [&mut report.message_ids, &mut report.recipients, &mut report.vendor_ids] {
            list.truncate(MAX_LISTED);
        }
        report.statuses.truncate(MAX_LISTED);
        let json = serde_json::to_string(&shown).unwrap_or_default();
        format!("visit {json}")
    }
}
