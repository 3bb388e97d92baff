//! A request as a stand-in received it.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Uri, Version};
use serde_json::Value;

/// One request, whole.
#[derive(Debug, Clone)]
pub struct Received {
    /// The method.
    pub method: Method,
    /// The target: path and query, in HTTP/2 with scheme and authority.
    pub uri: Uri,
    /// The protocol of the connection.
    pub version: Version,
    /// The headers; names in lower case, a repeated header keeps all its values.
    pub headers: HeaderMap,
    /// The body, with transfer encoding undone.
    pub body: Bytes,
    /// The trailers, if there were any.
    pub trailers: Option<HeaderMap>,
}

impl Received {
    pub(crate) fn new(head: Parts, body: Bytes, trailers: Option<HeaderMap>) -> Self {
        Self { method: head.method, uri: head.uri, version: head.version, headers: head.headers, body, trailers }
    }

    /// The header lines: each with its name in lower case and the bytes of its value.
    pub fn header_lines(&self) -> Vec<(String, Vec<u8>)> {
        lines(&self.headers)
    }

    /// The first value of a header as text; `None` if it is missing or not visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Every value of a header, as bytes.
    pub fn header_values(&self, name: &str) -> Vec<&[u8]> {
        let values = self.headers.get_all(name).iter();
        values.map(http::HeaderValue::as_bytes).collect()
    }

    /// The path without the query.
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The first value of a query parameter, percent-decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        pick(self.uri.query()?.as_bytes(), name)
    }

    /// The first value of a form field in the body, percent-decoded.
    pub fn form(&self, name: &str) -> Option<String> {
        pick(&self.body, name)
    }

    /// The body as JSON; `None` if it is not JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// Whether it carries a credential other than `own`, the value of its `authorization` header: another header or a
    /// parameter that is made for one.
    pub(super) fn has_foreign_credential(&self, own: &str) -> bool {
        let in_headers = self.headers.iter().any(|(name, value)| match name.as_str() {
            "authorization" => value.as_bytes() != own.as_bytes(),
            "cookie" | "proxy-authorization" => true,
            name => is_secret(name),
        });
        let query = self.uri.query().unwrap_or_default();
        in_headers || form_urlencoded::parse(query.as_bytes()).any(|(name, _)| is_secret(&name))
    }

    /// Bytes of memory that keeping this request takes, roughly.
    pub(super) fn size(&self) -> usize {
        let headers = self.headers.iter();
        let headers: usize = headers.map(|(name, value)| name.as_str().len() + value.len()).sum();
        headers + self.body.len()
    }
}

/// Whether a header or a parameter of this name is made for a credential.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["token", "secret", "api-key", "apikey", "api_key", "signature"].iter().any(|part| name.contains(part))
}

pub(super) fn lines(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let lines = headers.iter();
    lines.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

fn pick(encoded: &[u8], name: &str) -> Option<String> {
    let (_, value) = form_urlencoded::parse(encoded).find(|(key, _)| key == name)?;
    Some(value.into_owned())
}
