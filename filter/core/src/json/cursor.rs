//! The reading head of the scanner: tokens, strings and skipping.

use super::Value;
use std::borrow::Cow;

/// Why reading cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Cut,
    Malformed,
}

/// A position in the text. Every method leaves it after what it has read.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    /// The next byte that is not white space.
    pub(super) fn peek(&mut self) -> Result<u8, Fault> {
        while let Some((byte, rest)) = self.rest.split_first() {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Ok(*byte);
            }
            self.rest = rest;
        }
        Err(Fault::Cut)
    }

    /// Takes the next byte, which must be `wanted`.
    pub(super) fn expect(&mut self, wanted: u8) -> Result<(), Fault> {
        if self.take_if(wanted)? { Ok(()) } else { Err(Fault::Malformed) }
    }

    /// Takes the next byte if it is `wanted`.
    pub(super) fn take_if(&mut self, wanted: u8) -> Result<bool, Fault> {
        let is = self.peek()? == wanted;
        if is {
            self.advance(1);
        }
        Ok(is)
    }

    /// After a member or an element: `true` at a comma, `false` at `close`.
    pub(super) fn more(&mut self, close: u8) -> Result<bool, Fault> {
        let byte = self.peek()?;
        self.advance(1);
        match byte {
            b',' => Ok(true),
            byte if byte == close => Ok(false),
            _ => Err(Fault::Malformed),
        }
    }

    /// Whether the text ends here.
    pub(super) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Nothing but white space may follow.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Err(_) => Ok(()),
            Ok(_) => Err(Fault::Malformed),
        }
    }

    /// The bytes of a key, unescaped.
    pub(super) fn key(&mut self) -> Result<Cow<'a, [u8]>, Fault> {
        if self.peek()? != b'"' {
            return Err(Fault::Malformed);
        }
        let (raw, escaped) = self.raw_string()?;
        if escaped { unescape(raw).map(|key| Cow::Owned(key.into_bytes())) } else { Ok(Cow::Borrowed(raw)) }
    }

    /// A string, number or literal.
    pub(super) fn scalar(&mut self) -> Result<Value<'a>, Fault> {
        match self.peek()? {
            b'"' => self.string().map(Value::Text),
            b'-' | b'0'..=b'9' => self.number().map(Value::Number),
            b't' => self.literal(b"true").map(|()| Value::Bool(true)),
            b'f' => self.literal(b"false").map(|()| Value::Bool(false)),
            b'n' => self.literal(b"null").map(|()| Value::Null),
            _ => Err(Fault::Malformed),
        }
    }

    pub(super) fn skip_scalar(&mut self) -> Result<(), Fault> {
        if self.peek()? == b'"' {
            return self.raw_string().map(drop);
        }
        self.scalar().map(drop)
    }

    pub(super) fn skip_value(&mut self) -> Result<(), Fault> {
        match self.peek()? {
            b'{' | b'[' => self.skip_container(),
            _ => self.skip_scalar(),
        }
    }

    /// Skips an array or object by counting brackets: what no pointer names need not be well-formed inside, only
    /// balanced, and costs no stack however deep it is.
    pub(super) fn skip_container(&mut self) -> Result<(), Fault> {
        let mut depth = 0_u32;
        loop {
            let skipped = self.rest.iter().position(|byte| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']'));
            self.advance(skipped.ok_or(Fault::Cut)?);
            if self.peek()? == b'"' {
                self.raw_string()?;
                continue;
            }
            let opens = matches!(self.peek()?, b'{' | b'[');
            self.advance(1);
            depth = if opens { depth.saturating_add(1) } else { depth.saturating_sub(1) };
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn number(&mut self) -> Result<&'a str, Fault> {
        let is_part = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
        let len = self.rest.iter().position(|byte| !is_part(byte)).unwrap_or(self.rest.len());
        let number =
            self.rest.get(..len).and_then(|number| std::str::from_utf8(number).ok()).ok_or(Fault::Malformed)?;
        self.advance(len);
        Ok(number)
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Fault> {
        let seen = self.rest.get(..word.len().min(self.rest.len())).unwrap_or_default();
        if !word.starts_with(seen) {
            return Err(Fault::Malformed);
        }
        if seen.len() < word.len() {
            return Err(Fault::Cut);
        }
        self.advance(word.len());
        Ok(())
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        let (raw, escaped) = self.raw_string()?;
        if escaped { unescape(raw).map(Cow::Owned) } else { Ok(text(raw)) }
    }

    /// The bytes between the quotes, and whether an escape is among them.
    fn raw_string(&mut self) -> Result<(&'a [u8], bool), Fault> {
        let body = self.rest.get(1..).ok_or(Fault::Cut)?;
        let mut escaped = false;
        let mut len = 0_usize;
        loop {
            let tail = body.get(len..).ok_or(Fault::Cut)?;
            let stop = quote_or_escape(tail).ok_or(Fault::Cut)?;
            len = len.saturating_add(stop);
            if tail.get(stop) == Some(&b'"') {
                self.advance(len.saturating_add(2));
                return Ok((body.get(..len).unwrap_or_default(), escaped));
            }
            escaped = true;
            len = len.saturating_add(2);
        }
    }

    fn advance(&mut self, len: usize) {
        self.rest = self.rest.get(len..).unwrap_or_default();
    }
}

