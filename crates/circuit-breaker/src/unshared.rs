//! Without the feature `persist` no breaker shares its machine.

use crate::step::{Done, Moment, Step};
use crate::{CircuitBreaker, Refused, SettingsError};

/// Cannot exist, so nothing here can run.
#[derive(Debug)]
pub(crate) enum Shared {}

impl Shared {
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        match *self {}
    }

    pub(crate) fn look(&self, _: &CircuitBreaker) {
        match *self {}
    }

    pub(crate) fn refusal(&self, _: &CircuitBreaker, _: Moment) -> Option<Refused> {
        match *self {}
    }

    pub(crate) fn take(&self, _: &CircuitBreaker, _: &Step, _: Moment) -> Done {
        match *self {}
    }

    pub(crate) fn close(&self, _: &CircuitBreaker) {
        match *self {}
    }
}
