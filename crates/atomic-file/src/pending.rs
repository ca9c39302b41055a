//! New contents on their way to a path.

use std::{
    convert::Infallible,
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use rustix::io::Errno;

use crate::{
    Backup, CommitError, Durability, Options, ReplaceError, Step,
    dir::sync_file,
    name::{self, Role},
    target::Target,
};

/// New contents for a path, not yet visible there.
///
/// Write them with [`io::Write`], then [`commit`](PendingFile::commit) or
/// [`discard`](PendingFile::discard). Dropping it discards. It is not buffered: wrap it
/// in a [`BufWriter`](io::BufWriter) for many small writes.
///
/// # Examples
///
/// ```
/// use std::io::Write;
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("notes");
/// let mut pending = atomic_file::Options::new().begin(&path)?;
/// writeln!(pending, "half of it")?;
/// drop(pending);
/// assert!(!path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping a pending file discards what was written"]
pub struct PendingFile {
    file: File,
    target: Target,
    /// The path as the caller named it, for messages.
    path: PathBuf,
    temporary: OsString,
    token: String,
    durability: Durability,
    /// The name the old contents will be kept under.
    backup: Option<OsString>,
    /// A write failed: what is in the file is not what the caller meant.
    torn: bool,
    /// The temporary name is still ours to remove.
    pending: bool,
}

impl PendingFile {
    pub(crate) fn temporary(path: &Path, options: &Options) -> Result<PendingFile, ReplaceError> {
        let token = name::random_token().map_err(|source| unchanged(path, Step::Create, source))?;
        PendingFile::create(path, options, token, Role::Temporary)
    }

    pub(crate) fn in_slot(
        path: &Path,
        options: &Options,
        token: &str,
    ) -> Result<PendingFile, ReplaceError> {
        PendingFile::create(path, options, token.to_owned(), Role::Slot)
    }

    fn create(
        path: &Path,
        options: &Options,
        token: String,
        role: Role,
    ) -> Result<PendingFile, ReplaceError> {
        let at = |step| move |source| unchanged(path, step, source);
        let target = Target::find(path).map_err(at(Step::Open))?;
        let temporary = name::beside(&target.name, &token, role).map_err(at(Step::Create))?;
        // The token ends up in a file name, so it must not be able to leave the directory.
        if name::token_of(&temporary, &target.name, role) != Some(&token) {
            return Err(at(Step::Create)(io::ErrorKind::InvalidInput.into()));
        }
        let file =
            target.create_beside(&temporary, options.mode_if_new).map_err(at(Step::Create))?;
        let backup = match &options.backup {
            Backup::None => None,
            Backup::Beside => Some(with_extension_added(&target.name, ".bak")),
            Backup::Named(name) => Some(name.clone()),
        };
        let pending = PendingFile {
            file,
            target,
            path: path.to_owned(),
            temporary,
            token,
            durability: options.durability,
            backup,
            torn: false,
            pending: true,
        };
        pending.target.permit(&pending.file).map_err(at(Step::Permit))?;
        Ok(pending)
    }

    /// Lets an older backup stay as it is, whatever the options said: for contents that take the
    /// place of what is not worth keeping as one.
    pub fn without_backup(mut self) -> PendingFile {
        self.backup = None;
        self
    }

    /// Puts the new contents in place.
    ///
    /// # Errors
    ///
    /// As [`replace`](crate::replace()). After a failed write this refuses to commit what is
    /// torn. No temporary file is left.
    pub fn commit(self) -> Result<(), ReplaceError> {
        match self.commit_if(|| Ok::<(), Infallible>(())) {
            Ok(()) => Ok(()),
            Err(CommitError::Replace(error)) => Err(error),
            Err(CommitError::SlotGone { path }) => {
                Err(ReplaceError::Unchanged { path, step: Step::Rename, source: gone() })
            }
            Err(CommitError::Refused(never)) => match never {},
        }
    }

    /// Puts the new contents in place unless `check` says no.
    ///
    /// `check` is asked at the last moment before each rename. It cannot close the gap
    /// between its answer and the rename by itself; a pending file that was begun in a slot
    /// closes it, because removing the slot makes the rename fail.
    ///
    /// # Errors
    ///
    /// - [`CommitError::Refused`]: `check` said no; the path is unchanged.
    /// - [`CommitError::SlotGone`]: the temporary file was removed; the path is unchanged.
    /// - [`CommitError::Replace`]: as [`replace`](crate::replace()).
    pub fn commit_if<R>(
        mut self,
        mut check: impl FnMut() -> Result<(), R>,
    ) -> Result<(), CommitError<R>> {
        if self.torn {
            let source = io::Error::other("an earlier write to it failed");
            return Err(unchanged(&self.path, Step::Write, source).into());
        }
        if self.durability == Durability::Full {
            sync_file(&self.file).map_err(|source| self.unchanged(Step::SyncContents, source))?;
        }
        if let (true, Some(backup)) = (self.target.exists(), self.backup.take()) {
            self.back_up(&backup, &mut check)?;
        }
        check().map_err(CommitError::Refused)?;
        match self.target.dir.rename(&self.temporary, &self.target.name) {
            Ok(()) => self.pending = false,
            Err(error) if is_gone(&error) => return Err(self.slot_gone()),
            Err(source) => return Err(self.unchanged(Step::Rename, source).into()),
        }
        // Past this line readers see the new contents, so a failure means something else.
        if self.durability == Durability::Full {
            self.sync_rename().map_err(|source| self.not_durable(source))?;
        }
        Ok(())
    }

    /// Gives up what was written. The path is untouched.
    ///
    /// # Errors
    ///
    /// [`ReplaceError::Unchanged`] if the temporary file could not be removed.
    pub fn discard(mut self) -> Result<(), ReplaceError> {
        self.pending = false;
        let removed = self.target.dir.unlink(&self.temporary);
        removed.map_err(|source| self.unchanged(Step::Discard, source))
    }

    /// The error for a write to this pending file that failed.
    pub(crate) fn unwritten(&self, source: io::Error) -> ReplaceError {
        self.unchanged(Step::Write, source)
    }

    /// Makes the old contents the backup, without a moment in which the path has none.
    fn back_up<R>(
        &self,
        backup: &OsStr,
        check: &mut impl FnMut() -> Result<(), R>,
    ) -> Result<(), CommitError<R>> {
        let failed = |source| self.unchanged(Step::BackUp, source);
        let dir = &self.target.dir;
        let link = name::beside(&self.target.name, &self.token, Role::Backup).map_err(failed)?;
        match dir.link(&self.target.name, &link) {
            Ok(()) => {}
            // The file system has no hard links, this file has too many, or the kernel does
            // not let us link a file of somebody else (`protected_hardlinks`).
            Err(error) if cannot_link(&error) => {
                self.copy_to(&link).map_err(|source| self.remove_after(&link, source))?;
            }
            Err(source) => {
                // The target is being replaced by whoever broke the lock: that is the news.
                check().map_err(CommitError::Refused)?;
                return Err(failed(source).into());
            }
        }
        if let Err(refusal) = check() {
            dir.unlink(&link).ok(); // Best effort: the refusal is what the caller needs.
            return Err(CommitError::Refused(refusal));
        }
        match dir.rename(&link, backup) {
            Ok(()) => {}
            Err(error) if is_gone(&error) => return Err(self.slot_gone()),
            Err(source) => return Err(self.remove_after(&link, source).into()),
        }
        // A rename between two links to one file does nothing and leaves both: that is so
        // after a crash between this rename and the next.
        dir.unlink(&link).map_err(failed)?;
        if self.durability == Durability::Full {
            // Else a power cut could keep the next rename and lose this one, and the backup
            // would be one version older than promised.
            dir.sync().map_err(failed)?;
        }
        Ok(())
    }

    fn copy_to(&self, name: &OsStr) -> io::Result<()> {
        let mut old = self.target.dir.open_for_reading(&self.target.name)?;
        let mut copy = self.target.create_beside(name, 0o600)?;
        self.target.permit(&copy)?;
        io::copy(&mut old, &mut copy)?;
        sync_file(&copy)
    }

    fn sync_rename(&self) -> io::Result<()> {
        self.target.dir.sync()?;
        // XFS reports success for the directory although the rename is lost with the file
        // system; it does not for the file (measured on Linux 6.18 after a shutdown).
        sync_file(&self.file)
    }

    fn remove_after(&self, name: &OsStr, source: io::Error) -> ReplaceError {
        self.target.dir.unlink(name).ok(); // Best effort: the first failure is the news.
        self.unchanged(Step::BackUp, source)
    }

    fn slot_gone<R>(&self) -> CommitError<R> {
        CommitError::SlotGone { path: self.path.clone() }
    }

    fn unchanged(&self, step: Step, source: io::Error) -> ReplaceError {
        unchanged(&self.path, step, source)
    }

    fn not_durable(&self, source: io::Error) -> ReplaceError {
        ReplaceError::NotDurable { path: self.path.clone(), step: Step::SyncRename, source }
    }
}

impl Write for PendingFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let written = self.file.write(buf);
        if let Err(error) = &written {
            self.torn |= error.kind() != io::ErrorKind::Interrupted;
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        if self.pending {
            self.target.dir.unlink(&self.temporary).ok(); // `discard` reports it.
        }
    }
}

fn unchanged(path: &Path, step: Step, source: io::Error) -> ReplaceError {
    ReplaceError::Unchanged { path: path.to_owned(), step, source }
}

fn with_extension_added(name: &OsStr, extension: &str) -> OsString {
    let mut longer = name.to_owned();
    longer.push(extension);
    longer
}

fn cannot_link(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    matches!(errno, Some(Errno::PERM | Errno::OPNOTSUPP | Errno::MLINK | Errno::NOSYS))
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

fn gone() -> io::Error {
    Errno::NOENT.into()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_torn_write_is_never_committed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        crate::replace(&path, b"old").unwrap();
        let mut pending = Options::new().begin(&path).unwrap();
        pending.write_all(b"half").unwrap();
        pending.file = File::open("/dev/null").unwrap(); // Open for reading: writes fail.
        pending.write_all(b"more").unwrap_err();
        let error = pending.commit().unwrap_err();
        assert!(matches!(error, ReplaceError::Unchanged { step: Step::Write, .. }), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }
}
