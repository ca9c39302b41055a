//! How to replace a file.

use std::{
    ffi::{OsStr, OsString},
    io::Write,
    path::Path,
};

use crate::{PendingFile, ReplaceError};

/// How to replace a file: what to keep, how sure to be, who may read a new one.
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) durability: Durability,
    pub(crate) backup: Backup,
    pub(crate) mode_if_new: u32,
    pub(crate) attributes: Attributes,
    pub(crate) hard_links: HardLinks,
    pub(crate) symlinks: Symlinks,
    pub(crate) shared_directory: SharedDirectory,
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

/// What to do about owner, group, access list and attributes of the old file that this
/// process may not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attributes {
    /// Go without them. [`PendingFile::not_kept`] says which.
    KeepWherePermitted,
    /// Fail before anything is written.
    KeepAll,
}

/// What to do about a file that has other names (hard links).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HardLinks {
    /// Fail before anything is written. The backup is no other name.
    Refuse,
    /// Replace the file under the given name. Under its other names it keeps the old contents.
    Split,
}

/// What to do about a symbolic link at the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symlinks {
    /// Replace the file that it leads to. The link stays.
    Follow,
    /// Fail before anything is written.
    Refuse,
}

/// What to do about a directory that everybody may write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SharedDirectory {
    /// Fail before anything is written if everybody may replace the file again (the directory
    /// has no sticky bit), or if the file that is there may be a stranger's.
    Refuse,
    /// Replace it. Who may write to the directory can do so as well.
    Allow,
}

impl Options {
    /// Durable, no backup, what the umask leaves of 0666 for a file that is new, attributes
    /// where permitted, no other hard links, symbolic links followed, no unsafe directory.
    #[must_use]
    pub fn new() -> Options {
        Options {
            durability: Durability::Full,
            backup: Backup::None,
            mode_if_new: 0o666,
            attributes: Attributes::KeepWherePermitted,
            hard_links: HardLinks::Refuse,
            symlinks: Symlinks::Follow,
            shared_directory: SharedDirectory::Refuse,
        }
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

    /// Sets what to do about attributes that this process may not set.
    #[must_use]
    pub fn attributes(self, attributes: Attributes) -> Options {
        Options { attributes, ..self }
    }

    /// Sets what to do about a file that has other names.
    #[must_use]
    pub fn hard_links(self, hard_links: HardLinks) -> Options {
        Options { hard_links, ..self }
    }

    /// Sets what to do about a symbolic link at the path.
    #[must_use]
    pub fn symlinks(self, symlinks: Symlinks) -> Options {
        Options { symlinks, ..self }
    }

    /// Sets what to do about a directory that everybody may write to.
    #[must_use]
    pub fn shared_directory(self, shared_directory: SharedDirectory) -> Options {
        Options { shared_directory, ..self }
    }

    /// Replaces the file at `path` with `contents`, as [`replace`](crate::replace()) does.
    ///
    /// # Errors
    ///
    /// As [`replace`](crate::replace()).
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
    /// [`ReplaceError::Unchanged`]: a directory, FIFO, socket or device is in the way, an
    /// option refuses what is there, or the temporary file could not be created. Nothing is
    /// left behind.
    pub fn begin(&self, path: impl AsRef<Path>) -> Result<PendingFile, ReplaceError> {
        PendingFile::begin(path.as_ref(), self, None)
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
        PendingFile::begin(path.as_ref(), self, Some(token))
    }

    /// The name of the backup of the file `target`.
    pub(crate) fn backup_of(&self, target: &OsStr) -> Option<OsString> {
        match &self.backup {
            Backup::None => None,
            Backup::Beside => {
                let mut longer = target.to_owned();
                longer.push(".bak");
                Some(longer)
            }
            Backup::Named(name) => Some(name.clone()),
        }
    }
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}
