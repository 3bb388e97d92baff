//! Between hyper's header maps and a filter's: pseudo-headers come and go, hop-by-hop headers end here.

mod unroutable;

pub(super) use unroutable::Unroutable;

use super::frames::FrameReader;
use crate::abi::Headers;
use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Uri, Version};
use hyper::body::Body as _;

/// What concerns one connection only. `te` has its own rule.
const HOP_BY_HOP: [HeaderName; 4] =
    [header::CONNECTION, header::TRANSFER_ENCODING, header::UPGRADE, HeaderName::from_static("keep-alive")];
const UNNAMED_HOP_BY_HOP: [&str; 2] = ["http2-settings", "proxy-connection"];
pub(super) const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// What only Envoys behind this one would be asked for, without `x-envoy-`. Envoy takes them from clients that it does not know;
/// and retries below a filter would turn one push into two.
const ENVOYS_OWN: [&str; 17] = [
    "decorator-operation",
    "downstream-service-cluster",
    "downstream-service-node",
    "expected-rq-timeout-ms",
    "force-trace",
    "hedge-on-per-try-timeout",
    "internal",
    "ip-tags",
    "max-retries",
    "original-url",
    "retriable-header-names",
    "retriable-status-codes",
    "retry-grpc-on",
    "retry-on",
    "upstream-alt-stat-name",
    "upstream-rq-per-try-timeout-ms",
    "upstream-rq-timeout-alt-response",
];

fn is_envoys_own(name: &HeaderName) -> bool {
    name.as_str().strip_prefix("x-envoy-").is_some_and(|name| ENVOYS_OWN.contains(&name))
}

fn is_hop_by_hop(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(name) || UNNAMED_HOP_BY_HOP.contains(&name.as_str())
}

/// The headers of a client's request as a filter sees them. Both the URI and `host` may name the authority.
pub(super) fn of_request(head: &http::request::Parts) -> Headers {
    let authority = authority(head).unwrap_or_default();
    let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    let scheme = head.headers.get(FORWARDED_PROTO).map_or(&b"http"[..], HeaderValue::as_bytes);
    let bytes = size(&head.headers) + path.len() + authority.len() + 80;
    let mut headers = Headers::with_capacity(head.headers.len() + 6, bytes);
    headers.push(":authority", authority);
    headers.push(":path", path);
    headers.push(":method", head.method.as_str());
    headers.push(":scheme", if scheme == b"https" { "https" } else { "http" });
    for (name, value) in &head.headers {
        // Envoy asks the client to go on by itself.
        if is_hop_by_hop(name) || *name == header::HOST || *name == header::EXPECT || is_envoys_own(name) {
            continue;
        }
        if *name != header::TE || value.as_bytes().eq_ignore_ascii_case(b"trailers") {
            headers.push(name.as_str(), value);
        }
    }
    if !head.headers.contains_key(FORWARDED_PROTO) {
        headers.push(FORWARDED_PROTO, "http");
    }
    headers
}

/// Whom a request is for; `None` if it does not say.
pub(super) fn authority(head: &http::request::Parts) -> Option<&[u8]> {
    match head.uri.authority() {
        Some(authority) => Some(authority.as_str().as_bytes()),
        None => head.headers.get(header::HOST).map(HeaderValue::as_bytes),
    }
}

/// The headers of an upstream's response as a filter sees them.
pub(super) fn of_response(head: &http::response::Parts) -> Headers {
    let mut headers = Headers::with_capacity(head.headers.len() + 1, size(&head.headers) + 16);
    headers.push(":status", head.status.as_str());
    for (name, value) in head.headers.iter().filter(|(name, _)| !is_hop_by_hop(name)) {
        headers.push(name.as_str(), value);
    }
    headers
}

/// Trailers as a filter sees them.
pub(super) fn of_trailers(trailers: &HeaderMap) -> Headers {
    trailers.iter().map(|(name, value)| (name.as_str(), value)).collect()
}

fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// Everything but pseudo-headers. All values share one allocation; what HTTP cannot carry is left out.
pub(super) fn to_map(headers: &Headers) -> HeaderMap {
    let mut map = HeaderMap::with_capacity(headers.len());
    let mut values = BytesMut::with_capacity(headers.iter().map(|(_, value)| value.len()).sum());
    for (name, value) in headers.iter().filter(|(name, _)| name.first() != Some(&b':')) {
        values.extend_from_slice(value);
        let value = HeaderValue::from_maybe_shared(values.split().freeze());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), value) {
            map.append(name, value);
        }
    }
    map
}

/// The headers of a response for a client. Envoy keeps the connection to itself, whatever a filter says of it.
pub(super) fn to_client(headers: &Headers) -> HeaderMap {
    let mut map = to_map(headers);
    for name in HOP_BY_HOP.iter().map(HeaderName::as_str).chain(UNNAMED_HOP_BY_HOP) {
        map.remove(name);
    }
    map
}

/// The status of a response, even if it is none of HTTP's; `None` if it is no number.
pub(super) fn status(headers: &Headers) -> Option<u16> {
    headers.get_str(":status")?.parse().ok()
}

/// A request on its way to an upstream, before it is known what is spoken there.
pub(super) struct Outgoing {
    method: Method,
    authority: Bytes,
    path: Bytes,
    headers: HeaderMap,
    body: FrameReader,
}

impl Outgoing {
    /// A request with these headers, pseudo-headers among them.
    ///
    /// # Errors
    /// [`Unroutable`].
    pub(super) fn new(headers: &Headers, body: FrameReader) -> Result<Self, Unroutable> {
        let pseudo = |name| headers.get(name).ok_or(Unroutable::Missing(name));
        let method = Method::from_bytes(pseudo(":method")?).map_err(|_| Unroutable::Malformed)?;
        let path = Some(pseudo(":path")?).filter(|path| !path.is_empty()).ok_or(Unroutable::Malformed)?;
        let path = Bytes::copy_from_slice(path);
        let authority = Bytes::copy_from_slice(pseudo(":authority")?);
        PathAndQuery::from_maybe_shared(path.clone()).map_err(|_| Unroutable::Malformed)?;
        Authority::from_maybe_shared(authority.clone()).map_err(|_| Unroutable::Malformed)?;
        unroutable::check(headers)?;
        Ok(Self { method, authority, path, headers: to_map(headers), body })
    }

