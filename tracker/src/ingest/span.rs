//! Spans.

use super::facts::Word;
use super::protobuf::{Field, Fields, MISTYPED, Malformed, text};
use super::record::{Batch, Link, MAX_EVENTS, Record, cut, millis};
use super::resource::Resource;
use super::value::{Json, Value, pair};
use crate::event::{Kind, SpanId, TraceId};

/// The most bytes of what is told of links, or of events, of one span.
const MAX_LIST: usize = 2 << 10;
/// The most bytes of one link, about.
const LINK: usize = 192;
/// Ranks of words on what went wrong, behind those of attributes.
const OF_STATUS: u8 = 3;
const OF_EVENT: u8 = 4;

/// The kinds of spans, by their numbers in OTLP.
const KINDS: [&str; 6] = ["", "internal", "server", "client", "producer", "consumer"];

/// The events of a `Span`.
pub(super) fn read<'a>(message: &'a [u8], resource: &'a Resource, batch: &mut Batch<'_>) -> Result<(), Malformed> {
    let mut record = Record::new(Kind::Span, resource);
    let (mut start, mut end) = (0, 0);
    let mut links = Links { all: Json::with_room(MAX_LIST), nameless: Json::with_room(MAX_LIST) };
    let mut events = Json::with_room(MAX_LIST);
    for field in Fields::of(message) {
        match field? {
            (9, Field::Bytes(attribute)) => {
                let (name, value) = pair(attribute)?;
                record.attribute(name, value);
            }
            (1, Field::Bytes(id)) => record.trace_id = TraceId::from_bytes(id),
            (2, Field::Bytes(id)) => record.span_id = SpanId::from_bytes(id),
            (4, Field::Bytes(id)) => record.parent_id = SpanId::from_bytes(id),
            (3, Field::Bytes(state)) => {
                let state = text(state)?;
                if !state.is_empty() {
                    record.rest.value("trace.state", Value::Text(state));
                }
            }
            (5, Field::Bytes(name)) => record.told.put(Word::Name, cut(text(name)?)),
            (6, Field::Varint(kind)) => {
                let known = usize::try_from(kind).ok().and_then(|kind| KINDS.get(kind)).filter(|kind| !kind.is_empty());
                known.into_iter().for_each(|kind| record.rest.value("span.kind", Value::Text(kind)));
            }
            (7, Field::Fixed64(nanos)) => start = nanos,
            (8, Field::Fixed64(nanos)) => end = nanos,
            (11, Field::Bytes(event)) => of_event(event, &mut record, &mut events)?,
            (13, Field::Bytes(link)) => of_link(link, &mut record, &mut links)?,
            (15, Field::Bytes(status)) => of_status(status, &mut record)?,
            (10 | 12 | 14, Field::Varint(_)) | (16, Field::Fixed32(_)) => {}
            (1..=16, _) => return Err(MISTYPED),
            _ => {}
        }
    }
    record.claimed_ms = millis(start).or(millis(end));
    if start > 0 && end >= start {
        record.duration_ms = Some((end - start) / 1_000_000);
    }
    record.rest.raw("events", closed(events));
    // Where each message has an event of its own, that has the message's link too.
    let spread = !record.links.is_empty() && !record.names_message();
    record.rest.raw("links", closed(if spread { links.nameless } else { links.all }));
    record.finish("", batch)
}

/// How it ended.
fn of_status<'a>(message: &'a [u8], record: &mut Record<'a>) -> Result<(), Malformed> {
    for field in Fields::of(message) {
        match field? {
            (2, Field::Bytes(said)) => {
                let said = text(said)?;
                record.says(OF_STATUS, said);
                if !said.is_empty() {
                    record.rest.value("status.message", Value::Text(said));
                }
            }
            (3, Field::Varint(1)) => record.rest.value("status.code", Value::Text("ok")),
            (3, Field::Varint(2)) => record.rest.value("status.code", Value::Text("error")),
            _ => {}
        }
    }
    Ok(())
}

/// What happened within it.
fn of_event<'a>(message: &'a [u8], record: &mut Record<'a>, events: &mut Json) -> Result<(), Malformed> {
    let (mut name, mut at) = ("", 0);
    let mut attributes = Vec::new();
    for field in Fields::of(message) {
        match field? {
            (1, Field::Fixed64(nanos)) => at = nanos,
            (2, Field::Bytes(bytes)) => name = text(bytes)?,
            (3, Field::Bytes(attribute)) => {
                let (name, value) = pair(attribute)?;
                if let ("exception.message", Value::Text(said)) = (name, value) {
                    record.says(OF_EVENT, said);
                }
                if attributes.len() < MAX_LIST {
                    attributes.push((name, value));
                }
            }
            _ => {}
        }
    }
    if next(events) {
        events.text.push_str("{\"name\":");
        events.string(name);
        events.text.push_str(&format!(",\"at_ms\":{}", at / 1_000_000));
        object(events, &attributes)?;
    }
    Ok(())
}

/// What is told of links: all of them, and those that name no message.
struct Links {
    all: Json,
    nameless: Json,
}

/// What it has to do with another span.
fn of_link<'a>(message: &'a [u8], record: &mut Record<'a>, links: &mut Links) -> Result<(), Malformed> {
    let (mut trace, mut span, mut named) = (None, None, "");
    let mut attributes = Vec::new();
    for field in Fields::of(message) {
        match field? {
            (1, Field::Bytes(id)) => trace = TraceId::from_bytes(id),
            (2, Field::Bytes(id)) => span = SpanId::from_bytes(id),
            (4, Field::Bytes(attribute)) => match pair(attribute)? {
                ("push.message.id" | "messaging.message.id", Value::Text(id)) => named = cut(id),
                attribute if attributes.len() < MAX_LIST => attributes.push(attribute),
                _ => {}
            },
            _ => {}
        }
    }
    let write = |json: &mut Json| {
        json.text.push_str("{\"trace_id\":");
        json.string(&trace.map(|id| id.to_string()).unwrap_or_default());
        json.text.push_str(",\"span_id\":");
        json.string(&span.map(|id| id.to_string()).unwrap_or_default());
        if !named.is_empty() {
            json.text.push_str(",\"message_id\":");
            json.string(named);
        }
        object(json, &attributes)
    };
    if next(&mut links.all) {
        write(&mut links.all)?;
    }
    if named.is_empty() {
        if next(&mut links.nameless) {
            write(&mut links.nameless)?;
        }
    } else if record.links.len() < MAX_EVENTS {
        let mut json = Json::with_room(LINK);
        write(&mut json)?;
        record.links.push(Link { message: named, json: json.text });
    } else {
        record.rest.raw("more", "true");
    }
    Ok(())
}

/// Begins the next one of a list, if there is room.
fn next(list: &mut Json) -> bool {
    let has = list.has_room();
    if has {
        list.text.push(if list.text.is_empty() { '[' } else { ',' });
    }
    has
}

/// The list with its end; empty if there is none.
fn closed(mut list: Json) -> String {
    if !list.text.is_empty() {
        list.text.push_str(if list.is_cut { ",{\"cut\":true}]" } else { "]" });
    }
    list.text
}

/// Attributes behind what is there already of an object, and its end.
fn object(json: &mut Json, attributes: &[(&str, Value<'_>)]) -> Result<(), Malformed> {
    for (name, value) in attributes {
        if !json.has_room() {
            break;
        }
        json.text.push(',');
        json.name(name);
        json.value(*value)?;
    }
    json.text.push('}');
    Ok(())
}
