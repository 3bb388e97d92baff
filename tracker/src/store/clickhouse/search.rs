//! Messages of which one event is as asked, those whose event is newest first.

use super::ClickHouse;
use super::sql::{bounds, hash, hour, wider};
use crate::event::Key;
use crate::store::{Cursor, Filter, MAX_CLAIMS, MAX_PAGE, Message, Page, Search, StoreError};
use clickhouse::Row;
use clickhouse::query::Query;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::time::Instant;

/// How far back is looked first; then [`GROWTH`] times as far, until the page is full.
const FIRST_MS: u64 = 600_000;
/// So many rows are looked through without a thought.
const AT_ONCE: u64 = 5_000_000;
const GROWTH: u64 = 6;
/// So many messages are fetched at a time where their events decide whether they are meant.
const AT_A_TIME: usize = 200;

/// A message that may be meant, by the second of its newest event that is as asked.
#[derive(Clone, Copy, Row, Deserialize)]
struct Candidate {
    second: u64,
    owner: [u8; 12],
}

impl Candidate {
    const fn cursor(self) -> Cursor {
        Cursor { second: self.second, key: Key(self.owner) }
    }
}

impl ClickHouse {
    /// A page; shorter than asked, with a way to go on, if it takes too long.
    pub(super) async fn search_page(&self, search: &Search) -> Result<Page, StoreError> {
        let limit = search.limit.clamp(1, MAX_PAGE);
        let mut page = Page::default();
        let known = |now: &String| now.is_empty() || self.lifecycle.by_name(now).is_some();
        let Some(bounds) = bounds(search.range).filter(|_| search.now.as_ref().is_none_or(known)) else {
            return Ok(page);
        };
        let begun = Instant::now();
        let mut after = search.after;
        loop {
            // Also that many when few are wanted: the look-up costs more than what it finds.
            let most = if search.now.is_some() || search.doubled.is_some() { AT_A_TIME.max(limit) } else { limit };
            let candidates = match self.candidates(search, bounds, after, most).await {
                // What was found stands; the next page says what is too much.
                Err(StoreError::TooMuch { .. } | StoreError::TooLong) if !page.messages.is_empty() => {
                    page.next = after;
                    return Ok(page);
                }
                candidates => candidates?,
            };
            let keys: BTreeSet<Key> = candidates.iter().map(|candidate| Key(candidate.owner)).collect();
            let mut messages = self.messages(&keys).await?;
            for candidate in &candidates {
                after = Some(candidate.cursor());
                let message = messages.remove(&Key(candidate.owner)).filter(|message| takes(search, message));
                page.messages.extend(message);
                if page.messages.len() == limit {
                    page.next = after;
                    return Ok(page);
                }
            }
            if candidates.len() < most {
                return Ok(page);
            }
            if begun.elapsed() > self.settings.query_time / 2 {
                page.next = after;
                return Ok(page);
            }
        }
    }

    /// The next messages of which an event is as asked. A message's newest one is what counts, so every step back in time
    /// looks at all from there to the end again.
    async fn candidates(
        &self,
        search: &Search,
        (from_ms, to_ms): (u64, u64),
        after: Option<Cursor>,
        most: usize,
    ) -> Result<Vec<Candidate>, StoreError> {
        // What is little is looked through at once.
        match self.rows(self.asked(search, (from_ms, to_ms), after, most, AT_ONCE)).await {
            Err(StoreError::TooMuch { .. }) => {}
            found => return found,
        }
        let newest_ms = self.newest_ms().await?;
        let to_ms = to_ms.min(newest_ms.saturating_add(1));
        let last_ms = after.map_or(to_ms, |after| to_ms.min(after.second.saturating_add(1).saturating_mul(1_000)));
        let mut back_ms = FIRST_MS;
        loop {
            let start_ms = last_ms.saturating_sub(back_ms).max(from_ms);
            if start_ms >= to_ms {
                return Ok(Vec::new());
            }
            let query = self.asked(search, (start_ms, to_ms), after, most, self.settings.max_scan);
            let found: Vec<Candidate> = self.rows(query).await?;
            if found.len() == most || start_ms <= from_ms {
                return Ok(found);
            }
            back_ms = back_ms.saturating_mul(GROWTH);
        }
    }

