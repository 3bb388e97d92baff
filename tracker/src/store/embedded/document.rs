//! The events of one subject, packed. A document is only ever written on to, so that what stands in it is not packed again.
//!
//! Ids that occur again are told by their place in a table that grows as the document is read.

use super::dictionary::{Dictionary, pack_facts, unpack_facts};
use super::pack::{Reader, put_difference, put_id, put_number, put_text};
use crate::event::{Event, Key, SpanId, Subject, TraceId};
use std::sync::Arc;

/// So many events and claims stand in one piece of a document at most.
const MAX_PIECE: usize = 64;
/// A piece of this length takes no more.
const MAX_PIECE_BYTES: usize = 64 << 10;

/// What a document is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Message,
    Vendor,
    Trace,
    Nobody,
}

impl Sort {
    pub(super) const fn of(subject: &Subject<'_>) -> Self {
        match subject {
            Subject::Message { .. } => Self::Message,
            Subject::Vendor { .. } => Self::Vendor,
            Subject::Trace(_) => Self::Trace,
            Subject::Nobody => Self::Nobody,
        }
    }

    const ALL: [Self; 4] = [Self::Message, Self::Vendor, Self::Trace, Self::Nobody];

    /// What a document is of, by the first of its pieces.
    pub(super) fn of_piece(bytes: &[u8]) -> Option<Self> {
        Self::ALL.get(usize::from(*bytes.first()?)).copied()
    }

    const fn has_id(self) -> bool {
        matches!(self, Self::Message | Self::Nobody)
    }
}

/// Ids that stand in a piece, in the order of their first occurrence.
#[derive(Clone, Debug, Default)]
struct Tables {
    traces: Vec<TraceId>,
    recipients: Vec<String>,
    vendors: Vec<String>,
    spans: Vec<SpanId>,
    span: Option<SpanId>,
    at_ms: u64,
}

/// Which ids of an event stand in the piece for the first time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NewIds {
    pub(super) trace: bool,
    pub(super) recipient: bool,
    pub(super) vendor: bool,
}

/// The last piece of a document: bytes, and what is needed to go on.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    entries: usize,
    tables: Tables,
}

/// What stands in a piece.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) events: Vec<Event>,
    /// Messages that claim this vendor's id.
    pub(super) claims: Vec<Key>,
}

mod bits {
    pub(super) const TRACE: u32 = 0;
    pub(super) const RECIPIENT: u32 = 2;
    pub(super) const VENDOR: u32 = 4;
    pub(super) const SPAN: u32 = 6;
    pub(super) const PARENT: u32 = 8;
    pub(super) const DURATION: u16 = 1 << 10;
    pub(super) const ATTEMPT: u16 = 1 << 11;
    pub(super) const REST: u16 = 1 << 12;
    /// With [`REST`]: by its number.
    pub(super) const KNOWN_REST: u16 = 1 << 13;
    pub(super) const CLAIM: u16 = 1 << 15;
}

/// How an id is told: two bits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Not,
    /// The usual one, which is told by nothing else.
    Usual,
    New,
    Again(usize),
}

impl Told {
    fn of<T: PartialEq>(table: &[T], is_none: bool, usual: Option<&T>, id: &T) -> Self {
        if is_none {
            return Self::Not;
        }
        if usual == Some(id) {
            return Self::Usual;
        }
        table.iter().position(|known| known == id).map_or(Self::New, Self::Again)
    }

    const fn bits(self, shift: u32) -> u16 {
        let bits: u16 = match self {
            Self::Not => 0,
            Self::Usual => 1,
            Self::New => 2,
            Self::Again(_) => 3,
        };
        bits << shift
    }

    fn put(self, out: &mut Vec<u8>, new: impl FnOnce(&mut Vec<u8>)) {
        match self {
            Self::Not | Self::Usual => {}
            Self::New => new(out),
            Self::Again(place) => put_number(out, place as u64),
        }
    }
}

