//! How things are now, and what has happened to them.

use super::ask::{self, HOUR_MS, MAX_RANGE_MS, given};
use super::error::ApiError;
use super::route::{NoQuery, Route};
use crate::answers::patterns::{self, PATTERN_DIMENSIONS, Patterns, TREND};
use crate::answers::{
    self, Blocked, Channels, History, NODE_DIMENSIONS, Nodes, QUALITY_DIMENSIONS, Record, Steps, Waits,
};
use crate::event::Kind;
use crate::serve::App;
use crate::store::{Counts, Dimension, Filter, MINUTE_MS, Range, Search};
use pointsman_core::time::DurationText;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The most open visits that are looked at.
const MAX_OPEN: usize = 10_000;
/// How far back open visits are looked for.
const OPEN_MS: u64 = 24 * HOUR_MS;
/// Since when a visit counts as blocked, if nobody says otherwise.
const BLOCKED_AFTER: Duration = Duration::from_secs(60);
/// The most messages that waits are measured by.
const MAX_SAMPLE: usize = 200;
/// How far back the past of channels goes.
const PAST_MS: u64 = 30 * 24 * HOUR_MS;
/// The most events of the past.
const MAX_PAST: usize = 5_000;
/// Over longer ranges the first and the last of a pattern are told by the step of its trend.
const BY_MINUTE_MS: u64 = 24 * HOUR_MS;

pub(super) fn table() -> Vec<Route> {
    vec![
        Route::get("/nodes", "What goes through each node at present", nodes),
        Route::get("/blocked", "Visits that have begun and not ended; the oldest first", blocked),
        Route::get("/waits", "How long messages lie between services", waits),
        Route::get("/patterns", "What messages fail of", patterns),
        Route::get("/channels", "How channels are, and what has happened to them", channels),
        Route::get("/history", "What has happened to channels and rules, and drills; the latest first", history),
        Route::get("/freshness", "How fresh the answers are", freshness),
    ]
}

/// When.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct When {
    /// When it happened, in milliseconds since 1970: not before; an hour ago if left out, of history a day.
    from_ms: Option<u64>,
    /// And before this; up to the newest if left out. At most 31 days.
    to_ms: Option<u64>,
}

/// How far back nodes are looked at.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AskedNodes {
    /// So many whole minutes, up to 1,440, and the one that has not ended; 5 if left out.
    minutes: Option<usize>,
    /// Since when an open visit counts as blocked, such as `1m`, which it is if left out; at most `24h`.
    blocked_after: Option<DurationText>,
}

async fn nodes(app: App, asked: AskedNodes) -> Result<Nodes, ApiError> {
    let minutes = ask::number("minutes", asked.minutes, 5, 1_440)?;
    let blocked_after_ms = ask::length("blocked_after", asked.blocked_after.as_ref(), BLOCKED_AFTER, MAX_BLOCKED)?;
    let now_ms = (app.clock)();
    let this_minute = now_ms / MINUTE_MS * MINUTE_MS;
    let range = Range {
        from_ms: this_minute.saturating_sub((minutes as u64).saturating_mul(MINUTE_MS)),
        to_ms: this_minute.saturating_add(MINUTE_MS),
    };
    let step_ms = range.to_ms.saturating_sub(range.from_ms);
    let counts = Counts { range, step_ms, by: NODE_DIMENSIONS.to_vec(), only: Vec::new() };
    let counts = app.store.counts(&counts).await?;
    let open = app.store.open_visits(open_range(now_ms), MAX_OPEN).await?;
    Ok(answers::nodes(&counts, now_ms.saturating_sub(range.from_ms), &open, now_ms, blocked_after_ms))
}

/// The longest time since which a visit may count as blocked.
const MAX_BLOCKED: Duration = Duration::from_secs(24 * 3_600);

const fn open_range(now_ms: u64) -> Range {
    Range { from_ms: now_ms.saturating_sub(OPEN_MS), to_ms: now_ms.saturating_add(HOUR_MS) }
}

/// Which open visits.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AskedBlocked {
    /// How many visits at most, up to 1,000; 100 if left out.
    limit: Option<usize>,
    /// Only those that have been open for so long, such as `1m`; all if left out. At most `24h`.
    after: Option<DurationText>,
    /// The node.
    node: Option<String>,
    /// The channel.
    channel: Option<String>,
}

