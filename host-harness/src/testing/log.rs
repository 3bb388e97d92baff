//! Keeps what a filter logs.

use crate::abi::LogLevel;
use crate::process::{LogLine, LogSink};
use std::sync::{Mutex, PoisonError};
use tokio::sync::watch;

/// Keeps what a filter logs, in order.
pub(super) struct Log {
    level: LogLevel,
    lines: Mutex<Vec<LogLine>>,
    written: watch::Sender<()>,
}

impl Log {
    pub(super) fn new(level: LogLevel) -> Self {
        Self { level, lines: Mutex::default(), written: watch::Sender::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The lines but the first so many.
    pub(super) fn from(&self, start: usize) -> Vec<LogLine> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.get(start..).unwrap_or_default().to_vec()
    }

    /// The first line that is wanted, once there is one.
    pub(super) async fn find(&self, wanted: impl Fn(&LogLine) -> bool) -> LogLine {
        let mut written = self.written.subscribe();
        loop {
            let found = self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().find(|it| wanted(it)).cloned();
            if let Some(line) = found {
                return line;
            }
            // The sender lives as long as this.
            let _ = written.changed().await;
        }
    }
}

impl LogSink for Log {
    fn level(&self) -> LogLevel {
        self.level
    }

    fn log(&self, line: LogLine) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        self.written.send_replace(());
    }
}
