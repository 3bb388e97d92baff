//! What is done around every route: nothing a handler does may end the program, and every answer says what a browser may do.

use super::app::App;
use axum::Json;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// Set unless the handler has said otherwise.
const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// An answer of the server's own, in the form in which the API tells of what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "as in the answer")]
pub struct Failure {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: &'static str,
    pub hint: &'static str,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let Self { status, code, message, hint } = self;
        (status, Json(json!({ "error": { "code": code, "message": message, "hint": hint } }))).into_response()
    }
}

const PANICKED: Failure = Failure {
    status: StatusCode::INTERNAL_SERVER_ERROR,
    code: "internal",
    message: "the program has a fault, and this request has met it",
    hint: "the program's log says where",
};

const TOO_LONG: Failure = Failure {
    status: StatusCode::GATEWAY_TIMEOUT,
    code: "too_long",
    message: "no answer within the time that a query may take",
    hint: "narrow the time range, or ask for one channel",
};

/// There is nothing at that path.
pub(super) const NOT_FOUND: Failure =
    Failure { status: StatusCode::NOT_FOUND, code: "not_found", message: "there is nothing here", hint: "" };

/// There is something, but not for this method.
pub(super) const NOT_ALLOWED: Failure = Failure {
    status: StatusCode::METHOD_NOT_ALLOWED,
    code: "method_not_allowed",
    message: "not with this method",
    hint: "",
};

/// The outermost: what panics is a 500 and takes nothing else with it.
pub(super) async fn all(request: Request, next: Next) -> Response {
    let mut answer = pin!(next.run(request));
    let guarded = poll_fn(|context| {
        let poll = catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context)));
        poll.unwrap_or_else(|_| Poll::Ready(PANICKED.into_response()))
    });
    let mut response = guarded.await;
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// Around queries: bounds their time, and counts them.
pub(super) async fn query(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let answered = tokio::time::timeout(app.limits.query_timeout, next.run(request)).await;
    let response = answered.unwrap_or_else(|_| TOO_LONG.into_response());
    app.metrics.queried(route, response.status(), began.elapsed());
    response
}
