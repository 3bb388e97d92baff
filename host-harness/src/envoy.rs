//! A real Envoy on free loopback ports, from the bootstrap that ships, for demos and tests.
//!
//! What runs is `envoy/bootstrap.yaml` with as little changed as can be: ports, paths, and where the clusters lead.
//! Upstreams are plain TCP on loopback, and a cluster that nobody named leads to a port that refuses connections, so
//! that nothing ever leaves the machine.

mod bootstrap;
mod credentials;
mod error;
mod options;
mod ports;
mod process;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::Request;
use serde_json::Value;
use tempfile::TempDir;

pub use error::EnvoyError;
pub use options::{BINARY_VARIABLE, Edit, Filter, Options, Protocol, Rules, Upstream, binary_from_env};

use crate::http::{Version, send};
use crate::rules::{PluginSettings, render_ecds, replace};
use crate::scrape::Scrape;
use bootstrap::Target;
use credentials::Credentials;
use ports::{Addresses, Ports, Reserved};
use process::Process;

/// A running Envoy; dropping it kills the process and removes its files.
#[derive(Debug)]
pub struct Envoy {
    // Fields drop in this order: the process first, then the directory that it writes to.
    process: Process,
    addresses: Addresses,
    rules: PathBuf,
    credentials: Credentials,
    plugin: Option<PluginSettings>,
    _directory: TempDir,
    _nowhere: Reserved,
}

impl Envoy {
    /// Starts Envoy and returns once it is live and its listeners accept connections.
    ///
    /// # Errors
    /// [`EnvoyError`]; if Envoy itself ended or did not get ready, with the tail of its log.
    pub async fn start(options: Options) -> Result<Self, EnvoyError> {
        let directory = tempfile::Builder::new()
            .prefix("pointsman-envoy-")
            .tempdir()
            .map_err(EnvoyError::io("create a directory for Envoy"))?;
        let rules = directory.path().join("rules").join("pointsman.ecds.json");
        let ports = Ports::reserve()?;

        let mut config = bootstrap::load(&options.bootstrap)?;
        let target = Target {
            addresses: &ports.addresses,
            filter: &options.filter,
            rules: &rules,
            upstreams: &options.upstreams,
            credentials: &directory.path().join("credentials"),
        };
        bootstrap::adapt(&mut config, &target)?;
        let credentials = Credentials::write(&config, target.credentials, &options.credentials)?;
        if let Some(edit) = options.edit {
            edit(&mut config);
        }
        let plugin = plugin(&config, &options.filter)?;
        write_rules(&rules, &options.rules, plugin.as_ref())?;
        let config = write_bootstrap(directory.path(), &config)?;

        let command = process::Command {
            binary: &options.binary,
            config: &config,
            log: directory.path().join("envoy.log"),
            concurrency: options.concurrency,
            secret: options.secret.as_deref(),
            log_level: options.log_level.as_deref(),
        };
        let mut process = Process::spawn(command)?;
        process.ready(&ports.addresses).await?;
        let (addresses, nowhere) = (ports.addresses, ports.nowhere);
        Ok(Self { process, addresses, rules, credentials, plugin, _directory: directory, _nowhere: nowhere })
    }

    /// Where callers of the push service connect.
    pub fn inbound(&self) -> SocketAddr {
        self.addresses.inbound
    }

    /// Where the push service connects to reach vendors; the authority chooses the cluster.
    pub fn outbound(&self) -> SocketAddr {
        self.addresses.outbound
    }

    /// Where Prometheus connects.
    pub fn scrape_addr(&self) -> SocketAddr {
        self.addresses.scrape
    }

    /// Envoy's own admin interface.
    pub fn admin(&self) -> SocketAddr {
        self.addresses.admin
    }

    /// All metrics, read from the scrape listener as Prometheus does.
    ///
    /// # Errors
    /// [`EnvoyError::Http`], [`EnvoyError::Status`] or [`EnvoyError::Scrape`].
    pub async fn scrape(&self) -> Result<Scrape, EnvoyError> {
        let text = get(self.addresses.scrape, "/stats/prometheus").await?;
        Ok(Scrape::parse(&text)?)
    }

    /// Puts rules in force without a restart: renders the plugin configuration and renames it into place.
    ///
    /// Returns when the file is there; Envoy notices within milliseconds.
    ///
    /// # Errors
    /// [`EnvoyError::Rules`], or [`EnvoyError::NoFilter`] if this Envoy runs without the filter.
    pub fn apply(&self, rules: &str) -> Result<(), EnvoyError> {
        let plugin = self.plugin.as_ref().ok_or(EnvoyError::NoFilter)?;
        Ok(replace(&self.rules, &render_ecds(rules, plugin))?)
    }

    /// Gives a cluster another credential without a restart; Envoy notices within milliseconds.
    ///
    /// # Errors
    /// [`EnvoyError::NoCredential`] if the bootstrap has no place for it, or [`EnvoyError::Rules`].
    pub fn set_credential(&self, cluster: &str, value: &str) -> Result<(), EnvoyError> {
        self.credentials.set(cluster, value)
    }

    /// The ECDS file that Envoy watches.
    pub fn rules_path(&self) -> &Path {
        &self.rules
    }

    /// All that Envoy has logged so far, access log included.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}

fn plugin(config: &Value, filter: &Filter) -> Result<Option<PluginSettings>, EnvoyError> {
    Ok(match filter {
        Filter::Wasm(_) => Some(PluginSettings::from_bootstrap(config)?),
        Filter::None => None,
    })
}

fn write_rules(path: &Path, rules: &Rules, plugin: Option<&PluginSettings>) -> Result<(), EnvoyError> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir(directory).map_err(EnvoyError::io("create the rules directory"))?;
    }
    let content = match (rules, plugin) {
        (Rules::Config(config), Some(plugin)) => render_ecds(config, plugin),
        (Rules::Raw(content), Some(_)) => content.clone(),
        (Rules::Missing, _) | (_, None) => String::new(),
    };
    std::fs::write(path, content).map_err(EnvoyError::io("write the rules file"))
}

fn write_bootstrap(directory: &Path, config: &Value) -> Result<PathBuf, EnvoyError> {
    let path = directory.join("bootstrap.json");
    std::fs::write(&path, config.to_string()).map_err(EnvoyError::io("write the bootstrap"))?;
    Ok(path)
}

async fn get(addr: SocketAddr, path: &str) -> Result<String, EnvoyError> {
    let request = Request::get(path).body(Bytes::new())?;
    let response = send(addr, Version::Http1, request).await?;
    if !response.status.is_success() {
        return Err(EnvoyError::Status { path: path.to_owned(), status: response.status });
    }
    Ok(response.text())
}
