//! What is kept of one day (UTC): documents that began then, what leads to them, and what was counted in its minutes.

use super::base::broken;
use super::dictionary::{Dictionary, Part};
use crate::event::Key;
use crate::store::StoreError;
use fjall::config::{
    BlockSizePolicy, BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry, PartitioningPolicy,
    PinningPolicy, RestartIntervalPolicy,
};
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The length of a day.
pub(super) const DAY_MS: u64 = 86_400_000;

/// The first bytes of a document's key, by which the document is told where there are many.
pub(super) type Short = [u8; 4];

/// The first bytes of a key.
pub(super) fn short(key: &Key) -> Short {
    key.0.first_chunk().copied().unwrap_or_default()
}

/// One day.
pub(super) struct Day {
    /// Days since 1970.
    pub(super) number: u64,
    /// Documents, by key; further pieces by key and number.
    pub(super) docs: Keyspace,
    /// What leads to documents: see [`Link`].
    pub(super) links: Keyspace,
    /// What happened when, counts, and the dictionary.
    pub(super) times: Keyspace,
    dictionary: RwLock<Dictionary>,
    events: AtomicU64,
}

/// The name under which the number of events of a day stands.
pub(super) const EVENTS: &[u8] = b"n";

impl Day {
    /// When it begins.
    pub(super) const fn begins_ms(&self) -> u64 {
        self.number.saturating_mul(DAY_MS)
    }

    /// How many events its documents have.
    pub(super) fn events(&self) -> u64 {
        self.events.load(Ordering::Relaxed)
    }

    pub(super) fn set_events(&self, events: u64) {
        self.events.store(events, Ordering::Relaxed);
    }

    pub(super) fn dictionary(&self) -> RwLockReadGuard<'_, Dictionary> {
        self.dictionary.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn dictionary_mut(&self) -> RwLockWriteGuard<'_, Dictionary> {
        self.dictionary.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a day, which may be new.
    pub(super) fn open(database: &Database, number: u64) -> Result<Self, StoreError> {
        // The order matters: a day without the last one was never used, or is half removed.
        let [docs, links, times] = Self::names(number);
        let docs = database.keyspace(&docs, docs_options).map_err(broken)?;
        let links = database.keyspace(&links, links_options).map_err(broken)?;
        let times = database.keyspace(&times, times_options).map_err(broken)?;
        let mut dictionary = Dictionary::new();
        for part in Part::ALL {
            for item in times.prefix([part.tag()]) {
                let (key, value) = item.into_inner().map_err(broken)?;
                let number = key.get(1..).and_then(|number| number.try_into().ok()).map(u32::from_be_bytes);
                let restored = number.and_then(|number| dictionary.restore(part, number, &value));
                restored.ok_or_else(|| unreadable("dictionary"))?;
            }
        }
        let events = times.get(EVENTS).map_err(broken)?;
        let events = events.and_then(|bytes| bytes.get(..)?.try_into().ok()).map_or(0, u64::from_be_bytes);
        let dictionary = RwLock::new(dictionary);
        Ok(Self { number, docs, links, times, dictionary, events: AtomicU64::new(events) })
    }

    /// The names of its keyspaces.
    pub(super) fn names(number: u64) -> [String; 3] {
        ["docs", "links", "times"].map(|name| format!("d{number}.{name}"))
    }

    /// Removes it. What is being read goes on to be readable.
    pub(super) fn remove(&self, database: &Database) -> Result<(), StoreError> {
        for keyspace in [&self.times, &self.links, &self.docs] {
            database.delete_keyspace(keyspace.clone()).map_err(broken)?;
        }
        Ok(())
    }

    /// Its keyspaces.
    pub(super) const fn keyspaces(&self) -> [&Keyspace; 3] {
        [&self.docs, &self.links, &self.times]
    }
}

/// Something on disk is not as it was written.
pub(super) fn unreadable(what: &str) -> StoreError {
    StoreError::Broken { reason: format!("a {what} on disk cannot be read") }
}

fn options(memtable_bytes: u64, block_bytes: u32, compression: CompressionType) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .manual_journal_persist(true)
        .max_memtable_size(memtable_bytes)
        .data_block_size_policy(BlockSizePolicy::all(block_bytes))
        .data_block_compression_policy(CompressionPolicy::all(compression))
        .data_block_restart_interval_policy(RestartIntervalPolicy::all(16))
        .index_block_partitioning_policy(PartitioningPolicy::all(true))
        .index_block_pinning_policy(PinningPolicy::all(false))
        .filter_block_partitioning_policy(PartitioningPolicy::all(true))
        .filter_block_pinning_policy(PinningPolicy::all(false))
}

fn docs_options() -> KeyspaceCreateOptions {
    let bloom = FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(10.0));
    options(24 << 20, 4 << 10, CompressionType::Lz4).filter_policy(FilterPolicy::all(bloom))
}

fn links_options() -> KeyspaceCreateOptions {
    options(12 << 20, 4 << 10, CompressionType::None).filter_policy(FilterPolicy::disabled())
}

fn times_options() -> KeyspaceCreateOptions {
    options(8 << 20, 16 << 10, CompressionType::Lz4).filter_policy(FilterPolicy::disabled())
}

/// What leads to documents of a day. All of it ends with the first bytes of the document's key.
#[derive(Clone, Copy)]
pub(super) enum Link<'a> {
    /// Documents with an event of that trace, but not the one that is only of that trace.
    Trace(&'a [u8; 16]),
    /// Documents with an event of that recipient.
    Recipient(&'a str),
    /// Documents with an event that tells that vendor's id, where the id is not found by trying.
    Vendor(&'a str),
    /// Documents of messages with that id, where it is not found by trying.
    Message(&'a str),
    /// Documents of messages that were sent twice.
    Doubled,
}

impl Link<'_> {
    /// The bytes before those of the document's key.
    pub(super) fn prefix(self) -> Vec<u8> {
        use sha2::{Digest as _, Sha256};
        let (tag, text): (u8, &[u8]) = match &self {
            Self::Trace(trace) => (b't', *trace),
            Self::Recipient(text) => (b'r', text.as_bytes()),
            Self::Vendor(text) => (b'v', text.as_bytes()),
            Self::Message(text) => (b'i', text.as_bytes()),
            Self::Doubled => return vec![b'd'],
        };
        let digest = <[u8; 32]>::from(Sha256::digest(text));
        let [a, b, c, d, e, ..] = digest;
        vec![tag, a, b, c, d, e]
    }

    /// The whole key of the link.
    pub(super) fn to(self, key: &Key) -> Vec<u8> {
        let mut link = self.prefix();
        link.extend_from_slice(&short(key));
        link
    }
}
