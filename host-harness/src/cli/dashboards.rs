//! `pointsman dashboards`.

use super::check::{print, read, refuse};
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use pointsman_core::config;
use pointsman_host::monitoring::Watched;
use pointsman_host::monitoring::alerts::Matchers;
use pointsman_host::monitoring::dashboards::{File, config_maps, files};
use pointsman_host::rules::replace;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How dashboards are written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// JSON, as Grafana imports it.
    Grafana,
    /// YAML: a ConfigMap for each, with the label by which Grafana's sidecar finds it.
    Configmap,
}

#[derive(Args)]
pub(crate) struct Dashboards {
    /// The config, such as envoy/pointsman.json.
    #[arg(long)]
    config: PathBuf,
    /// What every query of the filter's metrics is narrowed down to, such as 'cluster="eu"'.
    #[arg(long = "match", default_value = "", value_name = "MATCHERS")]
    matchers: Matchers,
    /// The folder to write a file for each dashboard to; without it all are printed, as one JSON object by file name.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// How they are written.
    #[arg(long, value_enum, default_value = "grafana")]
    format: Format,
    /// The namespace of ConfigMaps; without it none stands in them.
    #[arg(long)]
    namespace: Option<String>,
}

pub(crate) fn run(arguments: &Dashboards) -> anyhow::Result<ExitCode> {
    let text = read(&arguments.config)?;
    let plan = match config::load(&text) {
        Ok(plan) => plan,
        Err(faults) => return Ok(refuse(&arguments.config, &faults, ", no dashboards made")),
    };
    let matching = Some(arguments.matchers.as_str()).filter(|matchers| !matchers.is_empty());
    let files = files(&Watched::of(&plan), matching);
    match (&arguments.output, arguments.format) {
        (None, Format::Grafana) => print(&together(&files)?)?,
        (None, Format::Configmap) => print(&config_maps(&files, arguments.namespace.as_deref()))?,
        (Some(folder), Format::Grafana) => write(folder, &files)?,
        (Some(folder), Format::Configmap) => {
            let maps = files.iter().map(|file| File {
                name: file.name.replace(".json", ".yaml"),
                text: config_maps(std::slice::from_ref(file), arguments.namespace.as_deref()),
            });
            write(folder, &maps.collect::<Vec<_>>())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn together(files: &[File]) -> anyhow::Result<String> {
    let mut all = Map::new();
    for file in files {
        all.insert(file.name.clone(), serde_json::from_str(&file.text).context("a dashboard is no JSON")?);
    }
    Ok(format!("{:#}\n", Value::Object(all)))
}

fn write(folder: &Path, files: &[File]) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for file in files {
        replace(&folder.join(&file.name), &file.text)?;
    }
    print(&format!("wrote {} dashboards to {}\n", files.len(), folder.display()))
}
