//! Where a value stands in a request or a response: the smallest word of the adapter and config languages.

use crate::json::{InvalidPointer, Pointers};
use serde::Deserialize;
use thiserror::Error;

/// Where a value stands: one place (`header`, `query`, `path`, `form`, `json` or `xml`), and what of the text found there is
/// the value. `json` may stand beside `query` or `form`, whose text is then read as JSON, and `inner` beside `json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a source: an object such as {\"header\": \"x-message-id\"}")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Source", transform = crate::config::wire::schema::one_place))]
pub struct SourceWire {
    /// Name of a header; case does not matter.
    pub header: Option<String>,
    /// Name of a query parameter.
    pub query: Option<String>,
    /// Name of a capture of the path pattern (`{name}`).
    pub path: Option<String>,
    /// Name of a field of a form, urlencoded or multipart.
    pub form: Option<String>,
    /// JSON pointer into the body, or into the text of the form field or query parameter beside it. `*` is every element
    /// of an array and every member of an object; `*#` at the end is the key of each member.
    pub json: Option<String>,
    /// JSON pointer into the text found by `json`, where that is JSON in its turn.
    pub inner: Option<String>,
    /// Path of element names into an XML body, such as `/xml/MsgID`; `*` is every element.
    pub xml: Option<String>,
    /// The whole body as text, whatever it is; only where a hint stands in an answer.
    #[serde(default)]
    pub text: bool,
    /// One character at which a text is split into several values.
    pub split: Option<char>,
    /// Characters that do not belong to the value at its ends.
    pub trim: Option<String>,
    /// The value ends before the first of these texts.
    #[serde(default)]
    pub until: Vec<String>,
    /// The value ends before the last such text.
    pub until_last: Option<String>,
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
    /// A JSON pointer into the text of a query parameter.
    QueryJson(Box<str>, Box<str>),
    /// The capture of this index.
    Path(usize),
    /// A form field.
    Form(Box<str>),
    /// A JSON pointer into the text of a form field.
    FormJson(Box<str>, Box<str>),
    /// A JSON pointer into the body.
    Json(Box<str>),
    /// A JSON pointer into a text of a JSON body.
    JsonJson(Box<str>, Box<str>),
    /// A path of elements of an XML body.
    Xml(Box<str>),
    /// All of the body.
    Text,
}

impl Place {
    /// Whether the value stands in the body.
    pub const fn in_body(&self) -> bool {
        !matches!(self, Self::Header(_) | Self::Query(_) | Self::QueryJson(..) | Self::Path(_))
    }
}

/// What of a text is the value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    split: Option<char>,
    trim: Box<[char]>,
    until: Box<[Box<str>]>,
    until_last: Option<Box<str>>,
}

impl Cut {
    /// The values in `text`. Of a list, empty ones are none.
    pub fn values<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let whole = self.split.is_none().then_some(text);
        let parts = self.split.into_iter().flat_map(move |separator| text.split(separator).map(str::trim));
        whole.into_iter().chain(parts.filter(|part| !part.is_empty())).map(|part| self.value(part))
    }

    fn value<'a>(&self, text: &'a str) -> &'a str {
        let mut value = if self.trim.is_empty() { text } else { text.trim_matches(&*self.trim) };
        for end in &self.until {
            value = value.split_once(&**end).map_or(value, |(before, _)| before);
        }
        match &self.until_last {
            Some(end) => value.rsplit_once(&**end).map_or(value, |(before, _)| before),
            None => value,
        }
    }
}

/// A checked source.
#[derive(Clone, Debug)]
pub struct Source {
    /// Where to look.
    pub place: Place,
    /// What of the text is the value.
    pub cut: Cut,
    /// Whether a header counts at an edge listener.
    pub from_edge: bool,
}

/// What is wrong with a source.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SourceFault {
    /// No place, or two that do not go together.
    #[error(
        "names {found}: name one of header, query, path, form, json and xml, or json together with form, query or inner"
    )]
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
    /// What a text says as a whole is read nowhere else.
    #[error("reads a whole text, which only a retry hint can")]
    TextOutsideHint,
}

impl Source {
    /// Checks `wire` for a request whose path pattern has `captures`.
    pub fn of_request(wire: &SourceWire, captures: &[Box<str>]) -> Result<Self, SourceFault> {
        if wire.text {
            return Err(SourceFault::TextOutsideHint);
        }
        Self::new(wire, place(wire, captures)?)
    }

    fn new(wire: &SourceWire, place: Place) -> Result<Self, SourceFault> {
        if wire.from_edge && !matches!(place, Place::Header(_)) {
            return Err(SourceFault::EdgeWithoutHeader);
        }
        let cut = Cut {
            split: wire.split,
            trim: wire.trim.iter().flat_map(|chars| chars.chars()).collect(),
            until: wire.until.iter().map(|end| end.as_str().into()).collect(),
            until_last: wire.until_last.as_deref().map(Into::into),
        };
        Ok(Self { place, cut, from_edge: wire.from_edge })
    }

    /// Checks `wire` for a response.
    pub fn of_response(wire: &SourceWire) -> Result<Self, SourceFault> {
        if wire.text {
            let named = places(wire);
            let alone = named == NO_PLACE;
            return if alone {
                Self::new(wire, Place::Text)
            } else {
                Err(SourceFault::Places { found: format!("text and {named}") })
            };
        }
        let source = Self::of_request(wire, &[])?;
        match source.place {
            Place::Header(_) | Place::Json(_) | Place::JsonJson(..) => Ok(source),
            _ => Err(SourceFault::NotInResponse),
        }
    }
}

