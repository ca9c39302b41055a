//! A random number for the jitter, without a dependency.

use std::hash::{BuildHasher, RandomState};

/// Returns a random number from 0 to 1. Spreads callers; protects nothing.
pub(crate) fn draw() -> f64 {
    // Every `RandomState` has another key, and hashes "nothing" to another number.
    let bits = RandomState::new().hash_one(());
    // The upper 53 bits, which is what an `f64` holds exactly.
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}
