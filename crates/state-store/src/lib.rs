//! Typed JSON documents: lock, load, check, change, replace.
//!
//! A document is one value in one file. [`Document::update`] is the only way to change it:
//! it waits for its turn, loads, hands the value to a closure, checks the result and
//! replaces the file. Of any number of processes that update at once, every update counts;
//! when `update` returns `Ok`, the new contents survive a power cut; a reader sees one whole
//! version at any moment. A document that cannot be trusted is an error and is never
//! overwritten.
//!
//! ```
//! use serde::{Deserialize, Serialize};
//! use state_store::{Change, Key, Schema, Store};
//!
//! #[derive(Default, Serialize, Deserialize)]
//! struct Counter {
//!     next: u64,
//! }
//! impl Schema for Counter {}
//!
//! # let dir = tempfile::tempdir()?;
//! let store = Store::files(dir.path());
//! let counter = store.document::<Counter>(Key::fixed("counter.json"));
//! let mine = counter.update(|counter| {
//!     counter.next += 1;
//!     Change::Write(counter.next)
//! })?;
//! assert_eq!(mine, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//!
//! The file backend puts three files side by side: the document, its lock (`NAME.lock`,
//! never deleted) and the version before (`NAME.bak`). A change happens under the lock, in a
//! hidden file that is renamed over the document ([`atomic_file`]); the last line of what it
//! writes is a checksum of all bytes before. A document without a checksum, as other
//! programs write it, is accepted on its shape. Keys that this program does not know are
//! kept ([`Schema`] says how).
//!
//! Where documents live is a [`Backend`]: load, and compare-and-swap within a turn. For
//! files a turn is the lock; an engine that several machines share has no lock and answers
//! *conflict*, and the closure runs again on the newer contents. [`MemoryBackend`] is such
//! an engine.
//!
//! [`LineLog`] is for what only grows: one line, one write, one sync.
//!
//! # Limits
//!
//! - One document per invariant: two documents cannot be changed in one step.
//! - At most 64 MiB and 64 levels of nesting. Every update reads and writes all of it: made
//!   for kilobytes.
//! - An editor that ignores the lock can lose its change to ours, if it writes in the moment
//!   between the last look and the rename. What it wrote before that moment is found.
//! - File systems: those of `atomic-file` for power cuts, those of `flock-guard` for locks.

mod backend;
mod codec;
mod directory;
mod document;
mod error;
mod file;
mod log;
mod memory;
mod schema;
mod store;
mod strict;

pub use backend::{Backend, InvalidKey, Key, Loaded, Swap, Turn, Version};
pub use directory::create_private_dir;
pub use document::{Change, Document};
pub use error::{Damage, StoreError, UpdateError};
pub use file::FileBackend;
pub use log::{LineLog, Lines};
pub use memory::MemoryBackend;
pub use schema::Schema;
pub use store::Store;

pub use flock_guard::{Breaking, LockError, Wait};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
