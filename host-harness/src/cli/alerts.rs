//! `pointsman rules`.

use super::check::{print, read, refuse};
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use pointsman_core::config;
use pointsman_host::monitoring::Watched;
use pointsman_host::monitoring::alerts::{self, Matchers, Options, TimeScale};
use std::path::PathBuf;
use std::process::ExitCode;

/// Who is to read the rules.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// `rule_files` of Prometheus.
    Prometheus,
    /// A PrometheusRule of the Prometheus operator.
    Operator,
}

#[derive(Args)]
pub(crate) struct Rules {
    /// The config, such as envoy/pointsman.json.
    #[arg(long)]
    config: PathBuf,
    /// Who is to read it.
    #[arg(long, default_value = "prometheus")]
    format: Format,
    /// The namespace of a PrometheusRule.
    #[arg(long, default_value = "push")]
    namespace: String,
    /// The label `team` of every alert.
    #[arg(long, default_value = "push")]
    team: String,
    /// What every query is narrowed down to, such as 'job="push"'. Labels with = are also those of each alert.
    #[arg(long = "match", default_value = "", value_name = "MATCHERS")]
    matchers: Matchers,
    /// Where docs/alerts.md can be read: what stands before # in the links.
    #[arg(long, default_value = "docs/alerts.md", value_name = "BASE")]
    runbook: String,
    /// Divide every window, interval and `for` by this: to rehearse in minutes the way to an alert. Never for production.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(TimeScale::MAX)))]
    time_scale: u32,
}

pub(crate) fn run(arguments: &Rules) -> anyhow::Result<ExitCode> {
    let plan = match config::load(&read(&arguments.config)?) {
        Ok(plan) => plan,
        Err(faults) => return Ok(refuse(&arguments.config, &faults, ", no rules made")),
    };
    let options = Options {
        team: arguments.team.clone(),
        matchers: arguments.matchers.clone(),
        runbook: arguments.runbook.clone(),
        time_scale: TimeScale::new(arguments.time_scale).context("the time scale is out of range")?,
    };
    let groups = alerts::groups(&Watched::of(&plan), &options);
    print(&match arguments.format {
        Format::Prometheus => alerts::prometheus(&groups)?,
        Format::Operator => alerts::operator(&groups, &arguments.namespace)?,
    })?;
    Ok(ExitCode::SUCCESS)
}
