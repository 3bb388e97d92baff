//! What a request has told of its message so far.

use super::{MAX_BODY_BYTES, MAX_RECIPIENT_BYTES};
use crate::extract::MAX_VALUE_BYTES;
use crate::source::Source;
use serde_json::Value;

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Recipient,
    Title,
    Body,
    Template,
    MessageId,
    Business,
    Parameters,
    Data,
    /// Says, if it is one of these texts or, without any, no empty one, that it is no message for others.
    Unless(Vec<String>),
}

impl Field {
    /// Whether the value may be of any type.
    pub(super) const fn is_json(&self) -> bool {
        matches!(self, Self::Parameters | Self::Data)
    }
}

/// One thing to look for.
#[derive(Clone, Debug)]
pub(super) struct Want {
    pub(super) field: Field,
    /// The place among the sources of its field; the least speaks.
    pub(super) rank: usize,
    pub(super) source: Source,
    /// Where in the JSON of the text the value stands.
    pub(super) inside: Option<Box<str>>,
}

/// A value with the rank of the source that told it.
pub(super) type Ranked<T> = (usize, Option<T>);

/// What a request has told so far.
#[derive(Default)]
pub(super) struct Findings {
    recipient_rank: usize,
    pub(super) recipients: Vec<String>,
    pub(super) title: Ranked<String>,
    pub(super) body: Ranked<String>,
    pub(super) template: Ranked<String>,
    pub(super) message_id: Ranked<String>,
    pub(super) business: Ranked<String>,
    pub(super) parameters: Ranked<Value>,
    pub(super) data: Ranked<Value>,
    pub(super) too_long: bool,
    pub(super) special: bool,
    /// A part of it is not what it should be, and would be lost.
    pub(super) unreadable: bool,
}

impl Findings {
    pub(super) fn tell(&mut self, want: &Want, text: &str) {
        if want.field.is_json() {
            return self.tell_text_as_json(want, text);
        }
        for value in want.source.cut.values(text).filter(|value| !value.is_empty()) {
            let longest = match want.field {
                Field::Recipient => MAX_RECIPIENT_BYTES,
                Field::Title | Field::Body => MAX_BODY_BYTES,
                _ => MAX_VALUE_BYTES,
            };
            let text = || value.to_owned();
            match &want.field {
                Field::Unless(equals) => self.special |= equals.is_empty() || equals.iter().any(|known| known == value),
                // An id that is too long is none, as everywhere; without the rest it would be another message.
                Field::MessageId | Field::Business if value.len() > longest => {}
                _ if value.len() > longest => self.too_long = true,
                Field::Recipient => self.tell_recipient(want.rank, value),
                Field::Title => tell(&mut self.title, want.rank, text()),
                Field::Body => tell(&mut self.body, want.rank, text()),
                Field::Template => tell(&mut self.template, want.rank, text()),
                Field::MessageId => tell(&mut self.message_id, want.rank, text()),
                Field::Business => tell(&mut self.business, want.rank, text()),
                Field::Parameters | Field::Data => {}
            }
        }
    }

    fn tell_recipient(&mut self, rank: usize, text: &str) {
        if !self.recipients.is_empty() && self.recipient_rank < rank {
            return;
        }
        if self.recipient_rank > rank {
            self.recipients.clear();
        }
        self.recipient_rank = rank;
        // Two are too many already.
        if self.recipients.len() < 2 {
            self.recipients.push(text.to_owned());
        }
    }

    /// A text may be JSON in its turn: callers write objects so where a field takes only texts.
    fn tell_text_as_json(&mut self, want: &Want, text: &str) {
        let looks_so = text.trim_start().starts_with(['{', '[']);
        let parsed = looks_so.then(|| serde_json::from_str::<Value>(text).ok()).flatten();
        let value = match (&want.inside, parsed) {
            (Some(pointer), Some(document)) => match document.pointer(pointer) {
                Some(Value::String(inner)) if inner != text => {
                    let plain = Want { inside: None, ..want.clone() };
                    return self.tell_text_as_json(&plain, inner);
                }
                Some(value) => value.clone(),
                None => return,
            },
            (Some(_), None) => {
                self.unreadable |= !text.is_empty();
                return;
            }
            (None, parsed) => parsed.unwrap_or_else(|| text.into()),
        };
        self.tell_json(want, value);
    }

    pub(super) fn tell_json(&mut self, want: &Want, value: Value) {
        let is_empty = value.is_null() || value.as_str().is_some_and(str::is_empty);
        if is_empty {
            return;
        }
        match want.field {
            Field::Parameters => tell(&mut self.parameters, want.rank, value),
            _ => tell(&mut self.data, want.rank, value),
        }
    }
}

/// The source of the least rank speaks, and of what it says the first.
fn tell<T>(held: &mut Ranked<T>, rank: usize, value: T) {
    if held.1.is_none() || rank < held.0 {
        *held = (rank, Some(value));
    }
}
