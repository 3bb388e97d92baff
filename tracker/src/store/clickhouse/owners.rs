//! Whose an id is, and whose events are that name no message.

use super::ClickHouse;
use super::sql::{KEY_IN, MOST_KEYS, hash, keys};
use crate::event::Key;
use crate::store::{Id, Message, StoreError};
use clickhouse::Row;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// So many subjects of a kind are looked at, to find as few messages as are asked for.
const LEAST: usize = 1_000;
const VENDOR: i8 = 2;
const TRACE: i8 = 3;

#[derive(Row, Deserialize)]
struct Named {
    key: [u8; 12],
    subject: i8,
}

#[derive(Row, Deserialize)]
struct Claimed {
    vendor: [u8; 12],
    messages: Vec<[u8; 12]>,
}

#[derive(Row, Deserialize)]
struct Traced {
    trace: [u8; 12],
    owner: [u8; 12],
}

impl ClickHouse {
    /// The messages of an id.
    pub(super) async fn find_by(&self, id: &Id, limit: usize) -> Result<Vec<Message>, StoreError> {
        let (what, hash) = match id {
            Id::Message(id) => ("message", hash(id.as_bytes())),
            Id::Vendor(id) => ("vendor", hash(id.as_bytes())),
            Id::Trace(trace) => ("trace", hash(&trace.0)),
            Id::Key(_) => ("", 0),
        };
        let query = if let Id::Key(key) = id {
            let sql = format!("SELECT DISTINCT key, subject FROM events WHERE key {KEY_IN} AND subject != 'nobody'");
            self.query(&sql).param("keys", keys([key]))
        } else {
            let sql = "SELECT DISTINCT key, subject FROM ids WHERE what = {what:String} AND hash = {hash:UInt64}
                ORDER BY key LIMIT {limit:UInt64} BY subject";
            self.query(sql).param("what", what).param("hash", hash).param("limit", limit.max(LEAST))
        };
        let found: Vec<Named> = self.rows(query).await?;
        let keys: BTreeSet<Key> = self.owners(found).await?.into_iter().take(limit).collect();
        Ok(self.messages(&keys).await?.into_values().collect())
    }

    /// The messages that own what stands under these keys.
    async fn owners(&self, found: Vec<Named>) -> Result<BTreeSet<Key>, StoreError> {
        let of = |subject: i8| found.iter().filter(move |named| named.subject == subject).map(|named| Key(named.key));
        let mut owners = self.claimers(&of(VENDOR).collect()).await?;
        owners.append(&mut self.traced(&of(TRACE).collect()).await?);
        let keys = found.iter().map(|named| Key(named.key));
        Ok(keys.flat_map(|key| owners.get(&key).cloned().unwrap_or_else(|| vec![key])).collect())
    }

    /// The messages that claim these vendors' ids: of each the ones with the smallest keys, at most
    /// [`MAX_CLAIMS`](crate::store::MAX_CLAIMS).
    pub(super) async fn claimers(&self, vendors: &BTreeSet<Key>) -> Result<BTreeMap<Key, Vec<Key>>, StoreError> {
        let sql = format!(
            "SELECT vendor, arraySlice(arraySort(groupUniqArray(message)), 1, {{most:UInt64}}) AS messages
            FROM claims WHERE vendor {KEY_IN} GROUP BY vendor"
        );
        let vendors: Vec<Key> = vendors.iter().copied().collect();
        let mut claimers = BTreeMap::new();
        for some in vendors.chunks(MOST_KEYS) {
            let query = self.query(&sql).param("keys", keys(some)).param("most", crate::store::MAX_CLAIMS);
            for Claimed { vendor, messages } in self.rows(query).await? {
                claimers.insert(Key(vendor), messages.into_iter().map(Key).collect());
            }
        }
        Ok(claimers)
    }

    /// The named messages that have the traces of these subjects, which are nothing but a trace.
    async fn traced(&self, traces: &BTreeSet<Key>) -> Result<BTreeMap<Key, Vec<Key>>, StoreError> {
        let sql = format!(
            "WITH traces AS (
                SELECT DISTINCT key, reinterpretAsUInt64(substring(SHA256(concat(trace_id, '')), 1, 8)) AS hash
                FROM events WHERE key {KEY_IN})
            SELECT DISTINCT traces.key AS trace, ids.key AS owner FROM ids INNER JOIN traces ON ids.hash = traces.hash
            WHERE ids.what = 'trace' AND ids.subject = 'message' AND ids.hash IN (SELECT hash FROM traces)"
        );
        let traces: Vec<Key> = traces.iter().copied().collect();
        let mut owners: BTreeMap<Key, Vec<Key>> = BTreeMap::new();
        for some in traces.chunks(MOST_KEYS) {
            for Traced { trace, owner } in self.rows(self.query(&sql).param("keys", keys(some))).await? {
                owners.entry(Key(trace)).or_default().push(Key(owner));
            }
        }
        Ok(owners)
    }
}
