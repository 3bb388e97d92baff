//! `/v1/logs`, `/v1/traces` and `/v1/metrics`.

use super::Ingest;
use super::answer::{Encoding, Refusal, is_gzip, taken};
use super::decode::{Signal, Times};
use crate::access::TokenHash;
use crate::config::values::format_duration;
use crate::serve::App;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use http::{HeaderMap, StatusCode, header};

/// `/v1/logs` and `/v1/traces`; what comes to `/v1/metrics` is taken and dropped.
pub fn routes() -> Router<App> {
    let route = |signal| post(move |State(app): State<App>, request: Request| export(app, signal, request));
    Router::new()
        .route("/v1/logs", route(Signal::Logs))
        .route("/v1/traces", route(Signal::Traces))
        .route("/v1/metrics", route(Signal::Metrics))
}

async fn export(app: App, signal: Signal, request: Request) -> Response {
    let encoding = Encoding::of(request.headers());
    let response = match &encoding {
        Ok(encoding) => {
            answer(&app, signal, *encoding, request).await.unwrap_or_else(|refusal| refusal.response(Some(*encoding)))
        }
        Err(refusal) => refusal.response(None),
    };
    app.metrics.ingested(signal.name(), response.status());
    response
}

async fn answer(app: &App, signal: Signal, encoding: Encoding, request: Request) -> Result<Response, Refusal> {
    let ingest = &app.ingest;
    ingest.admit(request.headers())?;
    let gzip = is_gzip(request.headers())?;
    let (body, reserved) = ingest.room.clone().read(request.into_body(), gzip, ingest.settings.body_timeout).await?;
    app.metrics.received(body.len());
    let now_ms = (app.clock)();
    let retention_ms = u64::try_from(ingest.retention.as_millis()).unwrap_or(u64::MAX);
    let times = Times { received_ms: now_ms, expired_before_ms: now_ms.saturating_sub(retention_ms) };
    let expired = match signal {
        Signal::Metrics => 0,
        Signal::Logs | Signal::Traces => {
            ingest.take(signal, encoding, (body, reserved), (&app.store, &app.metrics), times).await?
        }
    };
    let why = format!("older than the {} that records are kept for", format_duration(ingest.retention));
    Ok(taken(signal, encoding, expired, &why))
}

impl Ingest {
    /// Whether the sender may send records. All tokens are compared, each to its end.
    fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.settings.tokens.is_empty() {
            return Ok(());
        }
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' '));
        let given = given.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        let hash = TokenHash::of(given.unwrap_or_default());
        let known = self.settings.tokens.iter().fold(false, |known, token| known | token.sha256.is_same(&hash));
        if known && given.is_some() {
            return Ok(());
        }
        Err(Refusal::new(StatusCode::UNAUTHORIZED, "a bearer token of `ingest.tokens` is needed"))
    }
}

impl Signal {
    const fn name(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Traces => "traces",
            Self::Metrics => "metrics",
        }
    }
}
