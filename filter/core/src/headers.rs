//! A header map as the host hands it over, read in place.

/// Names and values of one header map, borrowed from the host's answer.
///
/// Values are bytes: what HTTP allows is not always UTF-8.
#[derive(Clone, Debug, Default)]
pub struct Headers<'a> {
    pairs: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Headers<'a> {
    /// Reads the proxy-wasm form of a map: a count, that many pairs of lengths (32 bits, little-endian), then each name
    /// and value followed by a zero byte. A malformed map reads as empty.
    pub fn parse(map: &'a [u8]) -> Self {
        Self::read(map).unwrap_or_default()
    }

    fn read(map: &'a [u8]) -> Option<Self> {
        let (count, mut lengths) = take_u32(map)?;
        let count = usize::try_from(count).ok()?;
        let mut rest = lengths.get(count.checked_mul(8)?..)?;
        let mut pairs = Vec::with_capacity(count);
        for _ in 0..count {
            let (name_len, after) = take_u32(lengths)?;
            let (value_len, after) = take_u32(after)?;
            lengths = after;
            let (name, after) = take_text(rest, name_len)?;
            let (value, after) = take_text(after, value_len)?;
            rest = after;
            pairs.push((name, value));
        }
        Some(Self { pairs })
    }

    /// The first value of `name`, which must be in lower case, as Envoy keeps them.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The first value of `name`, where it is UTF-8.
    pub fn get_str(&self, name: &str) -> Option<&'a str> {
        self.get(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Every value of `name`, in order.
    pub fn all<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'a [u8]> + 'b {
        self.pairs.iter().filter(move |(known, _)| *known == name.as_bytes()).map(|(_, value)| *value)
    }

    /// Every name with its value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + '_ {
        self.pairs.iter().copied()
    }

    /// Every name, in order, repeats included.
    pub fn names(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.pairs.iter().map(|(name, _)| *name)
    }
}

impl<'a> FromIterator<(&'a [u8], &'a [u8])> for Headers<'a> {
    fn from_iter<I: IntoIterator<Item = (&'a [u8], &'a [u8])>>(pairs: I) -> Self {
        Self { pairs: pairs.into_iter().collect() }
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Headers<'a> {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Self {
        pairs.into_iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect()
    }
}

/// Writes a map in the form that [`Headers::parse`] reads.
pub fn encode<'a, T: AsRef<[u8]> + ?Sized + 'a>(pairs: impl IntoIterator<Item = (&'a T, &'a T)>) -> Vec<u8> {
    let (mut lengths, mut texts, mut count) = (Vec::new(), Vec::new(), 0_u32);
    for (name, value) in pairs {
        let (name, value) = (name.as_ref(), value.as_ref());
        let (Ok(name_len), Ok(value_len)) = (u32::try_from(name.len()), u32::try_from(value.len())) else { continue };
        count = count.saturating_add(1);
        lengths.extend(name_len.to_le_bytes());
        lengths.extend(value_len.to_le_bytes());
        for text in [name, value] {
            texts.extend(text);
            texts.push(0);
        }
    }
    let mut map = count.to_le_bytes().to_vec();
    map.extend(lengths);
    map.extend(texts);
    map
}

fn take_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*head), rest))
}

fn take_text(bytes: &[u8], len: u32) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(usize::try_from(len).ok()?)?;
    let (_zero, rest) = rest.split_first()?;
    Some((text, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let pairs = [("content-type", "application/json"), ("x-empty", ""), ("retry-after", "7")];
        let map = encode(pairs);
        let read: Vec<(&[u8], &[u8])> = Headers::parse(&map).iter().collect();
        assert_eq!(read, pairs.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    }
    use proptest::prelude::*;

    fn wire(pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut bytes = (pairs.len() as u32).to_le_bytes().to_vec();
        for (name, value) in pairs {
            bytes.extend((name.len() as u32).to_le_bytes());
            bytes.extend((value.len() as u32).to_le_bytes());
        }
        for (name, value) in pairs {
            bytes.extend_from_slice(name);
            bytes.push(0);
            bytes.extend_from_slice(value);
            bytes.push(0);
        }
        bytes
    }

    #[test]
    fn repeated_headers_keep_their_order_and_non_utf8_values_stay_bytes() {
        let map = wire(&[(b"a", b"1"), (b"b", b"\xff"), (b"a", b"2")]);
        let headers = Headers::parse(&map);
        assert_eq!(headers.all("a").collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(headers.get("b"), Some(&b"\xff"[..]));
        assert_eq!(headers.get_str("b"), None);
    }

    proptest! {
        #[test]
        fn any_map_is_read_back_and_any_bytes_are_survived(
            pairs in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..9), prop::collection::vec(any::<u8>(), 0..9)), 0..6),
            noise in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let pairs: Vec<(&[u8], &[u8])> = pairs.iter().map(|(n, v)| (n.as_slice(), v.as_slice())).collect();
            let bytes = wire(&pairs);
            prop_assert_eq!(&Headers::parse(&bytes).pairs, &pairs);
            let _ = Headers::parse(&noise);
        }
    }
}
