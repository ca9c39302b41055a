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
//! no copy of the data, and at no moment is the path without a file. Where the file system
//! has no hard links, or the kernel does not allow this one, it is a synced copy.
//!
//! All calls go through one descriptor of the directory, so that a directory that
//! is renamed while we work cannot split the work in two: the file ends up in the directory
//! that was opened, wherever that is by then.
//!
//! # What is kept
//!
//! Mode, owner, group, the POSIX access control list, `user.*` attributes and the SELinux label
//! of the old file. What this process may not set is left out, never widened:
//! [`PendingFile::not_kept`] says what, and [`Attributes::KeepAll`] makes it an error. This crate
//! writes no log; whoever calls it knows best how loud that should be.
//!
//! Everything else the new file gets as any new file does: file capabilities (the kernel drops
//! them at every write, too), `trusted.*`, signatures of the old contents (`security.ima`), the
//! access lists of NFS and SMB, flags such as *immutable*, the time of creation.
//!
//! # What is refused
//!
//! Before anything is written: directories, FIFOs, sockets and devices; a file that other hard
//! links lead to ([`HardLinks`]); a directory in which everybody may replace files, and in one
//! like `/tmp` a file that is a stranger's ([`SharedDirectory`]); there also a stranger's link.
//! While renaming: a file that is a mount point, as containers make them of single files.
//! It is not written in place instead: that could be torn.
//!
//! # What is left behind
//!
//! Nothing, unless the process is killed or the machine stops. Then `.NAME.<32 hex digits>.tmp`
//! stays, and `.bak` for `.tmp` if it was about to back up. [`sweep()`] removes those that no
//! living writer owns. A name of more than 216 bytes stands there shortened, with its hash.
//!
//! # File systems
//!
//! | file system | whole at every moment | survives a power cut | backup | living writers seen by a sweep |
//! |---|---|---|---|---|
//! | ext4, XFS, Btrfs | yes | yes, on a device that honours a flush | link | yes |
//! | tmpfs | yes | no, it forgets everything | link | yes |
//! | overlayfs | yes | as its upper layer | link | yes |
//! | vfat, exFAT | yes, while it runs | no, their rename is not atomic on disk | copy | yes |
//! | NFS | on the server; another client may see the old file for a while | what the server says it has synced | link | if mounted with locks, which is the default |
//! | SMB, 9p | as the server does it | as the server does it | link or copy | on this machine |
//! | FUSE | as its program does it | as its program does it | link or copy | on this machine, or as its program does it |
//!
//! The first three rows are tested; the others say what the kernel's and the servers' own
//! documentation says.
//!
//! # Limits
//!
//! - Unix only.
//! - Replacing gives the path a new inode: who has the old file open goes on with the old
//!   contents, and whoever watches the inode sees nothing.
//! - Two writers do not corrupt each other, but the last rename wins. To read, change
//!   and replace, hold a lock. What is kept and what is refused is looked at when the writer
//!   begins.
//! - A process over its limit of file size (`RLIMIT_FSIZE`) is killed by `SIGXFSZ` unless it
//!   ignores that signal; then it gets an error. Both leave the old contents.
//! - A backup's name must fit as well: with [`Backup::Beside`] a file's name may have 251 bytes.
//!   File systems that take less than 255 bytes (eCryptfs) take names shorter by 39.
//! - A directory must be open to reading, not only to writing.
//! - After a crash between the rename of the backup and that of the file, both are one file until
//!   the next replace: an editor that writes in place changes both.
//! - What `close` says is not looked at: it comes after the sync.

mod attributes;
mod backup;
mod dir;
mod error;
mod life;
mod made;
mod name;
mod options;
mod pending;
mod replace;
mod slot;
mod sweep;
mod target;

pub use attributes::{Attribute, NotKept};
pub use error::{CommitError, ReplaceError, Step, SweepError};
pub use options::{Attributes, Backup, Durability, HardLinks, Options, SharedDirectory, Symlinks};
pub use pending::PendingFile;
pub use replace::replace;
pub use slot::{Leftover, LeftoverSlots, leftover_slots};
pub use sweep::{Fate, Orphans, Temporary, sweep};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
