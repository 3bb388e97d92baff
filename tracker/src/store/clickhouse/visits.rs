//! Visits that are open, and what has happened to the platform.

use super::ClickHouse;
use super::rows::{COLUMNS, Stored};
use super::sql::{bounds, wider};
use crate::event::{Event, Identity, Key};
use crate::store::{Range, StoreError};
use clickhouse::Row;
use serde::Deserialize;

#[derive(Row, Deserialize)]
struct Entered {
    key: [u8; 12],
    identity: u64,
}

impl ClickHouse {
    /// Enter events of visits that nothing has ended.
    pub(super) async fn visits(&self, range: Range, limit: usize) -> Result<Vec<Event>, StoreError> {
        let Some(range) = bounds(range) else { return Ok(Vec::new()) };
        let near = wider(range, self.life_ms());
        let sql = "WITH entered AS (
                SELECT key, span_id, min((at, identity)) AS first FROM enters
                WHERE at >= fromUnixTimestamp64Milli({near_from:Int64}) AND (key, span_id) IN (
                    SELECT key, span_id FROM enters
                    WHERE at >= fromUnixTimestamp64Milli({from:Int64}) AND at < fromUnixTimestamp64Milli({to:Int64}))
                GROUP BY key, span_id),
            ended AS (
                SELECT key, span_id FROM events
                WHERE key IN (SELECT key FROM entered) AND kind IN ('status', 'span', 'dead_letter')
                    AND at >= fromUnixTimestamp64Milli({near_from:Int64}) AND at < fromUnixTimestamp64Milli({near_to:Int64}))
            SELECT key, first.2 AS identity FROM entered
            WHERE first.1 >= fromUnixTimestamp64Milli({from:Int64}) AND (key, span_id) NOT IN (SELECT key, span_id FROM ended)
            ORDER BY first.1, key, first.2 LIMIT {limit:UInt64}";
        let query = self.wide(sql).param("from", range.0).param("to", range.1).param("limit", limit);
        let open: Vec<Entered> = self.rows(query.param("near_from", near.0).param("near_to", near.1)).await?;
        let open: Vec<(Key, Identity)> = open.iter().map(|row| (Key(row.key), Identity(row.identity))).collect();
        let mut subjects = self.events(&open).await?;
        let event = |(key, identity)| subjects.get_mut(&key)?.remove(&identity);
        Ok(open.into_iter().filter_map(event).collect())
    }

    /// What has happened to channels and rules, and drills; the latest first.
    pub(super) async fn platform(&self, range: Range, limit: usize) -> Result<Vec<Event>, StoreError> {
        let Some((from_ms, to_ms)) = bounds(range) else { return Ok(Vec::new()) };
        let sql = format!(
            "SELECT {COLUMNS} FROM events
            WHERE key = toFixedString('', 12) AND kind IN ('channel_state', 'rule', 'drill_report')
                AND at >= fromUnixTimestamp64Milli({{from:Int64}}) AND at < fromUnixTimestamp64Milli({{to:Int64}})
            ORDER BY at DESC, identity DESC LIMIT 1 BY identity LIMIT {{limit:UInt64}}"
        );
        let query = self.wide(&sql).param("from", from_ms).param("to", to_ms).param("limit", limit);
        let all = async {
            let mut events = Vec::new();
            let mut rows = query.fetch::<Stored<'_>>()?;
            while let Some(row) = rows.next().await? {
                events.push(row.event());
            }
            Ok(events)
        };
        self.within(all).await
    }
}
