//! A disk that is full. It is one in memory, which only root can make: others skip this.

use crate::history::{BATCHES_END_MS, batch, has, same};
use pointsman_core::lifecycle::Lifecycle;
use pointsman_tracker::store::embedded::{Embedded, Settings};
use pointsman_tracker::store::memory::Memory;
use pointsman_tracker::store::{Store, StoreError};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

struct Disk(tempfile::TempDir);

impl Disk {
    fn new(megabytes: u64) -> Option<Self> {
        let directory = tempfile::tempdir().expect("directory");
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(directory.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Some(Self(directory)),
            Ok(output) => {
                println!("skipped, no disk can be made: {}", String::from_utf8_lossy(&output.stderr));
                None
            }
            Err(error) => {
                println!("skipped, no disk can be made: {error}");
                None
            }
        }
    }

    /// Fills it up to so many bytes.
    fn fill(&self, leave: u64) -> PathBuf {
        let path = self.0.path().join("filler");
        let free = free(self.0.path());
        std::fs::write(&path, vec![1; usize::try_from(free.saturating_sub(leave)).expect("small")]).expect("filled");
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.0.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            println!("{} stays mounted", self.0.path().display());
        }
    }
}

fn free(directory: &Path) -> u64 {
    let disk = Command::new("df").args(["--output=avail", "-B1"]).arg(directory).output().expect("df");
    let text = String::from_utf8(disk.stdout).expect("text");
    text.lines().last().and_then(|line| line.trim().parse().ok()).expect("a number")
}

async fn until_taken(store: &Embedded, sender: u64, n: u64) {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        match store.append(batch(sender, n)).await {
            Ok(_) => return,
            Err(StoreError::Busy { .. }) if Instant::now() < until => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("it does not recover: {error}"),
        }
    }
}

/// Appends until the store refuses. The number of the batch that it has refused.
async fn until_refused(store: &Embedded, plain: &Memory, from: u64) -> u64 {
    for n in from..from + 20_000 {
        match store.append(batch(0, n)).await {
            Ok(_) => plain.append(batch(0, n)).await.map(drop).expect("appended"),
            Err(StoreError::Busy { .. }) => return n,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("a full disk takes everything");
}

async fn fills_and_recovers(keep_free_bytes: u64, leave: u64) {
    let Some(disk) = Disk::new(300) else { return };
    let settings = Settings { keep_free_bytes, ..Settings::in_directory(disk.0.path().join("data")) };
    let store = Embedded::open(settings, Lifecycle::builtin()).expect("store");
    let plain = Memory::new(Lifecycle::builtin());
    let mut n = 0;
    for _ in 0..2 {
        for _ in 0..50 {
            store.append(batch(0, n)).await.expect("there is room");
            plain.append(batch(0, n)).await.expect("appended");
            n += 1;
        }
        let filler = disk.fill(leave);
        n = until_refused(&store, &plain, n).await;
        assert!(has(&store, 0, n - 1).await, "reading goes on");
        assert!(matches!(store.append(batch(0, n)).await, Err(StoreError::Busy { .. })), "it goes on to refuse");
        std::fs::remove_file(filler).expect("removed");
        until_taken(&store, 0, n).await;
        plain.append(batch(0, n)).await.expect("appended");
        n += 1;
        same(&store, &plain, BATCHES_END_MS).await;
    }
}

#[tokio::test]
async fn with_too_little_left_of_the_disk_nothing_is_taken_until_there_is_more() {
    fills_and_recovers(64 << 20, 60 << 20).await;
}

#[tokio::test]
async fn when_the_disk_is_full_reading_goes_on_and_writing_too_once_there_is_room() {
    fills_and_recovers(0, 1 << 20).await;
}
