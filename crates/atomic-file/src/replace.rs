//! The short form, and the options of the long one.

use std::{ffi::OsString, io::Write, path::Path};

use crate::{PendingFile, ReplaceError};

/// Replaces the file at `path` with `contents`.
///
/// A reader sees the old contents or the new ones, never a mixture and never an
/// empty file, even if the process is killed or the machine loses power half way.
/// When this returns `Ok`, the new contents survive a power cut. The file is created
/// if it is missing, its directory is not; mode, owner and group stay as they were.
///
/// # Errors
///
/// - [`ReplaceError::Unchanged`]: `path` still holds its old contents.
/// - [`ReplaceError::NotDurable`]: `path` holds the new contents, but a power cut may
///   bring the old ones back.
///
/// No temporary file is left in either case.
///
/// # Limits
///
/// Concurrent calls do not corrupt each other, but the last rename wins; hold a lock
/// to read and then replace. See the crate's documentation for file systems.
///
/// # Examples
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("release.json");
/// atomic_file::replace(&path, b"{}\n")?;
/// assert_eq!(std::fs::read(&path)?, b"{}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn replace(path: impl AsRef<Path>, contents: &[u8]) -> Result<(), ReplaceError> {
    Options::new().replace(path, contents)
}

/// How to replace a file: what to keep, how sure to be, who may read a new one.
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) durability: Durability,
    pub(crate) backup: Backup,
    pub(crate) mode_if_new: u32,
}

/// Whether the new contents survive a power cut when the call returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// They do: file, rename and directory are synced.
    Full,
    /// They may be lost, and on some file systems replaced by an empty file: nothing is
    /// synced. A crash of the process alone still never leaves half.
    Relaxed,
}

/// What becomes of the contents that are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backup {
    /// They are gone.
    None,
    /// They stay beside the file, under its name plus `.bak`.
    Beside,
    /// They stay in the same directory, under this name.
    Named(OsString),
}

impl Options {
    /// Durable, no backup, and what the umask leaves of 0666 for a file that is new.
    #[must_use]
    pub fn new() -> Options {
        Options { durability: Durability::Full, backup: Backup::None, mode_if_new: 0o666 }
    }

    /// Sets how sure to be of the new contents after a power cut.
    #[must_use]
    pub fn durability(self, durability: Durability) -> Options {
        Options { durability, ..self }
    }

    /// Sets what becomes of the old contents.
    ///
    /// After a successful replace the backup holds exactly the version that was there
    /// just before. If the file is new, an older backup is left alone.
    #[must_use]
    pub fn backup(self, backup: Backup) -> Options {
        Options { backup, ..self }
    }

    /// Sets the mode of a file that is not there yet; the umask is applied to it. A file
    /// that is there keeps its own.
    #[must_use]
    pub fn mode_if_new(self, mode: u32) -> Options {
        Options { mode_if_new: mode & 0o777, ..self }
    }

    /// Replaces the file at `path` with `contents`, as [`replace`] does.
    ///
    /// # Errors
    ///
    /// As [`replace`].
    pub fn replace(&self, path: impl AsRef<Path>, contents: &[u8]) -> Result<(), ReplaceError> {
        let mut pending = self.begin(path)?;
        if let Err(source) = pending.write_all(contents) {
            return Err(pending.unwritten(source));
        }
        pending.commit()
    }

    /// Opens a hidden file beside `path` that takes the new contents piece by piece.
    ///
    /// # Errors
    ///
    /// [`ReplaceError::Unchanged`]: a directory, FIFO, socket or device is in the way, or
    /// the temporary file could not be created. Nothing is left behind.
    pub fn begin(&self, path: impl AsRef<Path>) -> Result<PendingFile, ReplaceError> {
        PendingFile::temporary(path.as_ref(), self)
    }

    /// As [`begin`](Options::begin), in the slot of the lock token `token` (32 lower-case
    /// hex digits).
    ///
    /// A slot is the fence of a lock: whoever breaks the lock removes the slots of older
    /// tokens, and a commit whose slot is gone changes nothing, however long its writer
    /// was paused. See [`leftover_slots`](crate::leftover_slots).
    ///
    /// # Errors
    ///
    /// As [`begin`](Options::begin); also if `token` is not 32 lower-case hex digits.
    pub fn begin_in_slot(
        &self,
        path: impl AsRef<Path>,
        token: &str,
    ) -> Result<PendingFile, ReplaceError> {
        PendingFile::in_slot(path.as_ref(), self, token)
    }
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}
