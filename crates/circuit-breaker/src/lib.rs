//! Stop calling what keeps failing, and remember it.
//!
//! A call through a breaker is made, or refused at once. After 5 failures in a row (the default)
//! every call is refused for 60 seconds. Then one trial is let through: if it succeeds, all calls
//! are; if it fails, the wait begins again.
//!
//! ```text
//!             5 failures in a row               60 seconds later
//!   ┌────────┐ ───────────────▶ ┌──────┐ ─────────────────────────▶ ┌───────────┐
//!   │ closed │                  │ open │                            │ half-open │
//!   └────────┘                  └──────┘ ◀───────────────────────── └───────────┘
//!       ▲                                       a trial fails             │
//!       └─────────────────────────────────────────────────────────────────┘
//!                                 a trial succeeds
//! ```
//!
//! # Examples
//!
//! ```
//! use circuit_breaker::{CallError, CircuitBreaker, CircuitState};
//!
//! let breaker = CircuitBreaker::default();
//! for _ in 0..5 {
//!     breaker.call(|| Err::<(), _>("connection refused")).unwrap_err();
//! }
//! assert_eq!(breaker.state(), CircuitState::Open);
//!
//! let refused = breaker.call(|| -> Result<(), &str> { unreachable!("it is not called") });
//! assert!(matches!(refused, Err(CallError::Refused(_))));
//! ```
//!
//! # How it works
//!
//! - [`Machine`] is the rules: a plain value, one method per event, with the time as an argument.
//! - [`CircuitBreaker`] puts a lock, a [`Clock`] and listeners around it, for threads. Calls are
//!   closures, futures, or two steps with a [`Permit`].
//! - [`Settings`] choose among the rules: failures in a row, or a failure rate over the last calls
//!   or the last minutes; slow calls; a recovery time that grows; more trials.
//!
//! Every change of state begins a new generation, and an answer counts only in the generation that
//! its call began in: what was called before the breaker opened says nothing about the recovery.
//!
//! While the breaker is closed and no failure is counted, a successful call costs two loads of one
//! word that nobody writes: no lock, no allocation, no clock. This holds for failures in a row
//! without timed calls; the other rules take a short lock per call.
//!
//! # Remembered, and shared by processes
//!
//! `Stored` (feature `persist`, default) names a document, and `Builder::stored` keeps a breaker
//! there. Each process has a copy that answers calls; a closed breaker reads the clock once for
//! each call and the file every 50 ms at most, which is the time within which everybody sees an
//! OPEN. A change is made to the newest document under its lock, so counts of all processes add
//! up, and an older copy overwrites nothing. What cannot be written counts here, and is merged at
//! the next chance. A document that is damaged or missing is a closed breaker.
//!
//! With the feature `tracing` (default) each transition is one event at level info. With the
//! feature `serde` a machine can be turned into a document and back without any file.
//!
//! # Limits
//!
//! - A stored breaker has no thread of its own: what it still has to write waits for its next call
//!   or its end. A process that is killed before that loses it.
//! - It does not wait, retry or time out: a call that hangs holds its permit.
//! - A trial that was given up may still be running while the next one is let through.
//! - A forward step of the clock ends a wait early; a backward step makes it begin anew at most.
//! - A 64-bit atomic is needed.

mod breaker;
mod builder;
mod calls;
mod chance;
mod clock;
#[cfg(feature = "serde")]
mod document;
mod error;
mod event;
#[cfg(feature = "persist")]
mod ledger;
mod machine;
mod outages;
mod permit;
mod phase;
mod read;
mod recovery;
mod report;
mod settings;
#[cfg(feature = "persist")]
mod shared;
mod state;
mod step;
#[cfg(feature = "persist")]
mod store;
mod transition;
mod trials;
#[cfg(not(feature = "persist"))]
mod unshared;
mod window;
mod word;

#[cfg(not(feature = "persist"))]
use unshared as shared;

pub use breaker::CircuitBreaker;
pub use builder::Builder;
pub use calls::Verdict;
pub use clock::{Clock, ManualClock, SystemClock};
#[cfg(feature = "serde")]
pub use document::Document;
#[cfg(feature = "serde")]
pub use error::DocumentError;
pub use error::{CallError, Refused, SettingsError};
pub use event::{Asked, Event, Ticket};
pub use machine::Machine;
pub use outages::{Outage, Outages};
pub use permit::Permit;
pub use recovery::Recovery;
pub use settings::{Opening, Over, Settings, SlowCalls};
pub use state::CircuitState;
#[cfg(feature = "persist")]
pub use store::{KINDS, Stored};
pub use transition::{Cause, Transition};
pub use trials::Trial;

#[cfg(all(doctest, feature = "persist"))]
#[doc = include_str!("../README.md")]
struct Readme;
