//! What can go wrong with an Envoy of one's own.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use thiserror::Error;

use super::options::BINARY_VARIABLE;
use crate::http::ClientError;
use crate::rules::RulesError;
use crate::scrape::ScrapeError;

/// Why Envoy does not run, or did not answer.
#[derive(Debug, Error)]
pub enum EnvoyError {
    /// Nobody said where the binary is.
    #[error(
        "{BINARY_VARIABLE} is not set: run ./scripts/test, which gets Envoy and builds the guests, \
         or set it to the output of ./scripts/get-envoy"
    )]
    NoBinary,
    /// A file, a directory or a port could not be had.
    #[error("cannot {what}")]
    Io {
        /// What was tried, as a verb with its object.
        what: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The bootstrap file could not be read.
    #[error("cannot read the bootstrap {path}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The bootstrap is not YAML, or lacks what must be changed in it.
    #[error("the bootstrap cannot be used: {reason}")]
    Bootstrap {
        /// What is wrong, with the place.
        reason: String,
    },
    /// An upstream was named for which the bootstrap has no cluster.
    #[error("the bootstrap has no cluster named {name}")]
    UnknownCluster {
        /// The name.
        name: String,
    },
    /// A credential was given for a cluster in which the bootstrap has no place for one.
    #[error("the bootstrap has no place for a credential in the cluster {name}")]
    NoCredential {
        /// The name of the cluster.
        name: String,
    },
    /// The rules could not be rendered or put in place.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// There are no rules in an Envoy without the filter.
    #[error("this Envoy runs without the filter")]
    NoFilter,
    /// The program could not be started.
    #[error("cannot start {binary}", binary = binary.display())]
    Spawn {
        /// The program.
        binary: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Envoy ended before it was ready.
    #[error("Envoy ended with {status}; its log ends with:\n{log}")]
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// The last lines that it has logged.
        log: String,
    },
    /// Envoy did not get ready in time.
    #[error("Envoy was not ready after {} s; its log ends with:\n{log}", waited.as_secs())]
    NotReady {
        /// The limit that has passed.
        waited: Duration,
        /// The last lines that it has logged.
        log: String,
    },
    /// Envoy did not answer.
    #[error(transparent)]
    Http(#[from] ClientError),
    /// A request could not be built.
    #[error("the request cannot be put on the wire")]
    Request(#[from] http::Error),
    /// Envoy answered with a status other than success.
    #[error("Envoy answered {status} to GET {path}")]
    Status {
        /// The path that was asked for.
        path: String,
        /// The status.
        status: http::StatusCode,
    },
    /// The metrics are not in the Prometheus text format.
    #[error(transparent)]
    Scrape(#[from] ScrapeError),
}

impl EnvoyError {
    /// Says what was tried when the operating system refused.
    pub(super) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}
