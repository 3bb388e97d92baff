//! What a sender is told, in the encoding in which it has asked.

use super::decode::Signal;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use prost::encoding::{int32, int64, string};
use serde_json::json;
use std::time::Duration;

/// How the messages of a request are written, and those of its answer too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let content_type = value(headers, header::CONTENT_TYPE).unwrap_or_default();
        let name = content_type.split(';').next().unwrap_or_default().trim();
        [Self::Protobuf, Self::Json]
            .into_iter()
            .find(|known| known.content_type().eq_ignore_ascii_case(name))
            .ok_or_else(|| {
                let reason = "content-type is neither application/x-protobuf nor application/json";
                Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason)
            })
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

/// Whether the body is packed.
pub(super) fn is_gzip(headers: &HeaderMap) -> Result<bool, Refusal> {
    match value(headers, header::CONTENT_ENCODING).map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "identity") => Ok(false),
        Some("gzip") => Ok(true),
        Some(_) => {
            let reason = "content-encoding is neither gzip nor identity";
            Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason))
        }
    }
}

/// A header that is there and cannot be read is not as if it were absent.
fn value(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"))
}

/// All records were taken, but for so many, of which it is said why.
pub(super) fn taken(signal: Signal, encoding: Encoding, rejected: usize, why: &str) -> Response {
    let count = i64::try_from(rejected).unwrap_or(i64::MAX);
    let field = match signal {
        Signal::Logs => "rejectedLogRecords",
        Signal::Traces => "rejectedSpans",
        Signal::Metrics => "rejectedDataPoints",
    };
    let body = match (encoding, rejected) {
        (Encoding::Protobuf, 0) => Vec::new(),
        (Encoding::Json, 0) => b"{}".to_vec(),
        (Encoding::Protobuf, _) => {
            // Of all three signals the messages have the same numbers: 1 in the answer, 1 and 2 in what it says.
            let (mut partial, mut body) = (Vec::new(), Vec::new());
            int64::encode(1, &count, &mut partial);
            string::encode(2, &why.to_owned(), &mut partial);
            prost::encoding::bytes::encode(1, &partial, &mut body);
            body
        }
        (Encoding::Json, _) => {
            json!({ "partialSuccess": { field: count.to_string(), "errorMessage": why } }).to_string().into_bytes()
        }
    };
    response(StatusCode::OK, encoding.content_type(), body)
}

fn response(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Why a request is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    reason: String,
    retry_after: Option<Duration>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), retry_after: None }
    }

    /// It may be sent again after so long.
    pub(super) fn later(status: StatusCode, reason: impl Into<String>, after: Duration) -> Self {
        Self { retry_after: Some(after), ..Self::new(status, reason) }
    }

    /// As a `google.rpc.Status`; as plain text if the request has no encoding that is known.
    pub(super) fn response(&self, encoding: Option<Encoding>) -> Response {
        let code = self.code();
        let (content_type, body) = match encoding {
            Some(Encoding::Protobuf) => {
                let mut body = Vec::new();
                int32::encode(1, &code, &mut body);
                string::encode(2, &self.reason, &mut body);
                (Encoding::Protobuf.content_type(), body)
            }
            Some(Encoding::Json) => {
                let status = json!({ "code": code, "message": self.reason });
                (Encoding::Json.content_type(), status.to_string().into_bytes())
            }
            None => ("text/plain; charset=utf-8", format!("{}\n", self.reason).into_bytes()),
        };
        let mut response = response(self.status, content_type, body);
        if let Some(after) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    /// gRPC's number for it.
    fn code(&self) -> i32 {
        match self.status {
            StatusCode::UNAUTHORIZED => 16,
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::TOO_MANY_REQUESTS => 8,
            StatusCode::REQUEST_TIMEOUT => 4,
            StatusCode::SERVICE_UNAVAILABLE => 14,
            _ => 3,
        }
    }
}
