//! Follows a config file and the files that it names, and reloads when one of them changes.

use super::config::{self, Faults, ProxyConfig, Source};
use super::error::ProxyError;
use super::handle::ProxyHandle;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_millis(500);

/// What came of a change.
#[derive(Debug)]
pub enum Reloaded {
    /// The new config is in force.
    Taken,
    /// The file cannot be read; the old config stays.
    Unreadable(std::io::Error),
    /// The file has faults; the old config stays.
    Faulty(Faults),
    /// The new config cannot be put in force; the old one stays.
    Refused(ProxyError),
}

/// Looks at the config in `file` again and again, and at what it names; whenever something has changed, puts in force what
/// `adapt` makes of it and tells what came of it. `current` is adapted already. Ends only when it is dropped.
pub async fn follow(
    proxy: &ProxyHandle,
    file: &Path,
    mut current: ProxyConfig,
    environment: impl Fn(&str) -> Option<String>,
    adapt: impl Fn(ProxyConfig) -> ProxyConfig,
    mut tell: impl FnMut(Reloaded),
) {
    let load = || load(file, &environment).map(&adapt);
    let mut seen = signature(file, &current);
    // The file may have changed since `current` was read from it: starting a proxy takes a while.
    if !load().is_ok_and(|config| config == current) {
        seen.clear();
    }
    loop {
        tokio::time::sleep(INTERVAL).await;
        let now = signature(file, &current);
        if now == seen {
            continue;
        }
        // Taken before the reading: what is written meanwhile is a further change.
        seen = now;
        let reloaded = match load() {
            Err(reloaded) => {
                proxy.reload_failed();
                reloaded
            }
            Ok(config) => {
                let named = files(&config).map(version);
                let next: Signature = seen.iter().take(1).cloned().chain(named).collect();
                match proxy.reload(config.clone()).await {
                    Ok(()) => {
                        (current, seen) = (config, next);
                        Reloaded::Taken
                    }
                    Err(error) => Reloaded::Refused(error),
                }
            }
        };
        tell(reloaded);
    }
}

fn load(file: &Path, environment: &impl Fn(&str) -> Option<String>) -> Result<ProxyConfig, Reloaded> {
    let text = std::fs::read_to_string(file).map_err(Reloaded::Unreadable)?;
    config::load(&text, file.parent().unwrap_or(Path::new("")), environment).map_err(Reloaded::Faulty)
}

/// What tells two versions of some files apart: when it was written, its length, and its number, which is another when a new
/// file takes its place within one tick of the clock. `None` for one that is not there.
type Signature = Vec<(PathBuf, Option<(SystemTime, u64, u64)>)>;

fn signature(file: &Path, config: &ProxyConfig) -> Signature {
    std::iter::once(file).chain(files(config)).map(version).collect()
}

fn version(path: &Path) -> (PathBuf, Option<(SystemTime, u64, u64)>) {
    let seen = std::fs::metadata(path).and_then(|metadata| Ok((metadata.modified()?, metadata.len(), metadata.ino())));
    (path.to_owned(), seen.ok())
}

/// The files that a config names.
fn files(config: &ProxyConfig) -> impl Iterator<Item = &Path> {
    let plugin = &config.plugin;
    let sources = [&plugin.wasm, &plugin.configuration, &plugin.vm_configuration].into_iter();
    let authorities = config.clusters.iter().filter_map(|cluster| cluster.tls.as_ref()?.ca.as_ref());
    let credentials = config.clusters.iter().filter_map(|cluster| Some(&cluster.credential.as_ref()?.value));
    sources.chain(authorities).chain(credentials).filter_map(|source| match source {
        Source::File(path) => Some(path.as_path()),
        Source::Inline(_) => None,
    })
}
