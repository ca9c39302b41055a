//! A change of state, and why.

use std::fmt;
use std::time::{Duration, SystemTime};

use crate::CircuitState;

/// A breaker changed its state.
///
/// `Display` is the sentence for an operator: `OPENED after 5 consecutive failures`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// The state before.
    pub from: CircuitState,
    /// The state after.
    pub to: CircuitState,
    /// When it happened.
    pub at: SystemTime,
    /// The generation that begins with it. Later transitions have higher numbers.
    pub generation: u64,
    /// Why it happened.
    pub cause: Cause,
}

/// Why a breaker changed its state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// So many failures followed each other.
    ConsecutiveFailures(u32),
    /// Too many of the recent calls failed.
    FailureRate {
        /// The failed ones.
        failures: u32,
        /// All of them.
        calls: u32,
    },
    /// The recovery time is over.
    TimeUp {
        /// How long it was.
        waited: Duration,
    },
    /// A trial failed.
    TrialFailed,
    /// Enough trials succeeded.
    Recovered,
    /// Somebody opened it by hand.
    Tripped {
        /// Why, in that person's words.
        reason: String,
    },
    /// Somebody closed it by hand.
    Reset,
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::ConsecutiveFailures(failures) => {
                write!(f, "OPENED after {failures} consecutive failures")
            }
            Cause::FailureRate { failures, calls } => {
                write!(f, "OPENED after {failures} failures in {calls} calls")
            }
            Cause::TimeUp { waited } => {
                write!(f, "entering HALF_OPEN state after {}s timeout", waited.as_secs_f64())
            }
            Cause::TrialFailed => f.write_str("reopening"),
            Cause::Recovered => f.write_str("CLOSED after successful recovery"),
            Cause::Tripped { reason } => write!(f, "OPENED by hand: {reason}"),
            Cause::Reset => f.write_str("CLOSED by hand"),
        }
    }
}
