//! Operations over HTTP.

use super::entry::Targets;
use super::journal::Step;
use super::{Entry, Foreseen, MAX_SHOWN, OperationError, Operations, Wish};
use crate::access::{JsonBody, Operator, Viewer};
use crate::serve::App;
use crate::store::Range;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::{Deserialize, Serialize};

const MAX_BODY_BYTES: usize = 16 * 1_024;
/// The most of what has happened to rules, channels and drills that is looked at, the latest first. However long ago a filter has
/// said which config it has: it says so when it loads it, and not again.
const MAX_REPORTS: usize = 20_000;

/// `operations`, below `/api/v1`.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/operations", get(list).post(ask))
        .route("/operations/targets", get(targets))
        .route("/operations/preview", post(preview))
        .route("/operations/{id}/approve", post(approve))
        .route("/operations/{id}/reject", post(reject))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

fn operations(app: &App) -> Result<&Operations, OperationError> {
    app.operations.as_deref().ok_or(OperationError::Off)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    limit: Option<usize>,
}

#[derive(Serialize)]
struct Entries {
    entries: Vec<Entry>,
    now_ms: u64,
    /// Whether the filters' records could be looked at; without, nothing is shown as in force.
    reports: bool,
}

async fn list(
    Viewer(_): Viewer,
    State(app): State<App>,
    Query(shown): Query<Shown>,
) -> Result<Json<Entries>, OperationError> {
    let (operations, now_ms) = (operations(&app)?, (app.clock)());
    let range = Range { from_ms: 0, to_ms: now_ms.saturating_add(1) };
    let history = app.store.history(range, MAX_REPORTS).await;
    let reports = history.is_ok();
    let entries = operations.entries(&history.unwrap_or_default(), shown.limit.unwrap_or(50).min(MAX_SHOWN), now_ms);
    Ok(Json(Entries { entries, now_ms, reports }))
}

async fn targets(Operator(caller): Operator, State(app): State<App>) -> Result<Json<Targets>, OperationError> {
    operations(&app)?.targets(caller.person()).await.map(Json)
}

async fn preview(
    Operator(caller): Operator,
    State(app): State<App>,
    JsonBody(wish): JsonBody<Wish>,
) -> Result<Json<Foreseen>, OperationError> {
    operations(&app)?.preview(caller.person(), wish, (app.clock)()).await.map(Json)
}

async fn ask(
    Operator(caller): Operator,
    State(app): State<App>,
    JsonBody(wish): JsonBody<Wish>,
) -> Result<Response, OperationError> {
    let entry = operations(&app)?.ask(caller.person(), wish, (app.clock)()).await?;
    Ok(answer(entry, StatusCode::CREATED))
}

async fn approve(
    Operator(caller): Operator,
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, OperationError> {
    let entry = operations(&app)?.approve(caller.person(), id, (app.clock)()).await?;
    Ok(answer(entry, StatusCode::OK))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    reason: String,
}

async fn reject(
    Operator(caller): Operator,
    State(app): State<App>,
    Path(id): Path<String>,
    JsonBody(refusal): JsonBody<Refusal>,
) -> Result<Response, OperationError> {
    let entry = operations(&app)?.reject(caller.person(), id, refusal.reason, (app.clock)()).await?;
    Ok(answer(entry, StatusCode::OK))
}

/// What waits is accepted, and not done.
fn answer(entry: Entry, done: StatusCode) -> Response {
    let status = if entry.step == Step::Waiting { StatusCode::ACCEPTED } else { done };
    (status, Json(entry)).into_response()
}
