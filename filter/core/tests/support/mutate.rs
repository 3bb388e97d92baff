//! Mutations of a text, the same for the same seed.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// What JSON, XML, forms and heads are made of, and what readers stumble over.
const WORDS: [&[u8]; 24] = [
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"true",
    b"-1",
    b"1e999",
    b"&",
    b"=",
    b"%",
    b"<",
    b"&lt;",
    b"\0",
    b"\xff",
    b"\n",
    b"$TOKEN1",
    b"99999999999999999999",
];

/// `bytes` with one to four changes.
pub(crate) fn mutate(bytes: &[u8], seed: u64) -> Vec<u8> {
    let mut dice = Dice(Xoshiro256PlusPlus::seed_from_u64(seed));
    let mut mutated = bytes.to_vec();
    for _ in 0..=dice.below(3) {
        change(&mut mutated, &mut dice);
    }
    mutated
}

fn change(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(bytes.len());
    match dice.below(6) {
        0 => {
            let bit = dice.below(7);
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        1 => bytes.truncate(at),
        2 => drop(bytes.drain(at..dice.end(at, bytes.len()))),
        3 => {
            let piece: Vec<u8> = bytes.drain(at..dice.end(at, bytes.len())).collect();
            let there = dice.below(bytes.len());
            insert(bytes, there, &piece);
        }
        4 => {
            let piece = bytes.get(at..dice.end(at, bytes.len())).unwrap_or_default().to_vec();
            insert(bytes, at, &piece);
        }
        _ => {
            let word = WORDS.get(dice.below(WORDS.len() - 1)).copied().unwrap_or_default();
            insert(bytes, at, word);
        }
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, piece: &[u8]) {
    drop(bytes.splice(at..at, piece.iter().copied()));
}

struct Dice(Xoshiro256PlusPlus);

impl Dice {
    /// A number from 0 to `most`.
    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.0.next_u64()).unwrap_or(0) % most.saturating_add(1)
    }

    /// The end of a short piece of something `len` long.
    fn end(&mut self, start: usize, len: usize) -> usize {
        start.saturating_add(self.below(40)).min(len)
    }
}
