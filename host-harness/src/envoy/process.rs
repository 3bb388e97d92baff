//! The child process: started, waited for, killed.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::ports::Addresses;
use super::{EnvoyError, get};

/// How long Envoy may take until it is ready. It compiles the module first, on a machine that may be busy.
const START_LIMIT: Duration = Duration::from_secs(20);

/// How often it is asked.
const POLL: Duration = Duration::from_millis(20);

/// How much of the log goes into an error.
const TAIL_LINES: usize = 30;

/// The variable that the shipped bootstrap passes on to the filter.
const SECRET_VARIABLE: &str = "POINTSMAN_SECRET";

/// What to start.
pub(super) struct Command<'a> {
    pub(super) binary: &'a Path,
    pub(super) config: &'a Path,
    pub(super) log: PathBuf,
    pub(super) concurrency: u32,
    pub(super) secret: Option<&'a str>,
    pub(super) log_level: Option<&'a str>,
}

#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    pub(super) fn spawn(command: Command<'_>) -> Result<Self, EnvoyError> {
        let log = File::create(&command.log).map_err(EnvoyError::io("create Envoy's log"))?;
        let errors = log.try_clone().map_err(EnvoyError::io("share Envoy's log"))?;
        let mut process = std::process::Command::new(command.binary);
        process
            .arg("--config-path")
            .arg(command.config)
            .args(["--concurrency", &command.concurrency.to_string()])
            // Several run at once; the shared memory of hot restart is one for all.
            .arg("--disable-hot-restart")
            .env_remove(SECRET_VARIABLE)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors);
        if let Some(secret) = command.secret {
            process.env(SECRET_VARIABLE, secret);
        }
        if let Some(level) = command.log_level {
            process.args(["--component-log-level", level]);
        }
        let child =
            process.spawn().map_err(|source| EnvoyError::Spawn { binary: command.binary.to_owned(), source })?;
        Ok(Self { child, log: command.log })
    }

    /// Returns once Envoy says that it is live and all its listeners accept connections.
    pub(super) async fn ready(&mut self, addresses: &Addresses) -> Result<(), EnvoyError> {
        let deadline = Instant::now() + START_LIMIT;
        while !live(addresses).await {
            if let Some(status) = self.child.try_wait().map_err(EnvoyError::io("wait for Envoy"))? {
                let log = self.tail();
                return Err(EnvoyError::Exited { status, log });
            }
            if Instant::now() >= deadline {
                return Err(EnvoyError::NotReady { waited: START_LIMIT, log: self.tail() });
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    pub(super) fn log(&self) -> String {
        // A log that cannot be read is an empty one: it is evidence, never a reason to fail.
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let first = lines.len().saturating_sub(TAIL_LINES);
        lines.get(first..).unwrap_or_default().join("\n")
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn live(addresses: &Addresses) -> bool {
    let state = get(addresses.admin, "/ready").await;
    if !state.is_ok_and(|state| state.trim() == "LIVE") {
        return false;
    }
    for listener in addresses.listeners() {
        if !accepts(listener).await {
            return false;
        }
    }
    true
}

async fn accepts(addr: SocketAddr) -> bool {
    TcpStream::connect(addr).await.is_ok()
}