fn told<T: Clone>(
    flags: u16,
    shift: u32,
    reader: &mut Reader<'_>,
    table: &mut Vec<T>,
    usual: Option<T>,
    new: impl FnOnce(&mut Reader<'_>) -> Option<T>,
) -> Option<Option<T>> {
    Some(match flags >> shift & 3 {
        0 => None,
        1 => Some(usual?),
        2 => {
            let id = new(reader)?;
            table.push(id.clone());
            Some(id)
        }
        _ => Some(table.get(reader.small::<usize>()?)?.clone()),
    })
}

impl Piece {
    /// A piece with no events. Times are told by their distance from `day_ms` first.
    pub(super) fn new(sort: Sort, id: &str, day_ms: u64) -> Self {
        let mut bytes = vec![Sort::ALL.iter().position(|one| *one == sort).map_or(0, |place| place.to_le_bytes()[0])];
        if sort.has_id() {
            put_id(&mut bytes, id);
        }
        Self { bytes, entries: 0, tables: Tables { at_ms: day_ms, ..Tables::default() } }
    }

    /// Whether what follows has to stand in another piece.
    pub(super) const fn is_full(&self) -> bool {
        self.entries >= MAX_PIECE || self.bytes.len() >= MAX_PIECE_BYTES
    }

    /// Notes a message that claims this vendor's id.
    pub(super) fn claim(&mut self, key: Key) {
        self.bytes.extend_from_slice(&bits::CLAIM.to_le_bytes());
        self.bytes.extend_from_slice(&key.0);
        self.entries += 1;
    }

    /// Notes an event. `facts` is the number of its facts, 0 to have them in full; `rest` that of what else it tells, if it has one.
    pub(super) fn add(&mut self, event: &Event, facts: u32, rest: Option<u32>) -> NewIds {
        let Self { bytes: out, tables, .. } = self;
        let trace_id = event.trace_id.unwrap_or_default();
        let span_id = event.span_id.unwrap_or_default();
        let parent_id = event.parent_id.unwrap_or_default();
        let trace = Told::of(&tables.traces, event.trace_id.is_none(), tables.traces.first(), &trace_id);
        let recipients = &tables.recipients;
        let recipient = Told::of(recipients, event.recipient.is_empty(), recipients.first(), &event.recipient);
        let vendors = &tables.vendors;
        let vendor = Told::of(vendors, event.vendor_id.is_empty(), vendors.first(), &event.vendor_id);
        let span = Told::of(&tables.spans, event.span_id.is_none(), tables.span.as_ref(), &span_id);
        if span == Told::New {
            tables.spans.push(span_id);
        }
        let parent = Told::of(&tables.spans, event.parent_id.is_none(), tables.spans.first(), &parent_id);
        if parent == Told::New {
            tables.spans.push(parent_id);
        }
        let mut flags = trace.bits(bits::TRACE)
            | recipient.bits(bits::RECIPIENT)
            | vendor.bits(bits::VENDOR)
            | span.bits(bits::SPAN)
            | parent.bits(bits::PARENT);
        for (bit, set) in [
            (bits::DURATION, event.duration_ms.is_some()),
            (bits::ATTEMPT, event.attempt != 0),
            (bits::REST, !event.rest.is_empty()),
            (bits::KNOWN_REST, rest.is_some()),
        ] {
            flags |= if set { bit } else { 0 };
        }
        out.extend_from_slice(&flags.to_le_bytes());
        put_number(out, u64::from(facts));
        if facts == 0 {
            out.extend(pack_facts(&event.facts));
        }
        put_difference(out, tables.at_ms, event.at_ms);
        trace.put(out, |out| out.extend_from_slice(&trace_id.0));
        recipient.put(out, |out| put_id(out, &event.recipient));
        vendor.put(out, |out| put_id(out, &event.vendor_id));
        span.put(out, |out| out.extend_from_slice(&span_id.0));
        parent.put(out, |out| out.extend_from_slice(&parent_id.0));
        if let Some(duration_ms) = event.duration_ms {
            put_number(out, duration_ms);
        }
        if event.attempt != 0 {
            put_number(out, u64::from(event.attempt));
        }
        match rest {
            Some(number) => put_number(out, u64::from(number)),
            None if !event.rest.is_empty() => put_text(out, &event.rest),
            None => {}
        }
        let new = NewIds { trace: trace == Told::New, recipient: recipient == Told::New, vendor: vendor == Told::New };
        if new.trace {
            tables.traces.push(trace_id);
        }
        if new.recipient {
            tables.recipients.push(event.recipient.clone());
        }
        if new.vendor {
            tables.vendors.push(event.vendor_id.clone());
        }
        tables.at_ms = event.at_ms;
        tables.span = event.span_id;
        self.entries += 1;
        new
    }

    /// Reads a piece. `None` if it is not as it should be.
    pub(super) fn read(bytes: &[u8], day_ms: u64, dictionary: &Dictionary) -> Option<(Sort, Self, Contents)> {
        let mut reader = Reader(bytes);
        let sort = Sort::ALL.get(usize::from(reader.byte()?)).copied()?;
        let id = if sort.has_id() { reader.id()? } else { String::new() };
        let mut tables = Tables { at_ms: day_ms, ..Tables::default() };
        let mut contents = Contents::default();
        while !reader.is_empty() {
            let flags = u16::from_le_bytes(reader.array()?);
            if flags == bits::CLAIM {
                contents.claims.push(Key(reader.array()?));
            } else {
                contents.events.push(read_event(flags, &id, &mut reader, &mut tables, dictionary)?);
            }
        }
        let entries = contents.events.len() + contents.claims.len();
        let piece = Self { bytes: bytes.to_vec(), entries, tables };
        Some((sort, piece, contents))
    }
}

fn read_event(
    flags: u16,
    id: &str,
    reader: &mut Reader<'_>,
    tables: &mut Tables,
    dictionary: &Dictionary,
) -> Option<Event> {
    let facts = match reader.small()? {
        0 => Arc::new(unpack_facts(reader)?),
        number => Arc::clone(dictionary.facts.get(number)?),
    };
    let at_ms = reader.difference(tables.at_ms)?;
    let usual = tables.traces.first().copied();
    let trace_id = told(flags, bits::TRACE, reader, &mut tables.traces, usual, |reader| reader.array().map(TraceId))?;
    let usual = tables.recipients.first().cloned();
    let recipient = told(flags, bits::RECIPIENT, reader, &mut tables.recipients, usual, |reader| reader.id())?;
    let usual = tables.vendors.first().cloned();
    let vendor_id = told(flags, bits::VENDOR, reader, &mut tables.vendors, usual, |reader| reader.id())?;
    let usual = tables.span;
    let span_id = told(flags, bits::SPAN, reader, &mut tables.spans, usual, |reader| reader.array().map(SpanId))?;
    let usual = tables.spans.first().copied();
    let parent_id = told(flags, bits::PARENT, reader, &mut tables.spans, usual, |reader| reader.array().map(SpanId))?;
    let event = Event {
        facts,
        at_ms,
        message_id: id.to_owned(),
        vendor_id: vendor_id.unwrap_or_default(),
        recipient: recipient.unwrap_or_default(),
        trace_id,
        span_id,
        parent_id,
        duration_ms: if flags & bits::DURATION == 0 { None } else { Some(reader.number()?) },
        attempt: if flags & bits::ATTEMPT == 0 { 0 } else { reader.small()? },
        rest: match (flags & bits::REST != 0, flags & bits::KNOWN_REST != 0) {
            (_, true) => String::clone(dictionary.rests.get(reader.small()?)?),
            (true, false) => reader.text()?,
            (false, false) => String::new(),
        },
    };
    tables.at_ms = at_ms;
    tables.span = span_id;
    Some(event)
}
