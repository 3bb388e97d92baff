//! What the proxy uses, second by second.

use std::fmt;

use anyhow::{Result, ensure};
use pointsman_tests::usage::{open_files, resident_bytes};

use crate::flat::{is_flat, peaks, slope};

/// Memory may rise by as much per minute over the second half; the allocator's moods are within that.
const MAX_KIB_PER_MINUTE: f64 = 512.0;

/// A few connections more or less are chance.
const FILES_SLACK: u64 = 16;

/// Figures of one process, once a second.
#[derive(Debug)]
pub(crate) struct Watch {
    pid: u32,
    verbose: bool,
    resident_kib: Vec<u64>,
    files: Vec<u64>,
}

impl Watch {
    pub(crate) const fn new(pid: u32, verbose: bool) -> Self {
        Self { pid, verbose, resident_kib: Vec::new(), files: Vec::new() }
    }

    /// Notes what the process uses now.
    ///
    /// # Errors
    /// The process is gone.
    pub(crate) fn look(&mut self) -> Result<()> {
        let (resident_kib, files) = (resident_bytes(self.pid)? / 1024, open_files(self.pid)?);
        if self.verbose {
            println!("{:>4} s  {resident_kib} KiB  {files} files", self.resident_kib.len());
        }
        self.resident_kib.push(resident_kib);
        self.files.push(files);
        Ok(())
    }

    fn kib_per_minute(&self) -> f64 {
        slope(&self.resident_kib) * 60.0
    }

    /// # Errors
    /// Memory or open files have grown after the warm-up.
    pub(crate) fn check(&self) -> Result<()> {
        ensure!(is_flat(&self.resident_kib, 0), "the memory has grown: {self}");
        ensure!(is_flat(&self.files, FILES_SLACK), "the open files have become more: {self}");
        let rise = self.kib_per_minute();
        ensure!(rise <= MAX_KIB_PER_MINUTE, "the memory rises by {rise:.0} KiB per minute: {self}");
        Ok(())
    }
}

impl fmt::Display for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (memory, last_memory) = peaks(&self.resident_kib).unwrap_or_default();
        let (files, last_files) = peaks(&self.files).unwrap_or_default();
        write!(
            f,
            "at most {memory} KiB in the middle third and {last_memory} KiB in the last ({:+.0} KiB per minute over the second \
             half), {files} and {last_files} open files",
            self.kib_per_minute()
        )
    }
}
