//! `pointsman follow`.

use super::rules::plugin;
use anyhow::Context as _;
use clap::Args;
use pointsman_host::follow::{Files, Follower};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_millis(500);

#[derive(Args)]
pub(crate) struct Follow {
    /// The config, such as /etc/pointsman/config/pointsman.json.
    #[arg(long, required_unless_present = "started")]
    config: Option<PathBuf>,
    /// Manual rules that go in front of the config's own; a file that is not there is none.
    #[arg(long)]
    overrides: Option<PathBuf>,
    /// The bootstrap that names the plugin; default is the one that ships.
    #[arg(long)]
    bootstrap: Option<PathBuf>,
    /// Only tell by the exit code whether DESTINATION is there: then Envoy can start.
    #[arg(long, conflicts_with_all = ["config", "overrides", "bootstrap"])]
    started: bool,
    /// The file to keep, in the directory that Envoy watches.
    destination: PathBuf,
}

pub(crate) fn run(arguments: &Follow) -> anyhow::Result<ExitCode> {
    let Some(config) = arguments.config.clone() else {
        return Ok(if arguments.destination.exists() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    };
    let files = Files {
        config,
        overrides: arguments.overrides.clone(),
        destination: arguments.destination.clone(),
        plugin: plugin(arguments.bootstrap.as_deref())?,
    };
    let follower = Follower::new(files)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(follow(follower))
}

/// Steps until told to end. As the first process of a container it must ask for that: nobody ends it otherwise.
async fn follow(mut follower: Follower) -> anyhow::Result<ExitCode> {
    let mut terminated = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("cannot wait for SIGINT")?;
    let mut interval = tokio::time::interval(INTERVAL);
    loop {
        tokio::select! {
            _ = terminated.recv() => return Ok(ExitCode::SUCCESS),
            _ = interrupted.recv() => return Ok(ExitCode::SUCCESS),
            _ = interval.tick() => {
                if let Some(followed) = follower.step() {
                    eprintln!("pointsman: {followed}");
                }
            }
        }
    }
}
