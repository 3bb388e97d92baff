//! What was understood, as a table for people.

use super::run::Explained;
use pointsman_core::lifecycle::Status;
use pointsman_core::outcome::OutcomeClass;
use pointsman_core::report::Report;
use pointsman_core::time::format_duration;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

const HEADINGS: [&str; 10] =
    ["INDEX", "NODE", "OPERATION", "BATCH", "OUTCOME", "FATE", "CODE", "VENDOR IDS", "RETRY AFTER", "RESULTS"];
/// The columns of numbers, which stand at the right.
const RIGHT: [usize; 3] = [0, 3, 8];
/// An id longer than this is cut: ids are for programs.
const MAX_ID_CHARS: usize = 20;

/// A line for each exchange below a line of headings, and a closing line of counts.
pub fn table(explained: &[Explained]) -> String {
    let rows: Vec<[String; 10]> = explained.iter().map(row).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0).max(HEADINGS[column].len())
    };
    let widths: [usize; 10] = std::array::from_fn(width);
    let mut text = line(&HEADINGS.map(str::to_owned), &widths);
    for row in &rows {
        text += &line(row, &widths);
    }
    text + &totals(explained) + "\n"
}

fn line(cells: &[String; 10], widths: &[usize; 10]) -> String {
    let padded = cells.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
        if RIGHT.contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
    });
    let padded: Vec<String> = padded.collect();
    format!("{}\n", padded.join("  ").trim_end())
}

fn row(Explained { index, report }: &Explained) -> [String; 10] {
    [
        index.to_string(),
        or_none(report.node.as_deref()),
        word(&report.operation),
        if report.batch == 0 { "-".to_owned() } else { report.batch.to_string() },
        report.outcome.as_str().to_owned(),
        report.fate.as_str().to_owned(),
        or_none(report.code.as_deref()),
        ids(&report.vendor_ids),
        report.retry_after_ms.map_or_else(|| "-".to_owned(), |millis| format_duration(Duration::from_millis(millis))),
        results(report),
    ]
}

fn or_none(text: Option<&str>) -> String {
    text.unwrap_or("-").to_owned()
}

/// The name by which programs know it.
fn word(value: &impl Serialize) -> String {
    let named = serde_json::to_value(value).ok();
    or_none(named.as_ref().and_then(serde_json::Value::as_str))
}

/// The first id, and how many more there are.
fn ids(ids: &[String]) -> String {
    let Some(first) = ids.first() else { return "-".to_owned() };
    let cut: String = first.chars().take(MAX_ID_CHARS).collect();
    let dots = if cut.len() < first.len() { "…" } else { "" };
    match ids.len() {
        1 => format!("{cut}{dots}"),
        count => format!("{cut}{dots} +{}", count - 1),
    }
}

/// Recipients by outcome, or what a receipt says became of them.
fn results(report: &Report) -> String {
    let results = counts(report.results.iter().map(|(class, count)| (class.as_str(), *count)));
    let statuses = counts(statuses(report).iter().map(|((_, name), count)| (*name, *count)));
    results.or(statuses).unwrap_or_else(|| "-".to_owned())
}

/// In the order of a message's life.
fn statuses(report: &Report) -> BTreeMap<(Status, &str), u32> {
    let mut statuses = BTreeMap::new();
    for reported in &report.statuses {
        *statuses.entry((reported.status, &*reported.name)).or_default() += 1;
    }
    statuses
}

fn counts<'a>(counts: impl Iterator<Item = (&'a str, u32)>) -> Option<String> {
    let texts: Vec<String> = counts.map(|(name, count)| format!("{name} {count}")).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

fn totals(explained: &[Explained]) -> String {
    let mut calls: BTreeMap<OutcomeClass, u32> = BTreeMap::new();
    let mut recipients: BTreeMap<OutcomeClass, u32> = BTreeMap::new();
    let mut reported: BTreeMap<(Status, &str), u32> = BTreeMap::new();
    for Explained { report, .. } in explained {
        *calls.entry(report.outcome).or_default() += 1;
        for (class, count) in &report.results {
            *recipients.entry(*class).or_default() += count;
        }
        for (status, count) in statuses(report) {
            *reported.entry(status).or_default() += count;
        }
    }
    let unseen = explained.iter().filter(|explained| explained.report.node.is_none()).count();
    let parts = [
        Some(format!("{} exchange{}", explained.len(), if explained.len() == 1 { "" } else { "s" })),
        (unseen > 0).then(|| format!("{unseen} without a node")),
        counts(calls.iter().map(|(class, count)| (class.as_str(), *count))).map(|text| format!("calls: {text}")),
        counts(recipients.iter().map(|(class, count)| (class.as_str(), *count)))
            .map(|text| format!("recipients: {text}")),
        counts(reported.iter().map(|((_, name), count)| (*name, *count))).map(|text| format!("statuses: {text}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
