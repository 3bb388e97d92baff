//! The request by which a vendor is asked to send a message that was written for another.

use super::encode::{fields, fits_header, percent, plain};
use super::shape::{Known, Shape};
use super::template::Template;
use super::{Canonical, ComposeFault, Faults, MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_PATH_BYTES};
use crate::adapter::{Adapter, ContentType, RecipientKind};
use serde_json::Value;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;

/// Placeholders of a composed request, beside `params.NAME`.
const NAMES: [&str; 11] = [
    "recipient",
    "title",
    "body",
    "text",
    "template",
    "parameters",
    "data",
    "message_id",
    "business",
    "origin",
    "null",
];

/// A request to be sent. It is content: it is sent and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Method.
    pub method: String,
    /// Path with its query.
    pub path: String,
    /// Headers, `content-type` among them, with names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("method", &self.method)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Why a message cannot be given to a vendor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotCompose {
    /// The message has no such value, or the channel no such parameter.
    #[error("there is no {0}")]
    Missing(Box<str>),
    /// The target needs text, and the message names a template.
    #[error("the text of the message's template is not told: list it in `texts`")]
    NoText,
    /// The text of the template asks for more than the message has.
    #[error("the message has no parameter {0} for the text of its template")]
    Parameter(Box<str>),
    /// No phone number, or no address.
    #[error("the recipient is not of the kind that the channel reaches")]
    Recipient,
    /// A segment of the path would be empty or lead elsewhere.
    #[error("a value cannot stand in the path")]
    Path,
    /// A value cannot stand in a header.
    #[error("a value cannot stand in the header {0}")]
    Header(Box<str>),
    /// Beyond the bounds.
    #[error("the request would be too long")]
    TooLong,
}

impl CannotCompose {
    /// The word by which cases tell them apart.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing_value",
            Self::NoText => "no_text",
            Self::Parameter(_) => "missing_parameter",
            Self::Recipient => "recipient_kind",
            Self::Path => "path",
            Self::Header(_) => "header",
            Self::TooLong => "too_long",
        }
    }

    /// Whether an optional member is left out for it.
    const fn is_lack(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::NoText)
    }
}

/// Composes requests to one channel.
#[derive(Clone, Debug)]
pub struct Composer {
    method: Box<str>,
    path: Template,
    content_type: ContentType,
    body: Shape,
    headers: Vec<(Box<str>, Template)>,
    recipient_kind: Option<RecipientKind>,
}

impl Composer {
    /// The composer of a channel with this adapter, whose requests go to `path` if it names one.
    ///
    /// # Errors
    /// Every fault, with its path below the adapter, or below the channel if that is `path`.
    pub fn new(adapter: &Adapter, path: Option<&str>) -> Result<Self, Faults> {
        let Some(wire) = &adapter.compose else {
            return Err(vec![("compose".to_owned(), ComposeFault::NotComposed)]);
        };
        let mut faults = Faults::new();
        let known = Known { names: &NAMES, params: true };
        let at = if path.is_some() { "path" } else { "compose.path" };
        let written = path.unwrap_or(&wire.path);
        let template = known.template(written, at, &mut faults);
        if !is_path(written) {
            faults.push((at.to_owned(), ComposeFault::Path(written.to_owned())));
        }
        let is_method = !wire.method.is_empty() && wire.method.bytes().all(|byte| byte.is_ascii_uppercase());
        if !is_method {
            faults.push(("compose.method".to_owned(), ComposeFault::Method(wire.method.clone())));
        }
        let mut headers = Vec::new();
        for (name, value) in &wire.headers {
            let at = format!("compose.headers.{name}");
            if !is_header(name) {
                faults.push((at.clone(), ComposeFault::Header(name.clone())));
            } else if adapter.secret_headers().any(|secret| secret == *name) {
                faults.push((at.clone(), ComposeFault::Credential(name.clone())));
            }
            headers.extend(known.template(value, &at, &mut faults).map(|value| (name.as_str().into(), value)));
        }
        let body = Shape::object(&wire.body, known, "compose.body", &mut faults);
        match template {
            Some(path) if faults.is_empty() => Ok(Self {
                method: wire.method.as_str().into(),
                path,
                content_type: wire.content_type,
                body,
                headers,
                recipient_kind: wire.recipient_kind,
            }),
            _ => Err(faults),
        }
    }

    /// The method, and a path as a request may have it, with something in place of each placeholder.
    pub fn example(&self) -> (&str, String) {
        let path = self.path.text(&mut |_| Ok::<_, Infallible>("x".to_owned()));
        (&self.method, path.unwrap_or_default())
    }

    /// The names of the channel's `params` that are asked for, and whether each can be left out.
    pub fn params(&self) -> BTreeMap<&str, bool> {
        let of_head = self.path.names().chain(self.headers.iter().flat_map(|(_, value)| value.names()));
        let all = of_head.map(|name| (name, false)).chain(self.body.names());
        let mut params = BTreeMap::new();
        for (name, optional) in all.filter_map(|(name, optional)| Some((name.strip_prefix("params.")?, optional))) {
            params.entry(name).and_modify(|known| *known &= optional).or_insert(optional);
        }
        params
    }

