//! Lower-case hexadecimal by table, without allocation.

const NOT_A_DIGIT: u8 = 0xff;

const DIGITS: &[u8; 16] = b"0123456789abcdef";
static VALUES: [u8; 256] = values();

#[expect(clippy::indexing_slicing, reason = "evaluated at compile time, where an index out of range fails the build")]
const fn values() -> [u8; 256] {
    let mut values = [NOT_A_DIGIT; 256];
    let mut value = 0;
    while value < DIGITS.len() {
        values[DIGITS[value] as usize] = value as u8;
        value += 1;
    }
    values
}

fn value(digit: u8) -> u8 {
    VALUES.get(usize::from(digit)).copied().unwrap_or(NOT_A_DIGIT)
}

fn digit(value: u8) -> u8 {
    DIGITS.get(usize::from(value & 0xf)).copied().unwrap_or(b'0')
}

/// Whether `byte` is `0`-`9` or `a`-`f`. Upper case is not.
pub(crate) fn is_digit(byte: u8) -> bool {
    value(byte) != NOT_A_DIGIT
}

/// Reads exactly `2 * N` lower-case digits. Anything else is `None`.
pub(crate) fn decode<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let mut seen = 0;
    let mut pairs = digits.chunks_exact(2);
    for (byte, pair) in bytes.iter_mut().zip(&mut pairs) {
        let [high, low] = pair else { return None };
        let (high, low) = (value(*high), value(*low));
        seen |= high | low;
        *byte = high << 4 | low;
    }
    (digits.len() == 2 * N && seen < 16).then_some(bytes)
}

/// Writes `bytes` into the next slots, two digits each. What finds no slot is left out.
pub(crate) fn write(bytes: &[u8], slots: &mut std::slice::IterMut<'_, u8>) {
    for byte in bytes {
        for value in [byte >> 4, byte & 0xf] {
            let Some(slot) = slots.next() else { return };
            *slot = digit(value);
        }
    }
}

/// Writes `bytes` to a formatter: `N` is the number of digits, twice the number of bytes.
pub(crate) fn format<const N: usize>(bytes: &[u8], f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
    let mut digits = [b'0'; N];
    write(bytes, &mut digits.iter_mut());
    f.pad(std::str::from_utf8(&digits).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_writing_and_reading() {
        for byte in 0..=u8::MAX {
            let mut digits = [0; 2];
            write(&[byte], &mut digits.iter_mut());
            assert_eq!(std::str::from_utf8(&digits), Ok(format!("{byte:02x}").as_str()));
            assert_eq!(decode(&digits), Some([byte]));
        }
    }

    #[test]
    fn only_lower_case_digits_of_the_right_number_are_read() {
        for wrong in ["", "0", "000", "0000", "0A", "A0", "0g", "0 ", "-1", "é"] {
            assert_eq!(decode::<1>(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
