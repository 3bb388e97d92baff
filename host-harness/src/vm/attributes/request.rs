//! Attributes of the request. What stands in its headers is there as long as the headers are.

use super::{Value, bytes};
use crate::abi::Headers;
use crate::vm::StreamContext;
use std::borrow::Cow;

pub(super) fn get<'a>(stream: &'a StreamContext, name: &[u8]) -> Option<Value<'a>> {
    let info = &stream.info;
    let headers = stream.request.headers.get();
    match name {
        b"time" => Some(Value::Time(info.start)),
        b"duration" => info.duration.map(Value::Time),
        b"protocol" => Some(info.protocol).filter(|protocol| !protocol.is_empty()).map(Value::text),
        b"size" => size(headers, info.request_size),
        b"total_size" => Some(Value::count(info.request_size + bytes(headers))),
        b"headers" => Some(Value::Map(headers)),
        b"headers_bytes" => Some(Value::count(bytes(headers))),
        _ => in_headers(headers?, name),
    }
}

/// What the request announces, or what has come where it announces nothing.
fn size(headers: Option<&Headers>, received: u64) -> Option<Value<'static>> {
    match headers.and_then(|headers| headers.get("content-length")) {
        Some(length) => std::str::from_utf8(length).ok()?.trim().parse().ok().map(Value::Signed),
        None => Some(Value::count(received)),
    }
}

fn in_headers<'a>(headers: &'a Headers, name: &[u8]) -> Option<Value<'a>> {
    let text = |name: &str| headers.get(name).map(|value| Value::Text(Cow::Borrowed(value)));
    match name {
        b"path" => text(":path"),
        b"host" => text(":authority"),
        b"scheme" => text(":scheme"),
        b"method" => text(":method"),
        b"referer" => text("referer"),
        b"useragent" => text("user-agent"),
        b"id" => text("x-request-id"),
        b"url_path" => Some(Value::Text(Cow::Borrowed(parts(headers).0))),
        b"query" => Some(Value::Text(Cow::Borrowed(parts(headers).1))),
        _ => None,
    }
}

/// The path without its query, and the query without what follows `#`.
fn parts(headers: &Headers) -> (&[u8], &[u8]) {
    let path = headers.get(":path").unwrap_or_default();
    let (path, query) = halves(path, b'?');
    (path, halves(query, b'#').0)
}

fn halves(text: &[u8], at: u8) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| *byte == at).unwrap_or(text.len());
    (text.get(..end).unwrap_or_default(), text.get(end + 1..).unwrap_or_default())
}
