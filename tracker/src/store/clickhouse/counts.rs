//! Events by the minute and by what they say.

use super::ClickHouse;
use super::sql::bounds;
use crate::histogram::Histogram;
use crate::store::{Count, Counts, Dimension, MINUTE_MS, StoreError};
use clickhouse::Row;
use serde::Deserialize;

#[derive(Row, Deserialize)]
struct Counted {
    step: u64,
    words: Vec<String>,
    n: u64,
    n_on_time: u64,
    n_late: u64,
    lengths: Vec<(u8, u64)>,
}

const fn column(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Kind => "kind",
        Dimension::Node => "node",
        Dimension::Channel => "channel",
        Dimension::Status => "status",
        Dimension::Outcome => "outcome",
        Dimension::Code => "code",
        Dimension::Business => "business",
        Dimension::Text => "text",
    }
}

impl ClickHouse {
    /// Counts what the rollup has.
    pub(super) async fn count(&self, counts: &Counts) -> Result<Vec<Count>, StoreError> {
        let Some((from_ms, to_ms)) = bounds(counts.range) else { return Ok(Vec::new()) };
        let words: Vec<String> = counts.by.iter().map(|by| format!("toString({})", column(*by))).collect();
        // A place of its own for each: one dimension may be asked for twice.
        let only = counts.only.iter().enumerate();
        let only: String =
            only.map(|(n, (by, _))| format!(" AND toString({}) = {{only_{n}:String}}", column(*by))).collect();
        let sql = format!(
            "SELECT intDiv(toUInt64(toUnixTimestamp(minute)) * 1000, {{step:UInt64}}) * {{step:UInt64}} AS step,
                CAST([{words}], 'Array(String)') AS words, sum(events) AS n, sum(on_time) AS n_on_time,
                sum(late) AS n_late, sumMap(durations) AS lengths
            FROM minutes
            WHERE minute >= fromUnixTimestamp64Milli({{from:Int64}}) AND minute < fromUnixTimestamp64Milli({{to:Int64}}){only}
            GROUP BY step, words ORDER BY step, words",
            words = words.join(", "),
        );
        let query =
            self.wide(&sql).param("step", counts.step_ms.max(MINUTE_MS)).param("from", from_ms).param("to", to_ms);
        let only = counts.only.iter().enumerate();
        let query = only.fold(query, |query, (n, (_, word))| query.param(&format!("only_{n}"), word));
        let rows: Vec<Counted> = self.rows(query).await?;
        Ok(rows.into_iter().map(Counted::into).collect())
    }
}

impl From<Counted> for Count {
    fn from(row: Counted) -> Self {
        Self {
            at_ms: row.step,
            group: row.words,
            events: row.n,
            on_time: row.n_on_time,
            late: row.n_late,
            durations: Histogram(row.lengths.into_iter().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::histogram::bounds;

    #[test]
    fn the_buckets_of_the_view_are_those_of_the_histogram() {
        let sql = include_str!("../../../schema/003_minutes.sql");
        let (_, list) = sql.split_once("assumeNotNull(duration_ms), [").unwrap_or_default();
        let (list, _) = list.split_once(']').unwrap_or_default();
        let told: Vec<u64> = list.split(',').filter_map(|bound| bound.trim().parse().ok()).collect();
        assert_eq!(told, bounds().collect::<Vec<u64>>());
    }
}
