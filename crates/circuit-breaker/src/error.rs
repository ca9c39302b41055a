//! What can go wrong, one type per question that a caller asks.

use std::time::SystemTime;

use crate::CircuitState;

/// Why a breaker could not be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A setting has a value with which the breaker would never open, never close or never wait.
    #[error("`{setting}` is {value}, but must be {allowed}")]
    OutOfRange {
        /// The setting, as it is spelled in [`Settings`](crate::Settings).
        setting: &'static str,
        /// The value that was given.
        value: String,
        /// The values that make sense.
        allowed: &'static str,
    },
}

/// The breaker does not let this call through now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the circuit is {state}")]
pub struct Refused {
    /// `Open`, or `HalfOpen` while all trials are taken.
    pub state: CircuitState,
    /// When asking again makes sense: the end of the recovery time, or the moment when the oldest
    /// trial is given up. In `HalfOpen` a trial that answers sooner makes room sooner.
    pub retry_at: SystemTime,
}

/// Why [`CircuitBreaker::call`](crate::CircuitBreaker::call) has no value to return.
///
/// Exhaustive on purpose: either the call was made or it was not, and callers match on exactly that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError<E> {
    /// The call was not made.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The call was made and returned this error.
    #[error(transparent)]
    Failed(E),
}

/// Why a document does not describe a breaker.
#[cfg(feature = "serde")]
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The state needs this key, and it is null or missing.
    #[error("`{key}` is missing while the state is `{state}`")]
    Missing {
        /// The key.
        key: &'static str,
        /// The state that needs it.
        state: CircuitState,
    },
    /// The number is no moment that a clock could show.
    #[error("`{key}` is {value}, which is no time")]
    NotATime {
        /// The key.
        key: &'static str,
        /// The number.
        value: f64,
    },
}
