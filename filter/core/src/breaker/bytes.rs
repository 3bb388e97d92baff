//! The envelope of every value in the shared data, and the numbers in it.
//!
//! Magic, version and kind, length, content, checksum; all of it little-endian and in words of eight bytes, so that the
//! checksum of a tick's reading costs a few microseconds.

use super::window::Sums;

const MAGIC: &[u8; 4] = b"pmbk";
const VERSION: u16 = 1;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The states of all breakers.
    Table = 1,
    /// The counts of one worker.
    Worker = 2,
}

const fn head(kind: Kind) -> u64 {
    let [a, b, c, d] = *MAGIC;
    let [e, f] = VERSION.to_le_bytes();
    let [g, h] = (kind as u16).to_le_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// Writes one value.
#[derive(Debug)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn new(kind: Kind, room: usize) -> Self {
        let mut bytes = Vec::with_capacity(room.saturating_add(24));
        bytes.extend_from_slice(&head(kind).to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        Self(bytes)
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    /// A word of a `u32`, a `u16` and two `u8`.
    pub(super) fn mixed(&mut self, long: u32, short: u16, a: u8, b: u8) {
        self.u64(u64::from(long) | u64::from(short) << 32 | u64::from(a) << 48 | u64::from(b) << 56);
    }

    pub(super) fn sums(&mut self, sums: &Sums) {
        let [a, b, c, d, e, f, g, h] = sums.to_array();
        for (low, high) in [(a, b), (c, d), (e, f), (g, h)] {
            self.u64(u64::from(low) | u64::from(high) << 32);
        }
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        let length = self.0.len() as u64;
        if let Some(place) = self.0.get_mut(8..16) {
            place.copy_from_slice(&length.to_le_bytes());
        }
        let sum = checksum(&self.0);
        self.u64(sum);
        self.0
    }
}

/// Reads one value; every read is `None` past its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The content of a value of that kind; `None` for anything else.
    pub(super) fn open(kind: Kind, bytes: &'a [u8]) -> Option<Self> {
        let (content, sum) = bytes.split_last_chunk::<8>()?;
        let mut reader = Self(content);
        let whole = content.len() % 8 == 0 && reader.u64()? == head(kind) && reader.u64()? == content.len() as u64;
        (whole && checksum(content) == u64::from_le_bytes(*sum)).then_some(reader)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }

    /// Reads what [`Writer::mixed`] wrote.
    pub(super) fn mixed(&mut self) -> Option<(u32, u16, u8, u8)> {
        let word = self.u64()?;
        Some((word as u32, (word >> 32) as u16, (word >> 48) as u8, (word >> 56) as u8))
    }

    pub(super) fn sums(&mut self) -> Option<Sums> {
        let mut pair = || self.u64().map(|word| (word as u32, (word >> 32) as u32));
        let ((a, b), (c, d), (e, f), (g, h)) = (pair()?, pair()?, pair()?, pair()?);
        Some(Sums::from_array([a, b, c, d, e, f, g, h]))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// FNV-1a by words: against chance, not against malice; who can write here can also trap the VM.
fn checksum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(8).filter_map(|word| word.first_chunk::<8>());
    words.fold(0xCBF2_9CE4_8422_2325, |hash, word| mix(hash, u64::from_le_bytes(*word)))
}

const fn mix(hash: u64, word: u64) -> u64 {
    // The rotation lets the highest bits of a word reach all others.
    (hash ^ word).wrapping_mul(0x0000_0100_0000_01B3).rotate_left(29)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn values_are_read_back_and_changed_ones_are_refused(words: [u64; 4], flip in 0_usize..56, bit in 0_u8..8) {
            let mut writer = Writer::new(Kind::Table, 0);
            words.into_iter().for_each(|word| writer.u64(word));
            let mut bytes = writer.finish();
            let mut reader = Reader::open(Kind::Table, &bytes).unwrap();
            prop_assert_eq!([(); 4].map(|()| reader.u64().unwrap()), words);
            prop_assert!(reader.is_empty() && reader.u64().is_none());
            prop_assert!(Reader::open(Kind::Worker, &bytes).is_none());
            bytes[flip] ^= 1 << bit;
            prop_assert!(Reader::open(Kind::Table, &bytes).is_none());
        }

        #[test]
        fn foreign_values_are_refused(bytes: Vec<u8>) {
            prop_assert!(Reader::open(Kind::Table, &bytes).is_none());
        }
    }

    #[test]
    fn small_numbers_share_a_word() {
        let mut writer = Writer::new(Kind::Worker, 0);
        writer.mixed(u32::MAX, 258, 3, 4);
        writer.sums(&Sums::from_array([1, 2, 3, 4, 5, 6, 7, 8]));
        let bytes = writer.finish();
        let mut reader = Reader::open(Kind::Worker, &bytes).unwrap();
        assert_eq!(reader.mixed(), Some((u32::MAX, 258, 3, 4)));
        assert_eq!(reader.sums(), Some(Sums::from_array([1, 2, 3, 4, 5, 6, 7, 8])));
    }
}
