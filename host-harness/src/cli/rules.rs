//! `pointsman render` and `pointsman apply`.

use super::check::{FAULTY, read};
use clap::{Args, ValueEnum};
use pointsman_core::config;
use pointsman_host::rules::{self, PluginSettings};
use std::path::PathBuf;
use std::process::ExitCode;

/// Where rules go.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Target {
    /// The file of Envoy's file-based extension config discovery.
    Ecds,
}

#[derive(Args)]
pub(crate) struct Render {
    /// The form to print.
    #[arg(long)]
    target: Target,
    /// The config, such as envoy/pointsman.json.
    file: PathBuf,
    /// The bootstrap that names the plugin; default is the one that ships.
    #[arg(long)]
    bootstrap: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    render: Render,
    /// The file to replace, in the directory that Envoy watches.
    destination: PathBuf,
}

pub(crate) fn render(arguments: &Render) -> anyhow::Result<ExitCode> {
    Ok(match rendered(arguments)? {
        Some(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        None => ExitCode::from(FAULTY),
    })
}

pub(crate) fn apply(arguments: &Apply) -> anyhow::Result<ExitCode> {
    let Some(text) = rendered(&arguments.render)? else { return Ok(ExitCode::from(FAULTY)) };
    rules::replace(&arguments.destination, &text)?;
    println!("applied {} to {}", arguments.render.file.display(), arguments.destination.display());
    Ok(ExitCode::SUCCESS)
}

/// The rendered config; nothing if it is faulty, and then the faults have been printed.
fn rendered(arguments: &Render) -> anyhow::Result<Option<String>> {
    let text = read(&arguments.file)?;
    if let Err(faults) = config::load(&text) {
        eprintln!("{}: not rendered\n{faults}", arguments.file.display());
        return Ok(None);
    }
    let plugin = match &arguments.bootstrap {
        Some(bootstrap) => PluginSettings::from_yaml(&read(bootstrap)?)?,
        None => PluginSettings::shipped()?,
    };
    Ok(Some(match arguments.target {
        Target::Ecds => rules::render_ecds(&text, &plugin),
    }))
}
