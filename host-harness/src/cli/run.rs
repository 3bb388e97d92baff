//! `pointsman run`.

use super::check::FAULTY;
use super::records::Lines;
use anyhow::Context as _;
use clap::Args;
use pointsman_host::filter::TrafficDirection;
use pointsman_host::otlp::Receiver;
use pointsman_host::process::{Metrics, Process};
use pointsman_host::proxy::config::{
    ClusterChoice, ClusterConfig, Endpoint, ListenerConfig, PluginConfig, RouteConfig, Source,
};
use pointsman_host::proxy::{self, ProxyConfig, ProxyError, ProxyHandle, Reloaded, Surroundings};
use pointsman_host::vm::{Engine, EngineOptions};
use std::error::Error as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Serve a filter natively, without Envoy: by a config file, or by the flags alone.
#[derive(Args)]
pub(crate) struct Run {
    /// The config, such as host-harness/pointsman.yaml; it is read again whenever it changes.
    #[arg(short, long, conflicts_with_all = ["wasm", "plugin_config", "listen", "upstream", "route", "workers", "admin"])]
    config: Option<PathBuf>,
    /// The filter's module.
    #[arg(long, required_unless_present = "config", requires_all = ["listen", "upstream"])]
    wasm: Option<PathBuf>,
    /// What the filter is configured with.
    #[arg(long, value_name = "FILE")]
    plugin_config: Option<PathBuf>,
    /// Where clients come in, such as 127.0.0.1:8080. Port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where requests go, such as service=127.0.0.1:9000. The first takes what no --route names.
    #[arg(long, value_name = "NAME=HOST:PORT", value_parser = upstream)]
    upstream: Vec<(String, Endpoint)>,
    /// Which upstream an authority belongs to, such as api.example.com=service.
    #[arg(long, value_name = "AUTHORITY=NAME", value_parser = pair)]
    route: Vec<(String, String)>,
    /// How many threads serve, each with a VM of its own.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Where /metrics, /ready and /config are served.
    #[arg(long, value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
    /// Where compiled modules are kept; the next start is faster.
    #[arg(long, value_name = "DIRECTORY")]
    module_cache: Option<PathBuf>,
    /// Take what the filter exports in the collector's place, and add each record as a line of JSON to a file.
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
}

/// Who takes the records, and where they go.
struct Collector {
    receiver: Receiver,
    lines: Arc<Lines>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() && !value.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("\"{text}\" is not of the form A=B")),
    }
}

fn upstream(text: &str) -> Result<(String, Endpoint), String> {
    let (name, endpoint) = pair(text)?;
    Ok((name, endpoint.parse()?))
}

pub(crate) fn run(run: Run) -> anyhow::Result<ExitCode> {
    let config = match &run.config {
        Some(file) => {
            let text = super::check::read(file)?;
            match proxy::config::load(&text, directory(file), environment) {
                Ok(config) => config,
                Err(faults) => return Ok(super::check::refuse(file, &faults, "")),
            }
        }
        None => run.by_flags(),
    };
    if run.records.is_some() && config.records_cluster().is_none() {
        eprintln!("pointsman: --records: the filter's configuration has no records.cluster, so it exports nothing");
        return Ok(ExitCode::from(FAULTY));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(&run, config))
}

