//! The opened data directory.

use super::Settings;
use super::day::{DAY_MS, Day};
use crate::store::StoreError;
use fjall::{Database, Keyspace, KeyspaceCreateOptions, Readable as _, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

/// The name under which stands when the newest event happened, and how many commits there were.
const STATE: &[u8] = b"state";
/// Journals are rotated at 64 MB; this many are replayed at a start at most.
const MAX_JOURNAL_BYTES: u64 = 96 << 20;

/// An opened data directory.
pub(super) struct Base {
    pub(super) database: Database,
    meta: Keyspace,
    days: RwLock<BTreeMap<u64, Arc<Day>>>,
    newest_ms: AtomicU64,
    commits: AtomicU64,
}

/// What a failed call of the storage engine means.
pub(super) fn broken(error: fjall::Error) -> StoreError {
    let reason = error.to_string();
    match error {
        fjall::Error::Poisoned | fjall::Error::Io(_) | fjall::Error::Locked => StoreError::Busy { reason },
        fjall::Error::Storage(fjall::LsmError::Io(_)) => StoreError::Busy { reason },
        _ => StoreError::Broken { reason },
    }
}

impl Base {
    /// Opens a directory, which may be new.
    pub(super) fn open(settings: &Settings) -> Result<Self, StoreError> {
        let database = Database::builder(&settings.directory)
            .cache_size(settings.cache_bytes)
            .manual_journal_persist(true)
            .max_journaling_size(MAX_JOURNAL_BYTES)
            .worker_threads(2)
            .open()
            .map_err(broken)?;
        let meta = database.keyspace("meta", KeyspaceCreateOptions::default).map_err(broken)?;
        let mut days = BTreeMap::new();
        for number in Self::sound_days(&database)? {
            days.insert(number, Arc::new(Day::open(&database, number)?));
        }
        let state = meta.get(STATE).map_err(broken)?;
        let [newest_ms, commits] = state.as_deref().map_or([0, 0], read_state);
        let days = RwLock::new(days);
        Ok(Self { database, meta, days, newest_ms: AtomicU64::new(newest_ms), commits: AtomicU64::new(commits) })
    }

    /// The days that are there. Those that were never used, or that were being removed, go.
    fn sound_days(database: &Database) -> Result<BTreeSet<u64>, StoreError> {
        let names: BTreeSet<String> = database.list_keyspace_names().iter().map(|name| name.to_string()).collect();
        let number = |name: &String| name.strip_prefix('d')?.split_once('.')?.0.parse().ok();
        let mut sound = BTreeSet::new();
        for day in names.iter().filter_map(number) {
            let [docs, links, times] = Day::names(day);
            if names.contains(&times) {
                sound.insert(day);
                continue;
            }
            for name in [links, docs].into_iter().filter(|name| names.contains(name)) {
                let keyspace = database.keyspace(&name, KeyspaceCreateOptions::default).map_err(broken)?;
                database.delete_keyspace(keyspace).map_err(broken)?;
            }
        }
        Ok(sound)
    }

    /// All days, the newest first.
    pub(super) fn days(&self) -> Vec<Arc<Day>> {
        let days = self.days.read().unwrap_or_else(PoisonError::into_inner);
        days.values().rev().cloned().collect()
    }

    /// The day with that number, if there is one.
    pub(super) fn known_day(&self, number: u64) -> Option<Arc<Day>> {
        self.days.read().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }

    /// The day of a time, which may have to be made.
    pub(super) fn day_at(&self, at_ms: u64) -> Result<Arc<Day>, StoreError> {
        let number = at_ms / DAY_MS;
        if let Some(day) = self.known_day(number) {
            return Ok(day);
        }
        let day = Arc::new(Day::open(&self.database, number)?);
        self.days.write().unwrap_or_else(PoisonError::into_inner).insert(number, Arc::clone(&day));
        Ok(day)
    }

    /// Takes a day away.
    pub(super) fn remove_day(&self, day: &Day) -> Result<(), StoreError> {
        self.days.write().unwrap_or_else(PoisonError::into_inner).remove(&day.number);
        if self.newest_ms() < day.begins_ms().saturating_add(DAY_MS) {
            self.newest_ms.store(0, Ordering::Relaxed);
        }
        day.remove(&self.database)
    }

    /// When the newest event happened.
    pub(super) fn newest_ms(&self) -> u64 {
        self.newest_ms.load(Ordering::Relaxed)
    }

    /// The number of the next commit.
    pub(super) fn next_commit(&self) -> u64 {
        self.commits.load(Ordering::Relaxed).wrapping_add(1)
    }

    /// Puts down what was reached with a commit.
    pub(super) fn put_state(&self, batch: &mut fjall::OwnedWriteBatch, newest_ms: u64) {
        let mut state = newest_ms.to_be_bytes().to_vec();
        state.extend_from_slice(&self.next_commit().to_be_bytes());
        batch.insert(&self.meta, STATE, state);
    }

    /// A commit was made.
    pub(super) fn committed(&self, newest_ms: u64) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.newest_ms.store(newest_ms, Ordering::Relaxed);
    }

    /// All keyspaces.
    pub(super) fn keyspaces(&self) -> Vec<Keyspace> {
        let days = self.days();
        let of_days = days.iter().flat_map(|day| day.keyspaces().map(Clone::clone));
        of_days.chain([self.meta.clone()]).collect()
    }
}

fn read_state(bytes: &[u8]) -> [u64; 2] {
    let mut parts = bytes.chunks_exact(8).map(|part| part.try_into().map_or(0, u64::from_be_bytes));
    [parts.next().unwrap_or_default(), parts.next().unwrap_or_default()]
}

/// The store at one moment.
pub(super) struct View {
    pub(super) snapshot: Snapshot,
    /// The newest first.
    pub(super) days: Vec<Arc<Day>>,
    /// When whoever reads has taken too long, if there is an end to it.
    until: Option<Instant>,
}

impl View {
    /// One that may be read for as long as it takes.
    pub(super) fn of(base: &Base) -> Self {
        // The days after the snapshot, so that none that it sees is missing.
        let snapshot = base.database.snapshot();
        Self { snapshot, days: base.days(), until: None }
    }

    /// One that may be read until then.
    pub(super) fn until(base: &Base, until: Instant) -> Self {
        Self { until: Some(until), ..Self::of(base) }
    }

    /// Fails when it has taken too long.
    pub(super) fn check_time(&self) -> Result<(), StoreError> {
        if self.until.is_none_or(|until| Instant::now() < until) { Ok(()) } else { Err(StoreError::TooLong) }
    }

    /// The same, of the items of a long list only now and then.
    pub(super) fn check_now_and_then(&self, item: usize) -> Result<(), StoreError> {
        if item.is_multiple_of(256) { self.check_time() } else { Ok(()) }
    }

    /// One value.
    pub(super) fn get(&self, keyspace: &Keyspace, key: &[u8]) -> Result<Option<fjall::UserValue>, StoreError> {
        self.snapshot.get(keyspace, key).map_err(broken)
    }

    /// All that begins with a prefix.
    pub(super) fn prefix(&self, keyspace: &Keyspace, prefix: &[u8]) -> fjall::Iter {
        self.snapshot.prefix(keyspace, prefix)
    }
}
