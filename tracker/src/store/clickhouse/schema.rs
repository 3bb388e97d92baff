//! Tables: they are created when the engine is opened, and lose their old days.

use super::{ClickHouse, Password};
use crate::store::{Health, StoreError};
use clickhouse::error::Error;

/// In the order in which they are applied. What stands in one of them stays; what is to be otherwise comes in a new one.
const FILES: [&str; 4] = [
    include_str!("../../../schema/001_events.sql"),
    include_str!("../../../schema/002_ids.sql"),
    include_str!("../../../schema/003_minutes.sql"),
    include_str!("../../../schema/004_states.sql"),
];
/// The tables, with the column that their days follow from.
const TABLES: [(&str, &str); 6] =
    [("events", "at"), ("ids", "day"), ("claims", "day"), ("minutes", "minute"), ("states", "hour"), ("enters", "day")];

impl Password {
    /// The password.
    pub(super) fn read(&self) -> Result<String, StoreError> {
        let fail = |what: String| Err(StoreError::Broken { reason: what });
        match self {
            Self::None => Ok(String::new()),
            Self::Env(name) => match std::env::var(name) {
                Ok(password) => Ok(password),
                Err(_) => fail(format!("the environment variable {name} has no password for ClickHouse")),
            },
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(text) => Ok(text.trim_end_matches(['\r', '\n']).to_owned()),
                Err(error) => {
                    fail(format!("the password of ClickHouse cannot be read from {}: {error}", path.display()))
                }
            },
        }
    }
}

impl ClickHouse {
    /// Creates what is not there.
    pub(super) async fn prepare(mut self) -> Result<Self, StoreError> {
        // Letters, digits and underscores: Settings are sound.
        let database = &self.settings.database;
        let there = "SELECT count() FROM system.databases WHERE name = {name:String}";
        let there: u64 = self.within(self.query(there).param("name", database).fetch_one()).await?;
        if there == 0 {
            self.within(self.query(&format!("CREATE DATABASE IF NOT EXISTS {database}")).execute()).await?;
        }
        self.client = self.client.with_database(&self.settings.database);
        for file in FILES {
            for statement in file.split(";\n").filter(|statement| !statement.trim().is_empty()) {
                self.within(self.query(statement).execute()).await?;
            }
        }
        for (table, column) in TABLES {
            self.keep_for(table, column).await?;
        }
        Ok(self)
    }

    /// Sets how long the rows of a table are kept, if it is not so already: that goes through all its parts.
    async fn keep_for(&self, table: &str, column: &str) -> Result<(), StoreError> {
        let wanted = format!("toIntervalDay({})", self.settings.retention_days);
        let so = "SELECT count() FROM system.tables WHERE database = {database:String} AND name = {table:String} \
            AND position(create_table_query, {wanted:String}) > 0";
        let so =
            self.query(so).param("database", &self.settings.database).param("table", table).param("wanted", &wanted);
        if self.within(so.fetch_one::<u64>()).await? == 0 {
            let ttl = format!("ALTER TABLE {table} MODIFY TTL toDate({column}) + {wanted}");
            self.within(self.query(&ttl).execute()).await?;
        }
        Ok(())
    }

    /// Takes out the days that are over before that time.
    pub(super) async fn drop_days(&self, before_ms: u64) -> Result<(), StoreError> {
        let before = i64::try_from(before_ms / 1_000).unwrap_or(i64::MAX).min(u32::MAX.into());
        for (table, _) in TABLES {
            // A partition is a day, and a day is a partition.
            let days = "SELECT DISTINCT partition FROM system.parts WHERE active AND database = {database:String} \
                AND table = {table:String} AND toDate(partition) < toDate(toDateTime({before:Int64}, 'UTC'))";
            let days = self.query(days).param("database", &self.settings.database).param("table", table);
            for day in self.rows::<String>(days.param("before", before)).await? {
                let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
                if digits(&day) {
                    self.within(self.query(&format!("ALTER TABLE {table} DROP PARTITION '{day}'")).execute()).await?;
                }
            }
        }
        Ok(())
    }

    /// Bytes on disk of all replicas that this server has, and the time of the newest event.
    pub(super) async fn look_at_itself(&self) -> Result<Health, StoreError> {
        let bytes = "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = {database:String}";
        let bytes = self.query(bytes).param("database", &self.settings.database).fetch_one::<u64>();
        let disk_bytes = self.within(bytes).await?;
        Ok(Health { disk_bytes, newest_ms: self.newest_ms().await? })
    }

    /// The time of the newest event; 0 if there is none. Read off the parts, without their rows.
    pub(super) async fn newest_ms(&self) -> Result<u64, StoreError> {
        let newest = self.query("SELECT toUnixTimestamp64Milli(max(at)) FROM events").fetch_one::<i64>();
        Ok(u64::try_from(self.within(newest).await?).unwrap_or_default())
    }
}

/// Whether the server may yet have taken an insert that has come to no end.
pub(super) const fn is_open(error: &Error) -> bool {
    matches!(error, Error::Network(_) | Error::TimedOut)
}
