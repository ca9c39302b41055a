//! The public promise of `flock-guard`.
