//! As much of protobuf's wire form as the arguments of a few host functions need: the fields of one message.

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// A number of variable or fixed length.
    Number(u64),
    /// Text, bytes or a message.
    Bytes(&'a [u8]),
}

/// The fields of a message by number, in order; `None` if it is not one.
pub(super) fn fields(mut message: &[u8]) -> Option<Vec<(u64, Value<'_>)>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut message)?),
            1 => Value::Number(u64::from_le_bytes(*take(&mut message, 8)?.first_chunk()?)),
            2 => {
                let len = usize::try_from(varint(&mut message)?).ok()?;
                Value::Bytes(take(&mut message, len)?)
            }
            5 => Value::Number(u32::from_le_bytes(*take(&mut message, 4)?.first_chunk()?).into()),
            _ => return None,
        };
        if tag >> 3 == 0 {
            return None;
        }
        fields.push((tag >> 3, value));
    }
    Some(fields)
}

/// The last value of a field of bytes.
pub(super) fn bytes<'a>(fields: &[(u64, Value<'a>)], number: u64) -> Option<&'a [u8]> {
    fields.iter().rev().find_map(|(of, value)| match value {
        Value::Bytes(bytes) if *of == number => Some(*bytes),
        _ => None,
    })
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take<'a>(message: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = message.split_at_checked(len)?;
    *message = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::{Value, bytes, fields};

    #[test]
    fn fields_are_read_and_cuts_are_seen() {
        let message = b"\x0a\x03abc\x10\x96\x01\x1d\x01\x00\x00\x00";
        let read = fields(message).expect("a message");
        assert_eq!(read, [(1, Value::Bytes(b"abc")), (2, Value::Number(150)), (3, Value::Number(1))]);
        assert_eq!((bytes(&read, 1), bytes(&read, 2)), (Some(&b"abc"[..]), None));
        for end in [1, 2, 4, 6, 9] {
            assert_eq!(fields(&message[..end]), None, "cut at {end}");
        }
        assert_eq!(fields(b"cluster-name"), None);
    }
}
