//! Promises that need several processes, a real repository or a kill.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod cutoff;
mod history;
mod journey;
mod looking;
mod stopping;
mod surroundings;
mod waiting;
