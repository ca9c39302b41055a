//! Promises that need several processes, a real repository or a kill.

mod cutoff;
mod history;
mod journey;
mod looking;
