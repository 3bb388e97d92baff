//! What a record tells, signal by signal alike, and the events that come of it.

use super::facts::{Cache, Told, Word};
use super::protobuf::Malformed;
use super::resource::Resource;
use super::rest::Rest;
use super::slot::{Slot, slot};
use super::value::Value;
use super::words::normalised;
use crate::event::{Event, Kind, SpanId, TraceId};
use std::collections::BTreeSet;

/// The most events that come of one record.
pub(super) const MAX_EVENTS: usize = 1_000;
/// The most bytes of a text that has a place of its own.
const MAX_TEXT: usize = 256;
/// A record from so far in the future happened when it came.
const MAX_AHEAD_MS: u64 = 10 * 60_000;

/// What all records of a request share.
pub(super) struct Batch<'c> {
    pub(super) received_ms: u64,
    /// What happened before is not kept any more.
    pub(super) expired_before_ms: u64,
    pub(super) cache: &'c mut Cache,
    /// The events so far.
    pub(super) events: Vec<Event>,
    /// Bytes of what has no place of its own in them.
    pub(super) rest_bytes: usize,
    /// Records that are too old.
    pub(super) expired: usize,
}

/// One or several names of one thing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Names<'a> {
    #[default]
    None,
    One(&'a str),
    /// A list of values.
    Several(&'a [u8]),
}

impl<'a> Names<'a> {
    fn of(value: Value<'a>) -> Option<Self> {
        match value {
            Value::Text(text) => Some(if text.is_empty() { Self::None } else { Self::One(cut(text)) }),
            Value::List(list) => Some(Self::Several(list)),
            _ => None,
        }
    }

    /// The names, as many as make events, and whether there are more.
    fn list(self) -> Result<(Vec<&'a str>, bool), Malformed> {
        let list = match self {
            Self::None => return Ok((Vec::new(), false)),
            Self::One(name) => return Ok((vec![name], false)),
            Self::Several(list) => list,
        };
        let mut names = Vec::new();
        for element in Value::elements(list) {
            if names.len() == MAX_EVENTS {
                return Ok((names, true));
            }
            if let Value::Text(name) = element?
                && !name.is_empty()
            {
                names.push(cut(name));
            }
        }
        Ok((names, false))
    }
}

/// A link of a span, as far as it names a message.
#[derive(Clone, Debug)]
pub(super) struct Link<'a> {
    pub(super) message: &'a str,
    pub(super) json: String,
}

/// What a record tells.
#[derive(Debug, Default)]
pub(super) struct Record<'a> {
    pub(super) told: Told<'a>,
    pub(super) rest: Rest<'a>,
    /// When it happened, by its own words.
    pub(super) claimed_ms: Option<u64>,
    pub(super) trace_id: Option<TraceId>,
    pub(super) span_id: Option<SpanId>,
    pub(super) parent_id: Option<SpanId>,
    pub(super) duration_ms: Option<u64>,
    pub(super) links: Vec<Link<'a>>,
    message: Names<'a>,
    message_of_messaging: Names<'a>,
    vendor_id: &'a str,
    recipient: Names<'a>,
    attempt: u32,
    code: Option<i64>,
    said: Option<(u8, &'a str)>,
}

impl<'a> Record<'a> {
    /// One of that kind, of what the resource says until the record itself says otherwise.
    pub(super) fn new(kind: Kind, resource: &'a Resource) -> Self {
        let mut record = Self::default();
        record.told.kind = kind;
        record.told.put(Word::Service, &resource.service);
        record.told.put(Word::Tenant, &resource.tenant);
        record.rest.raw("resource", &*resource.rest);
        record
    }

    /// An attribute; what has another type than it should goes to the rest.
    pub(super) fn attribute(&mut self, name: &'a str, value: Value<'a>) {
        match (slot(self.told.kind, name), value) {
            (Slot::Word(word), Value::Text(text)) => self.told.put(word, cut(text)),
            (Slot::Word(Word::Code), Value::Int(code)) => self.code = Some(code),
            (Slot::OnTime, Value::Bool(on_time)) => self.told.on_time = Some(on_time),
            (Slot::Drill, Value::Bool(drill)) => self.told.drill = drill,
            (Slot::Duration, Value::Int(millis)) if millis >= 0 => self.duration_ms = Some(millis.cast_unsigned()),
            (Slot::Attempt, Value::Int(attempt)) if u32::try_from(attempt).is_ok() => {
                self.attempt = u32::try_from(attempt).unwrap_or_default();
            }
            (Slot::Vendor, Value::Text(id)) => self.vendor_id = cut(id),
            (Slot::Message, value) => self.name(|record| &mut record.message, name, value),
            (Slot::MessageOfMessaging, value) => self.name(|record| &mut record.message_of_messaging, name, value),
            (Slot::Recipient, value) => self.name(|record| &mut record.recipient, name, value),
            (Slot::Said(rank), Value::Text(text)) => {
                self.says(rank, text);
                self.rest.value(name, value);
            }
            (_, value) => self.rest.value(name, value),
        }
    }

    fn name(&mut self, place: impl FnOnce(&mut Self) -> &mut Names<'a>, name: &'a str, value: Value<'a>) {
        match Names::of(value) {
            Some(names) => *place(self) = names,
            None => self.rest.value(name, value),
        }
    }

    /// Somebody's words on what went wrong; those of the lowest rank count.
    pub(super) fn says(&mut self, rank: u8, text: &'a str) {
        if !text.is_empty() && self.said.is_none_or(|(best, _)| rank <= best) {
            self.said = Some((rank, text));
        }
    }

    /// Whether it names a message itself, and not by a link.
    pub(super) const fn names_message(&self) -> bool {
        !matches!((self.message, self.message_of_messaging), (Names::None, Names::None))
    }