fn place(wire: &SourceWire, captures: &[Box<str>]) -> Result<Place, SourceFault> {
    let SourceWire { header, query, path, form, json, inner, xml, .. } = wire;
    let place = match (header, query, path, form, json, inner, xml) {
        (Some(name), None, None, None, None, None, None) => Place::Header(name.to_ascii_lowercase().into()),
        (None, Some(name), None, None, None, None, None) => Place::Query(name.as_str().into()),
        (None, Some(name), None, None, Some(json), None, None) => {
            Place::QueryJson(name.as_str().into(), checked(json)?)
        }
        (None, None, Some(name), None, None, None, None) => Place::Path(
            captures
                .iter()
                .position(|known| **known == **name)
                .ok_or_else(|| SourceFault::NoCapture { name: name.clone() })?,
        ),
        (None, None, None, Some(name), None, None, None) => Place::Form(name.as_str().into()),
        (None, None, None, Some(name), Some(json), None, None) => Place::FormJson(name.as_str().into(), checked(json)?),
        (None, None, None, None, Some(json), None, None) => Place::Json(checked(json)?),
        (None, None, None, None, Some(json), Some(inner), None) => Place::JsonJson(checked(json)?, checked(inner)?),
        (None, None, None, None, None, None, Some(path)) => Place::Xml(checked(path)?),
        _ => return Err(SourceFault::Places { found: places(wire) }),
    };
    Ok(place)
}

fn checked(pointer: &str) -> Result<Box<str>, SourceFault> {
    Pointers::default()
        .add(pointer)
        .map(|_| pointer.into())
        .map_err(|source| SourceFault::Pointer { pointer: pointer.to_owned(), source })
}

const NO_PLACE: &str = "no place";

fn places(wire: &SourceWire) -> String {
    let named = [
        ("header", &wire.header),
        ("query", &wire.query),
        ("path", &wire.path),
        ("form", &wire.form),
        ("json", &wire.json),
        ("inner", &wire.inner),
        ("xml", &wire.xml),
    ];
    let named: Vec<&str> = named.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| *name).collect();
    if named.is_empty() { NO_PLACE.to_owned() } else { named.join(" and ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(json: &str) -> Result<Source, String> {
        let wire: SourceWire = serde_json::from_str(json).map_err(|error| error.to_string())?;
        Source::of_request(&wire, &["token".into()]).map_err(|fault| fault.to_string())
    }

    fn read(json: &str) -> Result<Place, String> {
        source(json).map(|source| source.place)
    }

    #[test]
    fn a_source_is_one_place_or_json_inside_another() {
        assert_eq!(read(r#"{"header": "Apns-Id"}"#), Ok(Place::Header("apns-id".into())));
        assert_eq!(read(r#"{"path": "token"}"#), Ok(Place::Path(0)));
        assert_eq!(read(r#"{"form": "m", "json": "/a"}"#), Ok(Place::FormJson("m".into(), "/a".into())));
        assert_eq!(read(r#"{"query": "q", "json": "/*"}"#), Ok(Place::QueryJson("q".into(), "/*".into())));
        assert_eq!(read(r#"{"json": "/msg", "inner": "/a/*#"}"#), Ok(Place::JsonJson("/msg".into(), "/a/*#".into())));
        assert_eq!(read(r#"{"xml": "/xml/MsgID"}"#), Ok(Place::Xml("/xml/MsgID".into())));
    }

    #[test]
    fn what_does_not_belong_to_a_value_is_cut_off() {
        let cases: [(&str, &str, &[&str]); 6] = [
            (r#"{"json": "/a"}"#, " x;y ", &[" x;y "]),
            (r#"{"json": "/a", "split": ";"}"#, "x; y;;", &["x", "y"]),
            (r#"{"json": "/a", "trim": "<>"}"#, "<m@example.com>", &["m@example.com"]),
            (r#"{"json": "/a", "until": [".filter", ".recvd"]}"#, "14c5.dfd.filter1.2", &["14c5.dfd"]),
            (r#"{"json": "/a", "until_last": "-"}"#, "NS-2018-1", &["NS-2018"]),
            (r#"{"json": "/a", "split": ","}"#, "", &[]),
        ];
        for (json, text, expected) in cases {
            assert_eq!(source(json).unwrap().cut.values(text).collect::<Vec<_>>(), expected, "{json}");
        }
    }

    #[test]
    fn faults_say_what_to_do() {
        let cases = [
            ("{}", "names no place"),
            (r#"{"header": "a", "query": "b"}"#, "names header and query"),
            (r#"{"form": "a", "inner": "/b"}"#, "names form and inner"),
            (r#"{"path": "user"}"#, "capture `user`"),
            (r#"{"json": "code"}"#, "is not a JSON pointer"),
            (r#"{"json": "/a", "from_edge": true}"#, "only a header"),
            (r#"{"text": true}"#, "only a retry hint"),
            (r#"{"jsn": "/a"}"#, "unknown field `jsn`"),
        ];
        for (json, expected) in cases {
            let fault = read(json).unwrap_err();
            assert!(fault.contains(expected), "{json}: {fault}");
        }
    }
}
