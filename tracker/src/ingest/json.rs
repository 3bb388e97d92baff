//! OTLP in JSON, made protobuf as it is read. So there is one reader of records, and nothing of a large body is ever held in a
//! form that is much larger.

use super::answer::Refusal;
use super::body::Reserved;
use super::decode::Signal;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::StatusCode;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};
use std::fmt;

/// A message: its fields by their names in JSON, as far as they are wanted.
struct Shape(&'static [(&'static str, u32, Form)]);

/// How a field is written in both.
#[derive(Clone, Copy)]
enum Form {
    Text,
    /// Bytes in hexadecimal digits.
    Hex,
    /// Bytes in base64.
    Base64,
    Fixed64,
    Fixed32,
    /// A whole number of any length, an enumeration too.
    Varint,
    Double,
    Bool,
    One(&'static Shape),
    Many(&'static Shape),
}

static LOGS: Shape = Shape(&[("resourceLogs", 1, Form::Many(&OF_RESOURCE_LOGS))]);
static TRACES: Shape = Shape(&[("resourceSpans", 1, Form::Many(&OF_RESOURCE_SPANS))]);
static OF_RESOURCE_LOGS: Shape =
    Shape(&[("resource", 1, Form::One(&RESOURCE)), ("scopeLogs", 2, Form::Many(&OF_SCOPE_LOGS))]);
static OF_RESOURCE_SPANS: Shape =
    Shape(&[("resource", 1, Form::One(&RESOURCE)), ("scopeSpans", 2, Form::Many(&OF_SCOPE_SPANS))]);
static OF_SCOPE_LOGS: Shape = Shape(&[("logRecords", 2, Form::Many(&LOG_RECORD))]);
static OF_SCOPE_SPANS: Shape = Shape(&[("spans", 2, Form::Many(&SPAN))]);
static RESOURCE: Shape = Shape(&[("attributes", 1, Form::Many(&KEY_VALUE))]);
static LOG_RECORD: Shape = Shape(&[
    ("timeUnixNano", 1, Form::Fixed64),
    ("severityNumber", 2, Form::Varint),
    ("severityText", 3, Form::Text),
    ("body", 5, Form::One(&ANY_VALUE)),
    ("attributes", 6, Form::Many(&KEY_VALUE)),
    ("flags", 8, Form::Fixed32),
    ("traceId", 9, Form::Hex),
    ("spanId", 10, Form::Hex),
    ("observedTimeUnixNano", 11, Form::Fixed64),
    ("eventName", 12, Form::Text),
]);
static SPAN: Shape = Shape(&[
    ("traceId", 1, Form::Hex),
    ("spanId", 2, Form::Hex),
    ("traceState", 3, Form::Text),
    ("parentSpanId", 4, Form::Hex),
    ("name", 5, Form::Text),
    ("kind", 6, Form::Varint),
    ("startTimeUnixNano", 7, Form::Fixed64),
    ("endTimeUnixNano", 8, Form::Fixed64),
    ("attributes", 9, Form::Many(&KEY_VALUE)),
    ("events", 11, Form::Many(&SPAN_EVENT)),
    ("links", 13, Form::Many(&LINK)),
    ("status", 15, Form::One(&STATUS)),
    ("flags", 16, Form::Fixed32),
]);
static SPAN_EVENT: Shape =
    Shape(&[("timeUnixNano", 1, Form::Fixed64), ("name", 2, Form::Text), ("attributes", 3, Form::Many(&KEY_VALUE))]);
static LINK: Shape = Shape(&[
    ("traceId", 1, Form::Hex),
    ("spanId", 2, Form::Hex),
    ("traceState", 3, Form::Text),
    ("attributes", 4, Form::Many(&KEY_VALUE)),
    ("flags", 6, Form::Fixed32),
]);
static STATUS: Shape = Shape(&[("message", 2, Form::Text), ("code", 3, Form::Varint)]);
static KEY_VALUE: Shape = Shape(&[("key", 1, Form::Text), ("value", 2, Form::One(&ANY_VALUE))]);
static ANY_VALUE: Shape = Shape(&[
    ("stringValue", 1, Form::Text),
    ("boolValue", 2, Form::Bool),
    ("intValue", 3, Form::Varint),
    ("doubleValue", 4, Form::Double),
    ("arrayValue", 5, Form::One(&ARRAY)),
    ("kvlistValue", 6, Form::One(&KEY_VALUE_LIST)),
    ("bytesValue", 7, Form::Base64),
]);
static ARRAY: Shape = Shape(&[("values", 1, Form::Many(&ANY_VALUE))]);
static KEY_VALUE_LIST: Shape = Shape(&[("values", 1, Form::Many(&KEY_VALUE))]);

/// The request in protobuf, with the room that it has. It is nested no deeper than serde_json allows.
///
/// # Errors
/// What is wrong with it, and where; or there is no room for what comes of it, which can be twice as long.
pub(super) fn to_protobuf(signal: Signal, json: &[u8], room: Reserved) -> Result<(Vec<u8>, Reserved), Refusal> {
    let shape = match signal {
        Signal::Logs => &LOGS,
        Signal::Traces => &TRACES,
        Signal::Metrics => return Ok((Vec::new(), room)),
    };
    let mut out = Out { bytes: Vec::new(), reserved: room, refusal: None };
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let read = Message { shape, out: &mut out }.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    match (out.refusal, read) {
        (Some(refusal), _) => Err(refusal),
        (None, Ok(())) => Ok((out.bytes, out.reserved)),
        (None, Err(error)) => Err(Refusal::new(StatusCode::BAD_REQUEST, format!("the body cannot be read: {error}"))),
    }
}

/// What has been written, and the room that it has.
struct Out {
    bytes: Vec<u8>,
    reserved: Reserved,
    /// Why there is no more room; an error of serde could not say so.
    refusal: Option<Refusal>,
}

/// The most bytes of anything but a text, with its key.
const SHORT: usize = 16;

impl Out {
    /// Has room for so many bytes more, and for something short.
    fn room_for<E: Error>(&mut self, bytes: usize) -> Result<(), E> {
        self.reserved.up_to(self.bytes.len() + bytes + SHORT).map_err(|refusal| {
            self.refusal = Some(refusal);
            E::custom("there is no room")
        })
    }
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(0x80 | number.to_le_bytes()[0]);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// The bytes of a length that is written before it is known.
const LENGTH: usize = 5;

/// A message with its key and its length in front.
fn nested<E: Error>(number: u32, out: &mut Out, write: impl FnOnce(&mut Out) -> Result<(), E>) -> Result<(), E> {
    out.room_for(0)?;
    varint(u64::from(number << 3 | 2), &mut out.bytes);
    let at = out.bytes.len();
    out.bytes.extend_from_slice(&[0; LENGTH]);
    write(out)?;
    let out = &mut out.bytes;
    let mut length = out.len() - at - LENGTH;
    for (place, byte) in out.iter_mut().skip(at).take(LENGTH).enumerate() {
        *byte = (length & 0x7f).to_le_bytes()[0] | if place + 1 < LENGTH { 0x80 } else { 0 };
        length >>= 7;
    }
    Ok(())
}

/// Reads an object, and writes its fields.
struct Message<'o> {
    shape: &'static Shape,
    out: &'o mut Out,
}

impl<'de> DeserializeSeed<'de> for Message<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Message<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(field) = map.next_key_seed(Name(self.shape))? {
            match field {
                Some((number, form)) => {
                    self.out.room_for(0)?;
                    map.next_value_seed(Part { number, form, out: self.out })?;
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// Finds a field by its name.
struct Name(&'static Shape);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<(u32, Form)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<(u32, Form)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(self.0.0.iter().find(|(name, ..)| *name == text).map(|(_, number, form)| (*number, *form)))
    }
}

/// Reads the value of a field, and writes it with its key.
struct Part<'o> {
    number: u32,
    form: Form,
    out: &'o mut Out,
}

impl Part<'_> {
    fn key(&mut self, wire: u32) {
        varint(u64::from(self.number << 3 | wire), &mut self.out.bytes);
    }

    fn whole<E: Error>(mut self, number: u64, as_double: f64, given: Unexpected<'_>) -> Result<(), E> {
        match self.form {
            Form::Varint => {
                self.key(0);
                varint(number, &mut self.out.bytes);
            }
            Form::Fixed64 => {
                self.key(1);
                self.out.bytes.extend_from_slice(&number.to_le_bytes());
            }
            Form::Fixed32 => {
                let number = u32::try_from(number).map_err(|_| E::invalid_value(given, &self))?;
                self.key(5);
                self.out.bytes.extend_from_slice(&number.to_le_bytes());
            }
            Form::Double => self.double(as_double),
            _ => return Err(E::invalid_type(given, &self)),
        }
        Ok(())
    }

    fn double(mut self, number: f64) {
        self.key(1);
        self.out.bytes.extend_from_slice(&number.to_le_bytes());
    }

    fn bytes<E: Error>(mut self, bytes: &[u8]) -> Result<(), E> {
        self.out.room_for(bytes.len())?;
        self.key(2);
        varint(bytes.len() as u64, &mut self.out.bytes);
        self.out.bytes.extend_from_slice(bytes);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Part<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Part<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.form {
            Form::Text => "a text",
            Form::Hex => "hexadecimal digits",
            Form::Base64 => "bytes in base64",
            Form::Fixed64 | Form::Varint => "a whole number, or one as text",
            Form::Fixed32 => "a whole number of 32 bits",
            Form::Double => "a number",
            Form::Bool => "true or false",
            Form::One(_) => "an object",
            Form::Many(_) => "a list",
        })
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, value: bool) -> Result<(), E> {
        let Form::Bool = self.form else { return Err(E::invalid_type(Unexpected::Bool(value), &self)) };
        self.key(0);
        self.out.bytes.push(u8::from(value));
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "a number of JSON has no more digits than that")]
    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.whole(number, number as f64, Unexpected::Unsigned(number))
    }

    #[expect(clippy::cast_precision_loss, reason = "a number of JSON has no more digits than that")]
    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        let given = Unexpected::Signed(number);
        if number < 0 && !matches!(self.form, Form::Varint | Form::Double) {
            return Err(E::invalid_value(given, &self));
        }
        self.whole(number.cast_unsigned(), number as f64, given)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        let Form::Double = self.form else { return Err(E::invalid_type(Unexpected::Float(number), &self)) };
        self.double(number);
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let wrong = |part: &Self| E::invalid_value(Unexpected::Str(text), part);
        match self.form {
            Form::Text => return self.bytes(text.as_bytes()),
            Form::Hex => match hex(text) {
                Some(bytes) => return self.bytes(&bytes),
                None => return Err(wrong(&self)),
            },
            Form::Base64 => match BASE64_STANDARD.decode(text) {
                Ok(bytes) => return self.bytes(&bytes),
                Err(_) => return Err(wrong(&self)),
            },
            Form::Double => match text.parse() {
                Ok(number) => self.double(number),
                Err(_) => return Err(wrong(&self)),
            },
            Form::Varint | Form::Fixed64 | Form::Fixed32 => {
                if let Ok(number) = text.parse::<u64>() {
                    return self.visit_u64(number);
                }
                match text.parse::<i64>() {
                    Ok(number) => return self.visit_i64(number),
                    Err(_) => return Err(wrong(&self)),
                }
            }
            Form::Bool | Form::One(_) | Form::Many(_) => return Err(wrong(&self)),
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        let Form::One(shape) = self.form else { return Err(A::Error::invalid_type(Unexpected::Map, &self)) };
        nested(self.number, self.out, |out| Message { shape, out }.visit_map(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Form::Many(shape) = self.form else { return Err(A::Error::invalid_type(Unexpected::Seq, &self)) };
        loop {
            let before = self.out.bytes.len();
            let mut more = false;
            nested(self.number, self.out, |out| {
                more = list.next_element_seed(Message { shape, out })?.is_some();
                Ok(())
            })?;
            if !more {
                self.out.bytes.truncate(before);
                return Ok(());
            }
        }
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    text.as_bytes().chunks(2).map(digits).collect()
}
