//! The chain of lines: each names the hash of the one before.

use super::{Entry, Step};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// What the first line has in place of a hash.
pub const ZERO: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// SHA-256 in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An intact log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// How many lines there are.
    pub lines: usize,
    /// The last one.
    pub last: Option<Entry>,
    /// Its hash.
    pub last_hash: String,
    /// Lines before which the config was changed by other means.
    pub changed_before: Vec<usize>,
    /// What stands behind the last whole line, since a write was interrupted.
    pub cut_off: Option<Vec<u8>>,
    /// The length of all whole lines.
    pub(super) whole_bytes: u64,
}

/// The first line that does not follow from the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl std::error::Error for Broken {}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl Chain {
    const fn empty(last_hash: String) -> Self {
        Self { lines: 0, last: None, last_hash, changed_before: Vec::new(), cut_off: None, whole_bytes: 0 }
    }

    /// An operation that was interrupted.
    pub fn unfinished(&self) -> Option<&Entry> {
        self.last.as_ref().filter(|last| last.step == Step::Intent)
    }

    pub(super) fn push(&mut self, line: &str, entry: Entry) {
        self.lines += 1;
        if self.last.as_ref().is_some_and(|last| entry.step == Step::Intent && entry.before != config_behind(last)) {
            self.changed_before.push(self.lines);
        }
        self.whole_bytes += line.len() as u64 + 1;
        self.last_hash = sha256(line.as_bytes());
        self.last = Some(entry);
        self.cut_off = None;
    }
}

/// The hash of the config that an entry leaves behind.
fn config_behind(entry: &Entry) -> &str {
    if entry.step == Step::Abandoned { &entry.before } else { &entry.after }
}

/// Reads a whole log.
///
/// # Errors
/// [`Broken`] with the first line that is wrong. A last line without an end is none: it is in [`Chain::cut_off`].
pub fn read(log: &[u8]) -> Result<Chain, Broken> {
    let mut chain = Chain::empty(ZERO.to_owned());
    let mut rest = log;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, behind) = rest.split_at(end);
        let broken = |reason: String| Broken { line: chain.lines + 1, reason };
        let line = std::str::from_utf8(line).map_err(|_| broken("it is no text".to_owned()))?;
        let entry: Entry = serde_json::from_str(line).map_err(|error| broken(format!("it is no entry: {error}")))?;
        if entry.prev != chain.last_hash {
            return Err(broken(match chain.lines {
                0 => "lines before it are missing, or it was changed".to_owned(),
                above => format!("it does not follow line {above}, which was changed, or lines between are missing"),
            }));
        }
        chain.push(line, entry);
        rest = &behind[1..];
    }
    chain.cut_off = (!rest.is_empty()).then(|| rest.to_vec());
    Ok(chain)
}
