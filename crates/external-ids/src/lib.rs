//! The ids that we and trackers give to the same things.
//!
//! A task has an id of ours, `TASK-E01-b2c4`, and one in each tracker it is in: `PROJ-12` in
//! Jira, `34` on GitHub. This crate reads and prints both kinds.
//!
//! ```
//! use external_ids::{ExternalId, Tracker};
//!
//! let id = ExternalId::parse(Tracker::Jira, "proj-12")?;
//! assert_eq!(id.to_string(), "PROJ-12");
//! # Ok::<(), external_ids::InvalidId>(())
//! ```
//!
//! # How it works
//!
//! An id in a tracker is a number in a [`Series`]: one for each key where ids are `KEY-number`,
//! and only one where they are plain numbers.
//!
//! # Limits
//!
//! Nobody asks the tracker whether the id exists.

mod error;
mod id;
mod tracker;

pub use error::InvalidId;
pub use id::{ExternalId, InternalId};
pub use tracker::{Series, Tracker, TrackerKey};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