    fn asked(&self, search: &Search, bounds: (u64, u64), after: Option<Cursor>, most: usize, max_rows: u64) -> Query {
        let mut wanted = Wanted::of(&search.filter);
        let own = "1".to_owned();
        // Of a lot it would cost more than it spares: a status is seldom rare.
        let now = search.now.as_ref().filter(|now| !now.is_empty() && max_rows == AT_ONCE);
        let now = now.map_or_else(|| own.clone(), |now| may_be(wanted.bind("now", now.clone()), "1"));
        let doubled = search.doubled == Some(true);
        let doubled = if doubled { may_be("'sent'".to_owned(), "first_visit <= last_visit") } else { own };
        let sql = format!(
            "WITH matched AS (
                SELECT key, max(at) AS newest FROM events
                WHERE at >= fromUnixTimestamp64Milli({{from:Int64}}) AND at < fromUnixTimestamp64Milli({{to:Int64}})
                    AND subject = 'message'{filter}
                GROUP BY key),
            by_vendor AS (
                SELECT key, max(at) AS newest FROM events
                WHERE at >= fromUnixTimestamp64Milli({{from:Int64}}) AND at < fromUnixTimestamp64Milli({{to:Int64}})
                    AND subject = 'vendor'{filter}
                GROUP BY key),
            by_trace AS (
                SELECT key, max(at) AS newest,
                    reinterpretAsUInt64(substring(SHA256(concat(any(trace_id), '')), 1, 8)) AS hash FROM events
                WHERE at >= fromUnixTimestamp64Milli({{from:Int64}}) AND at < fromUnixTimestamp64Milli({{to:Int64}})
                    AND subject = 'trace'{filter}
                GROUP BY key),
            claimers AS (
                SELECT vendor, arrayJoin(arraySlice(arraySort(groupUniqArray(message)), 1, {MAX_CLAIMS})) AS message
                FROM claims WHERE vendor IN (SELECT key FROM by_vendor) GROUP BY vendor),
            traced AS (
                SELECT DISTINCT hash, key FROM ids
                WHERE what = 'trace' AND subject = 'message' AND hash IN (SELECT hash FROM by_trace))
            SELECT toUInt64(intDiv(toUnixTimestamp64Milli(max(newest)), 1000)) AS second, owner FROM (
                SELECT key AS owner, newest FROM matched
                UNION ALL
                SELECT if(claimers.message = toFixedString('', 12), by_vendor.key, claimers.message) AS owner, newest
                FROM by_vendor LEFT JOIN claimers ON by_vendor.key = claimers.vendor
                UNION ALL
                SELECT if(traced.key = toFixedString('', 12), by_trace.key, traced.key) AS owner, newest
                FROM by_trace LEFT JOIN traced ON by_trace.hash = traced.hash)
            WHERE {now} AND {doubled}
            GROUP BY owner
            HAVING (second, owner) < ({{second:UInt64}}, toFixedString(unhex({{after:String}}), 12))
            ORDER BY second DESC, owner DESC LIMIT {{most:UInt64}}",
            filter = wanted.sql,
        );
        let after = after.unwrap_or(Cursor { second: u64::MAX, key: Key([u8::MAX; 12]) });
        let near = wider(bounds, self.life_ms());
        let max_rows = max_rows.min(self.settings.max_scan);
        let query = self.query(&sql).with_setting("max_rows_to_read", max_rows.to_string());
        let query = query.param("from", bounds.0).param("to", bounds.1).param("most", most);
        let query = query.param("second", after.second).param("after", after.key.to_string());
        let query = query.param("first", hour(near.0)).param("last", near.1 / 1_000);
        wanted.values.into_iter().fold(query, |query, (name, value)| query.param(name, value))
    }
}

/// Messages that may be what their states have to show: each one that is, and some that are not.
fn may_be(status: String, also: &str) -> String {
    let states = format!(
        "SELECT key FROM states WHERE status = {status} AND {also} AND hour >= toDateTime({{first:Int64}}, 'UTC') \
        AND hour <= toDateTime({{last:Int64}}, 'UTC')"
    );
    format!("(owner IN ({states}) OR owner IN (SELECT message FROM claims WHERE vendor IN ({states})))")
}

fn takes(search: &Search, message: &Message) -> bool {
    search.now.as_ref().is_none_or(|now| *now == message.summary.status)
        && search.doubled.is_none_or(|doubled| doubled == message.summary.doubled)
}

/// What is wanted of an event: conditions, and the values of their parameters.
#[derive(Default)]
struct Wanted {
    sql: String,
    values: Vec<(&'static str, String)>,
}

impl Wanted {
    fn of(filter: &Filter) -> Self {
        let mut wanted = Self::default();
        if let Some(kind) = filter.kind {
            wanted.sql += &format!(" AND kind = '{}'", kind.name());
        }
        let words = [
            ("tenant", &filter.tenant),
            ("service", &filter.service),
            ("node", &filter.node),
            ("channel", &filter.channel),
            ("status", &filter.status),
            ("outcome", &filter.outcome),
            ("code", &filter.code),
            ("business", &filter.business),
            ("template", &filter.template),
            ("text", &filter.text),
            ("recipient", &filter.recipient),
        ];
        for (column, word) in words {
            if let Some(word) = word {
                let value = wanted.bind(column, word.clone());
                wanted.sql += &format!(" AND {column} = {value}");
            }
        }
        let answers =
            [("on_time", filter.on_time), ("drill", filter.drill), ("(switched_from != '')", filter.switched)];
        for (told, answer) in answers {
            wanted.sql += &answer.map(|answer| format!(" AND {told} = {answer}")).unwrap_or_default();
        }
        if let Some(recipient) = filter.recipient.as_ref().filter(|recipient| !recipient.is_empty()) {
            let hash = hash(recipient.as_bytes());
            wanted.sql += &format!(" AND key IN (SELECT key FROM ids WHERE what = 'recipient' AND hash = {hash})");
        }
        wanted
    }

    /// A parameter with this value.
    fn bind(&mut self, name: &'static str, value: String) -> String {
        self.values.push((name, value));
        format!("{{{name}:String}}")
    }
}
