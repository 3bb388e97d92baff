//! The wire form of a header map: a count, the lengths of every name and value, then each with a zero byte behind it.

use super::Headers;

/// The most pairs that a guest may send at once (proxy-wasm-cpp-host, limits.h).
pub const MAX_PAIRS: usize = 1024;
/// The most bytes that a guest may send at once (proxy-wasm-cpp-host, limits.h).
pub const MAX_PAIRS_BYTES: usize = 1 << 20;

/// The pairs of a map as a guest reads them.
pub fn encode_pairs<'a>(pairs: impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + Clone) -> Vec<u8> {
    let text: usize = pairs.clone().map(|(name, value)| name.len() + value.len() + 2).sum();
    let mut out = Vec::with_capacity(4 + pairs.len() * 8 + text);
    push_length(&mut out, pairs.len());
    for (name, value) in pairs.clone() {
        push_length(&mut out, name.len());
        push_length(&mut out, value.len());
    }
    for (name, value) in pairs {
        out.extend_from_slice(name);
        out.push(0);
        out.extend_from_slice(value);
        out.push(0);
    }
    out
}

fn push_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

/// The pairs that a guest wrote; `None` if there are too many, or if they do not fit into their bytes.
pub fn decode_pairs(bytes: &[u8]) -> Option<Headers> {
    if bytes.is_empty() {
        return Some(Headers::new());
    }
    if bytes.len() > MAX_PAIRS_BYTES {
        return None;
    }
    let (count, rest) = length(bytes)?;
    if count > MAX_PAIRS {
        return None;
    }
    let (mut lengths, mut text) = rest.split_at_checked(count.checked_mul(8)?)?;
    let mut headers = Headers::with_capacity(count, text.len());
    for _ in 0..count {
        let (name_len, rest) = length(lengths)?;
        let (value_len, rest) = length(rest)?;
        lengths = rest;
        let name = take(&mut text, name_len)?;
        let value = take(&mut text, value_len)?;
        headers.push(name, value);
    }
    Some(headers)
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*length)).ok()?, rest))
}

fn take<'a>(text: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = text.split_at_checked(len)?;
    let (zero, rest) = rest.split_first()?;
    *text = rest;
    (*zero == 0).then_some(taken)
}

#[cfg(test)]
mod tests {
    use super::{decode_pairs, encode_pairs};
    use crate::abi::Headers;

    #[test]
    fn pairs_come_back_as_they_went() {
        let headers: Headers = [(":path", "/a"), ("empty", ""), ("x", "1"), ("x", "2")].into_iter().collect();
        let pairs: Vec<_> = headers.iter().collect();
        assert_eq!(decode_pairs(&encode_pairs(pairs.into_iter())), Some(headers));
    }

    #[test]
    fn no_cut_or_lying_buffer_is_taken() {
        let headers: Headers = [("name", "value"), ("other", "value")].into_iter().collect();
        let pairs: Vec<_> = headers.iter().collect();
        let whole = encode_pairs(pairs.into_iter());
        for end in 1..whole.len() {
            assert_eq!(decode_pairs(&whole[..end]), None, "cut at {end}");
        }
        assert_eq!(decode_pairs(&u32::MAX.to_le_bytes()), None);
        assert_eq!(decode_pairs(&[1, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0]), None);
    }
}