async fn blocked(app: App, asked: AskedBlocked) -> Result<Blocked, ApiError> {
    let limit = ask::number("limit", asked.limit, 100, 1_000)?;
    let after_ms = ask::length("after", asked.after.as_ref(), Duration::ZERO, MAX_BLOCKED)?;
    let (node, channel) = (given(asked.node), given(asked.channel));
    let now_ms = (app.clock)();
    let mut open = app.store.open_visits(open_range(now_ms), MAX_OPEN).await?;
    let is = |wanted: &Option<String>, told: &String| wanted.as_ref().is_none_or(|wanted| wanted == told);
    open.retain(|event| is(&node, &event.facts.node) && is(&channel, &event.facts.channel));
    Ok(Blocked::new(&open, now_ms, after_ms, limit))
}

async fn waits(app: App, asked: When) -> Result<Waits, ApiError> {
    let search = Search {
        range: ask::range(&app, asked.from_ms, asked.to_ms, HOUR_MS, MAX_RANGE_MS)?,
        filter: Filter { kind: Some(Kind::Span), ..Filter::default() },
        now: None,
        doubled: None,
        after: None,
        limit: MAX_SAMPLE,
    };
    let page = app.store.search(&search).await?;
    let found = page.messages.iter().flat_map(|message| answers::waits(&answers::visits(&message.events)));
    Ok(answers::aggregate(found, page.messages.len() as u64))
}

async fn patterns(app: App, asked: When) -> Result<Patterns, ApiError> {
    let steps = Steps::over(ask::range(&app, asked.from_ms, asked.to_ms, HOUR_MS, MAX_RANGE_MS)?, TREND);
    let length_ms = steps.range.to_ms.saturating_sub(steps.range.from_ms);
    let resolution_ms = if length_ms <= BY_MINUTE_MS { MINUTE_MS } else { steps.step_ms };
    let counts = |range, step_ms| Counts { range, step_ms, by: PATTERN_DIMENSIONS.to_vec(), only: Vec::new() };
    let found = app.store.counts(&counts(steps.range, resolution_ms)).await?;
    let now_ms = (app.clock)();
    let settings = &app.page.patterns;
    let recent = match settings.recent(now_ms) {
        Some(range) => app.store.counts(&counts(range, MINUTE_MS)).await?,
        None => Vec::new(),
    };
    Ok(patterns::patterns(&steps, resolution_ms, &found, &recent, settings, now_ms))
}

async fn channels(app: App, _: NoQuery) -> Result<Channels, ApiError> {
    let now_ms = (app.clock)();
    let past = Range { from_ms: now_ms.saturating_sub(PAST_MS), to_ms: now_ms.saturating_add(HOUR_MS) };
    let history = app.store.history(past, MAX_PAST).await?;
    let range = answers::minutes(Range { from_ms: now_ms.saturating_sub(HOUR_MS), to_ms: now_ms.saturating_add(1) });
    let counts = Counts {
        range,
        step_ms: range.to_ms.saturating_sub(range.from_ms),
        by: QUALITY_DIMENSIONS.to_vec(),
        only: vec![(Dimension::Kind, Kind::Status.name().to_owned())],
    };
    let counts = app.store.counts(&counts).await?;
    Ok(Channels::new(&history, &counts, now_ms))
}

async fn history(app: App, asked: When) -> Result<History, ApiError> {
    let range = ask::range(&app, asked.from_ms, asked.to_ms, 24 * HOUR_MS, MAX_RANGE_MS)?;
    let events = app.store.history(range, 1_000).await?;
    Ok(History { events: events.into_iter().map(Record).collect() })
}

/// How fresh the answers are.
#[derive(Clone, Debug, Serialize, JsonSchema)]
struct Freshness {
    /// How far the newest event is behind the clock, in milliseconds; null if there is none.
    lag_ms: Option<u64>,
    /// What the store takes up on disk, in bytes.
    disk_bytes: u64,
}

async fn freshness(app: App, _: NoQuery) -> Result<Freshness, ApiError> {
    let health = app.store.health().await?;
    let lag_ms = (health.newest_ms > 0).then(|| (app.clock)().saturating_sub(health.newest_ms));
    Ok(Freshness { lag_ms, disk_bytes: health.disk_bytes })
}
