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
//! # How it works
//!
//! - [`Machine`] is the rules: a plain value, one method per event, with the time as an argument.
//! - [`Settings`] choose among the rules: failures in a row, or a failure rate over the last calls
//!   or the last minutes; slow calls; a recovery time that grows; more trials.
//!
//! Every change of state begins a new generation, and an answer counts only in the generation that
//! its call began in: what was called before the breaker opened says nothing about the recovery.
//!
//! # Limits
//!
//! - It does not wait, retry or time out: a call that hangs holds its permit.
//! - A trial that was given up may still be running while the next one is let through.
//! - A forward step of the clock ends a wait early; a backward step makes it begin anew at most.

mod error;
mod event;
mod machine;
mod outages;
mod phase;
mod read;
mod recovery;
mod settings;
mod state;
mod transition;
mod trials;
mod window;

pub use error::{Refused, SettingsError};
pub use event::{Asked, Event, Ticket};
pub use machine::Machine;
pub use outages::{Outage, Outages};
pub use recovery::Recovery;
pub use settings::{Opening, Over, Settings, SlowCalls};
pub use state::CircuitState;
pub use transition::{Cause, Transition};
pub use trials::Trial;
