//! The operations log: who has switched what, when, why, and until when, one JSON object a line.
//!
//! Each line carries the SHA-256 of the line before, so that none can be changed or taken out without breaking the chain.
//! An operation writes its line *before* it touches the config (`intent`) and another one behind (`done`): a crash between
//! never leaves a switch without a line, and what an unfinished intent has come to is told by the config's own hash.

mod chain;
mod entry;

pub use chain::{Broken, Chain, ZERO, read, sha256};
pub use entry::{Entry, Operation, Step};

use crate::guarded::{GuardError, Guarded, Owner, io_error};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use thiserror::Error;

/// The owner writes, the group reads: who may see who has switched is a matter of the group.
const MODE: u32 = 0o640;

/// Why nothing could be written to the log.
#[derive(Debug, Error)]
pub enum LogError {
    /// Somebody has changed it, or a disk has.
    #[error(
        "the operations log {path} is broken: {broken}; nothing is added to it. \
         Keep it as evidence under another name, and the next operation begins a new one",
        path = path.display()
    )]
    Broken {
        /// The log.
        path: PathBuf,
        /// Where and how.
        broken: Broken,
    },
    /// Its file or folder is not safe, or the operating system refused.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// Never: an entry holds nothing that JSON could not.
    #[error("an entry cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// An intact log, open for more; whoever holds it holds the lock of the config too.
#[derive(Debug)]
pub struct Log {
    place: Guarded,
    file: File,
    chain: Chain,
}

impl Log {
    /// Opens the log and checks its chain; makes it for `owner` if there is none.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn open(place: &Guarded, owner: Owner) -> Result<Self, LogError> {
        let mut file = place.open_or_create(owner, MODE)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io_error("read", place.path()))?;
        let chain = chain::read(&bytes).map_err(|broken| LogError::Broken { path: place.path().to_owned(), broken })?;
        Ok(Self { place: place.clone(), file, chain })
    }

    /// What is in it.
    pub const fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Adds an entry to the chain and syncs it. What an interrupted write has left behind the last whole line is written
    /// over, and kept in the entry.
    ///
    /// # Errors
    /// [`LogError`]; the log may end with part of a line then, which does not break it.
    pub fn append(&mut self, mut entry: Entry) -> Result<(), LogError> {
        entry.prev.clone_from(&self.chain.last_hash);
        entry.cut_off = self.chain.cut_off.as_deref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let line = serde_json::to_string(&entry)?;
        self.write(&line).map_err(io_error("write to", self.place.path()))?;
        self.chain.push(&line, entry);
        Ok(())
    }

    fn write(&mut self, line: &str) -> std::io::Result<()> {
        self.file.seek(SeekFrom::Start(self.chain.whole_bytes))?;
        self.file.write_all(format!("{line}\n").as_bytes())?;
        let end = self.file.stream_position()?;
        self.file.set_len(end)?;
        self.file.sync_all()
    }
}

#[cfg(test)]
mod tests;
