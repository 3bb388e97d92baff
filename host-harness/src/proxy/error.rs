//! Why a proxy does not run, or keeps its old config.

use super::config::Faults;
use super::tracing::TracingError;
use crate::filter::WorkerError;
use crate::vm::{EngineError, ModuleError};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a proxy does not run, or keeps its old config.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The config has faults.
    #[error("the config has faults:\n{0}")]
    Config(Faults),
    /// A file that the config names cannot be read.
    #[error("{what} cannot be read from {path}", path = path.display())]
    Read {
        /// What is in the file.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// There is no engine to run modules.
    #[error("modules cannot be run")]
    Engine(#[from] EngineError),
    /// The module is not taken.
    #[error("the filter's module is not taken")]
    Module(#[from] ModuleError),
    /// The filter does not start or rejects its configuration.
    #[error("the filter is not taken")]
    Filter(#[from] WorkerError),
    /// An address cannot be listened on.
    #[error("{what} cannot listen on {address}")]
    Bind {
        /// Which listener, or the admin endpoint.
        what: String,
        /// Where.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The access log cannot be opened.
    #[error("the access log {path} cannot be opened", path = path.display())]
    AccessLog {
        /// Which file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Traces cannot be sent.
    #[error("traces cannot be sent")]
    Tracing(#[from] TracingError),
    /// A thread could not be started.
    #[error("a thread cannot be started")]
    Thread(#[from] std::io::Error),
    /// A part of the config is fixed for as long as the proxy runs.
    #[error("{0} cannot change while the proxy runs: start it anew")]
    NeedsRestart(&'static str),
    /// The proxy has stopped.
    #[error("the proxy has stopped")]
    Stopped,
}
