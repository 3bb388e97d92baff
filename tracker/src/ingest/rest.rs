//! What has no place of its own in an event: a JSON object, sorted by name, within a bound.

use super::protobuf::Malformed;
use super::value::{Json, Value};
use std::borrow::Cow;

/// The most bytes of it.
const MAX_BYTES: usize = 8 << 10;
/// What closes it stands beyond the room that values have.
const MARGIN: usize = 256;
/// The most names in it.
const MAX_NAMES: usize = 256;
/// The least room that is left for it, where one record makes many events.
const LEAST_ROOM: usize = 512;
/// Of so many events of one record each has the whole room.
const FEW: usize = 16;

/// What has no place of its own.
#[derive(Debug, Default)]
pub(super) struct Rest<'a> {
    entries: Vec<(&'a str, Piece<'a>)>,
    is_cut: bool,
}

#[derive(Clone, Debug)]
enum Piece<'a> {
    Value(Value<'a>),
    /// JSON already.
    Raw(Cow<'a, str>),
}

impl Piece<'_> {
    /// About how many bytes it will be, with what stands around it.
    fn likely(&self) -> usize {
        match self {
            Self::Value(Value::Text(text)) => text.len() + 6,
            Self::Value(_) => 16,
            Self::Raw(text) => text.len() + 4,
        }
    }
}

impl<'a> Rest<'a> {
    pub(super) fn value(&mut self, name: &'a str, value: Value<'a>) {
        self.put(name, Piece::Value(value));
    }

    /// What is JSON already; nothing if it is empty.
    pub(super) fn raw(&mut self, name: &'a str, json: impl Into<Cow<'a, str>>) {
        let json = json.into();
        if !json.is_empty() {
            self.put(name, Piece::Raw(json));
        }
    }

    fn put(&mut self, name: &'a str, piece: Piece<'a>) {
        if self.entries.len() < MAX_NAMES {
            self.entries.push((name, piece));
        } else {
            self.is_cut = true;
        }
    }

    /// Sorts it; of one name the last one counts.
    pub(super) fn sort(&mut self) {
        self.entries.reverse();
        self.entries.sort_by_key(|(name, _)| *name);
        self.entries.dedup_by_key(|(name, _)| *name);
    }

    /// The object, empty if there is nothing to tell. It has to be sorted. `extra` is JSON that goes under a name behind all
    /// others; `events` is how many events share the record.
    pub(super) fn render(&self, extra: Option<(&str, &str)>, events: usize) -> Result<String, Malformed> {
        if self.entries.is_empty() && extra.is_none() {
            return Ok(String::new());
        }
        let room = (MAX_BYTES * FEW / events.max(FEW)).max(LEAST_ROOM) - MARGIN;
        let likely: usize = self.entries.iter().map(|(name, piece)| name.len() + piece.likely()).sum();
        let text = String::with_capacity(likely.min(room) + 16);
        let mut json = Json { text, room, is_cut: self.is_cut };
        json.text.push('{');
        let own = self.entries.iter().map(|(name, piece)| (*name, piece));
        let extra = extra.map(|(name, text)| (name, Piece::Raw(text.into())));
        for (index, (name, piece)) in own.chain(extra.iter().map(|(name, piece)| (*name, piece))).enumerate() {
            if name.len() > MARGIN / 2 || !json.has_room() {
                json.is_cut = true;
                continue;
            }
            match piece {
                Piece::Value(value) => {
                    json.comma(index.min(json.text.len() - 1));
                    json.name(name);
                    json.value(*value)?;
                }
                Piece::Raw(text) if json.text.len() + name.len() + text.len() <= room => {
                    json.comma(index.min(json.text.len() - 1));
                    json.name(name);
                    json.text.push_str(text);
                }
                Piece::Raw(_) => json.is_cut = true,
            }
        }
        if json.is_cut {
            json.text.push_str(if json.text.len() > 1 { ",\"cut\":true" } else { "\"cut\":true" });
        }
        json.text.push('}');
        Ok(json.text)
    }
}
