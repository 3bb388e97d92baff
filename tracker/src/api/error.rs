//! Why a question has no answer, as the caller sees it.

use crate::answers::RangeFault;
use crate::store::StoreError;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::RETRY_AFTER;
use schemars::JsonSchema;
use serde::Serialize;

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    status: StatusCode,
    told: Told,
}

/// What is told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Error")]
pub(super) struct Told {
    /// For programs: `bad_request`, `not_found`, `too_large`, `not_json`, `too_much`, `busy`, `too_long`, `failed`.
    code: &'static str,
    /// For people.
    message: String,
    /// What may help.
    hint: String,
}

/// The body of an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ErrorAnswer")]
pub(super) struct Body {
    /// What is told of it.
    error: Told,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { status, told: Told { code, message: message.into(), hint: hint.into() } }
    }

    /// The question is wrong.
    pub fn bad(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message, hint)
    }

    /// There is no such message.
    pub fn not_found() -> Self {
        let hint = "it may be older than what is kept; find?id= takes any id of it";
        Self::new(StatusCode::NOT_FOUND, "not_found", "there is no message of that key", hint)
    }

    /// The body is too long.
    pub fn too_large(most: usize) -> Self {
        let message = format!("the body has more than {most} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message, "ask in several requests")
    }

    /// The body is not announced as JSON.
    pub fn not_json() -> Self {
        let hint = "send it with content-type: application/json";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not_json", "the body has to be JSON", hint)
    }

    /// It would look at too much.
    pub fn too_much(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "too_much", message, hint)
    }

    /// It has taken too long.
    pub fn too_long() -> Self {
        let message = "no answer within the time that a query may take";
        let hint = "ask for a shorter time, or name a channel, a recipient or a message";
        Self::new(StatusCode::GATEWAY_TIMEOUT, "too_long", message, hint)
    }
}

impl From<RangeFault> for ApiError {
    fn from(fault: RangeFault) -> Self {
        match fault {
            RangeFault::Empty => Self::bad(fault.to_string(), "both are milliseconds since 1970"),
            RangeFault::Long { .. } => Self::too_much(fault.to_string(), "ask for a shorter time"),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::TooMuch { narrow, .. } => Self::too_much(error.to_string(), narrow),
            StoreError::TooLong => Self::too_long(),
            // What a disk or a server says of itself may name paths and addresses: it is for the log.
            StoreError::Busy { .. } => {
                let message = "the store takes no questions at present";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message, "try again in a few seconds")
            }
            StoreError::Broken { .. } => {
                let message = "the store could not be read";
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "failed", message, "/readyz and /metrics say more")
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let busy = self.status == StatusCode::SERVICE_UNAVAILABLE;
        let mut response = (self.status, Json(Body { error: self.told })).into_response();
        if busy {
            response.headers_mut().insert(RETRY_AFTER, http::HeaderValue::from_static("2"));
        }
        response
    }
}
