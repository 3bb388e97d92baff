//! Text with places to fill in: the same request a hundred thousand times, each time for someone else.

use std::io::Write as _;

/// What goes into a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    MessageId,
    /// A recipient of the call, by its place in it.
    Recipient(usize),
    /// The same without the `+` of a phone number.
    Digits(usize),
    /// The number of an answer, as hexadecimal digits.
    NumberHex,
    /// The number of an answer, as decimal digits.
    NumberDecimal,
    /// The time, in milliseconds since 1970.
    NowMs,
}

/// What to fill in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fill<'a> {
    pub(super) message_id: &'a str,
    pub(super) recipients: &'a [String],
    pub(super) number: u64,
    pub(super) now_ms: u128,
}

/// A text with places.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// What stands before each place, with the place.
    parts: Vec<(Vec<u8>, Slot)>,
    tail: Vec<u8>,
}

impl Template {
    /// Makes places of all marks in a text.
    pub(super) fn new(text: &[u8], marks: &[(Vec<u8>, Slot)]) -> Self {
        let (mut parts, mut literal, mut rest) = (Vec::new(), Vec::new(), text);
        while let Some((first, after)) = rest.split_first() {
            let mark = marks.iter().find(|(mark, _)| !mark.is_empty() && rest.starts_with(mark));
            rest = match mark {
                Some((mark, slot)) => {
                    parts.push((std::mem::take(&mut literal), *slot));
                    rest.get(mark.len()..).unwrap_or_default()
                }
                None => {
                    literal.push(*first);
                    after
                }
            };
        }
        Self { parts, tail: literal }
    }

    /// Whether there is nothing to fill in.
    pub(super) fn is_plain(&self) -> bool {
        self.parts.is_empty()
    }

    /// The text, filled in.
    pub(super) fn render(&self, fill: &Fill<'_>) -> Vec<u8> {
        let literals: usize = self.parts.iter().map(|(literal, _)| literal.len()).sum();
        let mut text = Vec::with_capacity(literals + self.tail.len() + self.parts.len() * 72);
        for (literal, slot) in &self.parts {
            text.extend_from_slice(literal);
            write(&mut text, *slot, fill);
        }
        text.extend_from_slice(&self.tail);
        text
    }
}

fn write(text: &mut Vec<u8>, slot: Slot, fill: &Fill<'_>) {
    // Writing to memory does not fail.
    let _ = match slot {
        Slot::MessageId => text.write_all(fill.message_id.as_bytes()),
        Slot::Recipient(index) => text.write_all(fill.recipients.get(index).map(String::as_bytes).unwrap_or_default()),
        Slot::Digits(index) => {
            let recipient = fill.recipients.get(index).map(|recipient| recipient.trim_start_matches('+'));
            text.write_all(recipient.unwrap_or_default().as_bytes())
        }
        Slot::NumberHex => write!(text, "{:x}", fill.number),
        Slot::NumberDecimal => write!(text, "{}", fill.number),
        Slot::NowMs => write!(text, "{}", fill.now_ms),
    };
}

#[cfg(test)]
mod tests {
    use super::{Fill, Slot, Template};

    #[test]
    fn every_mark_is_filled_in_and_the_rest_stays() {
        let marks = [(b"ID".to_vec(), Slot::MessageId), (b"R1".to_vec(), Slot::Recipient(1))];
        let template = Template::new(b"ID to R1, again ID.", &marks);
        let recipients = ["zero".to_owned(), "one".to_owned()];
        let fill = Fill { message_id: "m-7", recipients: &recipients, number: 0, now_ms: 0 };
        assert_eq!(template.render(&fill), b"m-7 to one, again m-7.");
        assert!(Template::new(b"plain", &marks).is_plain());
    }
}
