//! Records in the words of OTLP, the protocol of OpenTelemetry, as protobuf.
//!
//! A record is encoded at once, and once: what waits to be sent is bytes, and a request is a head and these bytes one after
//! the other.

use crate::event::Event;
use crate::time::WallClock;
use crate::trace::{Flags, SpanId, TraceId};
use prost::Message;

mod attributes;
mod frame;
mod proto;

pub use attributes::Attributes;
pub(crate) use frame::Frame;
pub use proto::{AnyValue, ArrayValue, Value};

/// `SEVERITY_NUMBER_INFO` and `SEVERITY_NUMBER_ERROR`.
const INFO: i32 = 9;
const ERROR: i32 = 17;

/// `STATUS_CODE_ERROR`.
const FAILED: i32 = 2;

/// `SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK` and `SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK`: the parent is another program's.
const REMOTE_PARENT: u32 = 0x300;

/// Something that has happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// Its name, such as `push.message.status`.
    pub event: &'static str,
    /// When it has happened.
    pub at: WallClock,
    /// Whether it is bad news.
    pub is_error: bool,
    /// The trace that it belongs to, with the span of it where that is known.
    pub trace: Option<(TraceId, Option<SpanId>, Flags)>,
    /// What there is to say of it.
    pub attributes: Attributes,
}

impl Log {
    /// The record of an event. A lost message is bad news, and one of which nobody knows.
    pub fn of_event(event: &Event, at: WallClock) -> Self {
        let text = |name: &str| event.attributes.get(name).and_then(|value| value.as_str());
        let trace_id = text(Event::TRACE_ID).and_then(|digits| TraceId::from_hex(digits.as_bytes()));
        Self {
            event: event.name,
            at,
            is_error: event.name == Event::DEAD_LETTER || text("push.status") == Some("failed"),
            trace: trace_id.map(|trace_id| (trace_id, None, Flags::default())),
            attributes: Attributes::from(event),
        }
    }

    /// The record as it stands in a request.
    pub fn encode(self) -> Vec<u8> {
        let (trace_id, span_id, flags) = match self.trace {
            Some((trace_id, span_id, flags)) => (trace_id.as_bytes().to_vec(), bytes_of(span_id), flags),
            None => Default::default(),
        };
        frame::record(&proto::LogRecord {
            time_unix_nano: self.at.0,
            severity_number: if self.is_error { ERROR } else { INFO },
            attributes: self.attributes.into_pairs(),
            flags: flags.as_byte().into(),
            trace_id,
            span_id,
            event_name: self.event.to_owned(),
        })
    }
}

/// What a span is to the other side, by its number in OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// It serves a request.
    Server = 2,
    /// It makes a request and waits for the answer.
    Client = 3,
    /// It sends a message and is where the message's trace begins.
    Producer = 4,
}

/// A visit of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The trace.
    pub trace_id: TraceId,
    /// Itself.
    pub span_id: SpanId,
    /// The span that has caused it, in another program; none where the trace begins.
    pub parent: Option<SpanId>,
    /// As they went on.
    pub flags: Flags,
    /// Few names for many spans.
    pub name: String,
    /// What it is to the other side.
    pub kind: SpanKind,
    /// When it began.
    pub start: WallClock,
    /// When it ended.
    pub end: WallClock,
    /// Whether it has failed.
    pub is_error: bool,
    /// What there is to say of it.
    pub attributes: Attributes,
    /// Other spans that it has to do with.
    pub links: Vec<Link>,
}

/// A span of another trace, or of the same, that is no parent.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// Its trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// What there is to say of it.
    pub attributes: Attributes,
}

impl Span {
    /// The record as it stands in a request.
    pub fn encode(self) -> Vec<u8> {
        let link = |link: Link| proto::Link {
            trace_id: link.trace_id.as_bytes().to_vec(),
            span_id: link.span_id.as_bytes().to_vec(),
            attributes: link.attributes.into_pairs(),
        };
        let remote = if self.parent.is_some() { REMOTE_PARENT } else { 0 };
        frame::record(&proto::Span {
            trace_id: self.trace_id.as_bytes().to_vec(),
            span_id: self.span_id.as_bytes().to_vec(),
            parent_span_id: bytes_of(self.parent),
            name: self.name,
            kind: self.kind as i32,
            start_time_unix_nano: self.start.0,
            end_time_unix_nano: self.end.0,
            attributes: self.attributes.into_pairs(),
            links: self.links.into_iter().map(link).collect(),
            status: self.is_error.then_some(proto::Status { code: FAILED }),
            flags: u32::from(self.flags.as_byte()) | remote,
        })
    }
}

fn bytes_of(span_id: Option<SpanId>) -> Vec<u8> {
    span_id.map(|span_id| span_id.as_bytes().to_vec()).unwrap_or_default()
}

/// How many records the collector has not taken of a request that it has answered with success. An answer that is not
/// what it should be says of none.
pub(crate) fn rejected(body: &[u8]) -> u64 {
    let answer = proto::ExportResponse::decode(body).unwrap_or_default();
    answer.partial_success.map_or(0, |partial| u64::try_from(partial.rejected).unwrap_or(0))
}

#[cfg(test)]
mod tests;
