//! What a proxy takes from the world around it; a test puts its own here.

use super::exposition::HostMetrics;
use crate::abi::LogLevel;
use crate::process::{Clock, Environment, LogLine, LogSink, Process, SystemClock, Upstreams};
use std::convert::Infallible;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::sync::Arc;

/// Makes a source of random bytes for one VM.
pub type NewRandom = Arc<dyn Fn() -> Box<dyn rand_core::Rng + Send> + Send + Sync>;

/// What a proxy takes from the world around it.
#[derive(Clone)]
pub struct Surroundings {
    /// What the workers share: shared data, queues, metrics.
    pub process: Arc<Process>,
    /// The proxy's own metrics.
    pub metrics: HostMetrics,
    /// The time, for the filter and the access log. Timeouts run by tokio's.
    pub clock: Arc<dyn Clock>,
    /// Where the filter's log lines go.
    pub log: Arc<dyn LogSink>,
    /// Where the filter's random bytes come from.
    pub random: NewRandom,
    /// Compiles modules; `None` makes one that keeps nothing on disk.
    pub engine: Option<crate::vm::Engine>,
}

/// This machine's time and random bytes; log lines go to standard error.
impl Default for Surroundings {
    fn default() -> Self {
        Self {
            process: Arc::default(),
            metrics: HostMetrics::default(),
            clock: Arc::new(SystemClock::default()),
            log: Arc::new(StandardError { level: LogLevel::Info }),
            random: Arc::new(|| Box::new(SystemRandom::default())),
            engine: None,
        }
    }
}

impl Surroundings {
    /// What one VM learns.
    pub(super) fn environment(&self, upstreams: Arc<dyn Upstreams>) -> Environment {
        let (clock, log) = (Arc::clone(&self.clock), Arc::clone(&self.log));
        Environment { clock, log, random: (self.random)(), upstreams }
    }
}

/// Writes log lines to standard error.
#[derive(Debug)]
pub struct StandardError {
    /// Lines below this are dropped.
    pub level: LogLevel,
}

impl LogSink for StandardError {
    fn level(&self) -> LogLevel {
        self.level
    }

    fn log(&self, line: LogLine) {
        // A closed standard error is no reason to stop.
        let _ = writeln!(std::io::stderr(), "{:?} {}: {}", line.level, line.plugin, line.message);
    }
}

/// How many bytes are fetched from the operating system at once.
const FETCH_BYTES: usize = 256;

/// Random bytes of the operating system.
struct SystemRandom {
    source: Option<File>,
    fetched: [u8; FETCH_BYTES],
    used: usize,
}

impl Default for SystemRandom {
    fn default() -> Self {
        Self { source: File::open("/dev/urandom").ok(), fetched: [0; FETCH_BYTES], used: FETCH_BYTES }
    }
}

impl SystemRandom {
    fn byte(&mut self) -> u8 {
        if self.used >= FETCH_BYTES {
            self.fetch();
        }
        let byte = self.fetched.get_mut(self.used).map(std::mem::take).unwrap_or_default();
        self.used += 1;
        byte
    }

    fn fetch(&mut self) {
        self.used = 0;
        if self.source.as_mut().is_some_and(|source| source.read_exact(&mut self.fetched).is_ok()) {
            return;
        }
        // Without the device there is still the hasher's key, which the standard library draws from the system.
        for (index, place) in self.fetched.iter_mut().enumerate() {
            *place = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), index).to_le_bytes()[0];
        }
    }
}

impl rand_core::TryRng for SystemRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(std::array::from_fn(|_| self.byte())))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(std::array::from_fn(|_| self.byte())))
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Infallible> {
        into.iter_mut().for_each(|place| *place = self.byte());
        Ok(())
    }
}
