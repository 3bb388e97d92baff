//! Attributes of the response.

use super::{Value, bytes};
use crate::abi::Headers;
use crate::vm::StreamContext;

pub(super) fn get<'a>(stream: &'a StreamContext, name: &[u8]) -> Option<Value<'a>> {
    let info = &stream.info;
    let headers = stream.response.headers.get();
    let trailers = stream.response.trailers.get();
    match name {
        b"code" => info.response_code.map(|code| Value::Signed(code.into())),
        // A client that leaves early is a reason without a code.
        b"code_details" => {
            let is_known = info.response_code.is_some() || !info.response_code_details.is_empty();
            is_known.then(|| Value::text(&info.response_code_details))
        }
        b"flags" => Some(Value::count(info.response_flags)),
        b"grpc_status" => grpc_status(headers, trailers, info.response_code).map(Value::Signed),
        b"size" => Some(Value::count(info.response_size)),
        b"total_size" => Some(Value::count(info.response_size + bytes(headers) + bytes(trailers))),
        b"headers" => Some(Value::Map(headers)),
        b"headers_bytes" => Some(Value::count(bytes(headers))),
        b"trailers" => Some(Value::Map(trailers)),
        b"backend_latency" => info.backend_latency.map(Value::Time),
        _ => None,
    }
}

/// What the trailers say, else what the headers say, else what gRPC makes of the HTTP status.
fn grpc_status(headers: Option<&Headers>, trailers: Option<&Headers>, code: Option<u16>) -> Option<i64> {
    let said = |map: Option<&Headers>| map?.get_str("grpc-status").map(|status| status.parse().unwrap_or(-1));
    said(trailers).or_else(|| said(headers)).or_else(|| code.map(of_http_status))
}

fn of_http_status(code: u16) -> i64 {
    match code {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}
