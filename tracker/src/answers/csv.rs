//! Tables for spreadsheets. What a vendor or a caller has put into a cell must not become a formula there.

use super::{Brief, Group, Row};
use std::fmt::Write as _;

/// The columns of a table of messages.
pub const MESSAGE_COLUMNS: [&str; 20] = [
    "key",
    "tenant",
    "id",
    "status",
    "channel",
    "node",
    "outcome",
    "code",
    "meaning",
    "business",
    "template",
    "begun_ms",
    "last_ms",
    "doubled",
    "drill",
    "conflicts",
    "recipients",
    "switched",
    "vendor_ids",
    "trace_ids",
];

/// A line of cells. Each is quoted, and one that a spreadsheet would take for a formula begins with an apostrophe.
pub fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> String {
    let mut line = String::new();
    for cell in cells {
        let cell = cell.replace('\0', "");
        let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
        let comma = if line.is_empty() { "" } else { "," };
        let defused = if formula { "'" } else { "" };
        // Writing to a text cannot fail.
        let _ = write!(line, "{comma}\"{defused}{}\"", cell.replace('"', "\"\""));
    }
    line.push_str("\r\n");
    line
}

/// The line of a message.
pub fn message(brief: &Brief) -> String {
    let conflicts: Vec<String> = brief.conflicts.iter().map(|step| format!("{}>{}", step.from, step.to)).collect();
    let numbers = [brief.begun_ms, brief.last_ms, brief.recipients].map(|number| number.to_string());
    let [begun_ms, last_ms, recipients] = &numbers;
    let flags = [brief.doubled, brief.drill, brief.switched].map(|flag| if flag { "true" } else { "false" });
    let [doubled, drill, switched] = flags;
    line([
        &*brief.key,
        &brief.tenant,
        &brief.id,
        &brief.status,
        &brief.channel,
        &brief.node,
        &brief.outcome,
        &brief.code,
        brief.meaning.as_deref().unwrap_or_default(),
        &brief.business,
        &brief.template,
        begun_ms,
        last_ms,
        doubled,
        drill,
        &conflicts.join(" "),
        recipients,
        switched,
        &brief.vendor_ids.join(" "),
        &brief.trace_ids.join(" "),
    ])
}

/// A table of statistics.
pub fn statistics(by: &[&str], rows: &[Row]) -> String {
    let head = by.iter().copied().chain(["events", "on_time", "late", "p50_ms", "p99_ms"]);
    let mut table = line(head);
    for Row { group, events, on_time, late, p50_ms, p99_ms, .. } in rows {
        let optional = |number: &Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        let numbers = [events.to_string(), on_time.to_string(), late.to_string(), optional(p50_ms), optional(p99_ms)];
        let texts = by.iter().map(|name| text(group, name));
        table += &line(texts.chain(numbers.iter().map(String::as_str)));
    }
    table
}

fn text<'a>(group: &'a Group, name: &str) -> &'a str {
    group.get(name).map(String::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_would_be_a_formula_is_text() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1"] {
            assert_eq!(line([cell]), format!("\"'{cell}\"\r\n"));
        }
        assert_eq!(line(["a=1", "", "order-42"]), "\"a=1\",\"\",\"order-42\"\r\n");
    }

    #[test]
    fn quotes_commas_and_ends_of_lines_stay_in_their_cell() {
        assert_eq!(line(["a\"b", "c,d", "e\r\nf", "\"=1"]), "\"a\"\"b\",\"c,d\",\"e\r\nf\",\"\"\"=1\"\r\n");
        assert_eq!(line(["\0=1"]), "\"'=1\"\r\n");
    }
}
