//! The `pointsman` program.

mod cli;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Checks, renders and applies Pointsman's rules, and shows the filter at work.
#[derive(Parser)]
#[command(name = "pointsman", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Report every fault of a config (exit 64), or what it watches (exit 0).
    Check {
        /// The config, such as envoy/pointsman.json.
        file: PathBuf,
        /// Manual rules that are put in front of the config's, such as those of the ConfigMap pointsman-overrides.
        #[arg(long, value_name = "FILE")]
        overrides: Option<PathBuf>,
    },
    /// Print a config in the form in which a target takes it.
    Render(cli::rules::Render),
    /// Check a config and replace a target's file by rename, so that Envoy takes it up at once.
    Apply(Box<cli::rules::Apply>),
    /// Force a channel's messages elsewhere for a time, by a rule in the config, or take that back.
    Switch(Box<cli::switch::Switch>),
    /// Tell how drills went.
    Drill(cli::drill::Drill),
    /// Keep a proxy's rules file in step with a config that others replace, and with the manual rules beside it.
    Follow(cli::follow::Follow),
    /// Print the alerts and recording rules of a config's nodes and channels, for Prometheus.
    Rules(cli::alerts::Rules),
    /// Write the dashboards of a config's nodes and channels, for Grafana.
    Dashboards(cli::dashboards::Dashboards),
    /// Print the JSON Schema of the config.
    Schema(cli::schema::Schema),
    /// Print what each adapter knows of its vendor, or one adapter's document, which a channel's `overrides` change.
    Adapters {
        /// The adapter, such as oppo.
        name: Option<String>,
    },
    /// Serve stand-ins of the vendors' APIs, with faults on demand.
    Vendors {
        /// The port of the first stand-in; the others follow. 0 takes free ports.
        #[arg(long, default_value_t = 18080)]
        port: u16,
        /// The port of the control endpoint. 0 takes a free one.
        #[arg(long, default_value_t = 18079)]
        control_port: u16,
    },
    /// Run stand-ins, a push service, Envoy with the filter and a stream of pushes, and show what the filter sees.
    Demo(cli::demo::Demo),
    Run(Box<cli::run::Run>),
    /// Print what is exported to it by OTLP over HTTP: spans and log records, one line each.
    OtlpSink(cli::otlp_sink::OtlpSink),
    /// Tell what the filter understands of recorded traffic, one JSON object per exchange.
    Explain(cli::explain::Explain),
    /// Rehearse a scenario in virtual time with the same filter, and report what becomes of the messages.
    Simulate(cli::simulate::Simulate),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Check { file, overrides } => cli::check::run(&file, overrides.as_deref()),
        Command::Render(render) => cli::rules::render(&render),
        Command::Apply(apply) => cli::rules::apply(&apply),
        Command::Switch(switch) => cli::switch::run(&switch),
        Command::Drill(drill) => cli::drill::run(&drill),
        Command::Follow(follow) => cli::follow::run(&follow),
        Command::Rules(rules) => cli::alerts::run(&rules),
        Command::Dashboards(dashboards) => cli::dashboards::run(&dashboards),
        Command::Schema(schema) => cli::schema::run(&schema),
        Command::Adapters { name } => cli::adapters::run(name.as_deref()),
        Command::Vendors { port, control_port } => cli::demo::vendors(port, control_port),
        Command::Demo(demo) => cli::demo::run(demo),
        Command::Run(run) => cli::run::run(*run),
        Command::OtlpSink(sink) => cli::otlp_sink::run(&sink),
        Command::Explain(explain) => cli::explain::run(&explain),
        Command::Simulate(simulate) => cli::simulate::run(&simulate),
    };
    done.unwrap_or_else(|error| {
        eprintln!("pointsman: {error:#}");
        ExitCode::FAILURE
    })
}
