//! `pointsman run` in a process of its own, from the config that ships, on free loopback ports.

mod config;

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use tempfile::TempDir;
use thiserror::Error;

use super::Setup;
use crate::http::{ClientError, Version, send};
use crate::rules::{RulesError, replace};
use crate::scrape::{Scrape, ScrapeError};

/// How long the program may take until it serves. It compiles the module first, on a machine that may be busy.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How often its output is looked at.
const POLL: Duration = Duration::from_millis(2);

/// How much of the log goes into an error.
const TAIL_LINES: usize = 30;

/// The variable that the shipped config passes on to the filter.
const SECRET_VARIABLE: &str = "POINTSMAN_SECRET";

/// How to start a native proxy.
#[derive(Debug, Clone)]
pub struct NativeOptions {
    /// The `pointsman` program.
    pub program: PathBuf,
    /// The config that ships, `host-harness/pointsman.yaml`.
    pub config: PathBuf,
    /// Where compiled modules are kept; `None` compiles at every start.
    pub module_cache: Option<PathBuf>,
    /// The filter and what surrounds it.
    pub setup: Setup,
}

/// A running native proxy; dropping it kills the process and removes its files.
#[derive(Debug)]
pub struct Native {
    // Fields drop in this order: the process first, then the directory that it writes to.
    child: Running,
    addresses: Addresses,
    started_in: Duration,
    directory: TempDir,
}