    /// Composes the request for `message`. `texts` are the texts of templates by their ids.
    ///
    /// # Errors
    /// The message lacks what the vendor needs, or does not fit.
    pub fn compose(
        &self,
        message: &Canonical,
        params: &BTreeMap<String, String>,
        texts: &BTreeMap<String, String>,
    ) -> Result<Outgoing, CannotCompose> {
        let source = Source { message, params, texts };
        if !self.reaches(message) {
            return Err(CannotCompose::Recipient);
        }
        let path = self.path.text(&mut |name| source.value(name).map(|value| percent(&plain(value))))?;
        check_path(&path)?;
        let mut headers = vec![("content-type".to_owned(), self.content_type.header().to_owned())];
        for (name, template) in &self.headers {
            let value = template.text(&mut |name| source.value(name).map(plain))?;
            if value.len() > MAX_HEADER_BYTES || !fits_header(&value) {
                return Err(CannotCompose::Header(name.clone()));
            }
            headers.push((name.to_string(), value));
        }
        let body = self.body.fill(&mut |name| source.value(name), CannotCompose::is_lack)?;
        let body = match (self.content_type, body) {
            (ContentType::Form, Value::Object(members)) => fields(members),
            (_, body) => body.to_string(),
        };
        if body.len() > MAX_BODY_BYTES {
            return Err(CannotCompose::TooLong);
        }
        Ok(Outgoing { method: self.method.to_string(), path, headers, body: body.into_bytes() })
    }

    fn reaches(&self, message: &Canonical) -> bool {
        let recipient = message.recipient.expose();
        match self.recipient_kind {
            None => true,
            Some(kind) if kind != message.recipient_kind => false,
            Some(RecipientKind::Token) => true,
            Some(RecipientKind::Email) => recipient.contains('@'),
            Some(RecipientKind::Phone) => recipient
                .strip_prefix('+')
                .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())),
        }
    }
}

/// Whether a template of a path begins a path and has nothing that ends one.
fn is_path(text: &str) -> bool {
    text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
}

/// Whether a composed request may have this header beside those that it has anyway.
fn is_header(name: &str) -> bool {
    let taken = ["host", "content-type", "content-length", "transfer-encoding", "connection", "te", "upgrade"];
    let is_token = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    !name.is_empty() && name.bytes().all(is_token) && !taken.contains(&name) && !name.starts_with("x-envoy-")
}

/// No segment may be empty for want of a value, or lead to another.
fn check_path(path: &str) -> Result<(), CannotCompose> {
    let before_query = path.split_once('?').map_or(path, |(path, _)| path);
    let segments = before_query.strip_prefix('/').unwrap_or_default();
    let leads_away = |segment: &str| matches!(segment, "." | "..");
    let is_empty = !segments.is_empty() && segments.split('/').rev().skip(1).any(str::is_empty);
    if path.len() > MAX_PATH_BYTES {
        Err(CannotCompose::TooLong)
    } else if is_empty || segments.split('/').any(leads_away) {
        Err(CannotCompose::Path)
    } else {
        Ok(())
    }
}

/// Where placeholders get their values.
struct Source<'s> {
    message: &'s Canonical,
    params: &'s BTreeMap<String, String>,
    texts: &'s BTreeMap<String, String>,
}

impl Source<'_> {
    fn value(&self, name: &str) -> Result<Value, CannotCompose> {
        let message = self.message;
        let text = |text: &Option<String>| text.clone().map(Value::String);
        let value = match name {
            "recipient" => Some(message.recipient.expose().into()),
            "title" => text(&message.title),
            "body" => return self.body(),
            "text" => match (self.body(), &message.template) {
                (Err(CannotCompose::Missing(_)), None) => text(&message.title),
                (body, _) => return body,
            },
            "template" => text(&message.template),
            "parameters" => message.parameters.clone(),
            "data" => message.data.clone(),
            "message_id" => text(&message.message_id),
            "business" => text(&message.business),
            "null" => Some(Value::Null),
            "origin" => Some(message.origin.as_ref().into()),
            other => {
                other.strip_prefix("params.").and_then(|name| self.params.get(name)).map(|text| text.clone().into())
            }
        };
        value.ok_or_else(|| CannotCompose::Missing(name.into()))
    }

    /// The body as text, else the text of the template.
    fn body(&self) -> Result<Value, CannotCompose> {
        if let Some(body) = &self.message.body {
            return Ok(body.clone().into());
        }
        let template = self.message.template.as_ref().ok_or_else(|| CannotCompose::Missing("body".into()))?;
        let text = self.texts.get(template).ok_or(CannotCompose::NoText)?;
        let text = Template::parse(text).map_err(|_| CannotCompose::NoText)?;
        text.text(&mut |name| self.parameter(name)).map(Value::String)
    }

    fn parameter(&self, name: &str) -> Result<String, CannotCompose> {
        let whole = self.message.parameters.as_ref();
        // A name may have a dot of its own; else each is a step inside.
        let named = whole.and_then(|parameters| member(parameters, name));
        let parameter = named.or_else(|| name.split('.').try_fold(whole?, member));
        match parameter {
            Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => Err(CannotCompose::Parameter(name.into())),
            Some(value) => Ok(plain(value.clone())),
        }
    }
}

/// An element of a list, from 0, or a member of an object.
fn member<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Array(list) => name.parse::<usize>().ok().and_then(|index| list.get(index)),
        Value::Object(names) => names.get(name),
        _ => None,
    }
}
