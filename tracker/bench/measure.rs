//! What stands on the disk.

use anyhow::{Context as _, Result};
use pointsman_core::lifecycle::Lifecycle;
use pointsman_tracker::store::embedded::{Embedded, Settings};
use std::path::Path;

/// The bytes of all files below a folder, as the file system has room for them.
pub(crate) fn disk_bytes(folder: &Path) -> Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let entry = entry?;
        let about = entry.metadata()?;
        bytes += if about.is_dir() { disk_bytes(&entry.path())? } else { about.blocks() * 512 };
    }
    Ok(bytes)
}

/// Makes the files of a store that nobody has open as small as they can be.
pub(crate) async fn compact(folder: &Path) -> Result<()> {
    Ok(Embedded::open(Settings::in_directory(folder), Lifecycle::builtin())?.compact().await?)
}