/// Why the native proxy does not run, or does not answer.
#[derive(Debug, Error)]
pub enum NativeError {
    /// A file could not be read or written, or the program could not be started.
    #[error("cannot {what} {path}", path = path.display())]
    Io {
        /// What was tried, as a verb.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The config is not YAML, or lacks what must be changed in it.
    #[error("the config cannot be used: {reason}")]
    Config {
        /// What is wrong, with the place.
        reason: String,
    },
    /// An upstream was named for which the config has no cluster.
    #[error("the config has no cluster named {name}")]
    UnknownCluster {
        /// The name.
        name: String,
    },
    /// The program ended before it served.
    #[error("pointsman run ended with {status}; its output ends with:\n{log}")]
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// The last lines that it has written.
        log: String,
    },
    /// The program did not serve in time.
    #[error("pointsman run was not ready after {} s; its output ends with:\n{log}", waited.as_secs())]
    NotReady {
        /// The limit that has passed.
        waited: Duration,
        /// The last lines that it has written.
        log: String,
    },
    /// The rules could not be put in place.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The admin endpoint did not answer.
    #[error(transparent)]
    Http(#[from] ClientError),
    /// A request could not be built.
    #[error("the request cannot be put on the wire")]
    Request(#[from] http::Error),
    /// The admin endpoint answered with a status other than success.
    #[error("the native proxy answered {status} to GET /metrics")]
    Status {
        /// The status.
        status: http::StatusCode,
    },
    /// The metrics are not in the Prometheus text format.
    #[error(transparent)]
    Scrape(#[from] ScrapeError),
}

/// What the program says that it listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Addresses {
    inbound: SocketAddr,
    outbound: SocketAddr,
    admin: SocketAddr,
}

/// The child and its output; killed when dropped.
#[derive(Debug)]
struct Running {
    child: Child,
    log: PathBuf,
}

impl Native {
    /// Starts the program and returns once it serves.
    ///
    /// # Errors
    /// [`NativeError`]; if the program itself ended or did not get ready, with the tail of its output.
    pub async fn start(options: NativeOptions) -> Result<Self, NativeError> {
        let prefix = "pointsman-native-";
        let directory = tempfile::Builder::new().prefix(prefix).tempdir().map_err(io_error("create", prefix))?;
        let rules = directory.path().join("rules.json");
        std::fs::write(&rules, &options.setup.rules).map_err(io_error("write", &rules))?;
        for (cluster, value) in &options.setup.credentials {
            let file = config::credential_file(&rules, cluster);
            std::fs::write(&file, value).map_err(io_error("write", &file))?;
        }
        let path = directory.path().join("pointsman.json");
        let config = config::adapted(&options.config, &options.setup, &rules)?;
        std::fs::write(&path, config.to_string()).map_err(io_error("write", &path))?;

        let begun = Instant::now();
        let mut child = Running::spawn(&options, &path, directory.path().join("output.log"))?;
        let addresses = child.ready().await?;
        Ok(Self { child, addresses, started_in: begun.elapsed(), directory })
    }

    /// Where callers of the push service connect.
    pub const fn inbound(&self) -> SocketAddr {
        self.addresses.inbound
    }

    /// Where the push service connects to reach vendors; the authority chooses the cluster.
    pub const fn outbound(&self) -> SocketAddr {
        self.addresses.outbound
    }

    /// The admin endpoint.
    pub const fn admin(&self) -> SocketAddr {
        self.addresses.admin
    }

    /// The time from the start of the process until it served.
    pub const fn started_in(&self) -> Duration {
        self.started_in
    }

    /// All metrics as they are now.
    ///
    /// # Errors
    /// [`NativeError::Http`], [`NativeError::Status`] or [`NativeError::Scrape`].
    pub async fn scrape(&self) -> Result<Scrape, NativeError> {
        let request = Request::get("/metrics").body(Bytes::new())?;
        let response = send(self.addresses.admin, Version::Http1, request).await?;
        if !response.status.is_success() {
            return Err(NativeError::Status { status: response.status });
        }
        Ok(Scrape::parse(&response.text())?)
    }

    /// Puts rules in force without a restart. Returns when the file is there; the proxy looks twice a second.
    ///
    /// # Errors
    /// [`NativeError::Rules`].
    pub fn apply(&self, rules: &str) -> Result<(), NativeError> {
        Ok(replace(&self.directory.path().join("rules.json"), rules)?)
    }

    /// All that it has written so far, access log included.
    pub fn log(&self) -> String {
        self.child.log()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.child.id()
    }
}

impl Running {
    fn spawn(options: &NativeOptions, config: &Path, log: PathBuf) -> Result<Self, NativeError> {
        // The access log is the same file, opened by the program itself.
        let output = File::options().append(true).create(true).open(&log).map_err(io_error("create", &log))?;
        let errors = output.try_clone().map_err(io_error("share", &log))?;
        let mut command = Command::new(&options.program);
        command.arg("run").arg("--config").arg(config).env(SECRET_VARIABLE, &options.setup.secret);
        if let Some(directory) = &options.module_cache {
            command.arg("--module-cache").arg(directory);
        }
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let child = command.spawn().map_err(io_error("start", &options.program))?;
        Ok(Self { child, log })
    }

    /// Returns once the program says that it serves, and where.
    async fn ready(&mut self) -> Result<Addresses, NativeError> {
        let begun = Instant::now();
        loop {
            if let Some(addresses) = addresses(&self.log()) {
                return Ok(addresses);
            }
            if let Some(status) = self.child.try_wait().map_err(io_error("wait for", &self.log))? {
                return Err(NativeError::Exited { status, log: self.tail() });
            }
            if begun.elapsed() >= START_LIMIT {
                return Err(NativeError::NotReady { waited: START_LIMIT, log: self.tail() });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn log(&self) -> String {
        // Output that cannot be read is none: it is evidence, never a reason to fail.
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines.get(lines.len().saturating_sub(TAIL_LINES)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads what the program says once it serves; `None` before that.
fn addresses(output: &str) -> Option<Addresses> {
    output.lines().find(|line| line.starts_with("ready"))?;
    let of = |name: &str| {
        let rest = output.lines().find_map(|line| line.strip_prefix(name))?;
        rest.trim().strip_prefix("http://")?.split('/').next()?.parse().ok()
    };
    Some(Addresses { inbound: of("inbound")?, outbound: of("outbound")?, admin: of("admin")? })
}

fn io_error(what: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> NativeError {
    let path = path.as_ref().to_owned();
    move |source| NativeError::Io { what, path, source }
}

#[cfg(test)]
mod tests {
    use super::addresses;

    #[test]
    fn addresses_are_known_once_the_program_serves() {
        let said = "inbound      http://127.0.0.1:1\noutbound     http://127.0.0.1:2\nadmin        http://127.0.0.1:3/metrics\n";
        assert_eq!(addresses(said), None);
        let addresses = addresses(&format!("{said}ready with 2 worker(s)\n")).unwrap();
        let ports = [addresses.inbound, addresses.outbound, addresses.admin].map(|address| address.port());
        assert_eq!(ports, [1, 2, 3]);
    }
}
