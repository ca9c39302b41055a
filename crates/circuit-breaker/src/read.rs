//! What can be read from the machine. Nothing here changes it.

use std::time::SystemTime;

use crate::outages::Outages;
use crate::phase::Phase;
use crate::trials::not_in_the_future;
use crate::{CircuitState, Machine, Ticket, Trial};

impl Machine {
    /// Returns the state at `now`: an open machine whose recovery time is over is half-open.
    #[must_use]
    pub fn state(&self, now: SystemTime) -> CircuitState {
        match self.retry_at(now) {
            Some(retry_at) if retry_at <= now => CircuitState::HalfOpen,
            _ => self.phase.state(),
        }
    }

    /// Returns when an open machine lets a trial through; `None` if it is not open.
    #[must_use]
    pub fn retry_at(&self, now: SystemTime) -> Option<SystemTime> {
        match self.phase {
            Phase::Open { opened_at, retry_at, .. } => {
                Some(not_in_the_future(opened_at, retry_at, now).1)
            }
            _ => None,
        }
    }

    /// Returns when it opened; `None` if it is closed.
    #[must_use]
    pub fn opened_at(&self) -> Option<SystemTime> {
        match self.phase {
            Phase::Closed { .. } => None,
            Phase::Open { opened_at, .. } | Phase::HalfOpen { opened_at, .. } => Some(opened_at),
        }
    }

    /// Returns the failures since the last success; 0 if it is not closed.
    #[must_use]
    pub fn failures(&self) -> u32 {
        if let Phase::Closed { failures, .. } = self.phase { failures } else { 0 }
    }

    /// Returns the trials that succeeded since it turned half-open; 0 if it is not.
    #[must_use]
    pub fn successes(&self) -> u32 {
        if let Phase::HalfOpen { successes, .. } = self.phase { successes } else { 0 }
    }

    /// Returns why a person opened it; `None` if failures did or it is not open.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        if let Phase::Open { reason, .. } = &self.phase { reason.as_deref() } else { None }
    }

    /// Returns the trials under way, oldest first.
    #[must_use]
    pub fn trials(&self) -> &[Trial] {
        if let Phase::HalfOpen { trials, .. } = &self.phase { &trials.0 } else { &[] }
    }

    /// Returns the last outages.
    #[must_use]
    pub fn outages(&self) -> &Outages {
        &self.outages
    }

    /// Returns the number of the present generation.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns a ticket of the present generation for an answer that was not asked for.
    ///
    /// While half-open, its answer counts like that of a trial and frees the place of the oldest.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        Ticket { generation: self.generation, trial: None }
    }
}
