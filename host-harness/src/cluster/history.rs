//! Who has done what: annotations of the last operation, and a short history of those before.
//!
//! It is for people who ask what has happened to an object. Whoever may write the object may write the annotation: what
//! proves something is the API server's audit log.

use super::annotation;
use crate::oplog::Operation;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The most operations that an object remembers.
pub const MAX_ENTRIES: usize = 20;
/// The most bytes that they take; an object's annotations have 256 KiB in all.
pub const MAX_HISTORY_BYTES: usize = 16 * 1_024;

/// One operation. The order of the fields is that of the line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When, as RFC 3339 in UTC, by the clock of who has done it.
    pub at: String,
    /// What.
    pub operation: Operation,
    /// The channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Where its messages go, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// The state in which it is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Who, as the API server knows them.
    pub by: String,
    /// Who else has agreed, as they say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// Why.
    pub reason: String,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The version that filters reported before.
    pub before: String,
    /// The version that they report once it is in force.
    pub version: String,
}

impl Record {
    /// As a line of the history.
    pub(super) fn line(&self) -> String {
        json!(self).to_string()
    }

    /// Writes the annotations of an object.
    pub(super) fn sign(&self, object: &mut Value) {
        let history = appended(text(object), &self.line());
        let notes = [
            (annotation::OPERATION, Some(self.operation.name())),
            (annotation::BY, Some(&self.by)),
            (annotation::APPROVED_BY, self.approved_by.as_deref()),
            (annotation::REASON, Some(&self.reason)),
            (annotation::AT, Some(&self.at)),
            (annotation::UNTIL, self.until.as_deref()),
            (annotation::HISTORY, Some(&history)),
        ];
        let annotations = &mut object["metadata"]["annotations"];
        let mut written = annotations.as_object().cloned().unwrap_or_else(Map::new);
        for (name, value) in notes {
            match value {
                Some(value) => drop(written.insert(name.to_owned(), value.into())),
                None => drop(written.remove(name)),
            }
        }
        *annotations = written.into();
    }
}

/// The history of an object, the oldest first; a line that is no record is given as it is.
pub fn records(object: &Value) -> Vec<Result<Record, String>> {
    text(object).lines().map(|line| serde_json::from_str(line).map_err(|_| line.to_owned())).collect()
}

/// The last line of the history.
pub(super) fn last_line(object: &Value) -> Option<&str> {
    text(object).lines().last()
}

fn text(object: &Value) -> &str {
    object["metadata"]["annotations"][annotation::HISTORY].as_str().unwrap_or_default()
}

/// The history with a line more, and as many of the oldest less as it takes.
fn appended(history: &str, line: &str) -> String {
    let mut lines: Vec<&str> = history.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.push(line);
    let bytes = |lines: &[&str]| lines.iter().map(|line| line.len() + 1).sum::<usize>();
    let mut first = lines.len().saturating_sub(MAX_ENTRIES);
    while first + 1 < lines.len() && bytes(&lines[first..]) > MAX_HISTORY_BYTES {
        first += 1;
    }
    lines[first..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(reason: &str) -> Record {
        Record {
            at: "2026-11-27T12:00:00Z".to_owned(),
            operation: Operation::Switch,
            channel: Some("oppo".to_owned()),
            to: vec!["lc".to_owned()],
            state: None,
            by: "alice".to_owned(),
            approved_by: Some("bob".to_owned()),
            reason: reason.to_owned(),
            until: Some("2026-11-27T12:30:00Z".to_owned()),
            before: "1".to_owned(),
            version: "2".to_owned(),
        }
    }

    #[test]
    fn an_operation_is_signed_and_what_it_has_not_is_taken_out() {
        let mut object = json!({"metadata": {"annotations": {"a": "kept"}}});
        record("down").sign(&mut object);
        let notes = &object["metadata"]["annotations"];
        assert_eq!((&notes["a"], &notes[annotation::BY]), (&json!("kept"), &json!("alice")));
        assert_eq!(notes[annotation::UNTIL], "2026-11-27T12:30:00Z");
        let back = Record { operation: Operation::Back, until: None, approved_by: None, ..record("up\nagain") };
        back.sign(&mut object);
        let notes = object["metadata"]["annotations"].as_object().unwrap();
        assert!(!notes.contains_key(annotation::UNTIL) && !notes.contains_key(annotation::APPROVED_BY));
        assert_eq!(notes[annotation::OPERATION], "back");
        assert_eq!(records(&object), [Ok(record("down")), Ok(back)]);
    }

    #[test]
    fn an_object_without_annotations_gets_them() {
        let mut object = json!({"metadata": {}});
        record("down").sign(&mut object);
        assert_eq!(records(&object).len(), 1);
    }

    #[test]
    fn the_history_is_bounded_in_entries_and_in_bytes() {
        let mut object = json!({"metadata": {}});
        for index in 0..2 * MAX_ENTRIES {
            record(&index.to_string()).sign(&mut object);
        }
        let kept = records(&object);
        assert_eq!(kept.len(), MAX_ENTRIES);
        assert_eq!(kept[0].as_ref().unwrap().reason, "20");
        for _ in 0..MAX_ENTRIES {
            record(&"\u{1F600}".repeat(500)).sign(&mut object);
        }
        assert!(text(&object).len() <= MAX_HISTORY_BYTES && records(&object).len() > 5);
    }

    #[test]
    fn a_line_that_somebody_else_has_written_is_kept_as_it_is() {
        let mut object = json!({"metadata": {"annotations": {annotation::HISTORY: "scribbled\n\n"}}});
        record("down").sign(&mut object);
        assert_eq!(records(&object), [Err("scribbled".to_owned()), Ok(record("down"))]);
    }
}