    /// Whether it says what is expected of its kind.
    fn is_whole(&self) -> bool {
        let has = |word| !self.told.get(word).is_empty();
        match self.told.kind {
            Kind::Status | Kind::ChannelState => has(Word::Status),
            Kind::Alias => !self.vendor_id.is_empty() && !matches!(self.message, Names::None),
            Kind::Rule | Kind::DrillReport => has(Word::Name),
            Kind::Enter | Kind::DeadLetter | Kind::Span | Kind::Other => true,
        }
    }

    /// The events that come of it. `event_name` is kept where it says nothing of what is expected under it.
    pub(super) fn finish(mut self, event_name: &'a str, batch: &mut Batch<'_>) -> Result<(), Malformed> {
        if !self.is_whole() {
            self.told.kind = Kind::Other;
        }
        let Some(at_ms) = self.time(batch) else {
            batch.expired += 1;
            return Ok(());
        };
        if self.told.kind == Kind::Other {
            self.told.put(Word::Name, cut(event_name));
        }
        let (text, code) = (self.said.map(|(_, said)| normalised(said)), self.code.map(|code| code.to_string()));
        let mut told = self.told;
        text.iter().for_each(|text| told.put(Word::Text, text));
        code.iter().for_each(|code| told.put(Word::Code, code));
        let event = Event {
            facts: batch.cache.intern(&told),
            at_ms,
            vendor_id: self.vendor_id.to_owned(),
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent_id: self.parent_id,
            duration_ms: self.duration_ms,
            attempt: self.attempt,
            ..Event::default()
        };
        self.spread(event, batch)
    }

    /// When it happened; nothing if that is too long ago. What it claims is kept where that is not believed, and where its
    /// repeats would else differ by when they come.
    fn time(&mut self, batch: &Batch<'_>) -> Option<u64> {
        if self.claimed_ms.is_none() && self.told.kind.is_told_by_time() {
            self.rest.value("claimed_unix_ms", Value::Int(0));
        }
        let claimed = self.claimed_ms.unwrap_or(batch.received_ms);
        if claimed > batch.received_ms.saturating_add(MAX_AHEAD_MS) {
            self.rest.value("claimed_unix_ms", Value::Int(i64::try_from(claimed).unwrap_or(i64::MAX)));
            return Some(batch.received_ms);
        }
        (claimed >= batch.expired_before_ms).then_some(claimed)
    }

    /// An event for each message that it names, or for each recipient of the one that it names.
    fn spread(mut self, event: Event, batch: &mut Batch<'_>) -> Result<(), Malformed> {
        let named = if matches!(self.message, Names::None) { self.message_of_messaging } else { self.message };
        let ((messages, more), (recipients, others)) = (named.list()?, self.recipient.list()?);
        if more || others {
            self.rest.raw("more", "true");
        }
        let several = matches!(self.recipient, Names::Several(_)) && recipients.len() > 1;
        if several
            && messages.len() > 1
            && recipients.len() != messages.len()
            && let Names::Several(list) = self.recipient
        {
            self.rest.value("push.recipient.hash", Value::List(list));
        }
        self.rest.sort();
        match (messages.as_slice(), recipients.as_slice()) {
            ([], []) if !self.links.is_empty() => self.along_links(&event, batch),
            ([], []) => self.put(event, ["", ""], 1, batch),
            ([] | [_], [_, _, ..]) => {
                let message = messages.first().copied().unwrap_or_default();
                let count = recipients.len();
                recipients.iter().try_for_each(|recipient| self.put(event.clone(), [message, recipient], count, batch))
            }
            ([], [recipient]) if self.links.is_empty() => self.put(event, ["", recipient], 1, batch),
            ([], [_]) => self.along_links(&event, batch),
            ([message], []) => self.put(event, [message, ""], 1, batch),
            ([message], [recipient]) => self.put(event, [message, recipient], 1, batch),
            (messages, recipients) => {
                let paired = recipients.len() == messages.len();
                for (index, message) in messages.iter().enumerate() {
                    let recipient = recipients.get(index).filter(|_| paired).copied().unwrap_or_default();
                    self.put(event.clone(), [message, recipient], messages.len(), batch)?;
                }
                Ok(())
            }
        }
    }

    /// An event for each message that a link names.
    fn along_links(&self, event: &Event, batch: &mut Batch<'_>) -> Result<(), Malformed> {
        let mut known = BTreeSet::new();
        let links: Vec<&Link<'_>> = self.links.iter().filter(|link| known.insert(link.message)).collect();
        for link in &links {
            let rest = self.rest.render(Some(("link", &link.json)), links.len())?;
            batch.put(Event { message_id: link.message.to_owned(), rest, ..event.clone() });
        }
        Ok(())
    }

    fn put(
        &self,
        event: Event,
        [message, recipient]: [&str; 2],
        of: usize,
        batch: &mut Batch<'_>,
    ) -> Result<(), Malformed> {
        let rest = self.rest.render(None, of)?;
        batch.put(Event { message_id: message.to_owned(), recipient: recipient.to_owned(), rest, ..event });
        Ok(())
    }
}

impl Batch<'_> {
    fn put(&mut self, event: Event) {
        self.rest_bytes += event.rest.len();
        self.events.push(event);
    }
}

/// As much of a text as there is room for.
pub(super) fn cut(text: &str) -> &str {
    if text.len() <= MAX_TEXT { text } else { text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or_default() }
}

/// Nanoseconds as milliseconds; 0 is no time.
pub(super) fn millis(nanos: u64) -> Option<u64> {
    (nanos > 0).then_some(nanos / 1_000_000)
}
