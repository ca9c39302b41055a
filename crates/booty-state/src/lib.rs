//! The release state and the delivery cache of a release governor.

mod error;
mod id;
mod key;
mod moment;
mod repo;
mod sha;

pub use error::InvalidName;
pub use id::DeliveryId;
pub use key::{DeliveryKey, Subject, Word};
pub use moment::Moment;
pub use repo::Repo;
pub use sha::Sha;
