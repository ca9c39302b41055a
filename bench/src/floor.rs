//! The floor: what the bare system calls cost, with the same promise and nothing around it.

#![expect(clippy::disallowed_methods, reason = "the measure of the owners of these calls")]

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags};

/// What a raw replacement does besides writing, syncing and renaming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extra {
    /// Syncs the directory and stops there: two syncs, as the peers do.
    Nothing,
    /// Syncs the file once more, since XFS tells only the file that the rename is lost.
    LastSync,
    /// That, and keeps the version before: a hard link and a rename. A power cut may leave
    /// a backup that is two versions old.
    LooseBackup,
    /// That, and syncs the directory in between, so that the backup is never older than one
    /// version.
    StrictBackup,
}

/// A file that is replaced by bare system calls.
pub(crate) struct RawFile {
    dir: PathBuf,
    path: PathBuf,
    temporary: PathBuf,
    link: PathBuf,
    backup: PathBuf,
}

impl RawFile {
    pub(crate) fn new(dir: &Path, name: &str) -> RawFile {
        RawFile {
            dir: dir.to_owned(),
            path: dir.join(name),
            temporary: dir.join(format!(".{name}.tmp")),
            link: dir.join(format!(".{name}.bak")),
            backup: dir.join(format!("{name}.bak")),
        }
    }

    pub(crate) fn replace(&self, contents: &[u8], extra: Extra) -> io::Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::open(&self.temporary, flags, Mode::from(0o600))?);
        file.write_all(contents)?;
        rustix::fs::fsync(&file)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(&self.dir, flags, Mode::empty())?;
        if matches!(extra, Extra::LooseBackup | Extra::StrictBackup) && self.path.exists() {
            rustix::fs::linkat(CWD, &self.path, CWD, &self.link, AtFlags::empty())?;
            rustix::fs::rename(&self.link, &self.backup)?;
        }
        if extra == Extra::StrictBackup {
            rustix::fs::fsync(&dir)?;
        }
        rustix::fs::rename(&self.temporary, &self.path)?;
        rustix::fs::fsync(&dir)?;
        if extra != Extra::Nothing {
            rustix::fs::fsync(&file)?;
        }
        Ok(())
    }
}

/// A lock file whose descriptor stays open.
pub(crate) struct RawLock(File);

impl RawLock {
    pub(crate) fn open(path: &Path) -> io::Result<RawLock> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
        Ok(RawLock(File::from(rustix::fs::open(path, flags, Mode::from(0o600))?)))
    }

    /// Blocks in the kernel until the lock is free: there is no shorter way to get one.
    pub(crate) fn lock(&self) -> io::Result<()> {
        Ok(rustix::fs::flock(&self.0, FlockOperation::LockExclusive)?)
    }

    /// Takes the lock if it is free.
    pub(crate) fn try_lock(&self) -> io::Result<bool> {
        match rustix::fs::flock(&self.0, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    pub(crate) fn unlock(&self) -> io::Result<()> {
        Ok(rustix::fs::flock(&self.0, FlockOperation::Unlock)?)
    }

    /// Opens the file, locks it, sees that the path still names it, and closes it: the least
    /// for a lock file that anybody may remove.
    pub(crate) fn open_and_lock_once(path: &Path) -> io::Result<()> {
        let lock = RawLock::open(path)?;
        lock.lock()?;
        let held = rustix::fs::fstat(&lock.0)?;
        let named = rustix::fs::stat(path)?;
        if (held.st_dev, held.st_ino) != (named.st_dev, named.st_ino) {
            return Err(io::Error::other("the lock file was replaced"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Extra, RawFile, RawLock};

    #[test]
    fn the_floor_does_the_work_that_it_is_the_measure_of() {
        let dir = tempfile::tempdir().unwrap();
        let file = RawFile::new(dir.path(), "a");
        let text = |name| fs::read_to_string(dir.path().join(name)).ok();
        for (contents, extra, backup) in [
            ("1", Extra::Nothing, None),
            ("2", Extra::LastSync, None),
            ("3", Extra::StrictBackup, Some("2")),
            ("4", Extra::LooseBackup, Some("3")),
        ] {
            file.replace(contents.as_bytes(), extra).unwrap();
            assert_eq!(text("a").as_deref(), Some(contents));
            assert_eq!(text("a.bak").as_deref(), backup, "after {extra:?}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "the file and its backup");
    }

    #[test]
    fn a_raw_lock_excludes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let (ours, theirs) = (RawLock::open(&path).unwrap(), RawLock::open(&path).unwrap());
        ours.lock().unwrap();
        assert!(!theirs.try_lock().unwrap());
        ours.unlock().unwrap();
        RawLock::open_and_lock_once(&path).unwrap();
        assert!(theirs.try_lock().unwrap());
        assert!(!ours.try_lock().unwrap());
    }
}
