//! Replaces a file so that a crash never leaves half of it.
//!
//! A reader of the path, at any moment and after any crash (process killed,
//! kernel panic, power cut), finds the complete old contents or the complete new
//! ones: never a mixture, never an empty file, and never no file where there was
//! one before. When the call returns `Ok`, the new contents survive a power cut.
//!
//! ```
//! # let dir = tempfile::tempdir()?;
//! let path = dir.path().join("release.json");
//! atomic_file::replace(&path, b"{}\n")?;
//! assert_eq!(std::fs::read(&path)?, b"{}\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The long form keeps the version before, takes the bytes piece by piece and can
//! still change its mind:
//!
//! ```
//! use std::io::Write;
//! use atomic_file::{Backup, Options};
//!
//! # let dir = tempfile::tempdir()?;
//! let path = dir.path().join("release.json");
//! atomic_file::replace(&path, b"old\n")?;
//!
//! let mut pending = Options::new().backup(Backup::Beside).begin(&path)?;
//! pending.write_all(b"new")?;
//! pending.write_all(b"\n")?;
//! pending.commit()?;
//!
//! assert_eq!(std::fs::read(&path)?, b"new\n");
//! assert_eq!(std::fs::read(dir.path().join("release.json.bak"))?, b"old\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//!
//! The new contents go into a hidden sibling, `.NAME.<32 hex digits>.tmp`, which is
//! synced and then renamed over the path: a rename within one directory is atomic.
//! Then the directory is synced, which makes the rename durable, and then the file
//! once more: on XFS `fsync` of a directory succeeds even after the file system has
//! shut down and lost the rename, while `fsync` of the file reports it.
//!
//! A backup is a second hard link to the old file, made before the rename. It costs
//! no copy of the data, and at no moment is the path without a file.
//!
//! All calls go through one descriptor of the directory, so that a directory that
//! is renamed while we work cannot split the work in two.
//!
//! # Limits
//!
//! - Unix only. The promise about power cuts holds on ext4, XFS and Btrfs on a
//!   device that honours a flush. A `tmpfs` forgets everything, network file systems
//!   keep promises of their own.
//! - Replacing gives the path a new inode: other hard links to the old file keep the
//!   old contents. Extended attributes and access control lists are not copied.
//! - Two writers do not corrupt each other, but the last rename wins. To read, change
//!   and replace, hold a lock.
//! - The file's name may have at most 216 bytes: the temporary name is 39 longer.

mod dir;
mod error;
mod name;
mod pending;
mod replace;
mod slot;
mod target;

pub use error::{CommitError, ReplaceError, Step};
pub use pending::PendingFile;
pub use replace::{Backup, Durability, Options, replace};
pub use slot::{Leftover, LeftoverSlots, leftover_slots};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
