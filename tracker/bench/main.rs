//! What the tracker takes, keeps and answers, measured on the program itself: events a second with durable acknowledgement,
//! bytes an event on disk, and how long questions take.
#![expect(clippy::print_stdout, reason = "the result is what it prints")]

mod generate;
mod load;
mod measure;
mod questions;
mod report;
mod server;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Measures the tracker with its embedded store.
#[derive(Debug, Parser)]
struct Args {
    /// How many events are sent.
    #[arg(long, default_value_t = 20_000_000)]
    events: u64,
    /// Records of a request.
    #[arg(long, default_value_t = 1_000)]
    batch: usize,
    /// Connections, each with one request at a time.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// The time over which events are spread, until now.
    #[arg(long, default_value_t = 24)]
    hours: u64,
    /// The program; default is the one beside this.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Where the store is made; default is a temporary folder.
    #[arg(long, value_name = "FOLDER")]
    directory: Option<PathBuf>,
    /// Fails where a figure misses its target by more than half.
    #[arg(long)]
    check: bool,
    /// Puts the result into the marked block of this file.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(run(args))
}

async fn run(args: Args) -> Result<ExitCode> {
    let program = match args.program {
        Some(program) => program,
        None => std::env::current_exe()?.with_file_name("pointsman-tracker"),
    };
    ensure!(program.exists(), "{} is missing: scripts/bench-tracker builds it", program.display());
    let folder = match &args.directory {
        Some(parent) => tempfile::tempdir_in(parent),
        None => tempfile::tempdir(),
    }
    .context("no temporary folder")?;
    let place = server::Place::new(program, folder.path())?;

    let server = place.start().await?;
    let load = load::Load {
        events: args.events,
        batch: args.batch,
        connections: args.connections,
        spread: Duration::from_secs(args.hours * 3_600),
    };
    let taken = load.run(&server).await?;
    let memory_bytes = server.peak_memory()?;
    server.kill().await?;
    let server = place.start().await?;
    let start_after_kill = server.started_in;
    server.stop().await?;

    let before_bytes = measure::disk_bytes(&place.data())?;
    measure::compact(&place.data()).await?;
    let after_bytes = measure::disk_bytes(&place.data())?;

    let server = place.start().await?;
    let answers = questions::ask(&server, &taken).await?;
    let reading_bytes = server.peak_memory()?;
    server.stop().await?;

    let report = report::Report {
        taken,
        before_bytes,
        after_bytes,
        memory_bytes: memory_bytes.max(reading_bytes),
        start_after_kill,
        answers,
    };
    println!("{report}");
    if let Some(file) = &args.write {
        report.write(file)?;
    }
    Ok(if args.check && !report.is_good_enough() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
