//! The promises of the crate, one module each. No test waits for a clock.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod calls;
#[cfg(feature = "serde")]
mod document;
#[cfg(feature = "tracing")]
mod events;
mod listeners;
mod machine;
mod model;
mod old_program;
mod outages;
mod permits;
mod rates;
mod recovery;
mod settings;
#[cfg(feature = "persist")]
mod shared;
#[cfg(feature = "persist")]
mod stored;
mod threads;
mod time;
#[cfg(feature = "persist")]
mod troubled;

use std::time::{Duration, SystemTime};

use circuit_breaker::{CircuitBreaker, Event, Machine, ManualClock, Opening, Settings};

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

/// A breaker whose clock stands at `at(0)`.
fn breaker(settings: Settings) -> (CircuitBreaker, ManualClock) {
    let clock = ManualClock::new(at(0));
    let breaker = CircuitBreaker::builder().settings(settings).clock(clock.clone()).build();
    (breaker.unwrap(), clock)
}

/// A breaker that has just turned half-open, and asked nobody for a trial yet.
fn half_open(settings: Settings) -> (CircuitBreaker, ManualClock) {
    let (breaker, clock) = breaker(settings);
    breaker.trip("the test says so");
    clock.advance(secs(60));
    (breaker, clock)
}

/// A person closes `machine`.
fn reset(machine: &Machine) -> Event {
    Event::Reset { generation: machine.generation() }
}

/// A person opens `machine`.
fn trip(machine: &Machine, reason: &str) -> Event {
    Event::Tripped { generation: machine.generation(), reason: reason.to_owned() }
}

/// Longer than every wait and lease of the default settings.
#[cfg(feature = "serde")]
const LONG: Duration = Duration::from_secs(400 * 24 * 60 * 60);
