//! Finds the values of a few JSON pointers in one pass, without building a tree; XML is read by the same pointers.
//!
//! Bodies come from vendors and callers: they may be cut short, nested without end or not JSON at all. What stands before
//! the fault is still found, and the end of the scan tells how far the text can be trusted.

use std::borrow::Cow;

mod cursor;
mod xml;

use cursor::{Cursor, Fault};

/// Deeper than this, a document is not followed.
const MAX_DEPTH: u16 = 64;

/// Names one pointer of a [`Pointers`] set.
pub type Slot = u16;

/// A set of JSON pointers (RFC 6901), where a token `*` stands for every element of an array, and for every member of an
/// object that no other pointer of the set names; `*#` as the last token stands for the key of each such member.
#[derive(Clone, Debug)]
pub struct Pointers {
    /// A tree of tokens; the root is the whole document.
    nodes: Vec<Node>,
    slots: Slot,
}

#[derive(Clone, Debug, Default)]
struct Node {
    keys: Vec<(Box<str>, usize)>,
    each: Option<usize>,
    slot: Option<Slot>,
    /// Wants the key under which this stands.
    key_slot: Option<Slot>,
}

/// Which elements of the lists around it a value stands in: one index for each `*` of its pointer, outermost first. Of
/// more than two, the innermost ones count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// The element of the outermost list.
    pub outer: Option<u32>,
    /// The element of the list inside it.
    pub inner: Option<u32>,
}

impl At {
    const fn within(self, index: u32) -> Self {
        match self.outer {
            None => Self { outer: Some(index), inner: None },
            Some(_) => Self { outer: self.outer, inner: Some(index) },
        }
    }
}

/// What stands at a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A string, unescaped.
    Text(Cow<'a, str>),
    /// A number as it is written.
    Number(&'a str),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
    /// An array or an object.
    Container,
}

impl<'a> Value<'a> {
    /// A string, number or boolean as text; nothing for the rest. Vendors write codes as either.
    pub fn into_text(self) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(text) => Some(Cow::Borrowed(text)),
            Self::Bool(true) => Some(Cow::Borrowed("true")),
            Self::Bool(false) => Some(Cow::Borrowed("false")),
            Self::Null | Self::Container => None,
        }
    }
}

/// How the text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// One whole JSON value and nothing after it.
    Complete,
    /// The text ends before the value does.
    Cut,
    /// Not JSON, or nested too deep to follow.
    Malformed,
}

/// Why a text is not a JSON pointer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a JSON pointer: it must be empty or start with `/`, and `~` stands only before `0` or `1`")]
pub struct InvalidPointer;

impl Default for Pointers {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], slots: 0 }
    }
}

