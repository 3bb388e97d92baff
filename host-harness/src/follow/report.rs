//! What is told of a step.

use std::fmt;
use std::path::{Path, PathBuf};

use pointsman_core::config::Faults;
use thiserror::Error;

use crate::overrides::OverridesError;
use crate::rules::RulesError;

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// What is wrong with the files.
    pub complaints: Vec<Complaint>,
    /// Whether this step has put a config in force.
    pub applied: bool,
    /// The version of the config in force, as `push.rule.applied` shows it; `None` if there are no rules.
    pub in_force: Option<String>,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The file.
    pub file: PathBuf,
    /// What is wrong.
    pub problem: Problem,
}

/// Why a file is not used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// There is none.
    #[error("is not there")]
    Missing,
    /// The operating system refuses it.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// It is larger than [`MAX_BYTES`](super::MAX_BYTES).
    #[error("is larger than 1 MiB")]
    TooLarge,
    /// It is no text.
    #[error("is not UTF-8")]
    NotUtf8,
    /// The filter would refuse the config, or the config with the manual rules in front of its own.
    #[error("is refused\n{0}")]
    Faults(Faults),
    /// It is more, or less, than manual rules.
    #[error("is refused\n{0}")]
    Overrides(OverridesError),
    /// It cannot be replaced.
    #[error("cannot be replaced: {0}")]
    Unwritable(String),
}

impl Complaint {
    pub(super) fn new(file: &Path, problem: Problem) -> Self {
        Self { file: file.to_owned(), problem }
    }
}

impl fmt::Display for Followed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for complaint in &self.complaints {
            writeln!(f, "{} {}", complaint.file.display(), complaint.problem)?;
        }
        match &self.in_force {
            Some(version) if self.applied => write!(f, "applied {version}"),
            Some(version) => write!(f, "{version} is in force"),
            None => write!(f, "no rules are in force"),
        }
    }
}

/// Why a file was not replaced, in words that stay the same from try to try: the path of the new file beside it does not.
pub(super) fn reason(error: &RulesError) -> String {
    match error {
        RulesError::Replace { source, .. } => source.kind().to_string(),
        other => other.to_string(),
    }
}
