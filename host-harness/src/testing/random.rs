//! Random bytes that are the same in every run.

use crate::proxy::NewRandom;
use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::SeedableRng;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Spreads the numbers of VMs over all seeds, so that those of neighbouring seeds have nothing in common.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A source for each VM in the order in which they are made.
pub(super) fn seeded(seed: u64) -> NewRandom {
    let made = AtomicU64::new(0);
    Arc::new(move || {
        let number = made.fetch_add(1, Ordering::Relaxed);
        Box::new(Xoshiro256PlusPlus::seed_from_u64(seed.wrapping_add(number.wrapping_mul(SPREAD))))
    })
}
