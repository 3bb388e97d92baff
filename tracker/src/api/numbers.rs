//! How many: over time, in all, and how far they get.

use super::ask::{self, HOUR_MS, MAX_RANGE_MS, given};
use super::error::ApiError;
use super::route::Route;
use super::rows;
use crate::answers::{self, Funnel, SeriesOf, Statistics, Steps, Trend, csv};
use crate::event::Kind;
use crate::serve::App;
use crate::store::{Cohort, Counts, Dimension, MINUTE_MS, Range};
use axum::body::Body;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Deserialize;

/// The points of a curve if nobody says how many.
const USUAL_POINTS: usize = 60;
/// The most points of a curve: the minutes of a day.
const MAX_POINTS: usize = 1_440;

pub(super) fn table() -> Vec<Route> {
    vec![
        Route::get("/trend", "Messages by when they began: success, failed and pending", trend),
        Route::get("/series", "Events over time, by what they say", series),
        Route::get("/statistics", "Events in all, by what they say", statistics),
        Route::csv("/statistics.csv", "The same as a table", statistics_csv),
        Route::get("/funnel", "How far messages get", funnel),
    ]
}

/// When, in how many points, and of which.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AskedTrend {
    /// When messages began, in milliseconds since 1970: not before. Without both, the last points of a minute each.
    from_ms: Option<u64>,
    /// And before this. At most 31 days.
    to_ms: Option<u64>,
    /// How many points at most, up to 1,440; 60 if left out. None is shorter than a minute.
    points: Option<usize>,
    /// The channel.
    channel: Option<String>,
    /// The business.
    business: Option<String>,
}

fn steps(app: &App, from_ms: Option<u64>, to_ms: Option<u64>, points: Option<usize>) -> Result<Steps, ApiError> {
    let points = ask::number("points", points, USUAL_POINTS, MAX_POINTS)?;
    if from_ms.is_none() && to_ms.is_none() {
        return Ok(Steps::last((app.clock)(), points, MINUTE_MS));
    }
    let usual_ms = (points as u64).saturating_mul(MINUTE_MS);
    Ok(Steps::over(ask::range(app, from_ms, to_ms, usual_ms, MAX_RANGE_MS)?, points))
}

async fn cohorts(
    app: &App,
    range: Range,
    step_ms: u64,
    channel: Option<String>,
    business: Option<String>,
) -> Result<Vec<Cohort>, ApiError> {
    let (channel, business) = (given(channel), given(business));
    let mut cohorts = app.store.cohorts(range, step_ms).await?;
    let is = |wanted: &Option<String>, told: &String| wanted.as_ref().is_none_or(|wanted| wanted == told);
    cohorts.retain(|cohort| is(&channel, &cohort.channel) && is(&business, &cohort.business));
    Ok(cohorts)
}

async fn trend(app: App, asked: AskedTrend) -> Result<Trend, ApiError> {
    let steps = steps(&app, asked.from_ms, asked.to_ms, asked.points)?;
    let cohorts = cohorts(&app, steps.range, steps.step_ms, asked.channel, asked.business).await?;
    Ok(answers::trend(&app.lifecycle, &steps, &cohorts))
}

/// When, and of which.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AskedFunnel {
    /// When messages began, in milliseconds since 1970: not before; an hour ago if left out.
    from_ms: Option<u64>,
    /// And before this. At most 31 days.
    to_ms: Option<u64>,
    /// The channel.
    channel: Option<String>,
    /// The business.
    business: Option<String>,
}

async fn funnel(app: App, asked: AskedFunnel) -> Result<Funnel, ApiError> {
    let range = answers::minutes(ask::range(&app, asked.from_ms, asked.to_ms, HOUR_MS, MAX_RANGE_MS)?);
    let step_ms = range.to_ms.saturating_sub(range.from_ms).max(MINUTE_MS);
    let cohorts = cohorts(&app, range, step_ms, asked.channel, asked.business).await?;
    Ok(answers::funnel(&app.lifecycle, &cohorts))
}

