//! `pointsman simulate`.

use super::check::{print, read};
use super::records::Lines;
use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use pointsman_core::config;
use pointsman_core::plan::Plan;
use pointsman_host::abi::LogLevel;
use pointsman_host::otlp::Record;
use pointsman_host::process::{LogLine, LogSink};
use pointsman_host::simulate::{
    Assertion, Filter, RecordSink, Rehearsal, SHIPPED, Scenario, ScenarioFaults, Summary, rehearse, shipped,
};
use pointsman_host::vm::{Engine, EngineOptions, Module};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `EX_USAGE` of sysexits: the input is at fault, not the program.
const FAULTY: u8 = 64;

/// How many log lines of guests are shown.
const MAX_LOG_LINES: usize = 20;

/// How a line begins that holds a record.
const RECORD: &str = "record {";

/// Any secret will do: nothing leaves the rehearsal.
const SECRET: &str = "a-rehearsal-needs-no-secret";

#[derive(Args)]
pub(crate) struct Simulate {
    /// The filter's config, such as envoy/pointsman.json.
    #[arg(long)]
    config: PathBuf,
    /// A scenario: a file, or the name of a shipped one (oppo-outage, brown-out, quota-exhausted, flapping, all-down,
    /// double-eleven-burst).
    scenario: String,
    /// The filter.
    #[arg(long, default_value = "target/pointsman.wasm")]
    wasm: PathBuf,
    /// Take the rules out of the config first, to see what becomes of it all without them.
    #[arg(long)]
    without_rules: bool,
    /// In place of the scenario's seed.
    #[arg(long)]
    seed: Option<u64>,
    /// In place of the scenario's number of sidecars.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64))]
    sidecars: Option<u32>,
    /// In place of the scenario's number of workers of each sidecar.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64))]
    workers: Option<u32>,
    /// Write a report for people: one HTML file that needs no other.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write the summary as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write each record that the filter exports as a line of JSON. A config without `records` is given
    /// {"cluster": "otlp"} first.
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
    /// Fail (exit 1) unless this holds, such as lost==0, oppo.late<1% or time_to_switch<=2s, beside what the scenario itself
    /// asserts. May be repeated.
    #[arg(long = "assert", value_name = "EXPR")]
    assertions: Vec<String>,
}

pub(crate) fn run(arguments: &Simulate) -> anyhow::Result<ExitCode> {
    let scenario = match scenario(arguments)? {
        Ok(scenario) => scenario,
        Err(faults) => {
            let count = super::check::count(faults.iter().count(), "fault");
            eprintln!("{}: {count}\n{faults}", arguments.scenario);
            return Ok(ExitCode::from(FAULTY));
        }
    };
    let mut configuration = read(&arguments.config)?;
    if arguments.without_rules {
        configuration = without_rules(&configuration);
    }
    if arguments.records.is_some() {
        configuration = with_records(&configuration);
    }
    match config::load(&configuration) {
        Ok(plan) => note_unwatched(&scenario, &plan),
        Err(faults) => return Ok(super::check::refuse(&arguments.config, &faults, "")),
    }
    let assertions = match assertions(arguments, &scenario) {
        Ok(assertions) => assertions,
        Err(error) => {
            eprintln!("{error}");
            return Ok(ExitCode::from(FAULTY));
        }
    };
    let records = arguments.records.as_deref().map(Lines::create).transpose()?.map(Arc::new);
    let filter = Filter {
        module: module(&arguments.wasm)?,
        configuration: configuration.into(),
        secret: SECRET.to_owned(),
        log: Some(Arc::new(Stderr::default())),
        records: records.clone().map(|lines| Arc::new(move |record: &Record| lines.put(record)) as RecordSink),
    };
    let progress = progress(&scenario)?;
    let rehearsal = rehearse(&scenario, Some(&filter), |time| progress.set_position(time.as_secs()))?;
    progress.finish_and_clear();
    write(arguments, &rehearsal)?;
    records.map_or(Ok(()), |records| records.finish())?;
    let summary = rehearsal.summary();
    print(&summary.to_table())?;
    Ok(check(&assertions, &summary))
}

/// The config without its rules; one that is no JSON is left to those who say so.
fn without_rules(configuration: &str) -> String {
    match serde_json::from_str(configuration) {
        Ok(serde_json::Value::Object(mut config)) => {
            config.remove("rules");
            serde_json::Value::Object(config).to_string()
        }
        _ => configuration.to_owned(),
    }
}

