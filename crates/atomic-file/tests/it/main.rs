//! The public promise of `atomic-file`.
