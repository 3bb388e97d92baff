//! What a VM learns of the world outside; a test or a simulation puts its own here.

use crate::abi::LogLevel;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Since 1970; may step.
    fn wall(&self) -> Duration;
    /// Since some moment in the past; never goes back.
    fn monotonic(&self) -> Duration;
}

/// The time of this machine.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn wall(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// One line that a guest wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// The plugin's name.
    pub plugin: String,
    /// How much it matters.
    pub level: LogLevel,
    /// What it says; bytes that are not UTF-8 are replaced.
    pub message: String,
}

/// Takes what guests log.
pub trait LogSink: Send + Sync {
    /// Lines below this level are dropped before they are made.
    fn level(&self) -> LogLevel;
    /// Takes a line.
    fn log(&self, line: LogLine);
}

/// Whether a call to an upstream can begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// There is no such cluster: the guest gets a bad argument.
    Unknown,
    /// It has no endpoint or takes no more: the guest gets an internal failure and no callback.
    Refused,
    /// The call goes out.
    Ready,
}

/// What is known of the clusters that guests can call.
pub trait Upstreams: Send + Sync {
    /// Whether a call to `cluster` can begin.
    fn admit(&self, cluster: &str) -> Admission;
}

/// No cluster is known.
impl Upstreams for () {
    fn admit(&self, _: &str) -> Admission {
        Admission::Unknown
    }
}

/// Clock, randomness, log and network of one VM.
pub struct Environment {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where random bytes come from.
    pub random: Box<dyn rand_core::Rng + Send>,
    /// Where log lines go.
    pub log: Arc<dyn LogSink>,
    /// What can be called.
    pub upstreams: Arc<dyn Upstreams>,
}