    /// Puts a header in the place of all that the request has of this name.
    pub(super) fn overwrite(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    /// As HTTP/1.1 has it: the authority in `host`.
    pub(super) fn http1(mut self) -> Request<FrameReader> {
        if let Ok(host) = HeaderValue::from_maybe_shared(self.authority) {
            self.headers.insert(header::HOST, host);
        }
        let has_usually = [Method::POST, Method::PUT, Method::PATCH].contains(&self.method);
        if has_usually && self.body.is_end_stream() && !self.headers.contains_key(header::CONTENT_LENGTH) {
            self.headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let uri = Uri::from_maybe_shared(self.path).unwrap_or_default();
        request(self.method, uri, Version::HTTP_11, self.headers, self.body)
    }

    /// As HTTP/2 has it: scheme and authority in the URI.
    pub(super) fn http2(self, encrypted: bool) -> Request<FrameReader> {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(if encrypted { Scheme::HTTPS } else { Scheme::HTTP });
        parts.authority = Authority::from_maybe_shared(self.authority).ok();
        parts.path_and_query = PathAndQuery::from_maybe_shared(self.path).ok();
        let uri = Uri::from_parts(parts).unwrap_or_default();
        request(self.method, uri, Version::HTTP_2, self.headers, self.body)
    }
}

fn request(method: Method, uri: Uri, version: Version, headers: HeaderMap, body: FrameReader) -> Request<FrameReader> {
    let mut request = Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.version_mut() = version;
    *request.headers_mut() = headers;
    request
}

/// Undoes [`Outgoing::http1`] and [`Outgoing::http2`].
impl From<Request<FrameReader>> for Outgoing {
    fn from(request: Request<FrameReader>) -> Self {
        let (head, body) = request.into_parts();
        let authority = Bytes::copy_from_slice(authority(&head).unwrap_or_default());
        let path = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let mut headers = head.headers;
        headers.remove(header::HOST);
        Self { method: head.method, authority, path: Bytes::copy_from_slice(path.as_bytes()), headers, body }
    }
}

#[cfg(test)]
mod tests {
    use super::{Outgoing, of_request, status, to_client, to_map};
    use crate::abi::Headers;
    use crate::proxy::frames;
    use http::Request;

    #[test]
    fn hop_by_hop_headers_end_here_and_pseudo_headers_begin() {
        let request = Request::get("/a?b").header("Host", "h").header("connection", "close").header("x", "1").body(());
        let (head, ()) = request.unwrap().into_parts();
        let text = |(name, value): (&[u8], &[u8])| format!("{}={}", name.escape_ascii(), value.escape_ascii());
        let seen: Vec<String> = of_request(&head).iter().map(text).collect();
        assert_eq!(
            seen,
            [":authority=h", ":path=/a?b", ":method=GET", ":scheme=http", "x=1", "x-forwarded-proto=http"]
        );
    }

    #[test]
    fn a_request_that_never_left_can_be_sent_in_the_other_protocol() {
        let headers: Headers = [(":method", "POST"), (":path", "/a?b"), (":authority", "h:1"), ("x", "1"), ("x", "2")]
            .into_iter()
            .collect();
        let outgoing = Outgoing::new(&headers, frames::empty()).unwrap();
        let http1 = outgoing.http1();
        assert_eq!((http1.uri().to_string(), &http1.headers()["host"]), ("/a?b".to_owned(), &"h:1".parse().unwrap()));
        let http2 = Outgoing::from(http1).http2(true);
        assert_eq!(http2.uri(), "https://h:1/a?b");
        assert_eq!(http2.headers().get_all("x").iter().count(), 2);
        assert!(!http2.headers().contains_key("host"));
        assert_eq!(to_map(&headers).len(), 2);
    }
    #[test]
    fn what_http_cannot_carry_is_refused_in_envoys_words() {
        let refusal = |name: &str, value: &str| {
            let mut headers: Headers = [(":method", "GET"), (":path", "/"), (":authority", "h")].into_iter().collect();
            headers.set(name, value);
            Outgoing::new(&headers, frames::empty()).err().map(|refused| (refused.status(), refused.to_string()))
        };
        let refused = |status, text: &str| Some((status, text.to_owned()));
        assert_eq!(refusal("x", "1"), None);
        let missing = Outgoing::new(&Headers::new(), frames::empty()).err().map(|refused| refused.to_string());
        assert_eq!(missing.as_deref(), Some("missing required header: :method"));
        assert_eq!(refusal(":method", "").map(|(status, _)| status), Some(400));
        assert_eq!(refusal("x", "a\r\nb"), refused(503, "invalid header value for: x"));
        assert_eq!(refusal("a b", "1"), refused(503, "invalid header name: a b"));
        assert_eq!(refusal("", "1").map(|(status, _)| status), Some(400));
        assert_eq!(refusal(":path", "a b").map(|(status, _)| status), Some(400));
    }

    #[test]
    fn a_client_is_told_nothing_of_connections_by_a_filter() {
        let headers: Headers = [
            (":status", "007"),
            ("connection", "close"),
            ("transfer-encoding", "chunked"),
            ("keep-alive", "5"),
            ("x", "1"),
        ]
        .into_iter()
        .collect();
        let sent = to_client(&headers);
        assert_eq!((sent.len(), status(&headers)), (1, Some(7)));
        assert_eq!(status(&[(":status", "abc")].into_iter().collect()), None);
    }
}
