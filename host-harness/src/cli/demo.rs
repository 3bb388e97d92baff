//! `pointsman demo` and `pointsman vendors`.

use anyhow::Context as _;
use clap::Args;
use pointsman_host::demo::{self, DemoOptions, stop_signal};
use pointsman_host::sidecar::Kind;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct Demo {
    /// Put the native proxy in the place of Envoy.
    #[arg(long)]
    harness: bool,
    /// The Envoy program.
    #[arg(long, env = "POINTSMAN_ENVOY", default_value = "envoy")]
    envoy: PathBuf,
    /// The bootstrap to start Envoy from.
    #[arg(long, default_value = "envoy/bootstrap.yaml")]
    bootstrap: PathBuf,
    /// The config to start the native proxy from.
    #[arg(long, default_value = "host-harness/pointsman.yaml")]
    config: PathBuf,
    /// Where the native proxy keeps compiled modules; the next start is faster.
    #[arg(long, default_value = "target/modules")]
    module_cache: PathBuf,
    /// The filter.
    #[arg(long, default_value = "target/pointsman.wasm")]
    filter: PathBuf,
    /// Push for 25 seconds, print the final table, hold it against the vendors' own counts, and see that messages have moved to
    /// the backup and come back, and that each can be followed from push to receipt.
    #[arg(long)]
    once: bool,
    /// Pushes per second.
    #[arg(long, default_value_t = 150)]
    rate: u32,
    /// The `pointsman-tracker` program, which is started too, and gets all records.
    #[arg(long, value_name = "PROGRAM")]
    tracker: Option<PathBuf>,
}

pub(crate) fn run(arguments: Demo) -> anyhow::Result<ExitCode> {
    let sidecar = if arguments.harness {
        let program = std::env::current_exe().context("cannot find the program itself")?;
        Kind::Native { program, config: arguments.config, module_cache: Some(arguments.module_cache) }
    } else {
        Kind::Envoy { binary: arguments.envoy, bootstrap: arguments.bootstrap }
    };
    let options = DemoOptions {
        sidecar,
        filter_wasm: arguments.filter,
        once: arguments.once,
        pushes_per_second: arguments.rate,
        tracker: arguments.tracker,
    };
    tokio::runtime::Runtime::new()?.block_on(demo::run(options))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn vendors(port: u16, control_port: u16) -> anyhow::Result<ExitCode> {
    let serve = pointsman_host::vendors::serve(port, control_port, stop_signal());
    tokio::runtime::Runtime::new()?.block_on(serve)?;
    Ok(ExitCode::SUCCESS)
}
