//! Promises that need several processes, a real repository or a kill.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod breaker;
mod contention;
mod cutoff;
mod doctor;
mod faults;
mod github;
mod history;
mod ids;
mod journey;
mod kills;
mod life;
mod locks;
mod looking;
mod many;
mod orphans;
mod running;
mod sessions;
mod stopping;
mod surroundings;
mod syscalls;
mod waiting;
