//! Why a request cannot be put on the wire as a filter has left it.

use crate::abi::Headers;
use http::header::{HeaderName, HeaderValue};

/// No upstream can be asked that. The text is Envoy's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::proxy) enum Unroutable {
    /// A pseudo-header is not there.
    #[error("missing required header: {0}")]
    Missing(&'static str),
    /// A name has characters that no name may have.
    #[error("invalid header name: {0}")]
    Name(String),
    /// A value has characters that no value may have.
    #[error("invalid header value for: {0}")]
    Value(String),
    /// A name is empty.
    #[error("a header has no name")]
    Nameless,
    /// A pseudo-header says what HTTP cannot.
    #[error("the method, the path or the authority is malformed")]
    Malformed,
}

impl Unroutable {
    /// The status of the reply. Envoy sends out what is 400 here, and leaves it to the upstream to refuse it.
    pub(in crate::proxy) const fn status(&self) -> u16 {
        match self {
            Self::Missing(_) | Self::Name(_) | Self::Value(_) => 503,
            Self::Nameless | Self::Malformed => 400,
        }
    }

    /// The body of the reply.
    pub(in crate::proxy) fn body(&self) -> String {
        if self.status() == 503 { self.to_string() } else { String::new() }
    }

    /// `response.code_details`.
    pub(in crate::proxy) fn details(&self) -> String {
        match self {
            Self::Nameless | Self::Malformed => String::from("invalid_request_headers"),
            _ => format!("filter_removed_required_request_headers{{{}}}", self.to_string().replace(' ', "_")),
        }
    }
}

/// Whether HTTP can carry all names and values.
///
/// # Errors
/// [`Unroutable`] of the first that it cannot.
pub(super) fn check(headers: &Headers) -> Result<(), Unroutable> {
    for (name, value) in headers.iter().filter(|(name, _)| name.first() != Some(&b':')) {
        let escaped = || name.escape_ascii().to_string();
        if name.is_empty() {
            return Err(Unroutable::Nameless);
        }
        if HeaderName::from_bytes(name).is_err() {
            return Err(Unroutable::Name(escaped()));
        }
        if HeaderValue::from_bytes(value).is_err() {
            return Err(Unroutable::Value(escaped()));
        }
    }
    Ok(())
}
