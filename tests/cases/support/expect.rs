//! What is expected of an exchange: the whole report, and the counts that follow from it.

use super::SECRET;
use super::file::{Expect, Says, StatusOf, Told};
use pointsman_core::adapter::RecipientKind;
use pointsman_core::metrics::name;
use pointsman_core::trace::{CountryCode, InvalidSecret, Key};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What of a report a case speaks of: all but the business, which no case has, and what only the sidecar knows.
const FIELDS: [&str; 16] = [
    "node",
    "channel",
    "operation",
    "message_ids",
    "recipients",
    "template",
    "dedupe",
    "batch",
    "outcome",
    "fate",
    "code",
    "vendor_ids",
    "results",
    "retry_after_ms",
    "statuses",
    "opaque",
];

/// The metrics that follow from a report.
const COUNTED: [&str; 4] = [
    "pointsman_node_calls_total",
    "pointsman_node_messages_total",
    "pointsman_receipts_total",
    "pointsman_message_statuses_total",
];

/// What was seen of an exchange.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// Empty if no node was visited.
    pub(crate) report: Map<String, Value>,
    /// By the encoded name of the series.
    counts: BTreeMap<String, u64>,
}

/// What may be seen of an exchange.
pub(super) struct Expected {
    pub(super) seen: Seen,
    /// As good.
    pub(super) or: Option<Seen>,
}

impl Seen {
    /// Of a report and of all that was counted.
    pub(crate) fn new(report: &Value, counts: impl IntoIterator<Item = (String, u64)>) -> Self {
        let fields = FIELDS.iter().filter_map(|field| Some(((*field).to_owned(), report.get(field)?.clone())));
        let is_counted = |name: &str| COUNTED.iter().any(|counted| name.ends_with(counted));
        let counts = counts.into_iter().filter(|(name, count)| *count > 0 && is_counted(name));
        Self { report: fields.collect(), counts: counts.collect() }
    }

    /// Where no node is visited.
    pub(super) fn nothing() -> Self {
        Self::default()
    }
}

impl Expected {
    pub(super) fn one(seen: Seen) -> Self {
        Self { seen, or: None }
    }

    /// In which fields `seen` is something else.
    pub(super) fn difference(&self, seen: &Seen) -> Option<String> {
        if *seen == self.seen || self.or.as_ref() == Some(seen) {
            return None;
        }
        if seen.report.is_empty() {
            return Some("  no node was visited\n".to_owned());
        }
        let mut difference = String::new();
        for field in FIELDS {
            let (expected, saw) = (self.seen.report.get(field), seen.report.get(field));
            if expected != saw {
                let show = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), Value::to_string);
                _ = writeln!(difference, "  {field}: expected {}, saw {}", show(expected), show(saw));
            }
        }
        if self.seen.counts != seen.counts {
            _ = writeln!(difference, "  counts: expected {:?}, saw {:?}", self.seen.counts, seen.counts);
        }
        Some(difference)
    }
}

#[allow(dead_code, reason = "only one of those who include these files has reports without counts")]
impl Expected {
    /// The same for a report without counts, of which only the fields that it has are compared.
    pub(super) fn difference_of_report(&self, report: &Value) -> Option<String> {
        if report.get("node").is_none_or(Value::is_null) {
            return self.difference(&Seen::nothing());
        }
        let mut seen = self.seen.clone();
        for (field, value) in &mut seen.report {
            if let Some(found) = report.get(field) {
                value.clone_from(found);
            }
        }
        self.difference(&seen)
    }
}

