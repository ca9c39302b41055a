//! The public promise of `booty-state`.
