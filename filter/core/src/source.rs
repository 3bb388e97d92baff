//! Where a value stands in a request or a response: the smallest word of the adapter and config languages.

use crate::json::{InvalidPointer, Pointers};
use serde::Deserialize;
use thiserror::Error;

/// A source as it is written: exactly one place, or `form` and `json` together for JSON inside a form field.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a source: an object such as {\"header\": \"x-message-id\"}")]
pub struct SourceWire {
    /// Name of a header; case does not matter.
    pub header: Option<String>,
    /// Name of a query parameter.
    pub query: Option<String>,
    /// Name of a capture of the path pattern (`{name}`).
    pub path: Option<String>,
    /// Name of a field of an `application/x-www-form-urlencoded` body.
    pub form: Option<String>,
    /// JSON pointer into the body; `*` is every element of an array.
    pub json: Option<String>,
    /// One character at which a text is split into several values.
    pub split: Option<char>,
    /// Whether a header is believed at an edge listener too.
    #[serde(default)]
    pub from_edge: bool,
}

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The first value of this header, in lower case.
    Header(Box<str>),
    /// A query parameter.
    Query(Box<str>),
    /// The capture of this index.
    Path(usize),
    /// A form field.
    Form(Box<str>),
    /// A JSON pointer into the body.
    Json(Box<str>),
    /// A JSON pointer into the text of a form field.
    FormJson(Box<str>, Box<str>),
}

/// A checked source.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where to look.
    pub place: Place,
    /// Where to split what is found.
    pub split: Option<char>,
    /// Whether a header counts at an edge listener.
    pub from_edge: bool,
}

/// What is wrong with a source.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SourceFault {
    /// No place, or two that do not go together.
    #[error("names {found}: name one of header, query, path, form, json, or form and json together")]
    Places {
        /// The places named, for the message.
        found: String,
    },
    /// The path pattern has no such capture.
    #[error("names the path capture `{name}`, which the path pattern does not have")]
    NoCapture {
        /// The name that is missing.
        name: String,
    },
    /// Not RFC 6901.
    #[error("{pointer:?} {source}")]
    Pointer {
        /// The text given.
        pointer: String,
        /// What is wrong with it.
        source: InvalidPointer,
    },
    /// Only headers can be forged at the edge without the service seeing it.
    #[error("says from_edge, which only a header can")]
    EdgeWithoutHeader,
    /// A response has headers and a body.
    #[error("reads a response, which has only header and json")]
    NotInResponse,
}

impl Source {
    /// Checks `wire` for a request whose path pattern has `captures`.
    pub fn of_request(wire: &SourceWire, captures: &[Box<str>]) -> Result<Self, SourceFault> {
        let place = match (&wire.header, &wire.query, &wire.path, &wire.form, &wire.json) {
            (Some(name), None, None, None, None) => Place::Header(name.to_ascii_lowercase().into()),
            (None, Some(name), None, None, None) => Place::Query(name.as_str().into()),
            (None, None, Some(name), None, None) => Place::Path(
                captures
                    .iter()
                    .position(|known| **known == **name)
                    .ok_or_else(|| SourceFault::NoCapture { name: name.clone() })?,
            ),
            (None, None, None, Some(name), None) => Place::Form(name.as_str().into()),
            (None, None, None, None, Some(pointer)) => Place::Json(checked(pointer)?),
            (None, None, None, Some(name), Some(pointer)) => Place::FormJson(name.as_str().into(), checked(pointer)?),
            _ => return Err(SourceFault::Places { found: places(wire) }),
        };
        if wire.from_edge && !matches!(place, Place::Header(_)) {
            return Err(SourceFault::EdgeWithoutHeader);
        }
        Ok(Self { place, split: wire.split, from_edge: wire.from_edge })
    }

    /// Checks `wire` for a response.
    pub fn of_response(wire: &SourceWire) -> Result<Self, SourceFault> {
        let source = Self::of_request(wire, &[])?;
        match source.place {
            Place::Header(_) | Place::Json(_) => Ok(source),
            _ => Err(SourceFault::NotInResponse),
        }
    }

    /// Whether the value stands in the body.
    pub const fn in_body(&self) -> bool {
        matches!(self.place, Place::Form(_) | Place::Json(_) | Place::FormJson(..))
    }
}

fn checked(pointer: &str) -> Result<Box<str>, SourceFault> {
    Pointers::default()
        .add(pointer)
        .map(|_| pointer.into())
        .map_err(|source| SourceFault::Pointer { pointer: pointer.to_owned(), source })
}

fn places(wire: &SourceWire) -> String {
    let named = [
        ("header", &wire.header),
        ("query", &wire.query),
        ("path", &wire.path),
        ("form", &wire.form),
        ("json", &wire.json),
    ];
    let named: Vec<&str> = named.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| *name).collect();
    if named.is_empty() { "no place".to_owned() } else { named.join(" and ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Place, String> {
        let wire: SourceWire = serde_json::from_str(json).map_err(|error| error.to_string())?;
        Source::of_request(&wire, &["token".into()]).map(|source| source.place).map_err(|fault| fault.to_string())
    }

    #[test]
    fn a_source_is_one_place_or_json_inside_a_form_field() {
        assert_eq!(read(r#"{"header": "Apns-Id"}"#), Ok(Place::Header("apns-id".into())));
        assert_eq!(read(r#"{"path": "token"}"#), Ok(Place::Path(0)));
        assert_eq!(read(r#"{"form": "m", "json": "/a"}"#), Ok(Place::FormJson("m".into(), "/a".into())));
    }

    #[test]
    fn faults_say_what_to_do() {
        let cases = [
            ("{}", "names no place"),
            (r#"{"header": "a", "query": "b"}"#, "names header and query"),
            (r#"{"path": "user"}"#, "capture `user`"),
            (r#"{"json": "code"}"#, "is not a JSON pointer"),
            (r#"{"json": "/a", "from_edge": true}"#, "only a header"),
            (r#"{"jsn": "/a"}"#, "unknown field `jsn`"),
        ];
        for (json, expected) in cases {
            let fault = read(json).unwrap_err();
            assert!(fault.contains(expected), "{json}: {fault}");
        }
    }
}
