//! A request's body as JSON, no longer than it need be.

use super::failure;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

/// A body that is JSON, and says so: a form of another page cannot. How long it may be is for the router to say.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
            return Err(failure(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media_type",
                "the body must be JSON, and the header content-type must say so",
                "content-type: application/json",
            ));
        }
        let bytes = Bytes::from_request(request, state).await.map_err(|refused| match refused.status() {
            status @ StatusCode::PAYLOAD_TOO_LARGE => failure(status, "too_large", "the body is too long", ""),
            _ => refused.into_response(),
        })?;
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let body = serde_path_to_error::deserialize(&mut json).map_err(|error| error.to_string());
        let body = body.and_then(|body| json.end().map(|()| Self(body)).map_err(|error| error.to_string()));
        body.map_err(|what| failure(StatusCode::BAD_REQUEST, "bad_body", &what, ""))
    }
}
