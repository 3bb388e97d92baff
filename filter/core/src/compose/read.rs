//! Reads the one message of a request.

use super::findings::{Field, Findings, Want};
use super::{Canonical, ComposeFault, Faults};
use crate::adapter::{Condition, Operation, RecipientKind};
use crate::document::{self, Document};
use crate::extract::Sensitive;
use crate::headers::Headers;
use crate::json::Scan;
use crate::source::{Place, Source, SourceWire};
use crate::trace::CountryCode;
use serde_json::Value;
use std::borrow::Cow;

/// Why a request says no message that another vendor could send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoMessage {
    /// Not the document that it should be.
    #[error("the request cannot be read")]
    Unreadable,
    /// Nobody, or a topic, or a kind of recipient that nobody else knows.
    #[error("the request names no recipient whom another vendor could reach")]
    NoRecipient,
    /// A batch.
    #[error("the request names several recipients")]
    Several,
    /// No text, template or data.
    #[error("the request says nothing")]
    Empty,
    /// For another time, or another kind of push.
    #[error("the request asks for what is not carried over to another vendor")]
    Special,
    /// Beyond the bounds.
    #[error("the request has a value that is too long")]
    TooLong,
}

impl NoMessage {
    /// The word by which cases tell them apart.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::NoRecipient => "no_recipient",
            Self::Several => "several_recipients",
            Self::Empty => "empty",
            Self::Special => "special",
            Self::TooLong => "too_long",
        }
    }
}

/// What the config of a channel says in place of its adapter: recipients, or before it: the rest.
#[derive(Clone, Debug, Default)]
pub struct OwnSources {
    /// In place of the adapter's.
    pub recipients: Vec<SourceWire>,
    /// Before the adapter's.
    pub message_id: Vec<SourceWire>,
    /// Before the adapter's.
    pub template: Vec<SourceWire>,
    /// Adapters have none.
    pub business: Vec<SourceWire>,
}

/// The head of a request.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// Its headers.
    pub headers: &'a Headers<'a>,
    /// Its query, without the `?`.
    pub query: Option<&'a str>,
    /// The captures of its path.
    pub captures: &'a [&'a str],
}

/// Reads the message of one operation's requests.
#[derive(Clone, Debug)]
pub struct MessageReader {
    origin: Box<str>,
    recipient_kind: RecipientKind,
    country: CountryCode,
    head: Vec<(Place, Want)>,
    body: Document<Want>,
    /// Values of any type in a JSON body, by pointer.
    whole: Vec<(Box<str>, Want)>,
}

impl MessageReader {
    /// The reader of an `operation` of the adapter `origin`, whose path pattern has these `captures`; none if its messages
    /// cannot be read. A phone number without a country is of `country`.
    ///
    /// # Errors
    /// Every fault, with the path of its source below the operation.
    pub fn new(
        origin: &str,
        operation: &Operation,
        captures: &[Box<str>],
        own: &OwnSources,
        country: CountryCode,
    ) -> Result<Option<Self>, Faults> {
        let Some(message) = &operation.message else { return Ok(None) };
        let mut reader = Self {
            origin: origin.into(),
            recipient_kind: operation.recipient_kind,
            country,
            head: Vec::new(),
            body: Document::default(),
            whole: Vec::new(),
        };
        let none: &[SourceWire] = &[];
        let (recipients, at) = match (own.recipients.is_empty(), message.recipient.is_empty()) {
            (false, _) => (&own.recipients, "recipients"),
            (true, false) => (&message.recipient, "message.recipient"),
            (true, true) => (&operation.recipients, "recipients"),
        };
        let lists: [(Field, &str, &[SourceWire], &[SourceWire]); 8] = [
            (Field::Recipient, at, none, recipients),
            (Field::Title, "message.title", none, &message.title),
            (Field::Body, "message.body", none, &message.body),
            (Field::Template, "template", &own.template, &operation.template),
            (Field::MessageId, "message_id", &own.message_id, &operation.message_id),
            (Field::Business, "business", &own.business, none),
            (Field::Parameters, "message.parameters", none, &message.parameters),
            (Field::Data, "message.data", none, &message.data),
        ];
        let mut faults = Faults::new();
        for (field, at, first, then) in lists {
            for (rank, wire) in first.iter().chain(then).enumerate() {
                let read = Source::of_request(wire, captures).map_err(ComposeFault::from);
                if let Err(fault) = read.and_then(|source| reader.want(field.clone(), rank, source)) {
                    faults.push((format!("{at}[{}]", rank.saturating_sub(first.len())), fault));
                }
            }
        }
        for (index, Condition { source, or, equals }) in message.unless.iter().enumerate() {
            for wire in std::iter::once(source).chain(or) {
                let read = Source::of_request(wire, captures).map_err(ComposeFault::from);
                let want = |source| reader.want(Field::Unless(equals.clone()), 0, source);
                if let Err(fault) = read.and_then(want) {
                    faults.push((format!("message.unless[{index}]"), fault));
                }
            }
        }
        if faults.is_empty() { Ok(Some(reader)) } else { Err(faults) }
    }

