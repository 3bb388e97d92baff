//! Keeps the file that a proxy reads in step with a config, and with manual rules, that others replace.
//!
//! In a pod both are mounted from ConfigMaps, and the kubelet swaps a link above them when they change. So each step reads
//! what is behind the paths at that moment; what it makes of them goes into the file that Envoy watches. Nothing here waits.

mod report;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use pointsman_core::config;
use serde_json::Value;

pub use report::{Complaint, Followed, Problem};

use crate::overrides;
use crate::rules::{PluginSettings, RulesError, render_ecds, replace};

/// The most that a file may hold; a ConfigMap never holds more.
pub const MAX_BYTES: u64 = 1 << 20;

/// Where the config stands in the file that Envoy reads.
const CONFIG_IN_FILE: &str = "/resources/0/typed_config/config/configuration/value";

/// What is followed, and what it is followed by.
#[derive(Debug, Clone)]
pub struct Files {
    /// The config.
    pub config: PathBuf,
    /// The manual rules that go in front of the config's own. A file that is not there is no rules.
    pub overrides: Option<PathBuf>,
    /// The file that Envoy watches.
    pub destination: PathBuf,
    /// What wraps the config in it.
    pub plugin: PluginSettings,
}

/// Follows files step by step.
#[derive(Debug)]
pub struct Follower {
    files: Files,
    /// The config in the destination.
    in_force: Option<String>,
    /// What was read last, as long as nothing is left to be done about it.
    seen: Option<Seen>,
    told: Option<Followed>,
}

/// What one look found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    config: Found,
    overrides: Found,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Text(String),
    Nothing,
    Bad(Problem),
}

impl Follower {
    /// Begins with what the destination holds, so that rules outlive a restart. Where there is no such file an empty one is
    /// made: Envoy does not start without, and takes it for no rules.
    ///
    /// # Errors
    /// [`RulesError::Replace`] if it cannot be made.
    pub fn new(files: Files) -> Result<Self, RulesError> {
        let in_force = match read(&files.destination) {
            Found::Text(text) => config_of(&text).filter(|config| config::load(config).is_ok()),
            Found::Bad(_) => None,
            Found::Nothing => {
                replace(&files.destination, "")?;
                None
            }
        };
        Ok(Self { files, in_force, seen: None, told: None })
    }

    /// Looks at the files and does what follows from a change. `None` if there is nothing new to be told.
    pub fn step(&mut self) -> Option<Followed> {
        let overrides = self.files.overrides.as_deref().map_or(Found::Nothing, read);
        let seen = Seen { config: read(&self.files.config), overrides };
        if self.seen.as_ref() == Some(&seen) {
            return None;
        }
        let (chosen, mut complaints) = self.choose(&seen);
        self.seen = Some(seen);
        let mut applied = false;
        if let Some(config) = chosen {
            match self.put(config) {
                Ok(changed) => applied = changed,
                Err(error) => {
                    // The next step tries again.
                    self.seen = None;
                    let problem = Problem::Unwritable(report::reason(&error));
                    complaints.push(Complaint::new(&self.files.destination, problem));
                }
            }
        }
        let in_force = self.in_force.as_deref().map(config::digest);
        let followed = Followed { complaints, applied, in_force };
        if self.told.as_ref() == Some(&followed) {
            return None;
        }
        self.told = Some(followed.clone());
        Some(followed)
    }

    /// What shall be in force, if that can be told, and what is wrong with the files.
    fn choose(&self, seen: &Seen) -> (Option<String>, Vec<Complaint>) {
        let complain = |file: &Path, problem: &Problem| vec![Complaint::new(file, problem.clone())];
        let config = match &seen.config {
            Found::Text(config) => config,
            Found::Nothing => return (None, complain(&self.files.config, &Problem::Missing)),
            Found::Bad(problem) => return (None, complain(&self.files.config, problem)),
        };
        if let Err(faults) = config::load(config) {
            return (None, complain(&self.files.config, &Problem::Faults(faults)));
        }
        match merged(config, &seen.overrides) {
            Ok(merged) => (Some(merged), Vec::new()),
            Err(problem) => {
                // Orders that cannot be read neither take effect nor end those that are in force.
                let alone = self.in_force.is_none().then(|| config.clone());
                let file = self.files.overrides.as_deref().unwrap_or(Path::new("overrides"));
                (alone, complain(file, &problem))
            }
        }
    }

    /// Puts a config in force; false if it is already. Somebody else may have written the file since.
    fn put(&mut self, config: String) -> Result<bool, RulesError> {
        let content = render_ecds(&config, &self.files.plugin);
        let changed = !matches!(read(&self.files.destination), Found::Text(found) if found == content);
        if changed {
            replace(&self.files.destination, &content)?;
        }
        self.in_force = Some(config);
        Ok(changed)
    }
}

fn merged(config: &str, overrides: &Found) -> Result<String, Problem> {
    let merged = match overrides {
        Found::Nothing => return Ok(config.to_owned()),
        Found::Bad(problem) => return Err(problem.clone()),
        Found::Text(overrides) => overrides::merge(config, overrides).map_err(Problem::Overrides)?,
    };
    config::load(&merged).map_err(Problem::Faults)?;
    Ok(merged)
}

/// What is behind a path, links followed.
fn read(path: &Path) -> Found {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(error) if error.kind() == ErrorKind::NotFound => Found::Nothing,
        Err(error) => Found::Bad(Problem::Unreadable(error.to_string())),
        Ok(_) if bytes.len() as u64 > MAX_BYTES => Found::Bad(Problem::TooLarge),
        Ok(_) => String::from_utf8(bytes).map_or(Found::Bad(Problem::NotUtf8), Found::Text),
    }
}

fn config_of(file: &str) -> Option<String> {
    let file: Value = serde_json::from_str(file).ok()?;
    file.pointer(CONFIG_IN_FILE)?.as_str().map(str::to_owned)
}
