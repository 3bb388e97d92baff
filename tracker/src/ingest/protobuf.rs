//! Protobuf as it lies in the body: fields are gone through where they stand, and nothing is copied.

use thiserror::Error;

/// The body is not what it says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the body cannot be read: {0}")]
pub(super) struct Malformed(pub(super) &'static str);

/// A field that is known has a type that it does not have.
pub(super) const MISTYPED: Malformed = Malformed("a field has another type than it should");

/// The fields of a message, in the order in which they stand there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fields<'a>(&'a [u8]);

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    /// Text, bytes, or a message.
    Bytes(&'a [u8]),
}

impl<'a> Fields<'a> {
    pub(super) const fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// How many bytes are left.
    pub(super) const fn left(&self) -> usize {
        self.0.len()
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for (place, byte) in self.0.iter().enumerate().take(10) {
            if place == 9 && *byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << (7 * place);
            if *byte < 0x80 {
                self.0 = self.0.get(place + 1..).unwrap_or_default();
                return Ok(number);
            }
        }
        Err(Malformed("a number has no end"))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Malformed> {
        let taken = usize::try_from(length).ok().and_then(|length| self.0.split_at_checked(length));
        let (taken, left) = taken.ok_or(Malformed("it ends within a field"))?;
        self.0 = left;
        Ok(taken)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, left) = self.0.split_first_chunk::<N>().ok_or(Malformed("it ends within a field"))?;
        self.0 = left;
        Ok(*taken)
    }

    #[inline]
    fn field(&mut self) -> Result<(u32, Field<'a>), Malformed> {
        let key = self.varint()?;
        let number =
            u32::try_from(key >> 3).ok().filter(|number| *number > 0).ok_or(Malformed("a field has no number"))?;
        let field = match key & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(u64::from_le_bytes(self.fixed()?)),
            2 => {
                let length = self.varint()?;
                Field::Bytes(self.take(length)?)
            }
            5 => Field::Fixed32(u32::from_le_bytes(self.fixed()?)),
            _ => return Err(Malformed("a field has a type that is not known")),
        };
        Ok((number, field))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Field<'a>), Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

/// Text that is UTF-8, as protobuf demands.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed("a text is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_in_their_order() {
        let bytes = [0x08, 0xac, 0x02, 0x12, 2, b'h', b'i', 0x19, 1, 0, 0, 0, 0, 0, 0, 0, 0x25, 2, 0, 0, 0];
        let fields: Vec<_> = Fields::of(&bytes).collect::<Result<_, _>>().unwrap();
        let expected =
            [(1, Field::Varint(300)), (2, Field::Bytes(b"hi")), (3, Field::Fixed64(1)), (4, Field::Fixed32(2))];
        assert_eq!(fields, expected);
    }

    #[test]
    fn what_is_cut_off_or_has_no_end_is_malformed_and_then_it_is_over() {
        for bytes in [&[0x12, 5, 1][..], &[0x08], &[0x09, 1], &[0x0b], &[0x00, 1], &[0x08, 0xff], &[0xff; 11]] {
            let mut fields = Fields::of(bytes);
            assert!(fields.next().unwrap().is_err(), "{bytes:?}");
            assert!(fields.next().is_none());
        }
    }
}
