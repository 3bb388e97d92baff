//! Why a request is not taken, and how the client hears of it.

use super::exchange::Encoding;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

/// gRPC's `INVALID_ARGUMENT`, which stands in the body of every refusal.
const INVALID_ARGUMENT: i32 = 3;

/// Why a request is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    reason: String,
    /// In which encoding the reason is told; as plain text if the request has none that is known.
    encoding: Option<Encoding>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, reason: impl Into<String>) -> Self {
        Self { status, reason: reason.into(), encoding: None }
    }

    pub(super) fn within(self, encoding: Encoding) -> Self {
        Self { encoding: Some(encoding), ..self }
    }

    pub(super) fn response(&self) -> Response<Bytes> {
        let (content_type, body) = match self.encoding {
            Some(Encoding::Protobuf) => (Encoding::Protobuf.content_type(), self.protobuf()),
            Some(Encoding::Json) => {
                let status = json!({ "code": INVALID_ARGUMENT, "message": self.reason });
                (Encoding::Json.content_type(), status.to_string().into_bytes())
            }
            None => ("text/plain", format!("{}\n", self.reason).into_bytes()),
        };
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = self.status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if self.status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
        }
        response
    }

    /// A `google.rpc.Status`, of which no crate in use has the type: 1 is its code, 2 its message.
    fn protobuf(&self) -> Vec<u8> {
        let mut body = Vec::new();
        prost::encoding::int32::encode(1, &INVALID_ARGUMENT, &mut body);
        prost::encoding::string::encode(2, &self.reason, &mut body);
        body
    }
}
