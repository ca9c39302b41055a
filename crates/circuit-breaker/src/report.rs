//! The one event for each transition.

use crate::Transition;

/// Tells whoever subscribes to `tracing` about a transition.
#[cfg(feature = "tracing")]
pub(crate) fn report(breaker: &str, transition: &Transition) {
    tracing::info!(breaker, generation = transition.generation, "{transition}");
}

#[cfg(not(feature = "tracing"))]
pub(crate) fn report(_: &str, _: &Transition) {}
