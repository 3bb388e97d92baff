//! `pointsman demo` and `pointsman vendors`.

use clap::Args;
use pointsman_host::demo::{self, DemoOptions, stop_signal};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct Demo {
    /// The Envoy program.
    #[arg(long, env = "POINTSMAN_ENVOY", default_value = "envoy")]
    envoy: PathBuf,
    /// The bootstrap to start it from.
    #[arg(long, default_value = "envoy/bootstrap.yaml")]
    bootstrap: PathBuf,
    /// The filter.
    #[arg(long, default_value = "target/pointsman.wasm")]
    filter: PathBuf,
    /// Push for 15 seconds, print the final table and hold it against the vendors' own counts.
    #[arg(long)]
    once: bool,
    /// Pushes per second.
    #[arg(long, default_value_t = 150)]
    rate: u32,
}

pub(crate) fn run(arguments: Demo) -> anyhow::Result<ExitCode> {
    let options = DemoOptions {
        envoy_binary: arguments.envoy,
        bootstrap: arguments.bootstrap,
        filter_wasm: arguments.filter,
        once: arguments.once,
        pushes_per_second: arguments.rate,
    };
    tokio::runtime::Runtime::new()?.block_on(demo::run(options))?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn vendors(port: u16, control_port: u16) -> anyhow::Result<ExitCode> {
    let serve = pointsman_host::vendors::serve(port, control_port, stop_signal());
    tokio::runtime::Runtime::new()?.block_on(serve)?;
    Ok(ExitCode::SUCCESS)
}
