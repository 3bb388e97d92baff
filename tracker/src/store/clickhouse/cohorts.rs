//! Messages by when they began and where they are: what `fold.rs` makes of events, out of the rows of the table `states`.

use super::ClickHouse;
use super::sql::{bounds, hour, wider};
use crate::store::{Cohort, MAX_CLAIMS, MINUTE_MS, Range, StoreError};
use clickhouse::Row;
use serde::Deserialize;

#[derive(Row, Deserialize)]
struct Counted {
    step: u64,
    place: u8,
    channel: String,
    told_business: String,
    reached: u16,
    doubled: bool,
    messages: u64,
}

/// `began`: hours in which a message may have begun. `near`: hours in which anything of it may have happened.
///
/// Of the statuses that a message has had, the one of the highest rank is where it is, of several the latest, of several at
/// once the last in the order of the lifecycle; its last event says on which channel. Statuses that the lifecycle does not
/// know have place 255.
fn sql() -> String {
    let hours = |from: &str, to: &str| {
        format!("hour >= toDateTime({{{from}:Int64}}, 'UTC') AND hour <= toDateTime({{{to}:Int64}}, 'UTC')")
    };
    let (began, near) = (hours("first", "last"), hours("near_first", "near_last"));
    let rows = "status, recipient, begun, business, last, first_visit, last_visit";
    let states = rows.split(", ").map(|column| format!("states.{column}")).collect::<Vec<_>>().join(", ");
    format!(
        "WITH begun_here AS (
            SELECT DISTINCT key, subject FROM states WHERE begun >= {{from:UInt64}} AND begun < {{to:UInt64}} AND {began}),
        claimers AS (
            SELECT vendor, arrayJoin(arraySlice(arraySort(groupUniqArray(message)), 1, {MAX_CLAIMS})) AS message
            FROM claims WHERE vendor IN (SELECT key FROM states WHERE subject = 'vendor' AND {near}) GROUP BY vendor),
        meant AS (
            SELECT key FROM begun_here WHERE subject = 'message'
            UNION DISTINCT
            SELECT message FROM claimers WHERE vendor IN (SELECT key FROM begun_here WHERE subject = 'vendor')),
        rows AS (
            SELECT key AS owner, {rows} FROM states
            WHERE subject = 'message' AND key IN (SELECT key FROM meant) AND {near}
            UNION ALL
            SELECT claimers.message AS owner, {states} FROM states INNER JOIN claimers ON states.key = claimers.vendor
            WHERE states.subject = 'vendor' AND claimers.message IN (SELECT key FROM meant) AND {near}),
        by_status AS (
            SELECT owner, transform(status, {{names:Array(String)}}, {{places:Array(UInt8)}}, toUInt8(255)) AS place,
                transform(status, {{names:Array(String)}}, {{ranks:Array(UInt8)}}, toUInt8(0)) AS rank,
                min(begun) AS first, min(business) AS told, max(last) AS latest,
                min(first_visit) < max(last_visit) AS twice
            FROM rows GROUP BY owner, status, recipient),
        by_message AS (
            SELECT owner, min(first) AS began, min(told).3 AS told_business,
                maxIf((rank, latest.1, place, latest.2, latest.3), place < 255) AS decides,
                groupBitOrIf(bitShiftLeft(toUInt16(1), place), place < 255) AS reached, max(twice) AS twice
            FROM by_status GROUP BY owner)
        SELECT intDiv(began, {{step:UInt64}}) * {{step:UInt64}} AS step, decides.3 AS place, decides.5 AS channel,
            told_business, reached, CAST(twice, 'Bool') AS doubled, count() AS messages
        FROM by_message WHERE reached != 0 AND began >= {{from:UInt64}} AND began < {{to:UInt64}}
        GROUP BY step, place, channel, told_business, reached, doubled"
    )
}

impl ClickHouse {
    /// Counts messages.
    pub(super) async fn count_messages(&self, range: Range, step_ms: u64) -> Result<Vec<Cohort>, StoreError> {
        let Some((from_ms, to_ms)) = bounds(range) else { return Ok(Vec::new()) };
        let near = wider((from_ms, to_ms), self.life_ms());
        let statuses: Vec<_> = self.lifecycle.all().collect();
        let names: Vec<&str> = statuses.iter().map(|status| self.lifecycle.name(*status)).collect();
        let ranks: Vec<u8> = statuses.iter().map(|status| self.lifecycle.rank(*status)).collect();
        let places: Vec<u8> = (0..).take(names.len()).collect();
        let query = self.wide(&sql()).param("from", from_ms).param("to", to_ms).param("step", step_ms.max(MINUTE_MS));
        let query = query.param("first", hour(from_ms)).param("last", to_ms / 1_000);
        let query = query.param("near_first", hour(near.0)).param("near_last", near.1 / 1_000);
        let query = query.param("names", &names).param("ranks", ranks).param("places", places);
        let rows: Vec<Counted> = self.rows(query).await?;
        let cohort = |row: Counted| Cohort {
            at_ms: row.step,
            channel: row.channel,
            business: row.told_business,
            status: names.get(usize::from(row.place)).copied().unwrap_or_default().to_owned(),
            reached: row.reached,
            doubled: row.doubled,
            messages: row.messages,
        };
        let mut cohorts: Vec<Cohort> = rows.into_iter().map(cohort).collect();
        cohorts.sort();
        Ok(cohorts)
    }
}
