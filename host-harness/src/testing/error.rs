//! Why a test could not do what it wanted, in words that a failed test can print.

use crate::http::ClientError;
use crate::process::LogLine;
use crate::proxy::ProxyError;
use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Why a test could not do what it wanted. Its `Debug` is meant to be read, with every cause, since that is what a failed
/// test prints.
#[derive(thiserror::Error)]
pub enum TestError {
    /// The filter is not there.
    #[error("the filter {path} cannot be read: build it before the tests, and give its path from the folder {folder}",
        path = path.display(), folder = folder.display())]
    FilterFile {
        /// Where it should be.
        path: PathBuf,
        /// The folder that the test runs in.
        folder: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The filter has not been built.
    #[error("there is no target/pointsman.wasm in this folder or above it: run ./scripts/build-filter")]
    NoPointsman,
    /// The filter does not start or does not take its configuration.
    #[error("the filter is not taken, and the proxy goes on as before, if it ran; the filter says:{}", Said(log))]
    Rejected {
        /// What the filter has logged about it.
        log: Vec<LogLine>,
        /// What the proxy makes of it.
        source: ProxyError,
    },
    /// The proxy cannot run like that.
    #[error("the proxy cannot run like that")]
    Proxy(#[source] ProxyError),
    /// A stub got no port.
    #[error("the stub of the upstream \"{upstream}\" gets no port")]
    Port {
        /// The upstream.
        upstream: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A stub's answer cannot be put on the wire.
    #[error("an answer of the stub of \"{upstream}\" cannot be sent: look at its status and headers")]
    Answer {
        /// The upstream.
        upstream: String,
        /// What is wrong with it.
        source: http::Error,
    },
    /// The request cannot be put on the wire.
    #[error("the request cannot be sent: look at its address and headers")]
    Request(#[from] http::Error),
    /// The client got no whole response.
    #[error("the client got no whole response; the filter says:{}", Said(log))]
    NoResponse {
        /// What the filter has logged since the request was sent.
        log: Vec<LogLine>,
        /// How far the exchange came.
        source: ClientError,
    },
    /// The metrics cannot be read.
    #[error("the proxy's metrics cannot be read")]
    Metrics(#[source] Box<dyn Error + Send + Sync>),
    /// Something did not come about.
    #[error("waited {} s for {what}; last saw {seen}", after.as_secs_f64())]
    Waited {
        /// What was waited for.
        what: String,
        /// What was there instead.
        seen: String,
        /// For how long.
        after: Duration,
    },
    /// Some streams have not ended.
    #[error("some streams did not end within {} s and were broken off: is a client or a stub still waiting?", after.as_secs_f64())]
    NotDrained {
        /// How long they had.
        after: Duration,
    },
}

impl fmt::Debug for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = self.source();
        while let Some(error) = cause {
            write!(f, "\n  because {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Lines of a filter below an error.
pub(super) struct Said<'a>(pub(super) &'a [LogLine]);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(" nothing");
        }
        self.0.iter().try_for_each(|line| write!(f, "\n    {:?}: {}", line.level, line.message))
    }
}
