//! What Pointsman costs a sidecar, measured beside a bare Envoy, a filter that does nothing, and a Lua filter; and what the
//! native proxy costs beside Envoy with the same filter.
//!
//! Single runs of one variant after the other differ by more than what is to be measured. So every round loads all
//! variants at once on one CPU and compares them with each other; only ratios mean anything from one run to the next.

mod collector;
mod cpu;
mod idle;
mod lab;
mod load;
mod push;
mod report;
mod round;
mod sidecar;
mod spread;
mod trace;
mod upstream;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use idle::Idle;
use lab::{Lab, Variant};
use report::Report;
use round::Settings;

/// Fewer rounds say too little to fail a build on.
const MIN_CHECKED_ROUNDS: usize = 9;

/// Measures what Pointsman costs a sidecar: CPU time per request over a bare Envoy.
#[derive(Debug, Parser)]
struct Args {
    /// Rounds; each starts all sidecars anew.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// The measured time of a round.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// Connections per variant, each with one request at a time.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Prints each round.
    #[arg(long)]
    verbose: bool,
    /// Fails where the targets of Envoy are missed by more than 15 %, or those of the native proxy at all.
    #[arg(long)]
    check: bool,
    /// Puts the result into the marked block of this file.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Measures another build of Pointsman beside the one under target/.
    #[arg(long, value_name = "WASM")]
    ab: Option<PathBuf>,
    /// Measures nothing; prints every call between Envoy and the filter during one push.
    #[arg(long)]
    trace: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run_until_stopped(&Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run_until_stopped(args: &Args) -> Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    // Leaving by error, and not by the signal itself, is what stops the sidecars.
    tokio::select! {
        done = run(args) => done,
        _ = terminated.recv() => bail!("terminated"),
        _ = interrupted.recv() => bail!("interrupted"),
    }
}

async fn run(args: &Args) -> Result<()> {
    ensure!(args.rounds > 0 && args.seconds > 0 && args.connections > 0, "nothing can be measured in no time");
    ensure!(!args.check || args.rounds >= MIN_CHECKED_ROUNDS, "--check needs at least {MIN_CHECKED_ROUNDS} rounds");
    if args.trace {
        return trace::print(&Lab::new(args.ab.clone()).await?).await;
    }
    let cpus = cpu::two_allowed()?;
    // All that is started from here on inherits this, the upstream among them; the sidecars are moved later.
    cpu::pin(std::process::id(), cpus.rest)?;
    let lab = Lab::new(args.ab.clone()).await?;
    let settings =
        Settings { cpu: cpus.sidecars, connections: args.connections, length: Duration::from_secs(args.seconds) };
    let report = measure(args, &lab, &settings).await?;
    println!("{report}");
    if let Some(path) = &args.write {
        report.write(path)?;
    }
    if args.check { report.check() } else { Ok(()) }
}

async fn measure(args: &Args, lab: &Lab, settings: &Settings) -> Result<Report> {
    let mut order: Vec<Variant> = lab.variants();
    let mut report = Report::new(settings);
    for number in 1..=args.rounds {
        let round = round::run(lab, &order, settings).await?;
        if args.verbose {
            println!("round {number}: {round}");
        }
        report.add(round)?;
        order.rotate_left(1);
    }
    report.bytes_per_record = lab.bytes_per_record();
    report.idle = Some(Idle::measure(lab).await?);
    Ok(report)
}