    fn want(&mut self, field: Field, rank: usize, source: Source) -> Result<(), ComposeFault> {
        let place = source.place.clone();
        let mut want = Want { field, rank, source, inside: None };
        let (outer, inside) = match (place, want.field.is_json()) {
            (Place::FormJson(name, pointer), true) => (Place::Form(name), Some(pointer)),
            (Place::QueryJson(name, pointer), true) => (Place::Query(name), Some(pointer)),
            (Place::JsonJson(pointer, inner), true) => (Place::Json(pointer), Some(inner)),
            (Place::Json(pointer), true) => {
                single(&pointer)?;
                self.whole.push((pointer, want));
                return Ok(());
            }
            (place, _) => (place, None),
        };
        if let Some(pointer) = &inside {
            single(pointer)?;
        }
        want.inside = inside;
        if outer.in_body() {
            self.body.add(&outer, want);
        } else {
            self.head.push((outer, want));
        }
        Ok(())
    }

    /// Reads a request whose whole `body` this is.
    ///
    /// # Errors
    /// It says no message for one recipient.
    pub fn read(&self, head: Head<'_>, body: &[u8]) -> Result<Canonical, NoMessage> {
        let mut found = Findings::default();
        for (place, want) in &self.head {
            self.read_head(head, place, want, &mut found);
        }
        let scan = self.body.read(body, true, &mut |want, _, value| {
            if let Some(text) = value.into_text() {
                found.tell(want, &text);
            }
        });
        if scan != Scan::Complete {
            return Err(NoMessage::Unreadable);
        }
        self.read_whole(body, &mut found);
        self.message(found)
    }

    fn read_head(&self, head: Head<'_>, place: &Place, want: &Want, found: &mut Findings) {
        let value = match place {
            Place::Header(name) => head.headers.get_str(name).map(Cow::Borrowed),
            Place::Path(index) => head.captures.get(*index).map(|capture| Cow::Borrowed(*capture)),
            Place::Query(name) | Place::QueryJson(name, _) => {
                head.query.and_then(|query| document::query_value(query, name))
            }
            _ => None,
        };
        match (value, place) {
            (Some(text), Place::QueryJson(_, pointer)) => {
                document::read_json(&text, pointer, (), &mut |(), _, value| {
                    if let Some(text) = value.into_text() {
                        found.tell(want, &text);
                    }
                });
            }
            (Some(text), _) => found.tell(want, &text),
            (None, _) => {}
        }
    }

    fn read_whole(&self, body: &[u8], found: &mut Findings) {
        if self.whole.is_empty() {
            return;
        }
        let document = match serde_json::from_slice::<Value>(body) {
            Ok(document) => document,
            Err(_) => {
                // Where the body is another document, the sources that say that it is JSON say nothing.
                found.unreadable |= body.trim_ascii_start().starts_with(b"{");
                return;
            }
        };
        for (pointer, want) in &self.whole {
            match document.pointer(pointer) {
                Some(Value::String(text)) => found.tell(want, text),
                Some(value) => found.tell_json(want, value.clone()),
                None => {}
            }
        }
    }

    fn message(&self, found: Findings) -> Result<Canonical, NoMessage> {
        if found.unreadable {
            return Err(NoMessage::Unreadable);
        }
        if found.special {
            return Err(NoMessage::Special);
        }
        if found.too_long {
            return Err(NoMessage::TooLong);
        }
        let recipient = match found.recipients.as_slice() {
            [] => return Err(NoMessage::NoRecipient),
            [one] => self.recipient_kind.of(one, self.country).normalised().into_owned(),
            _ => return Err(NoMessage::Several),
        };
        let says = [&found.title, &found.body, &found.template].into_iter().any(|text| text.1.is_some());
        if !says && found.data.1.is_none() {
            return Err(NoMessage::Empty);
        }
        Ok(Canonical {
            origin: self.origin.clone(),
            recipient: Sensitive::new(&recipient),
            recipient_kind: self.recipient_kind,
            title: found.title.1,
            body: found.body.1,
            template: found.template.1,
            parameters: found.parameters.1,
            data: found.data.1,
            message_id: found.message_id.1,
            business: found.business.1,
        })
    }
}

/// Refuses a pointer that goes through a list.
fn single(pointer: &str) -> Result<(), ComposeFault> {
    if pointer.split('/').any(|token| token.starts_with('*')) { Err(ComposeFault::Each) } else { Ok(()) }
}
