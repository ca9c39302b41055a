//! The public promise of `external-ids`.

mod syntax;