impl Pointers {
    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.slots == 0
    }

    /// Adds a pointer and returns its slot; the same pointer twice has one slot.
    pub fn add(&mut self, pointer: &str) -> Result<Slot, InvalidPointer> {
        let of_key = pointer.ends_with("/*#");
        let mut at = 0;
        for token in tokens(if of_key { pointer.trim_end_matches('#') } else { pointer })? {
            at = self.child(at, &token?);
        }
        let next = self.slots;
        let node = self.nodes.get_mut(at).ok_or(InvalidPointer)?;
        let slot = if of_key { &mut node.key_slot } else { &mut node.slot };
        if let Some(slot) = *slot {
            return Ok(slot);
        }
        *slot = Some(next);
        self.slots = next.checked_add(1).ok_or(InvalidPointer)?;
        Ok(next)
    }

    fn child(&mut self, at: usize, token: &str) -> usize {
        let new = self.nodes.len();
        let Some(node) = self.nodes.get_mut(at) else { return at };
        if token == "*" {
            if let Some(each) = node.each {
                return each;
            }
            node.each = Some(new);
        } else {
            if let Some((_, known)) = node.keys.iter().find(|(key, _)| **key == *token) {
                return *known;
            }
            node.keys.push((token.into(), new));
        }
        self.nodes.push(Node::default());
        new
    }

    /// Scans `text` and reports each value that a pointer names, in the order of the text.
    pub fn scan<'a>(&self, text: &'a [u8], found: &mut dyn FnMut(Slot, At, Value<'a>)) -> Scan {
        let mut cursor = Cursor::new(text);
        let walked = self.nodes.first().map_or(Ok(()), |root| self.value(&mut cursor, root, At::default(), 0, found));
        match walked.and_then(|()| cursor.end()) {
            Ok(()) => Scan::Complete,
            Err(Fault::Cut) => Scan::Cut,
            Err(Fault::Malformed) => Scan::Malformed,
        }
    }

    fn value<'a>(
        &self,
        cursor: &mut Cursor<'a>,
        node: &Node,
        at: At,
        depth: u16,
        found: &mut dyn FnMut(Slot, At, Value<'a>),
    ) -> Result<(), Fault> {
        if depth >= MAX_DEPTH {
            return Err(Fault::Malformed);
        }
        let followed = node.each.is_some() || !node.keys.is_empty();
        let opening = cursor.peek()?;
        if matches!(opening, b'{' | b'[') {
            if let Some(slot) = node.slot {
                found(slot, at, Value::Container);
            }
        }
        match opening {
            b'{' if followed => self.object(cursor, node, at, depth, found),
            b'[' if followed => self.array(cursor, node, at, depth, found),
            b'{' | b'[' => cursor.skip_container(),
            _ => match node.slot {
                Some(slot) => {
                    let value = cursor.scalar()?;
                    // Half a number is another number; only one that is the whole document ends with the text.
                    if depth > 0 && matches!(value, Value::Number(_)) && cursor.is_at_end() {
                        return Err(Fault::Cut);
                    }
                    found(slot, at, value);
                    Ok(())
                }
                None => cursor.skip_scalar(),
            },
        }
    }

    fn object<'a>(
        &self,
        cursor: &mut Cursor<'a>,
        node: &Node,
        at: At,
        depth: u16,
        found: &mut dyn FnMut(Slot, At, Value<'a>),
    ) -> Result<(), Fault> {
        cursor.expect(b'{')?;
        if cursor.take_if(b'}')? {
            return Ok(());
        }
        let mut index = 0_u32;
        loop {
            let key = cursor.key()?;
            cursor.expect(b':')?;
            match self.member(node, key, at, index, found) {
                Some((child, at)) => self.value(cursor, child, at, depth.saturating_add(1), found)?,
                None => cursor.skip_value()?,
            }
            index = index.saturating_add(1);
            if !cursor.more(b'}')? {
                return Ok(());
            }
        }
    }

    /// The node of a member, and where it stands; its key is told if somebody wants it.
    fn member<'a>(
        &self,
        node: &Node,
        key: Cow<'a, [u8]>,
        at: At,
        index: u32,
        found: &mut dyn FnMut(Slot, At, Value<'a>),
    ) -> Option<(&Node, At)> {
        if let Some((_, child)) = node.keys.iter().find(|(known, _)| known.as_bytes() == &*key) {
            return self.nodes.get(*child).map(|child| (child, at));
        }
        let each = self.nodes.get(node.each?)?;
        let at = at.within(index);
        if let Some(slot) = each.key_slot {
            let key = match key {
                Cow::Borrowed(key) => cursor::text(key),
                Cow::Owned(key) => Cow::Owned(String::from_utf8_lossy(&key).into_owned()),
            };
            found(slot, at, Value::Text(key));
        }
        Some((each, at))
    }

    fn array<'a>(
        &self,
        cursor: &mut Cursor<'a>,
        node: &Node,
        at: At,
        depth: u16,
        found: &mut dyn FnMut(Slot, At, Value<'a>),
    ) -> Result<(), Fault> {
        cursor.expect(b'[')?;
        if cursor.take_if(b']')? {
            return Ok(());
        }
        let each = node.each.and_then(|each| self.nodes.get(each));
        let mut index = 0_u32;
        loop {
            match each {
                Some(each) => self.value(cursor, each, at.within(index), depth.saturating_add(1), found)?,
                None => match self.numbered(node, index) {
                    Some(child) => self.value(cursor, child, at, depth.saturating_add(1), found)?,
                    None => cursor.skip_value()?,
                },
            }
            index = index.saturating_add(1);
            if !cursor.more(b']')? {
                return Ok(());
            }
        }
    }

    fn numbered(&self, node: &Node, index: u32) -> Option<&Node> {
        let named = node.keys.iter().find(|(key, _)| key.parse() == Ok(index));
        named.and_then(|(_, child)| self.nodes.get(*child))
    }
}

fn tokens(pointer: &str) -> Result<impl Iterator<Item = Result<String, InvalidPointer>> + '_, InvalidPointer> {
    let rest = match pointer.strip_prefix('/') {
        Some(rest) => Some(rest),
        None if pointer.is_empty() => None,
        None => return Err(InvalidPointer),
    };
    Ok(rest.into_iter().flat_map(|rest| rest.split('/')).map(unescape_token))
}

fn unescape_token(token: &str) -> Result<String, InvalidPointer> {
    let mut plain = String::with_capacity(token.len());
    let mut chars = token.chars();
    while let Some(c) = chars.next() {
        plain.push(match c {
            '~' => match chars.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => return Err(InvalidPointer),
            },
            other => other,
        });
    }
    Ok(plain)
}

#[cfg(test)]
mod tests;
