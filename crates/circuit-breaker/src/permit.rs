//! The right to one call, for callers that cannot pass a closure.

use std::mem;
use std::thread;
use std::time::Duration;

use crate::{CircuitBreaker, Event, Ticket};

/// The right to one call; from [`CircuitBreaker::try_acquire`].
///
/// Say how the call went with [`success`](Self::success) or [`failure`](Self::failure). A permit
/// that is dropped by a panic counts as a failure; dropped otherwise, it is given back as if the
/// call had not been made, so a cancelled future takes no trial with it.
#[derive(Debug)]
#[must_use = "dropping the permit gives it back; say `success` or `failure`"]
pub struct Permit<'a> {
    breaker: &'a CircuitBreaker,
    ticket: Ticket,
    /// When the call began, if calls are timed.
    began: Option<Duration>,
    /// Whether a panic was under way when it was handed out. Then a drop during a panic is no
    /// news about the call.
    in_panic: bool,
}

impl<'a> Permit<'a> {
    #[inline]
    pub(crate) fn new(
        breaker: &'a CircuitBreaker,
        ticket: Ticket,
        began: Option<Duration>,
    ) -> Self {
        Self { breaker, ticket, began, in_panic: false }
    }

    /// For permits that leave the crate: a permit within one function is dropped unfinished only
    /// by a panic of the call, but these may be dropped anywhere.
    #[inline]
    pub(crate) fn note_panic(&mut self) {
        self.in_panic = thread::panicking();
    }

    /// The call succeeded. If it was slow and slow calls are failures, it failed.
    #[inline]
    pub fn success(self) {
        if self.breaker.word().is_calm() {
            // Closed, nothing to forget: also a success of an earlier generation changes nothing.
            mem::forget(self);
        } else {
            self.succeed();
        }
    }

    /// The call failed.
    pub fn failure(self) {
        self.answer(Event::Failure);
    }

    /// The call was not made, or its outcome says nothing about what was called.
    pub fn give_back(self) {
        self.answer(Event::GivenBack);
    }

    /// Parts with the permit: the answer will come from elsewhere, if at all. A trial that nobody
    /// answers is given up after its lease.
    pub fn detach(self) -> Ticket {
        let ticket = self.ticket;
        mem::forget(self);
        ticket
    }

    /// Returns what the permit stands for.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        self.ticket
    }

    #[cold]
    fn succeed(self) {
        let took = self.began.map(|began| self.breaker.uptime().saturating_sub(began));
        if took.is_some_and(|took| self.breaker.settings().is_slow(took)) {
            self.answer(Event::Failure);
        } else {
            self.answer(Event::Success);
        }
    }

    fn answer(self, event: fn(Ticket) -> Event) {
        self.breaker.apply(event(self.ticket));
        mem::forget(self);
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let event = if thread::panicking() && !self.in_panic {
            Event::Failure(self.ticket)
        } else {
            Event::GivenBack(self.ticket)
        };
        self.breaker.apply(event);
    }
}
