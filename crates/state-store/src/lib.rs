//! Typed JSON documents: lock, load, check, change, replace.
//!
//! A document is one value in one file. [`Document::update`] is the only way to change it:
//! it waits for its turn, loads, hands the value to a closure, checks the result and
//! replaces the file. Of any number of processes that update at once, every update counts;
//! when `update` returns `Ok`, the new contents survive a power cut; a reader sees one whole
//! version at any moment. A damaged document falls back to the version before it by itself;
//! what cannot be trusted is never overwritten and never removed.
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
//! # Documents that cannot be trusted
//!
//! A document is *damaged* if it is missing beside its backup, empty, cut, not JSON, of the
//! wrong shape, impossible, too large or too deep. Then the next change, under its lock, gives
//! the file a second name (`NAME.damaged-DIGITS`, synced), puts the backup in its place (a
//! rename, synced; the backup stays), and tells of it in an error event and to
//! [`Store::telling`]. Whatever a crash leaves in between is the damaged file in its place or
//! the backup, and in either case the second name as soon as the first is gone. Who only looks
//! gets the value of the backup, writes nothing, and can know ([`Document::look`]).
//!
//! A fall back forgets one change that was acknowledged, so each type says what that means to
//! it: [`Schema::restored`] skips what may have been given out, notes what is no longer known,
//! or refuses. If it refuses, or the backup is missing, damaged, edited or of a newer format,
//! the answer is an error that says what is wrong with both, and neither is touched.
//!
//! A document that is whole and has the right shape but not the right checksum was *changed
//! outside*, by hand or by a program that keeps our checksum. That is an error and no damage:
//! nothing falls back from it, and a person decides.
//!
//! Where documents live is a [`Backend`]: load, and compare-and-swap within a turn. For
//! files a turn is the lock; an engine that several machines share has no lock and answers
//! *conflict*, and the closure runs again on the newer contents. [`MemoryBackend`] is such
//! an engine.
//!
//! Who looks after documents without knowing their types has a table of [`Kind`]s, and of each
//! document an [`AnyDocument`].
//!
//! [`LineLog`] is for what only grows: one line, one write, one sync. A mark beside it can say how
//! far it has got.
//!
//! # Limits
//!
//! - One document per invariant: two documents cannot be changed in one step.
//! - At most 64 MiB and 64 levels of nesting. Every update reads and writes all of it: made
//!   for kilobytes.
//! - A flipped bit that leaves right JSON of the right shape is told apart from an edit by
//!   nobody: it is reported as changed outside. In a document without a checksum it is not seen.
//! - An older version that somebody puts in place whole (a copy, a snapshot of the machine) is
//!   believed; nothing beside it knows better. So is another document of the same shape.
//! - In a key that this program does not know, a number that is neither an integer of 64 bits nor
//!   exactly a double is rounded when the document is written.
//! - The checksum finds accidents, not forgers: anybody can compute it. What carries the right
//!   one was written here, and is not looked through for duplicate keys again.
//! - After a crash between the two renames of a change, document and backup are one file until
//!   the next change, and damage to one is damage to both.
//! - Each document has one format so far; a program that learns a second one has to read the
//!   first, and nothing here keeps a copy in the old format.
//! - An editor that ignores the lock can lose its change to ours, if it writes in the moment
//!   between the last look and the rename. What it wrote before that moment is found.
//! - File systems: those of `atomic-file` for power cuts, those of `flock-guard` for locks.

mod aside;
mod backend;
mod codec;
mod contents;
mod directory;
mod document;
mod error;
mod file;
mod kind;
mod lines;
mod log;
mod mark;
mod memory;
mod recover;
mod repair;
mod schema;
mod store;
mod strict;
mod tail;

pub use aside::set_aside;
pub use backend::{Backend, InvalidKey, Key, Loaded, OldContents, Swap, Turn, Version};
pub use directory::create_private_dir;
pub use document::{Change, Document, Seen};
pub use error::{Damage, NoFallback, StoreError, UpdateError};
pub use file::FileBackend;
pub use kind::Kind;
pub use lines::Lines;
pub use log::LineLog;
pub use memory::MemoryBackend;
pub use recover::Restored;
pub use repair::{AnyDocument, Condition, Examined, Force, RepairError, Written};
pub use schema::Schema;
pub use store::Store;

pub use flock_guard::{Breaking, LockError, Wait};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
