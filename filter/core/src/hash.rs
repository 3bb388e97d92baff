//! A hash that is the same in every worker and every build. It hides nothing and withstands nobody: it only spreads.

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// FNV-1a of the parts, each ended by a zero byte, with its bits mixed so that a remainder by any number is even.
pub fn hash(parts: &[&[u8]]) -> u64 {
    let mut state = OFFSET;
    for part in parts {
        for byte in part.iter().chain(&[0]) {
            state = (state ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
    }
    mix(state)
}

/// Mixes the bits of a number (the finaliser of MurmurHash3).
pub const fn mix(mut state: u64) -> u64 {
    state ^= state >> 33;
    state = state.wrapping_mul(0xff51_afd7_ed55_8ccd);
    state ^= state >> 33;
    state = state.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    state ^ (state >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart_and_remainders_are_even() {
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
        let below = (0..100_000_u32).filter(|n| hash(&[n.to_string().as_bytes()]) % 10_000 < 1_000).count();
        assert!((9_500..10_500).contains(&below), "{below}");
    }
}