/// When, by what and of which events are counted.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AskedCounts {
    /// By what they are told apart: any of `kind`, `node`, `channel`, `status`, `outcome`, `code`, `business` and `text`, with commas
    /// between them. Not at all if left out.
    #[serde(default)]
    by: String,
    /// When they happened, in milliseconds since 1970: not before; an hour ago if left out.
    from_ms: Option<u64>,
    /// And before this. At most 31 days.
    to_ms: Option<u64>,
    /// How many points at most, up to 1,440; 60 if left out. Of statistics without meaning.
    points: Option<usize>,
    /// Of which kind: `status` if left out; `any`, or `alias`, `enter`, `dead_letter`, `span` or `other`.
    kind: Option<String>,
    /// The node.
    node: Option<String>,
    /// The channel.
    channel: Option<String>,
    /// The status.
    status: Option<String>,
    /// The outcome class.
    outcome: Option<String>,
    /// The vendor's code.
    code: Option<String>,
    /// The business.
    business: Option<String>,
    /// The text, as patterns have it.
    text: Option<String>,
}

const DIMENSIONS: [Dimension; 8] = [
    Dimension::Kind,
    Dimension::Node,
    Dimension::Channel,
    Dimension::Status,
    Dimension::Outcome,
    Dimension::Code,
    Dimension::Business,
    Dimension::Text,
];

fn by(text: &str) -> Result<Vec<Dimension>, ApiError> {
    let mut by = Vec::new();
    for wanted in text.split(',').map(str::trim).filter(|wanted| !wanted.is_empty()) {
        let known = DIMENSIONS.into_iter().find(|dimension| answers::dimension_name(*dimension) == wanted);
        let names = DIMENSIONS.map(answers::dimension_name).join(", ");
        let dimension =
            known.ok_or_else(|| ApiError::bad(format!("by has to be some of {names}"), "with commas between them"))?;
        if !by.contains(&dimension) {
            by.push(dimension);
        }
    }
    Ok(by)
}

impl AskedCounts {
    fn counts(&mut self, range: Range, step_ms: u64) -> Result<Counts, ApiError> {
        let by = by(&self.by)?;
        let kind = given(self.kind.take()).unwrap_or_else(|| Kind::Status.name().to_owned());
        let mut only = Vec::new();
        if kind != "any" {
            let counted = Kind::by_name(&kind).filter(|kind| !kind.is_history());
            let hint = "any, status, alias, enter, dead_letter, span or other";
            let kind = counted.ok_or_else(|| ApiError::bad("kind is none that is counted", hint))?;
            only.push((Dimension::Kind, kind.name().to_owned()));
        }
        let asked = [
            (Dimension::Node, &mut self.node),
            (Dimension::Channel, &mut self.channel),
            (Dimension::Status, &mut self.status),
            (Dimension::Outcome, &mut self.outcome),
            (Dimension::Code, &mut self.code),
            (Dimension::Business, &mut self.business),
            (Dimension::Text, &mut self.text),
        ];
        only.extend(asked.into_iter().filter_map(|(dimension, text)| Some((dimension, given(text.take())?))));
        Ok(Counts { range, step_ms, by, only })
    }
}

async fn series(app: App, mut asked: AskedCounts) -> Result<SeriesOf, ApiError> {
    let steps = steps(&app, asked.from_ms, asked.to_ms, asked.points)?;
    let counts = asked.counts(steps.range, steps.step_ms)?;
    let found = app.store.counts(&counts).await?;
    Ok(answers::series(&steps, &counts.by, &found))
}

async fn counted(app: &App, mut asked: AskedCounts) -> Result<(Vec<Dimension>, Statistics), ApiError> {
    let range = answers::minutes(ask::range(app, asked.from_ms, asked.to_ms, HOUR_MS, MAX_RANGE_MS)?);
    let counts = asked.counts(range, range.to_ms.saturating_sub(range.from_ms))?;
    let found = app.store.counts(&counts).await?;
    let statistics = answers::statistics(&counts.by, &found);
    Ok((counts.by, statistics))
}

async fn statistics(app: App, asked: AskedCounts) -> Result<Statistics, ApiError> {
    Ok(counted(&app, asked).await?.1)
}

async fn statistics_csv(app: App, asked: AskedCounts) -> Result<Response, ApiError> {
    let (by, Statistics { rows }) = counted(&app, asked).await?;
    let names: Vec<&str> = by.into_iter().map(answers::dimension_name).collect();
    Ok(rows::table("pointsman-statistics.csv", Body::from(csv::statistics(&names, &rows))))
}
