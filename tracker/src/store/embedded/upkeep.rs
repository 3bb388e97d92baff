//! What is done to the data directory as a whole: days that go, and files that are made as small as they can be.

use super::Embedded;
use super::archive::archive;
use super::base::{View, broken};
use super::day::{DAY_MS, Day};
use super::writer::Job;
use crate::store::StoreError;
use fjall::AbstractTree as _;
use std::path::Path;
use std::sync::Arc;

/// How often a day is archived again because events have come meanwhile.
const TRIES: usize = 3;

/// Whether a disk has this many bytes left for everybody.
pub(super) fn has_left(directory: &Path, bytes: u64) -> bool {
    // Where that cannot be asked, writing will tell.
    rustix::fs::statvfs(directory).map_or(true, |disk| disk.f_bavail.saturating_mul(disk.f_frsize) >= bytes)
}

impl Embedded {
    /// Writes what is in memory to files, and makes all files as small as they can be. That may take long, and needs as much of
    /// the disk again for a while.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn compact(&self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let task = tokio::task::spawn_blocking(move || {
            for keyspace in shared.base()?.keyspaces() {
                keyspace.rotate_memtable_and_wait().map_err(broken)?;
                if keyspace.tree.table_count() > 0 {
                    keyspace.major_compact().map_err(broken)?;
                }
            }
            Ok(())
        });
        task.await.map_err(|error| StoreError::Broken { reason: error.to_string() })?
    }

    /// Removes a day, after it was archived.
    pub(super) async fn remove(&self, day: &Arc<Day>) -> Result<(), StoreError> {
        for _ in 0..TRIES {
            let events = day.events();
            if let Some(directory) = self.shared.settings.archive.clone() {
                let (shared, day) = (Arc::clone(&self.shared), Arc::clone(day));
                let task = tokio::task::spawn_blocking(move || archive(&View::of(&*shared.base()?), &day, &directory));
                task.await.map_err(|error| StoreError::Broken { reason: error.to_string() })??;
            }
            if self.ask(|done| Job::Remove { day: day.number, events, done }).await? {
                return Ok(());
            }
        }
        Err(StoreError::Busy { reason: format!("day {} still gets events, and is kept", day.number) })
    }

    /// Removes the days that were over by then.
    pub(super) async fn remove_before(&self, before_ms: u64) -> Result<(), StoreError> {
        let days = self.shared.base()?.days();
        for day in days.iter().rev().filter(|day| day.begins_ms().saturating_add(DAY_MS) <= before_ms) {
            self.remove(day).await?;
        }
        Ok(())
    }
}
