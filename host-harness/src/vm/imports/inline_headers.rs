//! Headers that Envoy keeps in a fixed place ("inline"): adding one that is there already lengthens its value instead of
//! making a second entry.

use crate::abi::{Headers, MapKind};
use std::borrow::Cow;

/// Inline in requests and in responses.
const BOTH: &[&[u8]] = &[
    b"cache-control",
    b"connection",
    b"content-encoding",
    b"content-length",
    b"content-type",
    b"keep-alive",
    b"proxy-connection",
    b"proxy-status",
    b"transfer-encoding",
    b"upgrade",
    b"via",
    b"x-envoy-attempt-count",
    b"x-envoy-decorator-operation",
    b"x-request-id",
];

/// Inline in requests only.
const REQUEST: &[&[u8]] = &[
    b":authority",
    b":method",
    b":path",
    b":protocol",
    b":scheme",
    b"accept",
    b"accept-encoding",
    b"access-control-request-headers",
    b"access-control-request-method",
    b"access-control-request-private-network",
    b"authorization",
    b"expect",
    b"grpc-accept-encoding",
    b"grpc-timeout",
    b"if-match",
    b"if-modified-since",
    b"if-none-match",
    b"if-range",
    b"if-unmodified-since",
    b"origin",
    b"pragma",
    b"referer",
    b"te",
    b"user-agent",
    b"x-client-trace-id",
    b"x-envoy-downstream-service-cluster",
    b"x-envoy-downstream-service-node",
    b"x-envoy-expected-rq-timeout-ms",
    b"x-envoy-external-address",
    b"x-envoy-force-trace",
    b"x-envoy-hedge-on-per-try-timeout",
    b"x-envoy-internal",
    b"x-envoy-ip-tags",
    b"x-envoy-is-timeout-retry",
    b"x-envoy-max-retries",
    b"x-envoy-original-host",
    b"x-envoy-original-path",
    b"x-envoy-original-url",
    b"x-envoy-retriable-header-names",
    b"x-envoy-retriable-status-codes",
    b"x-envoy-retry-grpc-on",
    b"x-envoy-retry-on",
    b"x-envoy-upstream-alt-stat-name",
    b"x-envoy-upstream-rq-per-try-timeout-ms",
    b"x-envoy-upstream-rq-timeout-alt-response",
    b"x-envoy-upstream-rq-timeout-ms",
    b"x-envoy-upstream-stream-duration-ms",
    b"x-forwarded-client-cert",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-port",
    b"x-forwarded-proto",
];

/// Inline in responses only.
const RESPONSE: &[&[u8]] = &[
    b":status",
    b"access-control-allow-credentials",
    b"access-control-allow-headers",
    b"access-control-allow-methods",
    b"access-control-allow-origin",
    b"access-control-allow-private-network",
    b"access-control-expose-headers",
    b"access-control-max-age",
    b"age",
    b"date",
    b"etag",
    b"expires",
    b"grpc-message",
    b"grpc-status",
    b"last-modified",
    b"location",
    b"server",
    b"vary",
    b"x-envoy-degraded",
    b"x-envoy-immediate-health-check-fail",
    b"x-envoy-ratelimited",
    b"x-envoy-upstream-canary",
    b"x-envoy-upstream-healthchecked-cluster",
    b"x-envoy-upstream-service-time",
];

/// Inline in the trailers of responses.
const RESPONSE_TRAILERS: &[&[u8]] = &[b"grpc-message", b"grpc-status"];

fn is_inline(map: MapKind, name: &[u8]) -> bool {
    let lists: [&[&[u8]]; 2] = match map {
        MapKind::RequestHeaders => [BOTH, REQUEST],
        MapKind::ResponseHeaders => [BOTH, RESPONSE],
        MapKind::ResponseTrailers => [RESPONSE_TRAILERS, &[]],
        _ => return false,
    };
    lists.iter().any(|list| list.binary_search(&name).is_ok())
}

/// A name as its map has it: in lower case, and a request's `host` is its authority.
pub(super) fn known_as(map: MapKind, name: &[u8]) -> Cow<'_, [u8]> {
    if map == MapKind::RequestHeaders && name.eq_ignore_ascii_case(b"host") {
        return Cow::Borrowed(b":authority");
    }
    if name.iter().any(u8::is_ascii_uppercase) { Cow::Owned(name.to_ascii_lowercase()) } else { Cow::Borrowed(name) }
}

/// Adds a header as Envoy does: a second value of an inline one is joined to the first by a comma.
pub(super) fn append(headers: &mut Headers, map: MapKind, name: &[u8], value: &[u8]) {
    let name = known_as(map, name);
    let first = if is_inline(map, &name) { headers.get(&name) } else { None };
    match first {
        None => headers.push(&name, value),
        Some(_) if value.is_empty() => {}
        Some(first) => {
            let joined = if first.is_empty() { value.to_vec() } else { [first, b",", value].concat() };
            headers.set(&name, joined);
        }
    }
}

/// A map of its own from the pairs that a guest sent.
pub(super) fn collect(map: MapKind, pairs: &Headers) -> Headers {
    let mut headers = Headers::with_capacity(pairs.len(), pairs.byte_size());
    for (name, value) in pairs.iter() {
        append(&mut headers, map, name, value);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::{BOTH, REQUEST, RESPONSE, RESPONSE_TRAILERS};

    #[test]
    fn the_lists_are_sorted_for_the_search() {
        for list in [BOTH, REQUEST, RESPONSE, RESPONSE_TRAILERS] {
            assert!(list.is_sorted());
        }
    }
}
