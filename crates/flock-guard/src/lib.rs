//! Holds a lock file, and knows who holds it.
//!
//! Of all the guards that threads and processes of this machine have for one
//! lock file, at most one is exclusive, and then there is no shared one. A guard
//! ends when it is dropped, when its thread panics, and when its process ends,
//! however it ends: no lock outlives its holder, and nobody has to clean up.
//!
//! # Examples
//!
//! ```
//! # let dir = tempfile::tempdir()?;
//! # let document = dir.path().join("release.json");
//! use flock_guard::{LockFile, Wait};
//! use std::time::Duration;
//!
//! let lock = LockFile::beside(&document); // release.json.lock
//! let guard = lock.exclusive(Wait::UpTo(Duration::from_secs(5)))?;
//! // ... read the document, change it, replace it ...
//! guard.check()?; // still ours?
//! guard.release();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//!
//! The lock is `flock(2)` on a file of its own, which is created when it is
//! missing and never deleted. After locking, the file that was locked must
//! still be the file that the path names; otherwise somebody has replaced it,
//! and the new one is locked instead.
//!
//! An exclusive holder writes a record into the file: a [`Holder`], as JSON, in
//! 512 bytes that are written in place. It tells people who to ask. It never
//! decides: only the kernel knows whether the lock is held, and the record of a
//! free lock names the *last* holder.
//!
//! A caller that waits does so in the kernel, by a thread that queues for it,
//! so that it costs no processor time and gets the lock about 0.1 ms after the
//! release. See [`Wait`].
//!
//! A lock whose holder hangs or is dead can be taken over, if the caller wants that
//! ([`Breaking`]): a new lock file, locked already, replaces the old one. The old
//! holder fails its check from then on. A holder is dead only by proof ([`Life`]),
//! and only once it has been seen dead for two seconds, since a process that is
//! killed holds its locks until its end is complete. How long it has had the lock
//! is told by the monotonic clock of the same boot, or by having watched it, never
//! by a wall clock.
//!
//! Several locks at once are taken by [`exclusive_all`], in an order that everybody
//! keeps.
//!
//! What an operator should know becomes a `tracing` event with the target
//! `flock_guard`: acquired, released and waiting (info), took over a lock that
//! its holder left behind (warn), timed out (error).
//!
//! # Limits
//!
//! - Linux 4.11 or later. The lock is advisory: programs that do not ask are not kept out.
//! - The lock file belongs to the lock. Its first 512 bytes are overwritten and
//!   the rest is cut off: never lock a document itself, lock the file beside it.
//! - On network file systems and FUSE `flock` is what their server makes of it. A
//!   lock there is never broken: nobody can see from here whether its holder lives.
//! - On tmpfs and overlayfs it works as on a disk.
//! - A lock that is held in shared mode names nobody and is never broken; sharers
//!   are not fenced either.
//! - A holder that left no name is never broken: nothing tells it from a program that is
//!   not fenced. Of ours that is one that is stopped between locking and writing its name.
//! - A breaker looks at its holder for the last time a moment before it replaces the
//!   lock file. Whoever gets the lock in that moment, because the old holder let go
//!   at last, loses it again without having been judged, and learns so by its check.
//! - A breaker that is stopped half way keeps others from breaking, not from taking
//!   the lock when it is free; the error of whoever gives up names it.
//! - A guard across an await point holds the lock for as long as the task sleeps, and
//!   releases it when the task is dropped. Hold it inside of one blocking call.
//! - A [`LockFile`] keeps its file open between acquisitions, one descriptor for it and all
//!   its clones. The path is looked at each time all the same.
//! - A relative path is looked up in the working directory at each call.
//! - A process made by `fork` without `exec` inherits the descriptors, also those that are
//!   open and not locked. There the
//!   guard fails its [`check`](LockGuard::check), and dropping it changes
//!   nothing for the parent. Nobody gets the lock until the parent releases it,
//!   or is dead and the child's copy is closed.
//! - `mem::forget` of a guard keeps the lock until the process ends.

mod breaking;
mod error;
mod event;
mod guard;
mod holder;
mod keepers;
mod life;
mod lock;
mod network;
mod opened;
mod place;
mod process;
mod record;
mod registry;
mod several;
mod spare;
mod takeover;
mod wait;

pub use breaking::Breaking;
pub use error::LockError;
pub use guard::LockGuard;
pub use holder::{Holder, InvalidToken, Token};
pub use life::{Life, Machine, Sighting};
pub use lock::{LockFile, LockStatus};
pub use network::shared_file_system;
pub use several::exclusive_all;
pub use wait::Wait;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
