//! Inserts what is not there yet.

use super::ClickHouse;
use super::rows::Stored;
use super::schema::is_open;
use super::sql::{KEY_IN, MOST_KEYS, PAIR_IN, keys, pairs, wider};
use crate::event::{Event, Identity, Key};
use crate::store::{Appended, StoreError};
use clickhouse::Row;
use clickhouse::error::Error;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Neighbours in the order of the table, so many at a time: each granule between the first and the last is asked for all of
/// them, so that few at a time are less work in all.
const AT_A_TIME: usize = 250;
/// How often an insert is tried of which it is not known whether it was done. The server knows it again by its token.
const TRIES: u32 = 3;
/// How long after a try that came to no end.
const PAUSE: Duration = Duration::from_millis(200);
/// The longest that a part of an insert, and its end, may take.
const LONGEST: Duration = Duration::from_secs(60);

type New = BTreeMap<(Key, Identity), Event>;

#[derive(Row, Deserialize)]
struct Known {
    key: [u8; 12],
    identity: u64,
}

impl ClickHouse {
    /// Inserts the events that are not there yet.
    pub(super) async fn append_new(&self, events: Vec<Event>) -> Result<Appended, StoreError> {
        let all = events.len();
        let mut new = New::new();
        for event in events {
            new.entry((event.subject().key(), event.identity())).or_insert(event);
        }
        if new.is_empty() {
            return Ok(Appended::default());
        }
        let _turn = self.turn.lock().await;
        self.take_out_known(&mut new).await?;
        if !new.is_empty() {
            self.insert(&new).await?;
        }
        Ok(Appended { new: new.len(), repeated: all - new.len() })
    }

    /// Whoever has a message has few events of it; of nobody's there are many, so those are asked for one by one.
    async fn take_out_known(&self, new: &mut New) -> Result<(), StoreError> {
        let times = || new.values().map(|event| event.at_ms);
        let (first, last) = (times().min().unwrap_or_default(), times().max().unwrap_or_default());
        let (from_ms, to_ms) = wider((first, last.saturating_add(1)), self.life_ms());
        let near = "at >= fromUnixTimestamp64Milli({from:Int64}) AND at < fromUnixTimestamp64Milli({to:Int64})";
        let by_key = format!("SELECT key, identity FROM events WHERE key {KEY_IN} AND {near}");
        let by_pair = format!("SELECT key, identity FROM events WHERE (key, identity) {PAIR_IN} AND {near}");
        let all: BTreeSet<Key> = new.keys().map(|(key, _)| *key).filter(|key| *key != Key::default()).collect();
        let nobody: Vec<_> = new.keys().filter(|(key, _)| *key == Key::default()).copied().collect();
        let all: Vec<Key> = all.into_iter().collect();
        let of_messages = all.chunks(AT_A_TIME).map(|some| self.query(&by_key).param("keys", keys(some)));
        let of_nobody = nobody.chunks(MOST_KEYS).map(|some| self.query(&by_pair).param("pairs", pairs(some)));
        for query in of_messages.chain(of_nobody) {
            for Known { key, identity } in self.rows(query.param("from", from_ms).param("to", to_ms)).await? {
                new.remove(&(Key(key), Identity(identity)));
            }
        }
        Ok(())
    }

    async fn insert(&self, new: &New) -> Result<(), StoreError> {
        // The server leaves out, from every table, what comes again under the same token.
        let token = format!("{:032x}", rand::random::<u128>());
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_insert(new, &token).await {
                Err(error) if is_open(&error) && tries < TRIES => tokio::time::sleep(PAUSE * tries).await,
                result => return Ok(result?),
            }
        }
    }

    async fn try_insert(&self, new: &New, token: &str) -> Result<(), Error> {
        let insert = self.client.insert::<Stored<'_>>("events").await?;
        let mut insert = insert
            .with_setting("insert_deduplication_token", token)
            .with_setting("deduplicate_blocks_in_dependent_materialized_views", "1")
            // Late ones may be of any day.
            .with_setting("max_partitions_per_insert_block", "0")
            .with_setting("max_execution_time", "0")
            .with_timeouts(Some(LONGEST), Some(LONGEST));
        for ((key, identity), event) in new {
            insert.write(&Stored::new(*key, *identity, event)).await?;
        }
        insert.end().await
    }
}
