//! What goes into the machine and what comes out, as plain values.

use crate::{Refused, Transition};

/// The right to one call, and what its answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Ticket {
    /// The generation in which it was handed out.
    pub generation: u64,
    /// The number of the trial, if the call is one.
    pub trial: Option<u64>,
}

/// The answer to [`Machine::ask`](crate::Machine::ask).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked {
    /// The right to a call, or until when there is none.
    pub ticket: Result<Ticket, Refused>,
    /// The change of state that asking brought about: the recovery time was over.
    pub transition: Option<Transition>,
}

/// Something that happened to a breaker, as a value that can be kept and applied again.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The call with this ticket succeeded.
    Success(Ticket),
    /// The call with this ticket failed.
    Failure(Ticket),
    /// The call with this ticket was not made, or its outcome says nothing.
    GivenBack(Ticket),
    /// Somebody opened the breaker by hand.
    Tripped {
        /// The generation that the person saw.
        generation: u64,
        /// Why.
        reason: String,
    },
    /// Somebody closed the breaker by hand.
    Reset {
        /// The generation that the person saw: an order that arrives late must not close a
        /// breaker that has opened anew meanwhile.
        generation: u64,
    },
}
