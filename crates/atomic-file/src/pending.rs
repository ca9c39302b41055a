//! New contents on their way to a path.

use std::{
    convert::Infallible,
    ffi::OsString,
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
};

use rustix::{fs::Stat, io::Errno};

use crate::{
    Attributes, CommitError, Durability, NotKept, Options, ReplaceError, Step,
    attributes::{self, Carried},
    dir::sync_file,
    made::Made,
    name,
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
    pub(crate) target: Target,
    /// The path as the caller named it, for messages.
    path: PathBuf,
    temporary: OsString,
    pub(crate) token: String,
    pub(crate) durability: Durability,
    /// The name the old contents will be kept under.
    backup: Option<OsString>,
    carried: Carried,
    /// A write failed: what is in the file is not what the caller meant.
    torn: bool,
    /// The temporary name is still ours to remove.
    pending: bool,
}

impl PendingFile {
    /// `slot` is the token of the lock that fences it; without one it is nobody's but ours.
    pub(crate) fn begin(
        path: &Path,
        options: &Options,
        slot: Option<&str>,
    ) -> Result<PendingFile, ReplaceError> {
        let at = |step| move |source| unchanged(path, step, source);
        let target = Target::find(path).map_err(|(step, source)| unchanged(path, step, source))?;
        target.accept(path, options).map_err(at(Step::Accept))?;
        let backup = options.backup_of(&target.name);
        if backup.as_ref().is_some_and(|backup| !name::is_beside(backup, &target.name)) {
            return Err(at(Step::BackUp)(Errno::INVAL.into()));
        }
        let Made { file, own, token, name } = match slot {
            None => Made::temporary(&target, options),
            Some(token) => Made::slot(&target, options, token),
        }
        .map_err(at(Step::Create))?;
        let mut pending = PendingFile {
            file,
            target,
            path: path.to_owned(),
            temporary: name,
            token,
            durability: options.durability,
            backup,
            carried: Carried::default(),
            torn: false,
            pending: true,
        };
        pending.permit(&own, options.attributes).map_err(at(Step::Permit))?;
        Ok(pending)
    }

    /// Lets an older backup stay as it is, whatever the options said: for contents that take the
    /// place of what is not worth keeping as one.
    pub fn without_backup(mut self) -> PendingFile {
        self.backup = None;
        self
    }

    /// What the new file lacks of the one it will replace, because this process may not set
    /// it. With [`Attributes::KeepAll`] it is always empty.
    #[must_use]
    pub fn not_kept(&self) -> &[NotKept] {
        &self.carried.not_kept
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
        self.carried.finish(&self.file).map_err(|source| self.unchanged(Step::Permit, source))?;
        if self.durability == Durability::Full {
            sync_file(&self.file).map_err(|source| self.unchanged(Step::SyncContents, source))?;
        }
        if let Some(backup) = self.backup.take() {
            self.back_up(&backup, &mut check)?;
        }
        check().map_err(CommitError::Refused)?;
        match self.target.dir.rename(&self.temporary, &self.target.name) {
            Ok(()) => self.pending = false,
            Err(error) if is_gone(&error) => return Err(self.slot_gone()),
            Err(source) => return Err(self.unchanged(Step::Rename, explained(source)).into()),
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

    fn permit(&mut self, own: &Stat, attributes: Attributes) -> io::Result<()> {
        let Some(old) = &self.target.existing else { return Ok(()) };
        let Target { dir, name, .. } = &self.target;
        self.carried = attributes::carry_over(dir, name, old, &self.file, own)?;
        match self.carried.not_kept.first() {
            Some(NotKept { attribute, source }) if attributes == Attributes::KeepAll => {
                Err(io::Error::new(source.kind(), format!("{attribute} may not be set: {source}")))
            }
            _ => Ok(()),
        }
    }

    fn sync_rename(&self) -> io::Result<()> {
        self.target.dir.sync()?;
        // XFS reports success for the directory although the rename is lost with the file
        // system; it does not for the file (measured on Linux 6.18 after a shutdown).
        sync_file(&self.file)
    }

    pub(crate) fn slot_gone<R>(&self) -> CommitError<R> {
        CommitError::SlotGone { path: self.path.clone() }
    }

    pub(crate) fn unchanged(&self, step: Step, source: io::Error) -> ReplaceError {
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

pub(crate) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

/// Says what the kernel means where its own words lead astray.
pub(crate) fn explained(error: io::Error) -> io::Error {
    match Errno::from_io_error(&error) {
        // A file that is a mount point cannot be renamed over, nor linked into its directory.
        Some(Errno::BUSY | Errno::XDEV) => io::Error::new(
            error.kind(),
            "it is mounted on its own, as containers do with single files; mount its directory",
        ),
        _ => error,
    }
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
