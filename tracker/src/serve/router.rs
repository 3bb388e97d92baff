//! All routes of the program.

use super::app::App;
use super::guard;
use crate::{api, ingest, operations, page};
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{StatusCode, header};
use std::time::Duration;

/// How long whoever scrapes waits for what the store tells of itself: a store that is silent must not hide all that is counted.
const SCRAPE_WAIT: Duration = Duration::from_secs(1);

/// All routes. Below `/api/v1` every query has an end, and a body of a bounded size.
pub fn router(app: App) -> Router {
    let queries = Router::new()
        .merge(api::routes())
        .merge(operations::routes())
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(app.clone(), guard::query))
        .layer(DefaultBodyLimit::max(app.limits.query_body));
    Router::new()
        .nest("/api/v1", queries)
        .merge(ingest::routes())
        .merge(page::routes())
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn(guard::all))
        .with_state(app)
}

async fn not_found() -> Response {
    guard::NOT_FOUND.into_response()
}

async fn not_allowed() -> Response {
    guard::NOT_ALLOWED.into_response()
}

/// Whether it can do its work: it is not about to end, and the store answers.
async fn ready(State(app): State<App>) -> Response {
    if app.state.is_stopping() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n").into_response();
    }
    match tokio::time::timeout(app.limits.query_timeout, app.store.health()).await {
        Ok(Ok(_)) => "ready\n".into_response(),
        Ok(Err(_)) => (StatusCode::SERVICE_UNAVAILABLE, "the store has failed\n").into_response(),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n").into_response(),
    }
}

async fn metrics(State(app): State<App>) -> Response {
    let health = tokio::time::timeout(SCRAPE_WAIT, app.store.health()).await;
    app.metrics.store(health.ok().and_then(Result::ok), (app.clock)());
    let text = app.metrics.text();
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}
