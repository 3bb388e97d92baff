//! Forms, with only those fields decoded that are wanted: a field of a push is often a whole document.

use std::borrow::Cow;

/// A name or a value as it stands in the form.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoded<'a>(&'a [u8]);

/// The fields of an `application/x-www-form-urlencoded` text, in order.
pub(crate) fn parse(text: &[u8]) -> impl Iterator<Item = (Encoded<'_>, Encoded<'_>)> {
    let fields = text.split(|byte| *byte == b'&').filter(|field| !field.is_empty());
    fields.map(|field| {
        let mut parts = field.splitn(2, |byte| *byte == b'=');
        (Encoded(parts.next().unwrap_or_default()), Encoded(parts.next().unwrap_or_default()))
    })
}

impl<'a> Encoded<'a> {
    /// Whether this is `text`.
    pub(crate) fn is(self, text: &str) -> bool {
        self.0 == text.as_bytes() || (self.is_encoded() && *self.decode() == *text.as_bytes())
    }

    /// What it stands for; not always UTF-8.
    pub(crate) fn decode(self) -> Cow<'a, [u8]> {
        if self.is_encoded() { Cow::Owned(decode(self.0)) } else { Cow::Borrowed(self.0) }
    }

    /// What it stands for as text, with what is not UTF-8 replaced.
    pub(crate) fn decode_text(self) -> Cow<'a, str> {
        match self.decode() {
            Cow::Borrowed(bytes) => lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(
                String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
            ),
        }
    }

    fn is_encoded(self) -> bool {
        self.0.iter().any(|byte| matches!(byte, b'%' | b'+'))
    }
}

pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

fn decode(encoded: &[u8]) -> Vec<u8> {
    // Never longer than what it is read from: made once and cut in the end, which is faster than letting it grow.
    let mut plain = vec![0; encoded.len()];
    let mut free = plain.iter_mut();
    let mut rest = encoded;
    while let [byte, after @ ..] = rest {
        rest = after;
        let Some(slot) = free.next() else { break };
        *slot = match byte {
            b'+' => b' ',
            b'%' => match escaped(after) {
                Some((byte, after)) => {
                    rest = after;
                    byte
                }
                None => b'%',
            },
            other => *other,
        };
    }
    let free = free.len();
    plain.truncate(encoded.len().saturating_sub(free));
    plain
}

/// The byte that two hexadecimal digits stand for, and what follows them.
fn escaped(text: &[u8]) -> Option<(u8, &[u8])> {
    let ([high, low], rest) = text.split_first_chunk::<2>()?;
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    Some((digit(*high)? << 4 | digit(*low)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_form_is_read_as_the_standard_has_it(text in "[a-c=&%+0-9A-Fé]{0,40}") {
            let ours: Vec<_> = parse(text.as_bytes()).map(|(name, value)| (name.decode_text(), value.decode_text())).collect();
            let theirs: Vec<_> = form_urlencoded::parse(text.as_bytes()).collect();
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn bytes_that_are_not_utf8_are_replaced(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let ours: Vec<_> = parse(&bytes).map(|(name, value)| (name.decode_text(), value.decode_text())).collect();
            let theirs: Vec<_> = form_urlencoded::parse(&bytes).collect();
            prop_assert_eq!(ours, theirs);
        }
    }
}
