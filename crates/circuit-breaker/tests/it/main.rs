//! The promises of the crate, one module each. No test waits for a clock.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod machine;
mod model;
mod recovery;

use std::time::{Duration, SystemTime};

use circuit_breaker::{Opening, Settings};

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A moment in tests: far from the epoch, so that clocks can step back.
fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + secs(1_000_000_000 + seconds)
}

/// Opens after `failures` in a row; everything else is the default.
fn opens_after(failures: u32) -> Settings {
    Settings::default().opening(Opening::ConsecutiveFailures(failures))
}
