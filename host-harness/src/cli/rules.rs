//! `pointsman render` and `pointsman apply`.

use super::check::{print, read, refuse};
use clap::{Args, ValueEnum};
use pointsman_core::config::{self, Faults};
use pointsman_host::rules::{self, PluginSettings};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Where rules go.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Target {
    /// The file of Envoy's file-based extension config discovery.
    Ecds,
}

#[derive(Args)]
pub(crate) struct Render {
    /// Who is to read it.
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
    let text = match rendered(arguments)? {
        Ok(text) => text,
        Err(faults) => return Ok(refuse(&arguments.file, &faults, ", not rendered")),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn apply(arguments: &Apply) -> anyhow::Result<ExitCode> {
    let (file, destination) = (&arguments.render.file, &arguments.destination);
    let text = match rendered(&arguments.render)? {
        Ok(text) => text,
        Err(faults) => {
            let consequence = format!(", not applied; {} is as it was", destination.display());
            return Ok(refuse(file, &faults, &consequence));
        }
    };
    rules::replace(destination, &text)?;
    print(&format!("applied {} to {}\n", file.display(), destination.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The config in the target's form, or its faults.
fn rendered(arguments: &Render) -> anyhow::Result<Result<String, Faults>> {
    let text = read(&arguments.file)?;
    if let Err(faults) = config::load(&text) {
        return Ok(Err(faults));
    }
    let plugin = plugin(arguments.bootstrap.as_deref())?;
    Ok(Ok(match arguments.target {
        Target::Ecds => rules::render_ecds(&text, &plugin),
    }))
}

/// What wraps a config: as a bootstrap has it, or the one that ships.
pub(crate) fn plugin(bootstrap: Option<&Path>) -> anyhow::Result<PluginSettings> {
    Ok(match bootstrap {
        Some(bootstrap) => PluginSettings::from_yaml(&read(bootstrap)?)?,
        None => PluginSettings::shipped()?,
    })
}
