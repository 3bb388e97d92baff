//! The summary as text.

use std::fmt::Write as _;

use super::figure::{percent, thousands};
use super::{Figure, Figures, Summary};

/// The columns: a title, and the figure of it with its name.
const COLUMNS: [(&str, &str); 13] = [
    ("MESSAGES", "messages"),
    ("SENT", "sent"),
    ("LOST", "lost"),
    ("UNDELIV.", "undeliverable"),
    ("TWICE", "duplicated"),
    ("LATE", "late"),
    ("SWITCHED", "switched"),
    ("CALLS", "calls"),
    ("P50", "p50"),
    ("P99", "p99"),
    ("DETECT", "time_to_detect"),
    ("SWITCH", "time_to_switch"),
    ("RECOVER", "time_to_recover"),
];

pub(super) fn render(summary: &Summary) -> String {
    let mut rows = vec![row("CHANNEL", |(title, _)| title.to_owned())];
    for (name, channel) in &summary.channels {
        rows.push(row(name, |(_, figure)| text(&channel.figures, figure)));
    }
    rows.push(row("all", |(_, figure)| text(&summary.total, figure)));
    let mut out = format!(
        "{}: {} of virtual time, {} x {}, seed {}\n\n",
        summary.scenario,
        super::figure::time_text(std::time::Duration::from_secs_f64(summary.duration_s)),
        count(summary.sidecars, "sidecar"),
        count(summary.workers, "worker"),
        summary.seed,
    );
    let widths: Vec<usize> = (0..=COLUMNS.len())
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0))
        .collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        out += cells.collect::<Vec<_>>().join("  ").trim_end();
        out.push('\n');
    }
    out.push('\n');
    out += &words(&summary.total);
    if summary.traps > 0 {
        let _ = writeln!(out, "the filter FAILED {} times", thousands(summary.traps));
    }
    out
}

fn row(first: &str, cell: impl Fn((&'static str, &'static str)) -> String) -> Vec<String> {
    let mut row = vec![first.to_owned()];
    row.extend(COLUMNS.into_iter().map(cell));
    row
}

fn text(figures: &Figures, name: &str) -> String {
    figures.get(name).map_or_else(String::new, Figure::text)
}

/// The total in percent, and what the filter has seen of it.
fn words(total: &Figures) -> String {
    let mut words = String::new();
    let share = |name: &str| total.get(name).and_then(Figure::share).map_or_else(|| "-".to_owned(), percent);
    let _ = writeln!(words, "sent {}, lost {}, late {}", share("sent"), share("lost"), share("late"));
    let count = |name| match total.get(name) {
        Some(Figure::Count { count, .. }) => Some(*count),
        _ => None,
    };
    let _ = match (count("seen"), count("accepted"), count("seen_ok")) {
        (Some(seen), Some(accepted), Some(ok)) => writeln!(
            words,
            "the filter saw {} sends to recipients, {} of them accepted; the vendors accepted {}",
            thousands(seen),
            thousands(ok),
            thousands(accepted)
        ),
        _ => writeln!(words, "the filter saw nothing of it"),
    };
    words
}

fn count(number: u32, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