fn directory(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Run {
    fn by_flags(&self) -> ProxyConfig {
        let file = |path: &Option<PathBuf>| path.clone().map(Source::File).unwrap_or_default();
        let named = self.route.iter().map(|(authority, cluster)| RouteConfig {
            authority: authority.to_ascii_lowercase(),
            cluster: ClusterChoice::Named(cluster.clone()),
            ..RouteConfig::to("")
        });
        let rest = self.upstream.first().map(|(name, _)| RouteConfig::to(name.clone()));
        let default = ListenerConfig::default();
        ProxyConfig {
            workers: self.workers,
            plugin: PluginConfig {
                wasm: file(&self.wasm),
                configuration: file(&self.plugin_config),
                ..PluginConfig::default()
            },
            listeners: vec![ListenerConfig {
                name: String::from("listener"),
                address: self.listen.unwrap_or(default.address),
                direction: TrafficDirection::Unspecified,
                routes: named.chain(rest).collect(),
                ..default
            }],
            clusters: clusters(&self.upstream),
            admin: self.admin,
            ..ProxyConfig::default()
        }
    }
}

/// One cluster for each name; a name that stands twice has two endpoints.
fn clusters(upstreams: &[(String, Endpoint)]) -> Vec<ClusterConfig> {
    let mut clusters: Vec<ClusterConfig> = Vec::new();
    for (name, endpoint) in upstreams {
        match clusters.iter_mut().find(|cluster| cluster.name == *name) {
            Some(cluster) => cluster.endpoints.push(endpoint.clone()),
            None => clusters.push(ClusterConfig::new(name.clone(), vec![endpoint.clone()])),
        }
    }
    clusters
}

async fn serve(run: &Run, config: ProxyConfig) -> anyhow::Result<ExitCode> {
    let cache_directory = run.module_cache.as_ref().map(std::path::absolute).transpose()?;
    let collector = run.records.as_deref().map(Collector::start).transpose()?;
    let adapt = |config: ProxyConfig| match &collector {
        Some(collector) => config.with_records_at(collector.receiver.addr()),
        None => config,
    };
    let config = adapt(config);
    let options = EngineOptions { cache_directory, ..EngineOptions::default() };
    let metrics = Metrics::with_buckets(config.histogram_buckets.clone());
    let surroundings = Surroundings {
        engine: Some(Engine::new(options)?),
        process: Arc::new(Process::new(metrics)),
        ..Surroundings::default()
    };
    // Before the proxy starts: a signal during the start must not be lost.
    let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let handle = match proxy::start(config.clone(), surroundings).await {
        Ok(handle) => handle,
        Err(error) if is_config_fault(&error) => {
            eprintln!("pointsman: {}", chain(&error));
            return Ok(ExitCode::from(FAULTY));
        }
        Err(error) => return Err(error).context("the proxy does not start"),
    };
    super::check::print(&greeting(&handle, &config))?;
    let following = async {
        match &run.config {
            Some(file) => {
                let tell = |reloaded| tell(file, &reloaded);
                proxy::follow(&handle, file, config.clone(), environment, adapt, tell).await;
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = following => {}
        () = unwritten(collector.as_ref()) => {}
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
    eprintln!("pointsman: no new connections; waiting for streams to end");
    if !handle.drain().await {
        eprintln!("pointsman: some streams did not end in time and were broken off");
    }
    if let Some(collector) = collector {
        collector.receiver.stop();
        collector.lines.finish()?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Collector {
    fn start(file: &Path) -> anyhow::Result<Self> {
        let lines = Arc::new(Lines::append_to(file)?);
        let into = Arc::clone(&lines);
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let receiver = Receiver::start_streaming(local, move |record| into.put(record));
        Ok(Self { receiver: receiver.context("cannot listen for records")?, lines })
    }
}

/// Says that records can no longer be written. That is no reason to stop the proxy, so it never ends.
async fn unwritten(collector: Option<&Collector>) {
    if let Some(collector) = collector {
        collector.lines.failed().await;
        eprintln!("pointsman: no further record is written: its file does not take them");
    }
    std::future::pending().await
}

/// Whether the operator's files are at fault, and not the machine.
fn is_config_fault(error: &ProxyError) -> bool {
    matches!(error, ProxyError::Config(_) | ProxyError::Read { .. } | ProxyError::Module(_) | ProxyError::Filter(_))
}

fn chain(error: &ProxyError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}

fn greeting(handle: &ProxyHandle, config: &ProxyConfig) -> String {
    let mut text = String::new();
    for (name, address) in handle.listeners() {
        text += &format!("{name:<12} http://{address}\n");
    }
    if let Some(admin) = handle.admin() {
        text += &format!("{:<12} http://{admin}/metrics\n", "admin");
    }
    text + &format!("ready with {} worker(s)\n", config.workers)
}

fn tell(file: &Path, reloaded: &Reloaded) {
    let file = file.display();
    match reloaded {
        Reloaded::Taken => eprintln!("pointsman: {file}: the new config is in force"),
        Reloaded::Unreadable(error) => eprintln!("pointsman: {file}: cannot be read, the old config stays: {error}"),
        Reloaded::Faulty(faults) => eprintln!("pointsman: {file}: the old config stays:\n{faults}"),
        Reloaded::Refused(error) => eprintln!("pointsman: {file}: the old config stays: {}", chain(error)),
    }
}
