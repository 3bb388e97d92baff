//! A folder with a config, and the program at work on it.

use anyhow::{Context as _, Result};
use pointsman_host::oplog::Entry;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Written as no program would write it.
pub(crate) const CONFIG: &str = r#"{
    "service":"push",   "hold_request": true,
  "channels" : ["apns", "xiaomi",
     {"name": "xiaomi-b", "adapter": "xiaomi", "hosts": ["b.xiaomi.internal"]},
     {"name": "xiaomi-c", "adapter": "xiaomi", "hosts": ["c.xiaomi.internal"]} ]
}
"#;

/// What a run has said, and its exit code.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn pointsman(arguments: &[&str]) -> Result<Said> {
    let output =
        Command::new(env!("CARGO_BIN_EXE_pointsman")).args(arguments).output().context("the program starts")?;
    let (out, err) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    Ok(Said { code: output.status.code(), out, err })
}

pub(crate) struct Bed {
    pub(crate) folder: TempDir,
    pub(crate) config: PathBuf,
    pub(crate) log: PathBuf,
}

impl Bed {
    pub(crate) fn new() -> Result<Self> {
        Self::with(CONFIG)
    }

    pub(crate) fn with(text: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (config, log) = (folder.path().join("pointsman.json"), folder.path().join("pointsman.ops.jsonl"));
        fs::write(&config, text)?;
        fs::set_permissions(&config, Permissions::from_mode(0o640))?;
        Ok(Self { folder, config, log })
    }

    /// `pointsman switch` with this config.
    pub(crate) fn switch(&self, arguments: &[&str]) -> Result<Said> {
        let config = self.config.to_string_lossy();
        pointsman(&[&["switch", "--config", &config], arguments].concat())
    }

    /// The same by Alice, for half an hour.
    pub(crate) fn by_alice(&self, arguments: &[&str]) -> Result<Said> {
        self.switch(&[arguments, &["--by", "alice", "--reason", "vendor down", "--for", "30m"]].concat())
    }

    pub(crate) fn text(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.config)?)
    }

    pub(crate) fn entries(&self) -> Result<Vec<Entry>> {
        let log = fs::read_to_string(&self.log)?;
        log.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
    }

    /// What is in the folder beside the config, in order.
    pub(crate) fn beside(&self) -> Result<Vec<String>> {
        let folder = fs::read_dir(self.folder.path())?;
        let mut names: Vec<String> =
            folder.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect::<Result<_>>()?;
        names.retain(|name| name != "pointsman.json");
        names.sort();
        Ok(names)
    }
}

pub(crate) fn mode(path: &Path) -> Result<u32> {
    Ok(fs::metadata(path)?.mode() & 0o7777)
}
