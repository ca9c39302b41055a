//! What came of a deploy whose command has run: how it ended, and whether what runs is well.

use std::{fmt, time::Duration};

use crate::{exit::Exit, health::Found, process::Ended};

/// A command that has run, and what was seen afterwards.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) ended: Ended,
    pub(crate) took: Duration,
    /// There if it was asked for, and the command has succeeded.
    pub(crate) health: Option<Health>,
}

/// What a health check after a deploy has come to.
#[derive(Debug)]
pub(crate) enum Health {
    /// An answer, good or bad.
    Found(Found),
    /// None: it was given up.
    GivenUp(GivenUp),
}

/// Why a health check was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GivenUp {
    /// We were asked to stop.
    Interrupted { signal: u8 },
    /// The lock was taken away, and somebody else may be deploying.
    LockLost,
}

impl Ran {
    /// What is not known to be well has failed.
    pub(crate) fn is_success(&self) -> bool {
        self.ended.is_success() && self.is_healthy().unwrap_or(self.health.is_none())
    }

    /// Whether what runs is well, if that was seen.
    pub(crate) fn is_healthy(&self) -> Option<bool> {
        match self.health.as_ref()? {
            Health::Found(found) => Some(found.healthy),
            Health::GivenUp(_) => None,
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        match (&self.ended, &self.health) {
            (Ended::Interrupted { signal, .. }, _)
            | (_, Some(Health::GivenUp(GivenUp::Interrupted { signal }))) => Exit::Signal(*signal),
            _ if self.is_success() => Exit::Yes,
            _ => Exit::Failed,
        }
    }
}

/// As a clause: "the command ended with exit code 0, and the health check found it well".
impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the command {}", self.ended)?;
        match &self.health {
            None => Ok(()),
            Some(Health::Found(found)) => {
                write!(f, ", and the health check {}", found)
            }
            Some(Health::GivenUp(GivenUp::Interrupted { signal })) => {
                write!(f, ", and the health check was given up because of signal {signal}")
            }
            Some(Health::GivenUp(GivenUp::LockLost)) => {
                f.write_str(", and the health check was given up because the lock was taken away")
            }
        }
    }
}
