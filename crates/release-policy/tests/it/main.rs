//! The public promise of `release-policy`.
