//! `pointsman check`.

use anyhow::Context as _;
use pointsman_core::config::{self, Faults, check_time};
use pointsman_core::plan::Plan;
use pointsman_core::time::{WallClock, as_millis, format_duration};
use pointsman_host::{overrides, rules};
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

/// `EX_USAGE` of sysexits: the input is at fault, not the program.
pub(crate) const FAULTY: u8 = 64;

pub(crate) fn run(file: &Path, overrides: Option<&Path>) -> anyhow::Result<ExitCode> {
    let text = match merged(file, overrides)? {
        Ok(text) => text,
        Err(code) => return Ok(code),
    };
    match valid_at(&text, now()?) {
        Ok(plan) => {
            print(&summary(&plan)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(faults) => Ok(refuse(file, &faults, "")),
    }
}

/// The config with the overrides' rules in front of its own; overrides that cannot be put there are told.
pub(crate) fn merged(file: &Path, overrides: Option<&Path>) -> anyhow::Result<Result<String, ExitCode>> {
    let text = read(file)?;
    let Some(overrides) = overrides else { return Ok(Ok(text)) };
    Ok(overrides::merge(&text, &read(overrides)?).map_err(|error| {
        eprintln!("{} with {}: 1 fault\n{error}", file.display(), overrides.display());
        ExitCode::from(FAULTY)
    }))
}

/// Beside what the filter refuses, a rule whose time is over is a fault: whoever writes a config can take it out.
fn valid_at(text: &str, now: WallClock) -> Result<Plan, Faults> {
    let of_time = check_time(text, now);
    let mut faults = match config::load(text) {
        Ok(plan) if of_time.is_empty() => return Ok(plan),
        Ok(_) => Faults::default(),
        Err(faults) => faults,
    };
    for fault in of_time.iter() {
        faults.add(&fault.path, &fault.message);
    }
    Err(faults)
}

/// What time it is.
pub(crate) fn now() -> anyhow::Result<WallClock> {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("the clock is before 1970")?;
    Ok(WallClock(u64::try_from(since_1970.as_nanos())?))
}

/// Reports every fault, and behind their number what follows from them.
pub(crate) fn refuse(file: &Path, faults: &Faults, consequence: &str) -> ExitCode {
    eprintln!("{}: {}{consequence}\n{faults}", file.display(), count(faults.iter().count(), "fault"));
    ExitCode::from(FAULTY)
}

/// Unlike the macro of this name, no panic if the reader has left: `render | head` is no fault of the program.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("cannot write the output"),
        _ => Ok(()),
    }
}

pub(crate) fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn summary(plan: &Plan) -> anyhow::Result<String> {
    if plan.is_empty() {
        return Ok("no rules: every push passes unseen\n".to_owned());
    }
    let mut text = format!("{:<24} {:<16} {:>9}\n", "NODE", "CHANNEL", "ON TIME");
    for (_, node) in plan.nodes() {
        text += &format!("{:<24} {:<16} {:>9}\n", node.name, node.channel, format_duration(node.objective.limit));
    }
    let (series, _) = pointsman_core::metrics::bound(plan);
    let channels = plan.nodes().filter(|(_, node)| node.is_channel() && node.counts_messages).count();
    text += &format!(
        "ok: {}, {}, at most {} of {} metric series\n",
        count(plan.nodes().count(), "node"),
        count(channels, "channel"),
        series,
        pointsman_core::metrics::MAX_SERIES
    );
    let buckets = rules::shipped_buckets_ms()?;
    for (_, node) in plan.nodes() {
        let limit_ms = as_millis(node.objective.limit);
        if !buckets.contains(&limit_ms) {
            text += &format!(
                "note: the objective of {} is no bucket of envoy/bootstrap.yaml: add {limit_ms} to histogram_bucket_settings \
                 to see it in quantiles; on-time counts are exact without\n",
                node.name
            );
        }
    }
    Ok(text)
}

/// A number with its thing in the singular or plural.
pub(crate) fn count(number: usize, thing: &str) -> String {
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}