/// Most texts are UTF-8, which is checked many bytes at a time.
pub(super) fn text(raw: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(raw).map_or_else(|_| String::from_utf8_lossy(raw), Cow::Borrowed)
}

/// The first byte at which a string can end or an escape begin. Looked for in words of eight bytes: most of a body is
/// strings.
fn quote_or_escape(text: &[u8]) -> Option<usize> {
    let words = text.chunks_exact(8);
    let mut at = 0_usize;
    for word in words {
        let word = u64::from_le_bytes(word.try_into().ok()?);
        let found = zero_bytes(word ^ repeated(b'"')) | zero_bytes(word ^ repeated(b'\\'));
        if found != 0 {
            return Some(at.saturating_add(usize::try_from(found.trailing_zeros() / 8).ok()?));
        }
        at = at.saturating_add(8);
    }
    let stop = text.get(at..)?.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    Some(at.saturating_add(stop))
}

const fn repeated(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The highest bit of each byte that is zero; those above the lowest such byte may be wrong.
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(repeated(1)) & !word & repeated(0x80)
}

fn unescape(raw: &[u8]) -> Result<String, Fault> {
    let mut plain = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            plain.push(*byte);
            continue;
        }
        let (escape, after) = rest.split_first().ok_or(Fault::Malformed)?;
        rest = after;
        match escape {
            b'"' | b'\\' | b'/' => plain.push(*escape),
            b'b' => plain.push(8),
            b'f' => plain.push(12),
            b'n' => plain.push(b'\n'),
            b'r' => plain.push(b'\r'),
            b't' => plain.push(b'\t'),
            b'u' => {
                let (c, after) = unicode(rest)?;
                rest = after;
                plain.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            _ => return Err(Fault::Malformed),
        }
    }
    Ok(String::from_utf8(plain).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// The character of a `\u` escape, or of a pair of them; half a pair reads as U+FFFD.
fn unicode(rest: &[u8]) -> Result<(char, &[u8]), Fault> {
    let (high, rest) = hex4(rest)?;
    if let Some(c) = char::from_u32(high) {
        return Ok((c, rest));
    }
    let pair = rest.strip_prefix(b"\\u").and_then(|rest| hex4(rest).ok());
    match pair {
        Some((low @ 0xDC00..=0xDFFF, rest)) if high < 0xDC00 => {
            let joined = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
            Ok((char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER), rest))
        }
        _ => Ok((char::REPLACEMENT_CHARACTER, rest)),
    }
}

fn hex4(bytes: &[u8]) -> Result<(u32, &[u8]), Fault> {
    let (digits, rest) = bytes.split_first_chunk::<4>().ok_or(Fault::Malformed)?;
    let mut code = 0_u32;
    for digit in digits {
        code = code << 4 | char::from(*digit).to_digit(16).ok_or(Fault::Malformed)?;
    }
    Ok((code, rest))
}
