//! A record as one line for people.

use super::record::{Outcome, Record, Signal};
use pointsman_core::time::{WallClock, format_rfc3339};
use serde_json::Value;
use std::fmt::Write as _;

/// The columns and how wide each is at least; the last one has what is left.
const COLUMNS: [(&str, usize); 9] = [
    ("TIME", 24),
    ("TRACE", 32),
    ("WHAT", 24),
    ("MESSAGE", 16),
    ("NODE", 18),
    ("CHANNEL", 12),
    ("HOW", 16),
    ("CODE", 8),
    ("TOOK", 0),
];

impl Record {
    /// What stands above the lines of [`to_line`](Self::to_line).
    pub fn headings() -> String {
        line(COLUMNS.map(|(name, _)| name.to_owned()))
    }

    /// One line for people, with its end: when, in which trace, what, of which message, where, how it went and how long
    /// it took. What it does not have is `-`.
    pub fn to_line(&self) -> String {
        let what = if self.signal == Signal::Span { &self.name } else { &self.event_name };
        line([
            time(self.time_unix_nano),
            self.trace_id.clone(),
            what.clone(),
            self.first_of(&["push.message.id", "messaging.message.id"]),
            self.first_of(&["push.node"]),
            self.first_of(&["push.channel", "messaging.destination.name"]),
            self.how(),
            self.first_of(&["push.vendor.code", "http.response.status_code"]),
            self.took_ms().map(|took_ms| format!("{took_ms} ms")).unwrap_or_default(),
        ])
    }

    /// The status of a message and the outcome of a visit, as far as it has them.
    fn how(&self) -> String {
        let told = ["push.status", "push.outcome"].map(|name| self.first_of(&[name]));
        let told: Vec<String> = told.into_iter().filter(|text| !text.is_empty()).collect();
        match self.status {
            Some(Outcome::Error) if told.is_empty() => String::from("error"),
            _ => told.join("/"),
        }
    }

    fn took_ms(&self) -> Option<u64> {
        match self.attributes.get("push.duration_ms").and_then(Value::as_u64) {
            None if self.signal == Signal::Span => {
                Some(self.end_time_unix_nano.saturating_sub(self.time_unix_nano) / 1_000_000)
            }
            told => told,
        }
    }

    /// The first of these attributes that there is.
    fn first_of(&self, names: &[&str]) -> String {
        let value = names.iter().find_map(|name| self.attributes.get(*name));
        value.map(plain).unwrap_or_default()
    }
}

/// In UTC, to the millisecond.
fn time(unix_nano: u64) -> String {
    let seconds = format_rfc3339(WallClock(unix_nano));
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), unix_nano / 1_000_000 % 1_000)
}

/// Text without quotation marks, and a list with commas.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn line(cells: [String; COLUMNS.len()]) -> String {
    let mut line = String::new();
    for (cell, (_, width)) in cells.iter().zip(COLUMNS) {
        let shown = if cell.is_empty() { "-" } else { cell };
        // What comes from elsewhere must not steer the terminal.
        let shown: String = shown.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        // Writing to a string does not fail.
        let _ = write!(line, "{shown:<width$}  ");
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}