/// What an exchange with a vendor should show.
pub(super) fn of_exchange(vendor: &str, says: &Says, expect: &Expect) -> Result<Seen, InvalidSecret> {
    let channel = channel(vendor);
    let node = format!("{}_{}", upper(channel), suffix(&says.operation));
    let hashes = hashes(vendor)?;
    // Ids of what was sent; what an upload or a query has is none.
    let vendor_ids: &[String] = if says.operation == "send" { &expect.vendor_ids } else { &[] };
    let report = json!({
        "node": node,
        "channel": channel,
        "operation": says.operation,
        "message_ids": says.message_ids,
        "recipients": says.recipients.iter().map(|recipient| hashes(recipient)).collect::<Vec<_>>(),
        "template": says.template,
        "dedupe": says.dedupe,
        "batch": says.batch(),
        "outcome": expect.outcome,
        "fate": expect.fate,
        "code": expect.code,
        "vendor_ids": vendor_ids,
        "results": expect.results,
        "retry_after_ms": expect.retry_after_ms,
        "statuses": [],
        "opaque": false,
    });
    let messages = expect.results.iter().map(|(outcome, count)| {
        let labels = [("node", &*node), ("channel", channel), ("business", "none"), ("outcome", outcome)];
        (name("pointsman_node_messages_total", &labels), *count)
    });
    let call = (call(&node, channel, &expect.outcome), 1);
    Ok(Seen::new(&report, messages.chain([call])))
}

/// What a receipt should show that the service has answered with `status`.
pub(super) fn of_receipt(vendor: &str, status: u16, told: &Told) -> Result<Seen, InvalidSecret> {
    let channel = channel(vendor);
    let node = format!("{}_RECEIPT", upper(channel));
    let (outcome, fate) = of_service(status);
    let hashes = hashes(vendor)?;
    let status_of = |(vendor_id, recipient, status): &StatusOf| {
        let recipient = recipient.as_deref().map(&hashes);
        json!({"vendor_id": vendor_id, "recipient": recipient, "status": status})
    };
    let report = json!({
        "node": node,
        "channel": channel,
        "operation": "receipt",
        "message_ids": [],
        "recipients": [],
        "template": null,
        "dedupe": false,
        "batch": 0,
        "outcome": outcome,
        "fate": fate,
        "code": status.to_string(),
        "vendor_ids": [],
        "results": {},
        "retry_after_ms": null,
        "statuses": told.statuses.iter().map(status_of).collect::<Vec<_>>(),
        "opaque": told.opaque,
    });
    let result = match (status, told.opaque) {
        (200..=299, true) => "opaque",
        (200..=299, false) => "accepted",
        _ => "refused",
    };
    let labels = |label, value| [("channel", channel), (label, value)];
    let mut counts = BTreeMap::from([
        (call(&node, channel, outcome), 1),
        (name("pointsman_receipts_total", &labels("result", result)), 1),
    ]);
    for (_, _, status) in &told.statuses {
        *counts.entry(name("pointsman_message_statuses_total", &labels("status", status))).or_default() += 1;
    }
    Ok(Seen::new(&report, counts))
}

/// What the answer of the push service itself means: it has no codes.
fn of_service(status: u16) -> (&'static str, &'static str) {
    match status {
        200..=299 => ("ok", "accepted"),
        401 => ("auth", "rejected"),
        403 => ("permission", "rejected"),
        429 => ("rate_limited", "rejected"),
        408 | 504 => ("timeout", "unsure"),
        400..=499 => ("invalid_request", "rejected"),
        500..=599 => ("vendor_unavailable", "unsure"),
        _ => ("unknown", "unsure"),
    }
}

fn call(node: &str, channel: &str, outcome: &str) -> String {
    name("pointsman_node_calls_total", &[("node", node), ("channel", channel), ("outcome", outcome)])
}

/// Under which channel the config of the cases has the adapter.
fn channel(vendor: &str) -> &str {
    if vendor == "generic-json" { "lc" } else { vendor }
}

fn upper(channel: &str) -> String {
    channel.to_ascii_uppercase().replace('-', "_")
}

fn suffix(operation: &str) -> String {
    if matches!(operation, "send" | "dry_run") { "PUSH".to_owned() } else { operation.to_ascii_uppercase() }
}

/// The keyed hash of a recipient of the vendor's kind.
fn hashes(vendor: &str) -> Result<impl Fn(&str) -> String, InvalidSecret> {
    let key = Key::new(SECRET.as_bytes())?;
    let kind = match vendor {
        "sms-aliyun" | "sms-tencent" | "twilio" => RecipientKind::Phone,
        "sendgrid" | "mailgun" => RecipientKind::Email,
        _ => RecipientKind::Token,
    };
    Ok(move |text: &str| key.recipient_hash("default", kind.of(text, CountryCode::default())).to_string())
}
