//! Why a file was not touched.

use std::io;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Why a file was not touched.
#[derive(Debug, Error)]
pub enum GuardError {
    /// It leads elsewhere.
    #[error("{path} is a symbolic link: name the file that it leads to", path = path.display())]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// A folder, a device, a pipe.
    #[error("{path} is no regular file", path = path.display())]
    NoFile {
        /// What is there.
        path: PathBuf,
    },
    /// Others could put a file of theirs in its place.
    #[error(
        "{path} can be written by its group or by others, who could put files of theirs there: \
         take that from them with `chmod go-w {path}`",
        path = path.display()
    )]
    Writable {
        /// The folder or file.
        path: PathBuf,
    },
    /// Somebody has put another file there at the same moment.
    #[error("{path} was replaced while it was opened: try again", path = path.display())]
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// The new file would belong to somebody else than the config.
    #[error(
        "{path} must belong to user {uid} and group {gid}, as the config does, and cannot be given to them: \
         do this as that user or as root",
        path = path.display()
    )]
    Owner {
        /// The file.
        path: PathBuf,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another operator is at work, and has been for ten seconds.
    #[error("somebody else is at work on it, as {path} is locked: try again", path = path.display())]
    Busy {
        /// The lock file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {what} {path}", path = path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Says what was tried with which file.
pub(crate) fn io_error(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> GuardError {
    let path = path.to_owned();
    move |source| GuardError::Io { what, path, source }
}
