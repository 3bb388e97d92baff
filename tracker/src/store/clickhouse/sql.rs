//! What all queries share. Values are bound as parameters of the server; the text of a query never has any in it.

use super::ClickHouse;
use crate::event::{Identity, Key};
use crate::store::{Range, StoreError};
use clickhouse::query::Query;
use clickhouse::{RowOwned, RowRead};
use sha2::{Digest as _, Sha256};
use std::future::Future;
use std::time::Duration;

/// `key` of [`keys`].
pub(super) const KEY_IN: &str = "IN (SELECT toFixedString(unhex(arrayJoin({keys:Array(String)})), 12))";
/// `(key, identity)` of [`pairs`].
pub(super) const PAIR_IN: &str = "IN (
    SELECT toFixedString(unhex(substring(pair, 1, 24)), 12), reinterpretAsUInt64(reverse(unhex(substring(pair, 25))))
    FROM (SELECT arrayJoin({pairs:Array(String)}) AS pair))";
/// As many keys or pairs as go with one query: the server takes no parameter of more than 128 KiB.
pub(super) const MOST_KEYS: usize = 2_500;
/// The time of the clock beyond that of the query.
const GRACE: Duration = Duration::from_secs(2);
/// The end of time of the columns of whole seconds and days.
const LAST_MS: u64 = u32::MAX as u64 * 1_000;

impl ClickHouse {
    /// A query.
    pub(super) fn query(&self, sql: &str) -> Query {
        self.client.query_raw(sql)
    }

    /// A query that may look through a lot of rows.
    pub(super) fn wide(&self, sql: &str) -> Query {
        self.query(sql).with_setting("max_rows_to_read", self.settings.max_scan.to_string())
    }

    /// All rows of a query.
    pub(super) async fn rows<T: RowOwned + RowRead>(&self, query: Query) -> Result<Vec<T>, StoreError> {
        self.within(query.fetch_all::<T>()).await
    }

    /// Waits no longer than a query may take: the server keeps that time by itself, but may be away.
    pub(super) async fn within<T>(
        &self,
        answer: impl Future<Output = Result<T, clickhouse::error::Error>>,
    ) -> Result<T, StoreError> {
        match tokio::time::timeout(self.settings.query_time + GRACE, answer).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(StoreError::Busy { reason: "ClickHouse does not answer in time".to_owned() }),
        }
    }

    /// How far from each other the events of a message may lie, in milliseconds.
    pub(super) fn life_ms(&self) -> u64 {
        pointsman_core::time::as_millis(self.settings.life)
    }
}

/// A part of time as ClickHouse's columns can tell it; `None` if nothing is in it.
pub(super) fn bounds(range: Range) -> Option<(u64, u64)> {
    let (from_ms, to_ms) = (range.from_ms.min(LAST_MS), range.to_ms.min(LAST_MS));
    (from_ms < to_ms).then_some((from_ms, to_ms))
}

/// A time that is so much earlier and one that is so much later.
pub(super) fn wider((from_ms, to_ms): (u64, u64), by_ms: u64) -> (u64, u64) {
    (from_ms.saturating_sub(by_ms), to_ms.saturating_add(by_ms).min(LAST_MS))
}

/// When the hour of a time begins, in seconds.
pub(super) const fn hour(at_ms: u64) -> u64 {
    at_ms / 3_600_000 * 3_600
}

/// Keys as a parameter, for [`KEY_IN`].
pub(super) fn keys<'a>(keys: impl IntoIterator<Item = &'a Key>) -> Vec<String> {
    keys.into_iter().map(Key::to_string).collect()
}

/// Keys with identities as a parameter, for [`PAIR_IN`].
pub(super) fn pairs<'a>(pairs: impl IntoIterator<Item = &'a (Key, Identity)>) -> Vec<String> {
    pairs.into_iter().map(|(key, identity)| format!("{key}{:016x}", identity.0)).collect()
}

/// What the table `ids` knows an id by.
pub(super) fn hash(id: &[u8]) -> u64 {
    let digest = <[u8; 32]>::from(Sha256::digest(id));
    u64::from_le_bytes(digest.first_chunk().copied().unwrap_or_default())
}
