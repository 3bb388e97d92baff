//! Values of attributes, and how they are written as JSON within a bound.

use super::protobuf::{Field, Fields, MISTYPED, Malformed, text};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use std::fmt::Write as _;

/// How deep a value may be nested. What is deeper is cut off.
const MAX_DEPTH: usize = 16;

/// The value of an attribute. Lists and objects are read when they are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Value<'a> {
    #[default]
    Null,
    Text(&'a str),
    Bool(bool),
    Int(i64),
    Double(f64),
    List(&'a [u8]),
    Object(&'a [u8]),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    /// Of an `AnyValue`.
    pub(super) fn read(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut value = Self::Null;
        for field in Fields::of(message) {
            value = match field? {
                (1, Field::Bytes(bytes)) => Self::Text(text(bytes)?),
                (2, Field::Varint(number)) => Self::Bool(number != 0),
                (3, Field::Varint(number)) => Self::Int(number.cast_signed()),
                (4, Field::Fixed64(bits)) => Self::Double(f64::from_bits(bits)),
                (5, Field::Bytes(bytes)) => Self::List(bytes),
                (6, Field::Bytes(bytes)) => Self::Object(bytes),
                (7, Field::Bytes(bytes)) => Self::Bytes(bytes),
                (1..=7, _) => return Err(MISTYPED),
                _ => continue,
            };
        }
        Ok(value)
    }

    /// What stands in a list.
    pub(super) fn elements(list: &'a [u8]) -> impl Iterator<Item = Result<Self, Malformed>> {
        Fields::of(list).filter_map(|field| match field {
            Ok((1, Field::Bytes(element))) => Some(Self::read(element)),
            Ok((1, _)) => Some(Err(MISTYPED)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
    }
}

/// The name and the value of a `KeyValue`.
pub(super) fn pair(message: &[u8]) -> Result<(&str, Value<'_>), Malformed> {
    let (mut name, mut value) = ("", Value::Null);
    for field in Fields::of(message) {
        match field? {
            (1, Field::Bytes(bytes)) => name = text(bytes)?,
            (2, Field::Bytes(bytes)) => value = Value::read(bytes)?,
            (1 | 2, _) => return Err(MISTYPED),
            _ => {}
        }
    }
    Ok((name, value))
}

/// JSON that ends, and stays whole, where there is no room any more.
#[derive(Debug, Default)]
pub(super) struct Json {
    pub(super) text: String,
    /// Nothing that could be left out begins beyond this length.
    pub(super) room: usize,
    /// Whether something was left out.
    pub(super) is_cut: bool,
}

impl Json {
    pub(super) fn with_room(room: usize) -> Self {
        Self { text: String::new(), room, is_cut: false }
    }

    /// Whether there is room for more; if not, something is left out.
    pub(super) fn has_room(&mut self) -> bool {
        let has = self.text.len() < self.room;
        self.is_cut |= !has;
        has
    }

    pub(super) fn value(&mut self, value: Value<'_>) -> Result<(), Malformed> {
        self.nested(value, 0)
    }

    fn nested(&mut self, value: Value<'_>, depth: usize) -> Result<(), Malformed> {
        match value {
            Value::Null => self.text.push_str("null"),
            Value::Text(text) => self.string(text),
            Value::Bool(value) => self.text.push_str(if value { "true" } else { "false" }),
            Value::Int(number) => self.display(number),
            Value::Double(number) if number.is_finite() => match serde_json::Number::from_f64(number) {
                Some(number) => self.display(number),
                None => self.text.push_str("null"),
            },
            Value::Double(number) => self.string(&number.to_string()),
            Value::Bytes(bytes) => {
                // Of what is longer than the room only as much is encoded as there is room for.
                let fits = bytes.get(..self.room).unwrap_or(bytes);
                self.is_cut |= fits.len() < bytes.len();
                self.string(&BASE64_STANDARD.encode(fits));
            }
            Value::List(_) | Value::Object(_) if depth >= MAX_DEPTH => {
                self.is_cut = true;
                self.text.push_str("null");
            }
            Value::List(list) => self.list(list, depth)?,
            Value::Object(object) => self.object(object, depth)?,
        }
        Ok(())
    }

    fn list(&mut self, list: &[u8], depth: usize) -> Result<(), Malformed> {
        self.text.push('[');
        for (index, element) in Value::elements(list).enumerate() {
            let element = element?;
            if !self.has_room() {
                break;
            }
            self.comma(index);
            self.nested(element, depth + 1)?;
        }
        self.text.push(']');
        Ok(())
    }

    fn object(&mut self, object: &[u8], depth: usize) -> Result<(), Malformed> {
        self.text.push('{');
        let mut index = 0;
        for field in Fields::of(object) {
            let (1, Field::Bytes(member)) = field? else { continue };
            let (name, value) = pair(member)?;
            if !self.has_room() {
                break;
            }
            self.comma(index);
            self.name(name);
            self.nested(value, depth + 1)?;
            index += 1;
        }
        self.text.push('}');
        Ok(())
    }

    pub(super) fn comma(&mut self, index: usize) {
        if index > 0 {
            self.text.push(',');
        }
    }

    pub(super) fn name(&mut self, name: &str) {
        self.string(name);
        self.text.push(':');
    }

    fn display(&mut self, what: impl std::fmt::Display) {
        // Nothing that is written to a string can fail.
        let _ = write!(self.text, "{what}");
    }

    /// A text, cut where there is no room any more.
    pub(super) fn string(&mut self, text: &str) {
        let room = self.room.saturating_sub(self.text.len());
        self.text.push('"');
        let plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
        if text.len() <= room && text.bytes().all(plain) {
            self.text.push_str(text);
        } else {
            self.escaped(text);
        }
        self.text.push('"');
    }

    fn escaped(&mut self, text: &str) {
        for character in text.chars() {
            if !self.has_room() {
                return;
            }
            match character {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                control if control < ' ' => {
                    // As above.
                    let _ = write!(self.text, "\\u{:04x}", u32::from(control));
                }
                other => self.text.push(other),
            }
        }
    }
}
