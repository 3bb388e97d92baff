//! The config of this engine: `store.embedded`.

use crate::config::fault::Faults;
use schemars::JsonSchema;
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
const CACHE_BYTES: u64 = 96 << 20;
const MAX_SCAN: u64 = 50_000_000;
const KEEP_FREE_BYTES: u64 = 256 << 20;

/// As it stands in the file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wire {
    /// The directory in which the data is; it is made if it is not there. One process at a time can have it open.
    pub directory: PathBuf,
    /// How long events are kept, in whole days, such as `14d`. 7 days by default.
    pub retention: Option<String>,
    /// A directory to which a day is written, as a Parquet file, before it goes. Nowhere by default.
    pub archive: Option<PathBuf>,
    /// How much of what was read last is kept in memory, such as `64MiB`. 96 MiB by default.
    pub cache: Option<String>,
    /// The most events that a search may go through. 50,000,000 by default.
    pub max_scan: Option<u64>,
    /// How much of the disk has to be left, such as `1GiB`: with less, nothing is taken. 256 MiB by default.
    pub keep_free: Option<String>,
    /// How long a question may take. 5 s by default.
    pub query_time: Option<String>,
}

/// What the engine has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the data is.
    pub directory: PathBuf,
    /// How long events are kept. The engine removes nothing by itself: [`Store::expire`](crate::store::Store::expire) is to be
    /// called.
    pub retention: Duration,
    /// Where days are written to before they go, if anywhere.
    pub archive: Option<PathBuf>,
    /// How much of what was read last is kept in memory, in bytes.
    pub cache_bytes: u64,
    /// The most events that a search may go through.
    pub max_scan: u64,
    /// How much of the disk has to be left, in bytes: with less, nothing is taken, so that what was taken can still be put in
    /// order.
    pub keep_free_bytes: u64,
    /// How long a question may take. A search then tells what it has found, and where to go on.
    pub query_time: Duration,
}

impl Settings {
    /// The defaults, with the data in a directory.
    pub fn in_directory(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            retention: 7 * DAY,
            archive: None,
            cache_bytes: CACHE_BYTES,
            max_scan: MAX_SCAN,
            keep_free_bytes: KEEP_FREE_BYTES,
            query_time: Duration::from_secs(5),
        }
    }
}

impl Wire {
    /// What it says, if nothing is wrong with it; what is wrong is added to `faults`, under `path`.
    pub fn validate(self, path: &str, faults: &mut Faults) -> Settings {
        let at = |name: &str| format!("{path}.{name}");
        let default = Settings::in_directory(self.directory);
        if default.directory.as_os_str().is_empty() {
            faults.add(&at("directory"), "is empty: name the directory in which the data is to be");
        }
        let is_inside = |archive: &PathBuf| archive.as_os_str().is_empty() || archive.starts_with(&default.directory);
        if self.archive.as_ref().is_some_and(is_inside) {
            faults.add(&at("archive"), "name a directory outside of that with the data");
        }
        let (retention, days) = (self.retention.as_deref(), DAY..=3_660 * DAY);
        let (time, times) = (self.query_time.as_deref(), Duration::from_millis(100)..=Duration::from_secs(300));
        let sizes = 8 << 20..=64 << 30;
        Settings {
            retention: faults.duration(&at("retention"), retention, default.retention, days),
            archive: self.archive,
            cache_bytes: faults.size(&at("cache"), self.cache.as_deref(), CACHE_BYTES, sizes),
            max_scan: faults.number(&at("max_scan"), self.max_scan, MAX_SCAN, 1_000..=1_000_000_000_000),
            keep_free_bytes: faults.size(&at("keep_free"), self.keep_free.as_deref(), KEEP_FREE_BYTES, 0..=1 << 40),
            query_time: faults.duration(&at("query_time"), time, default.query_time, times),
            directory: default.directory,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> (Settings, Faults) {
        let wire: Wire = serde_saphyr::from_str(yaml).expect("yaml");
        let mut faults = Faults::default();
        (wire.validate("store.embedded", &mut faults), faults)
    }

    #[test]
    fn a_directory_is_enough() {
        let (settings, faults) = read("directory: /var/lib/tracker");
        assert_eq!(faults, Faults::default());
        assert_eq!(settings, Settings::in_directory("/var/lib/tracker"));
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let (_, faults) =
            read("{directory: /d, archive: /d/old, retention: 1h, cache: big, max_scan: 1, query_time: 1y}");
        let paths: Vec<&str> = faults.0.iter().map(|fault| fault.path.as_str()).collect();
        let wanted =
            ["archive", "retention", "cache", "max_scan", "query_time"].map(|name| format!("store.embedded.{name}"));
        assert_eq!(paths, wanted);
    }
}
