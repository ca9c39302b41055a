//! What a call through a closed breaker has to know, in one word.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::machine::Machine;
use crate::phase::Phase;
use crate::{Opening, Settings, SlowCalls, Ticket};

/// A shadow of the machine: its generation and three flags, readable without its lock.
///
/// Written only while the lock is held. A reader acts on it alone where nothing depends on
/// exactness, and takes the lock for everything else, so relaxed ordering is enough: no other
/// memory is published through it.
#[derive(Debug)]
pub(crate) struct SharedWord(AtomicU64);

/// One reading of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word(u64);

impl Word {
    const CLOSED: u64 = 1;
    const CALM: u64 = 2;
    const QUIET: u64 = 4;
    const FLAGS: u32 = 3;

    /// `shared`: the machine may have changed elsewhere, so no call may do without a look.
    pub(crate) fn of(machine: &Machine, settings: &Settings, shared: bool) -> Self {
        let flags = match machine.phase {
            Phase::Closed { failures: 0, .. } if counts_in_a_row(settings) && shared => {
                Self::CLOSED | Self::CALM
            }
            Phase::Closed { failures: 0, .. } if counts_in_a_row(settings) => {
                Self::CLOSED | Self::CALM | Self::QUIET
            }
            Phase::Closed { .. } => Self::CLOSED,
            Phase::Open { .. } | Phase::HalfOpen { .. } => 0,
        };
        Self(machine.generation << Self::FLAGS | flags)
    }

    /// Whether every call goes through.
    #[inline]
    pub(crate) fn is_closed(self) -> bool {
        self.0 & Self::CLOSED != 0
    }

    /// Whether it is closed, a success would change nothing, and no call is timed.
    #[inline]
    pub(crate) fn is_calm(self) -> bool {
        self.0 & Self::CALM != 0
    }

    /// Whether it is calm, and nobody else can change that.
    #[inline]
    pub(crate) fn is_quiet(self) -> bool {
        self.0 & Self::QUIET != 0
    }

    /// What a call that is let through by this word belongs to.
    #[inline]
    pub(crate) fn ticket(self) -> Ticket {
        Ticket { generation: self.0 >> Self::FLAGS, trial: None }
    }
}

/// Whether a success says nothing while no failure is counted: no window, no time.
fn counts_in_a_row(settings: &Settings) -> bool {
    matches!(settings.opening, Opening::ConsecutiveFailures(_))
        && settings.slow_calls == SlowCalls::AreSuccesses
}

impl SharedWord {
    pub(crate) fn new(word: Word) -> Self {
        Self(AtomicU64::new(word.0))
    }

    #[inline]
    pub(crate) fn read(&self) -> Word {
        Word(self.0.load(Ordering::Relaxed))
    }

    /// Call with the lock of the machine held.
    pub(crate) fn write(&self, word: Word) {
        // A store takes the line from all other cores; most events change nothing here.
        if self.0.load(Ordering::Relaxed) != word.0 {
            self.0.store(word.0, Ordering::Relaxed);
        }
    }
}
