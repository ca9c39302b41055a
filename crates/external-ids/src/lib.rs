//! Our ids and the ids of the same things in a tracker, both ways, no number twice.
//!
//! A task has an id of ours, `TASK-E01-b2c4`, and one in each tracker it is in: `PROJ-12` in
//! Jira, `34` on GitHub. [`ExternalIds`] remembers which belong together and hands out numbers.
//! Of any number of processes that ask at once, none gets a number that another one got, before
//! or after any crash: a number may be skipped, never repeated. An id that was answered survives
//! a power cut.
//!
//! ```
//! # use std::time::SystemTime;
//! # let dir = tempfile::tempdir()?;
//! # let now = SystemTime::UNIX_EPOCH;
//! use external_ids::{ExternalIds, InternalId, Series, Tracker};
//! use state_store::Store;
//!
//! let ids = ExternalIds::new(&Store::files(dir.path()));
//! let task: InternalId = "TASK-E01-b2c4".parse()?;
//! let series = Series::new(Tracker::Jira, Some("PROJ".parse()?))?;
//!
//! let mapped = ids.map(&task, &series, now)?;
//! assert_eq!(mapped.external.to_string(), "PROJ-1");
//! assert_eq!(ids.load()?.find(&mapped.external), [task]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//!
//! Two documents of a [`state_store::Store`]: `external_id_mapping.json` says which ids belong
//! together, `external_id_counters.json` has the last number of each [`Series`]. A number is taken
//! from the counters durably before it is recorded in the mapping, so a crash between the two
//! skips it. A counter that is lower than a number in the mapping is not believed. Damaged counters
//! fall back to their backup and skip what that may lack; counters that have none, or are missing
//! while there are ids, are an error for a person, and no number is handed out.
//!
//! Loading builds an index, so that looking either way is one hash lookup ([`Registry`]). Both
//! files have the format of the program that this one replaces, which reads them and whose files
//! are read; keys that this version does not know are kept.
//!
//! # Limits
//!
//! - Nobody asks the tracker: a number that the tracker gives out by itself has to be
//!   [linked](ExternalIds::link).
//! - Every change rewrites the whole file; made for thousands of ids, not for millions.
//! - A counter that was lowered by hand, below a number that was handed out and never recorded,
//!   cannot be told from one that is right.
//! - Files and locks: the limits of `state-store`.

mod counters;
mod counters_file;
mod envelope;
mod error;
mod id;
mod index;
mod mapping_file;
mod registry;
mod store;
mod tracker;

pub use error::{IdsError, InvalidId};
pub use id::{ExternalId, InternalId};
pub use registry::Registry;
pub use store::{ExternalIds, KINDS, Mapped};
pub use tracker::{Series, Tracker, TrackerKey};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
