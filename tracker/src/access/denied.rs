//! Why somebody may not, as an answer.

use super::Role;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;
use std::time::Duration;
use thiserror::Error;

/// Why somebody may not.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Denied {
    /// Nobody has signed in.
    #[error("nobody is signed in")]
    Unknown,
    /// Nobody has this token.
    #[error("nobody has this token")]
    WrongToken,
    /// A header that names the caller is there twice, or cannot be read.
    #[error("a header that says who is calling is there twice, or cannot be read")]
    Ambiguous,
    /// Too many wrong tokens have come from this address.
    #[error("too many wrong tokens have come from this address")]
    TooMany {
        /// How long to wait.
        wait: Duration,
    },
    /// The proxy knows them, and the config does not.
    #[error("{name} has no role here")]
    NoRole {
        /// Who.
        name: String,
    },
    /// They may not do that.
    #[error("that needs the role {}", .needed.name())]
    Role {
        /// What they would need.
        needed: Role,
    },
    /// A page of somebody else has asked.
    #[error("a page of another origin may change nothing")]
    Foreign,
    /// The page did not carry what it must have read before.
    #[error("the header x-csrf-token is missing, or not that of this session")]
    NoCsrf,
    /// No session can begin.
    #[error("no session can begin at present")]
    NoSession,
}

impl Denied {
    const fn answer(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Unknown => (StatusCode::UNAUTHORIZED, "not_signed_in", "sign in with a token"),
            Self::WrongToken => (StatusCode::UNAUTHORIZED, "wrong_token", "ask whoever runs this tracker for one"),
            Self::Ambiguous => (StatusCode::UNAUTHORIZED, "ambiguous", "the proxy has to set each of them once"),
            Self::TooMany { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", "wait, and try again"),
            Self::NoRole { .. } => (StatusCode::FORBIDDEN, "no_role", "ask whoever runs this tracker for a role"),
            Self::Role { .. } => (StatusCode::FORBIDDEN, "role", "ask somebody who has it"),
            Self::Foreign => (
                StatusCode::FORBIDDEN,
                "foreign_origin",
                "behind a proxy that changes Host, name the page's origin in access.origins",
            ),
            Self::NoCsrf => (StatusCode::FORBIDDEN, "csrf", "read it from GET /api/v1/session, and send it along"),
            Self::NoSession => (StatusCode::SERVICE_UNAVAILABLE, "no_session", "try again"),
        }
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let (status, code, hint) = self.answer();
        let mut response = failure(status, code, &self.to_string(), hint);
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Self::TooMany { wait } = self {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        response
    }
}

/// What is wrong, in the form in which all of the API says so.
pub fn failure(status: StatusCode, code: &str, message: &str, hint: &str) -> Response {
    (status, Json(json!({ "error": { "code": code, "message": message, "hint": hint } }))).into_response()
}
