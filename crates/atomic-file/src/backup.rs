//! The contents that are replaced, kept under another name.

use std::{ffi::OsStr, io};

use rustix::io::Errno;

use crate::{
    CommitError, Durability, PendingFile, Step, attributes,
    dir::sync_file,
    name::{self, Role},
    pending::{explained, is_gone},
};

/// How often the file may be replaced by others between our look at it and our link to it.
const OVERTAKEN_AT_MOST: usize = 100;

impl PendingFile {
    /// Makes the old contents the backup, without a moment in which the path has none.
    pub(crate) fn back_up<R>(
        &self,
        backup: &OsStr,
        check: &mut impl FnMut() -> Result<(), R>,
    ) -> Result<(), CommitError<R>> {
        let failed = |source| self.unchanged(Step::BackUp, explained(source));
        let dir = &self.target.dir;
        let link = name::beside(&self.target.name, &self.token, Role::Backup);
        // Not what was there when this began: it is the version just before that is kept.
        if !self.link(&link, check)? {
            return Ok(());
        }
        if let Err(refusal) = check() {
            dir.unlink(&link).ok(); // Best effort: the refusal is what the caller needs.
            return Err(CommitError::Refused(refusal));
        }
        match dir.rename(&link, backup) {
            Ok(()) => {}
            Err(error) if is_gone(&error) => return Err(self.slot_gone()),
            Err(source) => {
                dir.unlink(&link).ok(); // Best effort: the first failure is the news.
                return Err(failed(source).into());
            }
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

    /// Gives the old contents the name `link` as well; `false` if there are none.
    fn link<R>(
        &self,
        link: &OsStr,
        check: &mut impl FnMut() -> Result<(), R>,
    ) -> Result<bool, CommitError<R>> {
        let Self { target, .. } = self;
        for _ in 0..OVERTAKEN_AT_MOST {
            let linked = match target.dir.link(&target.name, link) {
                // The file system has no hard links, this file has too many, or the kernel does
                // not let us link a file of somebody else (`protected_hardlinks`).
                Err(error) if cannot_link(&error) => self.copy_to(link).inspect_err(|_| {
                    target.dir.unlink(link).ok(); // Best effort: the first failure is the news.
                }),
                other => other,
            };
            let Err(source) = linked else { return Ok(true) };
            // The target is being replaced by whoever broke the lock: that is the news.
            check().map_err(CommitError::Refused)?;
            // `ENOENT` is also what the kernel says of a file that is just being replaced.
            match target.dir.stat(&target.name) {
                Ok(None) if is_gone(&source) => return Ok(false),
                Ok(Some(_)) if is_gone(&source) => {}
                _ => return Err(self.unchanged(Step::BackUp, explained(source)).into()),
            }
        }
        let source = io::Error::other("others replaced it again and again");
        Err(self.unchanged(Step::BackUp, source).into())
    }

    fn copy_to(&self, name: &OsStr) -> io::Result<()> {
        let dir = &self.target.dir;
        let mut old = dir.open_for_reading(&self.target.name)?;
        let mut copy = dir.create_new(name, 0o600)?;
        let (is, own) = (rustix::fs::fstat(&old)?, rustix::fs::fstat(&copy)?);
        let carried = attributes::carry_over(dir, &self.target.name, &is, &copy, &own)?;
        io::copy(&mut old, &mut copy)?;
        carried.finish(&copy)?;
        if self.durability == Durability::Full { sync_file(&copy) } else { Ok(()) }
    }
}

fn cannot_link(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::PERM | Errno::OPNOTSUPP | Errno::MLINK | Errno::NOSYS))
}
