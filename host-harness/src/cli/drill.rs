//! `pointsman drill`.

use super::check::{FAULTY, count, print};
use anyhow::Context as _;
use clap::{Args, Subcommand};
use pointsman_host::drill_report::{self, Found};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct Drill {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Tell from a proxy's log how drills went: exit 0 if all have passed, 1 if not, 64 if there is none.
    Report {
        /// One JSON object a drill in place of text for people.
        #[arg(long)]
        json: bool,
        /// What Envoy or the proxy wrote to its standard error; `-` is the standard input.
        file: PathBuf,
    },
}

pub(crate) fn run(drill: &Drill) -> anyhow::Result<ExitCode> {
    let Command::Report { json, file } = &drill.command;
    let found = read(file)?;
    for (line, reason) in &found.unreadable {
        eprintln!("{}: line {line}: a report that cannot be read: {reason}", file.display());
    }
    if found.is_empty() {
        eprintln!("{}: no drill has ended in this log", file.display());
        return Ok(ExitCode::from(FAULTY));
    }
    print(&if *json { lines(&found)? } else { text(&found) })?;
    Ok(if found.all_passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn read(file: &Path) -> anyhow::Result<Found> {
    let found = if file.as_os_str() == "-" {
        drill_report::find(std::io::stdin().lock())
    } else {
        File::open(file).and_then(|file| drill_report::find(BufReader::new(file)))
    };
    found.with_context(|| format!("cannot read {}", file.display()))
}

fn lines(found: &Found) -> anyhow::Result<String> {
    let lines: Result<Vec<String>, _> = found.reports.iter().map(serde_json::to_string).collect();
    Ok(lines?.iter().map(|line| format!("{line}\n")).collect())
}

fn text(found: &Found) -> String {
    let passed = found.reports.iter().filter(|report| report.verdict == drill_report::Verdict::Passed).count();
    let reports: String = found.reports.iter().map(|report| format!("{report}\n")).collect();
    let all = found.reports.len() + found.unreadable.len();
    format!("{reports}{}, {passed} passed\n", count(all, "drill"))
}
