//! The documents of this crate, for whoever looks after them.

use state_store::Kind;

use crate::{
    Approvals, Deliveries, Freezes, ReleaseState, approval_store, delivery_store, freeze_store,
    overrides::{self, Overrides},
    release_store,
};

/// Every kind of document that this crate keeps or reads.
pub const KINDS: &[Kind] = &[
    Kind::named::<ReleaseState>(release_store::KEY),
    Kind::named::<Deliveries>(delivery_store::KEY),
    Kind::named::<Overrides>(overrides::KEY),
    Kind::named::<Approvals>(approval_store::KEY),
    Kind::named::<Freezes>(freeze_store::KEY),
];
