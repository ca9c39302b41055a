//! The public promise of `state-store`.
