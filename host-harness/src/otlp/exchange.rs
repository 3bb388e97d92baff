//! One request and its answer, with no socket in sight.

use super::record::Record;
use super::refusal::Refusal;
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsPartialSuccess, ExportLogsServiceResponse};
use prost::Message;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::io::Read as _;

/// The most bytes of one request, before and after it is unpacked; OTLP's own default.
pub const MAX_BODY_BYTES: usize = 64 << 20;

/// How the messages of a request are written, and those of its answer too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Protobuf,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    Logs,
    Traces,
    Metrics,
}

/// What the head of a request says of its body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    path: Path,
    encoding: Encoding,
    is_gzip: bool,
}

/// The records of a request, and the answer to it.
pub fn answer(request: Request<Bytes>) -> (Vec<Record>, Response<Bytes>) {
    let (head, body) = request.into_parts();
    let taken = Form::of(&head).and_then(|form| Ok((form.decode(&body)?, form.success(0))));
    taken.unwrap_or_else(|refusal| (Vec::new(), refusal.response()))
}

impl Form {
    /// Whether the head is that of an export, before a byte of the body is read.
    pub(super) fn of(head: &Parts) -> Result<Self, Refusal> {
        let path = match head.uri.path() {
            "/v1/logs" => Path::Logs,
            "/v1/traces" => Path::Traces,
            "/v1/metrics" => Path::Metrics,
            _ => return Err(Refusal::new(StatusCode::NOT_FOUND, "there are /v1/logs, /v1/traces and /v1/metrics")),
        };
        if head.method != Method::POST {
            return Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "only POST"));
        }
        let encoding = Encoding::of(&head.headers)?;
        let unsupported = |reason: &str| Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason).within(encoding);
        let is_gzip = match value(&head.headers, header::CONTENT_ENCODING).map(str::to_ascii_lowercase).as_deref() {
            None | Some("" | "identity") => false,
            Some("gzip") => true,
            Some(_) => return Err(unsupported("content-encoding is neither gzip nor identity")),
        };
        Ok(Self { path, encoding, is_gzip })
    }

    /// The records of the body.
    pub(super) fn decode(self, body: &[u8]) -> Result<Vec<Record>, Refusal> {
        let unpacked;
        let body = if self.is_gzip {
            unpacked = self.unpack(body)?;
            &unpacked[..]
        } else {
            body
        };
        if body.len() > MAX_BODY_BYTES {
            return Err(self.too_large());
        }
        match self.path {
            Path::Logs => self.read(body).map(Record::of_logs),
            Path::Traces => self.read(body).map(Record::of_traces),
            Path::Metrics => Ok(Vec::new()),
        }
    }

    pub(super) fn too_large(self) -> Refusal {
        let reason = format!("the request has more than {MAX_BODY_BYTES} bytes");
        Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, reason).within(self.encoding)
    }

    /// The answer to a request of which all records are taken but so many.
    pub(super) fn success(self, rejected: usize) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(self.partial_success(rejected)));
        let content_type = HeaderValue::from_static(self.encoding.content_type());
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        response
    }

    /// An empty message unless something was rejected.
    fn partial_success(self, rejected: usize) -> Vec<u8> {
        let (field, reason) = match self.path {
            Path::Logs => ("rejectedLogRecords", "some log records are not wanted"),
            Path::Traces => ("rejectedSpans", "some spans are not wanted"),
            Path::Metrics => ("rejectedDataPoints", ""),
        };
        match (rejected, self.encoding) {
            (0, Encoding::Protobuf) => Vec::new(),
            (0, Encoding::Json) => b"{}".to_vec(),
            // Of all three signals the messages have the same numbers: 1 in the answer, 1 and 2 in what it says.
            (_, Encoding::Protobuf) => {
                let count = i64::try_from(rejected).unwrap_or(i64::MAX);
                let partial = ExportLogsPartialSuccess { rejected_log_records: count, error_message: reason.into() };
                ExportLogsServiceResponse { partial_success: Some(partial) }.encode_to_vec()
            }
            (_, Encoding::Json) => {
                json!({ "partialSuccess": { field: rejected.to_string(), "errorMessage": reason } }).to_string().into()
            }
        }
    }

    /// Stops as soon as there are too many bytes: a small body may unpack to one that fits nowhere.
    fn unpack(self, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        let mut unpacked = Vec::new();
        let mut bounded = MultiGzDecoder::new(body).take(MAX_BODY_BYTES as u64 + 1);
        match bounded.read_to_end(&mut unpacked) {
            Ok(_) => Ok(unpacked),
            Err(error) => Err(self.undecodable(&format!("the body is no gzip: {error}"))),
        }
    }

    fn read<T: Message + Default + DeserializeOwned>(self, body: &[u8]) -> Result<T, Refusal> {
        match self.encoding {
            Encoding::Protobuf => T::decode(body).map_err(|error| self.undecodable(&error.to_string())),
            Encoding::Json => serde_json::from_slice(body).map_err(|error| self.undecodable(&error.to_string())),
        }
    }

    fn undecodable(self, reason: &str) -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, reason).within(self.encoding)
    }
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
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

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}

fn value(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}
