//! One seed, many independent streams of random numbers: a change in one part of a scenario leaves the others' alone.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng as _;

/// Where all randomness of a run comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seed(pub(super) u64);

/// Fast, and the same on every machine.
pub(super) type Random = Xoshiro256PlusPlus;

impl Seed {
    /// The stream of a part of the world, by its name.
    pub(super) fn stream(self, part: &str) -> Random {
        // FNV-1a, only to tell names apart; the generator's own seeding mixes the bits.
        let hash = part
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        Random::seed_from_u64(hash ^ self.0.rotate_left(32))
    }
}

#[cfg(test)]
mod tests {
    use super::Seed;
    use rand_xoshiro::rand_core::Rng as _;

    #[test]
    fn streams_follow_from_seed_and_name_alone() {
        let first = |seed, part| Seed(seed).stream(part).next_u64();
        assert_eq!(first(1, "traffic"), first(1, "traffic"));
        assert_ne!(first(1, "traffic"), first(2, "traffic"));
        assert_ne!(first(1, "traffic"), first(1, "vendor oppo"));
    }
}
