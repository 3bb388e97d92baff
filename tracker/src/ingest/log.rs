//! Log records.

use super::protobuf::{Field, Fields, MISTYPED, Malformed, text};
use super::record::{Batch, Record, millis};
use super::resource::Resource;
use super::slot::kind;
use super::value::{Value, pair};
use crate::event::{SpanId, TraceId};

/// What most records have, so that it says nothing.
const INFO: u64 = 9;

/// The events of a `LogRecord`.
pub(super) fn read<'a>(message: &'a [u8], resource: &'a Resource, batch: &mut Batch<'_>) -> Result<(), Malformed> {
    // What an attribute means depends on the name of the record, which stands behind all attributes.
    let mut event_name = "";
    for field in Fields::of(message) {
        if let (12, Field::Bytes(bytes)) = field? {
            event_name = text(bytes)?;
        }
    }
    let mut record = Record::new(kind(event_name), resource);
    let mut observed_ms = None;
    for field in Fields::of(message) {
        match field? {
            (6, Field::Bytes(attribute)) => {
                let (name, value) = pair(attribute)?;
                record.attribute(name, value);
            }
            (1, Field::Fixed64(nanos)) => record.claimed_ms = millis(nanos),
            (11, Field::Fixed64(nanos)) => observed_ms = millis(nanos),
            (9, Field::Bytes(id)) => record.trace_id = TraceId::from_bytes(id),
            (10, Field::Bytes(id)) => record.span_id = SpanId::from_bytes(id),
            (2, Field::Varint(0 | INFO)) | (7, Field::Varint(_)) | (8, Field::Fixed32(_)) | (12, Field::Bytes(_)) => {}
            (2, Field::Varint(severity)) => record.rest.value("severity", Value::Int(severity.cast_signed())),
            (3, Field::Bytes(severity)) => {
                let severity = text(severity)?;
                if !severity.is_empty() && !severity.eq_ignore_ascii_case("info") {
                    record.rest.value("severity.text", Value::Text(severity));
                }
            }
            (5, Field::Bytes(body)) => {
                let body = Value::read(body)?;
                if body != Value::Null {
                    record.rest.value("body", body);
                }
            }
            (1..=3 | 5..=12, _) => return Err(MISTYPED),
            _ => {}
        }
    }
    record.claimed_ms = record.claimed_ms.or(observed_ms);
    record.finish(event_name, batch)
}
