//! One question: its path, what it takes, what it gives, and who answers it.

use super::ask;
use super::error::ApiError;
use crate::access::Viewer;
use crate::event::Key;
use crate::serve::App;
use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{self, MethodRouter};
use http::{HeaderMap, Uri};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

/// How a type is described.
pub(super) type Describe = fn(&mut SchemaGenerator) -> Schema;

/// What comes out.
#[derive(Clone, Copy)]
pub(super) enum Gives {
    /// JSON of this type.
    Json(Describe),
    /// A table of comma-separated values.
    Csv,
}

/// One question.
pub struct Route {
    /// Below `/api/v1`, with `{key}` where the key of a message stands.
    pub path: &'static str,
    /// In a line.
    pub summary: &'static str,
    /// Its parameters, as the properties of an object.
    pub(super) query: Option<Describe>,
    /// Its body.
    pub(super) body: Option<Describe>,
    /// What comes out.
    pub(super) gives: Gives,
    /// Who answers.
    pub(super) serve: MethodRouter<App>,
}

/// An answer, with what time it is and how fresh the answer is.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Dated")]
pub(super) struct Dated<T> {
    /// What time it is here, in milliseconds since 1970.
    now_ms: u64,
    /// The time of the newest event that is known, at most half a second old itself; 0 if there is none.
    newest_ms: u64,
    /// The answer.
    #[serde(flatten)]
    answer: T,
}

/// How long the time of the newest event is believed, in milliseconds.
const FRESH_MS: u64 = 500;

/// The time of the newest event, asked of the store twice a second at most.
#[derive(Clone, Default)]
struct Newest(Arc<Mutex<Option<(u64, u64)>>>);

impl Newest {
    async fn get(&self, app: &App, now_ms: u64) -> Result<u64, ApiError> {
        let known = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, newest_ms)) = known.filter(|(at_ms, _)| now_ms.abs_diff(*at_ms) < FRESH_MS) {
            return Ok(newest_ms);
        }
        let newest_ms = app.store.health().await?.newest_ms;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now_ms, newest_ms));
        Ok(newest_ms)
    }
}

async fn answer<A>(app: &App, newest: &Newest, asked: impl Future<Output = Result<A, ApiError>>) -> Response
where
    A: Serialize + Send,
{
    let dated = async {
        let answer = asked.await?;
        let now_ms = (app.clock)();
        Ok::<_, ApiError>(Dated { now_ms, newest_ms: newest.get(app, now_ms).await?, answer })
    };
    let dated =
        tokio::time::timeout(app.limits.query_timeout, dated).await.unwrap_or_else(|_| Err(ApiError::too_long()));
    let response = dated.map_or_else(IntoResponse::into_response, |dated| Json(dated).into_response());
    private(response)
}

/// What is answered to one caller is not for another.
pub(super) fn private(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(http::header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    headers.insert(http::header::X_CONTENT_TYPE_OPTIONS, http::HeaderValue::from_static("nosniff"));
    response
}

impl Route {
    /// A question in the query.
    pub(super) fn get<Q, A, F>(path: &'static str, summary: &'static str, ask: fn(App, Q) -> F) -> Self
    where
        Q: DeserializeOwned + JsonSchema + Send + 'static,
        A: Serialize + JsonSchema + Send + 'static,
        F: Future<Output = Result<A, ApiError>> + Send + 'static,
    {
        let newest = Newest::default();
        let serve = routing::get(move |_: Viewer, State(app): State<App>, uri: Uri| async move {
            let asked = async { ask(app.clone(), ask::query(&uri)?).await };
            answer(&app, &newest, asked).await
        });
        Self { path, summary, query: Some(describe::<Q>), body: None, gives: Gives::Json(describe::<Dated<A>>), serve }
    }

    /// A question about one message.
    pub(super) fn of_message<Q, A, F>(path: &'static str, summary: &'static str, ask: fn(App, Key, Q) -> F) -> Self
    where
        Q: DeserializeOwned + JsonSchema + Send + 'static,
        A: Serialize + JsonSchema + Send + 'static,
        F: Future<Output = Result<A, ApiError>> + Send + 'static,
    {
        let newest = Newest::default();
        let serve =
            routing::get(move |_: Viewer, State(app): State<App>, Path(key): Path<String>, uri: Uri| async move {
                let asked = async { ask(app.clone(), ask::key(&key)?, ask::query(&uri)?).await };
                answer(&app, &newest, asked).await
            });
        Self { path, summary, query: Some(describe::<Q>), body: None, gives: Gives::Json(describe::<Dated<A>>), serve }
    }

    /// A question in the body.
    pub(super) fn post<B, A, F>(path: &'static str, summary: &'static str, ask: fn(App, B) -> F) -> Self
    where
        B: DeserializeOwned + JsonSchema + Send + 'static,
        A: Serialize + JsonSchema + Send + 'static,
        F: Future<Output = Result<A, ApiError>> + Send + 'static,
    {
        let newest = Newest::default();
        let serve = routing::post(
            move |_: Viewer, State(app): State<App>, uri: Uri, headers: HeaderMap, body: Body| async move {
                let asked = async {
                    let NoQuery {} = ask::query(&uri)?;
                    ask(app.clone(), ask::json(&headers, body, app.limits.query_body).await?).await
                };
                answer(&app, &newest, asked).await
            },
        );
        Self { path, summary, query: None, body: Some(describe::<B>), gives: Gives::Json(describe::<Dated<A>>), serve }
    }

    /// A question in the query whose answer is a table.
    pub(super) fn csv<Q, F>(path: &'static str, summary: &'static str, ask: fn(App, Q) -> F) -> Self
    where
        Q: DeserializeOwned + JsonSchema + Send + 'static,
        F: Future<Output = Result<Response, ApiError>> + Send + 'static,
    {
        let serve = routing::get(move |_: Viewer, State(app): State<App>, uri: Uri| async move {
            let timeout = app.limits.query_timeout;
            let asked = async { ask(app, ask::query(&uri)?).await };
            let table = tokio::time::timeout(timeout, asked).await.unwrap_or_else(|_| Err(ApiError::too_long()));
            private(table.unwrap_or_else(IntoResponse::into_response))
        });
        Self { path, summary, query: Some(describe::<Q>), body: None, gives: Gives::Csv, serve }
    }
}

/// A question with no parameters.
#[derive(Clone, Copy, Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoQuery {}

fn describe<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}
