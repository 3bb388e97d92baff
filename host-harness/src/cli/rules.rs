//! `pointsman render` and `pointsman apply`.

use super::check::{merged, print, read, refuse};
use super::cluster::{InCluster, Signed, apply_in_cluster};
use anyhow::Context as _;
use clap::{Args, ValueEnum};
use pointsman_core::config;
use pointsman_host::cluster::{self, Kind};
use pointsman_host::rules::{self, Code, MODULE, Placement, PluginSettings, STABLE};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What a switch may put in force beside the config.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Target {
    /// The file of Envoy's file-based extension config discovery.
    Ecds,
}

/// What a config may be made into.
#[derive(Clone, Copy, ValueEnum)]
enum Form {
    /// The file of Envoy's file-based extension config discovery.
    Ecds,
    /// The ConfigMap that the sidecar of plain Kubernetes mounts.
    Configmap,
    /// The EnvoyFilter by which Istio gives the filter its code and its rules.
    Envoyfilter,
    /// Istio's WasmPlugin; can't hold requests.
    Wasmplugin,
    /// Istio's TrafficExtension, from 1.30 on; can't hold requests.
    Trafficextension,
}

/// What an object says beside the config.
#[derive(Args)]
struct Object {
    /// The namespace of the object, which is that of the pods.
    #[arg(long, default_value = "push")]
    namespace: String,
    /// The name of the object; default is that of the shipped overlays: pointsman-rules of an EnvoyFilter, else pointsman.
    #[arg(long)]
    name: Option<String>,
    /// Which pods: the value of their label pointsman.io/track.
    #[arg(long, default_value = STABLE)]
    track: String,
    /// Where Istio's proxy gets the module from: a path in its container, or a URL that Istio's agent fetches, such as
    /// oci://registry.example.com/pointsman/filter:0.1.0, for which --sha256 is needed.
    #[arg(long, default_value = MODULE)]
    code: String,
    /// The digest of the image, or of the file, that --code names.
    #[arg(long)]
    sha256: Option<String>,
}

impl Object {
    fn placement(&self, target: Form) -> anyhow::Result<Placement> {
        let usual = if matches!(target, Form::Envoyfilter) { "pointsman-rules" } else { "pointsman" };
        let usual = if self.track == STABLE { usual.to_owned() } else { format!("{usual}-{}", self.track) };
        let code = match (self.code.contains("://"), &self.sha256) {
            (false, None) => Code::File(self.code.clone()),
            (true, Some(sha256)) => Code::Fetched { url: self.code.clone(), sha256: sha256.clone() },
            (true, None) => {
                anyhow::bail!("--code {} needs --sha256: what is fetched must be what was meant", self.code)
            }
            (false, Some(_)) => anyhow::bail!("--sha256 is of what is fetched, and --code {} is a file", self.code),
        };
        let name = self.name.clone().unwrap_or(usual);
        Ok(Placement { track: self.track.clone(), code, ..Placement::new(&self.namespace, &name) })
    }
}

#[derive(Args)]
pub(crate) struct Render {
    /// Who is to read it.
    #[arg(long)]
    target: Form,
    /// The config, such as envoy/pointsman.json.
    file: PathBuf,
    /// The bootstrap that names the plugin; default is the one that ships.
    #[arg(long)]
    bootstrap: Option<PathBuf>,
    /// Manual rules that are put in front of the config's.
    #[arg(long, value_name = "FILE")]
    overrides: Option<PathBuf>,
    #[command(flatten)]
    object: Object,
}

#[derive(Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    render: Render,
    /// The file to replace, in the directory that Envoy watches.
    #[arg(required_unless_present_any = ["configmap", "envoyfilter"], conflicts_with_all = ["configmap", "envoyfilter"])]
    destination: Option<PathBuf>,
    #[command(flatten)]
    place: InCluster,
    #[command(flatten)]
    signed: Signed,
}

pub(crate) fn render(arguments: &Render) -> anyhow::Result<ExitCode> {
    let text = match rendered(arguments, ", not rendered")? {
        Ok(text) => text,
        Err(code) => return Ok(code),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn apply(arguments: &Apply) -> anyhow::Result<ExitCode> {
    if let Some(object) = arguments.place.object() {
        return in_cluster(arguments, object);
    }
    let destination = arguments.destination.as_deref().context("a file to replace is needed")?;
    let consequence = format!(", not applied; {} is as it was", destination.display());
    let text = match rendered(&arguments.render, &consequence)? {
        Ok(text) => text,
        Err(code) => return Ok(code),
    };
    rules::replace(destination, &text)?;
    print(&format!("applied {} to {}\n", arguments.render.file.display(), destination.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn in_cluster(arguments: &Apply, object: &cluster::Object) -> anyhow::Result<ExitCode> {
    let same = matches!(
        (arguments.render.target, object.kind),
        (Form::Configmap, Kind::ConfigMap) | (Form::Envoyfilter, Kind::EnvoyFilter)
    );
    anyhow::ensure!(same, "{object} is not what --target says");
    let text = match sound(&arguments.render, &format!(", not applied; {object} is as it was"))? {
        Ok(text) => text,
        Err(code) => return Ok(code),
    };
    apply_in_cluster(&arguments.place, object, &arguments.signed, text, &arguments.render.file)
}

/// The config in the target's form; its faults are told.
fn rendered(arguments: &Render, consequence: &str) -> anyhow::Result<Result<String, ExitCode>> {
    let text = match sound(arguments, consequence)? {
        Ok(text) => text,
        Err(code) => return Ok(Err(code)),
    };
    let plugin = plugin(arguments.bootstrap.as_deref())?;
    let placement = arguments.object.placement(arguments.target)?;
    let object = match arguments.target {
        Form::Ecds => return Ok(Ok(rules::render_ecds(&text, &plugin))),
        Form::Configmap => rules::render_configmap(&text, &placement),
        Form::Envoyfilter => rules::render_envoyfilter(&text, &plugin, &placement),
        Form::Wasmplugin => rules::render_wasmplugin(&text, &placement)?,
        Form::Trafficextension => rules::render_trafficextension(&text, &placement)?,
    };
    Ok(Ok(rules::manifest(&object)?))
}

/// The config, with overrides if there are such, if it has no faults; they are told.
fn sound(arguments: &Render, consequence: &str) -> anyhow::Result<Result<String, ExitCode>> {
    let text = merged(&arguments.file, arguments.overrides.as_deref())?;
    Ok(text.and_then(|text| match config::load(&text) {
        Ok(_) => Ok(text),
        Err(faults) => Err(refuse(&arguments.file, &faults, consequence)),
    }))
}

/// What wraps a config: as a bootstrap has it, or the one that ships.
pub(crate) fn plugin(bootstrap: Option<&Path>) -> anyhow::Result<PluginSettings> {
    Ok(match bootstrap {
        Some(bootstrap) => PluginSettings::from_yaml(&read(bootstrap)?)?,
        None => PluginSettings::shipped()?,
    })
}
