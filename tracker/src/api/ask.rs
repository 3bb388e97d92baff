//! What a question consists of, read strictly: what is not known is refused, and said what is.

use super::error::ApiError;
use crate::answers::asked;
use crate::event::Key;
use crate::serve::App;
use crate::store::{MINUTE_MS, Range};
use axum::body::Body;
use axum::extract::Query;
use http::{HeaderMap, Uri};
use pointsman_core::time::{DurationText, as_millis};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The longest query, in bytes.
const MAX_QUERY: usize = 8_192;
/// The longest id, in bytes: events keep no longer ones.
pub(super) const MAX_ID: usize = 256;
/// An hour in milliseconds.
pub(super) const HOUR_MS: u64 = 60 * MINUTE_MS;
/// The longest time over which can be counted.
pub(super) const MAX_RANGE_MS: u64 = 31 * 24 * HOUR_MS;

/// The parameters of a query. Those that are empty are as if they were not there: a form sends its empty fields too.
pub(super) fn query<Q: DeserializeOwned>(uri: &Uri) -> Result<Q, ApiError> {
    if uri.query().is_some_and(|query| query.len() > MAX_QUERY) {
        return Err(ApiError::bad(format!("the query has more than {MAX_QUERY} bytes"), "POST lookup takes many ids"));
    }
    let told = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).filter(|(_, text)| !text.is_empty());
    let told = form_urlencoded::Serializer::new("/?".to_owned()).extend_pairs(told).finish();
    let fault = |fault: String| ApiError::bad(fault, "openapi.json has every parameter");
    let told: Uri = told.parse().map_err(|_| fault("the query cannot be read".to_owned()))?;
    let Query(asked) = Query::try_from_uri(&told).map_err(|rejected| fault(rejected.body_text()))?;
    Ok(asked)
}

/// A body of JSON, of at most so many bytes.
pub(super) async fn json<B: DeserializeOwned>(headers: &HeaderMap, body: Body, most: usize) -> Result<B, ApiError> {
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        return Err(ApiError::not_json());
    }
    let bytes = axum::body::to_bytes(body, most).await.map_err(|_| ApiError::too_large(most))?;
    let fault = |fault: serde_json::Error| {
        // The text of a fault can hold a piece of the body, and that a recipient.
        let place = format!("the body cannot be read, at line {} column {}", fault.line(), fault.column());
        ApiError::bad(place, "openapi.json says what it has to be")
    };
    serde_json::from_slice(&bytes).map_err(fault)
}

/// A key out of a path.
pub(super) fn key(text: &str) -> Result<Key, ApiError> {
    text.parse().map_err(|_| ApiError::bad("a key has 24 hexadecimal digits", "find?id= takes any other id"))
}

/// A range that may lack either end.
pub(super) fn range(
    app: &App,
    from_ms: Option<u64>,
    to_ms: Option<u64>,
    usual_ms: u64,
    most_ms: u64,
) -> Result<Range, ApiError> {
    Ok(asked((app.clock)(), from_ms, to_ms, usual_ms, most_ms)?)
}

/// A number within bounds.
pub(super) fn number(name: &str, asked: Option<usize>, usual: usize, most: usize) -> Result<usize, ApiError> {
    match asked {
        None => Ok(usual),
        Some(number) if (1..=most).contains(&number) => Ok(number),
        Some(_) => {
            Err(ApiError::bad(format!("{name} has to be from 1 to {most}"), "leave it out to take the usual one"))
        }
    }
}

/// A length of time within bounds, in milliseconds.
pub(super) fn length(
    name: &str,
    asked: Option<&DurationText>,
    usual: Duration,
    most: Duration,
) -> Result<u64, ApiError> {
    let length = asked.map_or(usual, |asked| asked.0);
    if length > most {
        let most = pointsman_core::time::format_duration(most);
        return Err(ApiError::bad(format!("{name} has to be at most {most}"), "leave it out to take the usual one"));
    }
    Ok(as_millis(length))
}

/// A text without the spaces around it, if there is more of it.
pub(super) fn given(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
