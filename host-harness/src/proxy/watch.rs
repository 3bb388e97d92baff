//! Follows a config file and the files that it names, and reloads when one of them changes.

use super::config::{self, Faults, ProxyConfig, Source};
use super::error::ProxyError;
use super::handle::ProxyHandle;
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

/// Looks at the config in `file` again and again, and at what it names; whenever something has changed, puts it in force and
/// tells what came of it. Ends only when it is dropped.
pub async fn follow(
    proxy: &ProxyHandle,
    file: &Path,
    mut current: ProxyConfig,
    environment: impl Fn(&str) -> Option<String>,
    mut tell: impl FnMut(Reloaded),
) {
    let mut seen = signature(file, &current);
    loop {
        tokio::time::sleep(INTERVAL).await;
        let now = signature(file, &current);
        if now == seen {
            continue;
        }
        let reloaded = match load(file, &environment) {
            Err(reloaded) => {
                proxy.reload_failed();
                reloaded
            }
            Ok(config) => match proxy.reload(config.clone()).await {
                Ok(()) => {
                    current = config;
                    Reloaded::Taken
                }
                Err(error) => Reloaded::Refused(error),
            },
        };
        tell(reloaded);
        // The signature from before the reading: what was written meanwhile is a further change.
        seen = if seen.len() == now.len() { now } else { signature(file, &current) };
    }
}

fn load(file: &Path, environment: &impl Fn(&str) -> Option<String>) -> Result<ProxyConfig, Reloaded> {
    let text = std::fs::read_to_string(file).map_err(Reloaded::Unreadable)?;
    config::load(&text, file.parent().unwrap_or(Path::new("")), environment).map_err(Reloaded::Faulty)
}

/// What tells two versions of some files apart; `None` for one that is not there.
type Signature = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

fn signature(file: &Path, config: &ProxyConfig) -> Signature {
    let plugin = &config.plugin;
    let sources = [&plugin.wasm, &plugin.configuration, &plugin.vm_configuration].into_iter();
    let authorities = config.clusters.iter().filter_map(|cluster| cluster.tls.as_ref()?.ca.as_ref());
    let files = sources.chain(authorities).filter_map(|source| match source {
        Source::File(path) => Some(path.as_path()),
        Source::Inline(_) => None,
    });
    let version = |path: &Path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    std::iter::once(file).chain(files).map(|path| (path.to_owned(), version(path))).collect()
}
