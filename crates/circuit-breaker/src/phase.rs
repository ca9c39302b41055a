//! What each state of the machine has to remember.

use std::time::SystemTime;

use crate::trials::Trials;
use crate::window::Window;
use crate::{CircuitState, Opening};

/// What each state has to remember. A closed breaker cannot have a deadline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    Closed {
        /// Failures since the last success.
        failures: u32,
        /// The recent calls, if the policy looks at them.
        window: Option<Window>,
    },
    Open {
        opened_at: SystemTime,
        retry_at: SystemTime,
        /// Openings since it was last closed, this one included.
        streak: u32,
        /// Why a person opened it; `None` if failures did.
        reason: Option<String>,
    },
    HalfOpen {
        opened_at: SystemTime,
        successes: u32,
        streak: u32,
        trials: Trials,
    },
}

impl Phase {
    pub(crate) fn closed() -> Self {
        Self::Closed { failures: 0, window: None }
    }

    pub(crate) fn state(&self) -> CircuitState {
        match self {
            Self::Closed { .. } => CircuitState::Closed,
            Self::Open { .. } => CircuitState::Open,
            Self::HalfOpen { .. } => CircuitState::HalfOpen,
        }
    }
}

/// The window that `opening` needs: the one that is there if it fits, else an empty one.
pub(crate) fn fitting(window: &mut Option<Window>, opening: Opening) -> Option<&mut Window> {
    if !window.as_ref().is_some_and(|window| window.fits(opening)) {
        *window = Window::for_policy(opening);
    }
    window.as_mut()
}
