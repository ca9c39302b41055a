//! The public promise of `govctl`.
