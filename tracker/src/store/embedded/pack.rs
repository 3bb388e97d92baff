//! Numbers and ids in few bytes.

/// Appends a number, seven bits a byte.
pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Appends a difference of two numbers, small ones of either sign in few bytes.
pub(super) fn put_difference(out: &mut Vec<u8>, from: u64, to: u64) {
    let difference = to.wrapping_sub(from).cast_signed();
    put_number(out, ((difference << 1) ^ (difference >> 63)).cast_unsigned());
}

/// Appends a text as it is.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// How an id is written. Other texts stand as they are, behind [`Form::PLAIN`] and their length.
#[derive(Clone, Copy)]
struct Form {
    tag: u8,
    upper: bool,
    uuid: bool,
}

impl Form {
    const ALL: [Self; 4] = [
        Self { tag: 1, upper: false, uuid: false },
        Self { tag: 2, upper: true, uuid: false },
        Self { tag: 3, upper: false, uuid: true },
        Self { tag: 4, upper: true, uuid: true },
    ];
    const DECIMAL: u8 = 5;
    /// With this many bytes in front of the digits at most.
    const PREFIXED: u8 = 6;
    const LONG: u8 = 7;
    const PLAIN: u8 = 8;
    const MAX_PLAIN: usize = 255 - Self::PLAIN as usize;

    const fn length(self) -> usize {
        if self.uuid { 36 } else { 32 }
    }

    fn pack(self, text: &str) -> Option<[u8; 16]> {
        if text.len() != self.length() {
            return None;
        }
        let mut bytes = [0; 16];
        let mut digits = 0_usize;
        for (place, byte) in text.bytes().enumerate() {
            if self.uuid && matches!(place, 8 | 13 | 18 | 23) {
                if byte != b'-' {
                    return None;
                }
                continue;
            }
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' if !self.upper => byte - b'a' + 10,
                b'A'..=b'F' if self.upper => byte - b'A' + 10,
                _ => return None,
            };
            let place = bytes.get_mut(digits / 2)?;
            *place = *place << 4 | digit;
            digits += 1;
        }
        (digits == 32).then_some(bytes)
    }

    fn unpack(self, bytes: [u8; 16], out: &mut String) {
        let digits: &[u8; 16] = if self.upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
        for (place, byte) in bytes.into_iter().enumerate() {
            if self.uuid && matches!(place, 4 | 6 | 8 | 10) {
                out.push('-');
            }
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from(digits.get(usize::from(digit)).copied().unwrap_or(b'0')));
            }
        }
    }
}

/// Appends an id: hexadecimal digits, UUIDs and decimal numbers in half of their length or less.
pub(super) fn put_id(out: &mut Vec<u8>, id: &str) {
    if let Some((form, bytes)) = Form::ALL.into_iter().find_map(|form| Some((form, form.pack(id)?))) {
        out.push(form.tag);
        out.extend_from_slice(&bytes);
        return;
    }
    if let Some(number) = decimal(id) {
        out.push(Form::DECIMAL);
        put_number(out, number);
        return;
    }
    let split = id.len().checked_sub(32).filter(|split| *split < 256).and_then(|split| id.split_at_checked(split));
    for form in Form::ALL.into_iter().filter(|form| !form.uuid) {
        let Some((prefix, bytes)) = split.and_then(|(prefix, digits)| Some((prefix, form.pack(digits)?))) else {
            continue;
        };
        out.extend_from_slice(&[Form::PREFIXED, form.tag]);
        put_text(out, prefix);
        out.extend_from_slice(&bytes);
        return;
    }
    match u8::try_from(id.len()).ok().filter(|length| usize::from(*length) <= Form::MAX_PLAIN) {
        Some(length) => out.push(Form::PLAIN + length),
        None => {
            out.push(Form::LONG);
            put_number(out, id.len() as u64);
        }
    }
    out.extend_from_slice(id.as_bytes());
}

fn decimal(id: &str) -> Option<u64> {
    let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) && (id == "0" || !id.starts_with('0'));
    id.parse().ok().filter(|_| plain)
}

/// Reads what was appended; everything is `None` when the bytes are not what they should be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// A number that is small enough for what it stands for.
    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(self.number()?).ok()
    }

    pub(super) fn difference(&mut self, from: u64) -> Option<u64> {
        let packed = self.number()?;
        let difference = (packed >> 1).cast_signed() ^ -((packed & 1).cast_signed());
        Some(from.wrapping_add(difference.cast_unsigned()))
    }

    pub(super) fn text(&mut self) -> Option<String> {
        let length = self.small()?;
        std::str::from_utf8(self.take(length)?).ok().map(str::to_owned)
    }

    pub(super) fn id(&mut self) -> Option<String> {
        let tag = self.byte()?;
        let mut id = String::new();
        match tag {
            Form::DECIMAL => id = self.number()?.to_string(),
            Form::LONG => id = self.text()?,
            Form::PREFIXED => {
                let form = self.byte()?;
                id = self.text()?;
                Form::ALL.into_iter().find(|one| one.tag == form)?.unpack(self.array()?, &mut id);
            }
            Form::PLAIN.. => id = std::str::from_utf8(self.take(usize::from(tag - Form::PLAIN))?).ok()?.to_owned(),
            _ => Form::ALL.into_iter().find(|one| one.tag == tag)?.unpack(self.array()?, &mut id),
        }
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_comes_back_as_it_was_and_usual_ones_are_short() {
        let hex = "00ff9c0de1a44bf92f3577b34da6a3ce";
        let uuid = "c1de1a4c-4bf9-4f35-97b3-4da6a3ce929d";
        let cases = [
            (hex.to_owned(), 17),
            (hex.to_uppercase(), 17),
            (uuid.to_owned(), 17),
            (uuid.to_uppercase(), 17),
            (format!("order-{hex}"), 25),
            ("0".to_owned(), 2),
            ("18446744073709551615".to_owned(), 11),
            ("18446744073709551616".to_owned(), 21),
            ("007".to_owned(), 4),
            ("+7".to_owned(), 3),
            (String::new(), 1),
            ("订单-42".to_owned(), 10),
            ("é".repeat(16), 33),
            ("x".repeat(300), 303),
            (format!("é{}", "x".repeat(31)), 34),
        ];
        for (id, length) in cases {
            let mut bytes = Vec::new();
            put_id(&mut bytes, &id);
            assert_eq!(bytes.len(), length, "{id}");
            let mut reader = Reader(&bytes);
            assert_eq!(reader.id().expect("packed by us"), id);
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn differences_of_any_two_numbers_come_back() {
        for (from, to) in [(0, 0), (5, 3), (0, u64::MAX), (u64::MAX, 0), (1 << 63, 7)] {
            let mut bytes = Vec::new();
            put_difference(&mut bytes, from, to);
            assert_eq!(Reader(&bytes).difference(from), Some(to));
        }
    }
}
