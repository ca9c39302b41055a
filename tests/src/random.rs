//! Chance that can be repeated.

/// A stream of numbers that a seed decides (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A new stream each time, or that of `GOVCTL_TEST_SEED`. Prints the seed, which the
    /// test runner shows if the test fails.
    #[must_use]
    #[expect(clippy::print_stdout, reason = "a failure that cannot be repeated is half a failure")]
    pub fn new() -> Random {
        let seed = given_seed().unwrap_or_else(|| {
            let mut bytes = [0; 8];
            let flags = rustix::rand::GetRandomFlags::empty();
            rustix::rand::getrandom(&mut bytes[..], flags).unwrap();
            u64::from_ne_bytes(bytes)
        });
        println!("repeat with GOVCTL_TEST_SEED={seed}");
        Random::from_seed(seed)
    }

    /// The stream of this seed.
    #[must_use]
    pub fn from_seed(seed: u64) -> Random {
        Random { state: seed }
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % limit
    }
}

impl Default for Random {
    fn default() -> Random {
        Random::new()
    }
}

#[expect(clippy::disallowed_methods, reason = "how a person repeats a run that failed")]
fn given_seed() -> Option<u64> {
    let seed = std::env::var("GOVCTL_TEST_SEED").ok()?;
    Some(seed.parse().expect("GOVCTL_TEST_SEED is a number"))
}