/// The config with records, if it had none; one that is no JSON is left to those who say so.
fn with_records(configuration: &str) -> String {
    match serde_json::from_str(configuration) {
        Ok(serde_json::Value::Object(mut config)) => {
            config.entry("records").or_insert_with(|| serde_json::json!({ "cluster": "otlp" }));
            serde_json::Value::Object(config).to_string()
        }
        _ => configuration.to_owned(),
    }
}

/// A rehearsal without the filter's eyes is a mistake more often than not.
fn note_unwatched(scenario: &Scenario, plan: &Plan) {
    for channel in scenario.channel_names() {
        if !plan.nodes().any(|(_, node)| node.is_channel() && *node.channel == *channel) {
            eprintln!("note: the config has no channel {channel}: the filter will not see its messages");
        }
    }
}

fn scenario(arguments: &Simulate) -> anyhow::Result<Result<Scenario, ScenarioFaults>> {
    let name = arguments.scenario.as_str();
    let text = match shipped(name) {
        Some(text) => text.to_owned(),
        None if !Path::new(name).exists() && !name.contains(['/', '.']) => {
            anyhow::bail!("no scenario is named {name}; there are {}, or name a file", SHIPPED.join(", "))
        }
        None => read(Path::new(name))?,
    };
    Ok(Scenario::parse(&text).map(|mut scenario| {
        scenario.seed = arguments.seed.unwrap_or(scenario.seed);
        scenario.sidecars = arguments.sidecars.unwrap_or(scenario.sidecars);
        scenario.workers = arguments.workers.unwrap_or(scenario.workers);
        scenario
    }))
}

fn assertions(
    arguments: &Simulate,
    scenario: &Scenario,
) -> Result<Vec<Assertion>, pointsman_host::simulate::AssertionError> {
    let parsed = arguments.assertions.iter().map(|text| {
        let assertion: Assertion = text.parse()?;
        assertion.check_channel(scenario.channel_names())?;
        Ok(assertion)
    });
    scenario.asserts.iter().cloned().map(Ok).chain(parsed).collect()
}

fn module(wasm: &Path) -> anyhow::Result<Module> {
    let bytes = std::fs::read(wasm).with_context(|| format!("cannot read {}", wasm.display()))?;
    let engine = Engine::new(EngineOptions::default())?;
    Module::new(&engine, &bytes).with_context(|| format!("{} is not taken", wasm.display()))
}

/// A bar on a terminal; elsewhere nothing.
fn progress(scenario: &Scenario) -> anyhow::Result<ProgressBar> {
    if !std::io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {pos} of {len} s of virtual time, {eta} to go")?;
    Ok(ProgressBar::new(scenario.duration.as_secs()).with_style(style))
}

fn write(arguments: &Simulate, rehearsal: &Rehearsal) -> anyhow::Result<()> {
    if let Some(file) = &arguments.json {
        let json = rehearsal.summary().to_json()?;
        std::fs::write(file, json).with_context(|| format!("cannot write {}", file.display()))?;
    }
    if let Some(file) = &arguments.report {
        std::fs::write(file, rehearsal.report()).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// What guests warn of, up to some lines: one fault can be told a thousand times.
#[derive(Default)]
struct Stderr {
    lines: AtomicUsize,
}

impl LogSink for Stderr {
    fn level(&self) -> LogLevel {
        LogLevel::Warn
    }

    fn log(&self, line: LogLine) {
        // What is told of messages and rules is for a collector; the report shows it as curves.
        if line.message.starts_with(RECORD) {
            return;
        }
        match self.lines.fetch_add(1, Ordering::Relaxed) {
            0..MAX_LOG_LINES => eprintln!("{}: {}", line.plugin, line.message),
            MAX_LOG_LINES => eprintln!("{}: further lines are left out", line.plugin),
            _ => {}
        }
    }
}

fn check(assertions: &[Assertion], summary: &Summary) -> ExitCode {
    let unmet: Vec<_> = assertions.iter().filter_map(|assertion| assertion.check(summary).err()).collect();
    for unmet in &unmet {
        eprintln!("not met: {unmet}");
    }
    if unmet.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
