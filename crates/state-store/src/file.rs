//! Documents as files: `NAME`, its lock `NAME.lock`, and `NAME.bak` for the version before.
//!
//! A turn takes the lock and makes a *slot*, a hidden file whose name carries the lock's
//! token. The new contents go into the slot, and the commit renames it over the document.
//! Whoever breaks a lock removes the slots of older tokens, so the rename of a holder that
//! lost its lock finds nothing to rename, wherever that holder was stopped. The order in
//! [`FileTurn::begin`] matters: what is to be removed is listed first, then the own slot is
//! made, then the lock is checked, and only then is anything removed; in any other order a
//! holder could remove the slot of one that came after it.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use atomic_file::{Backup, CommitError, Options, PendingFile, ReplaceError};
use flock_guard::{Breaking, LockError, LockFile, LockGuard, Wait};
use rustix::{
    fs::{Mode, OFlags},
    io::{Errno, retry_on_intr},
};

use crate::{
    Backend, Damage, Key, Loaded, StoreError, Swap, Turn, Version, directory::create_private_dir,
};

/// The largest document that is read: far above any real one, far below what hurts.
pub(crate) const LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// Documents as files in a directory on this machine. The default, and needs nothing.
#[derive(Debug, Clone)]
pub struct FileBackend {
    dir: PathBuf,
    breaking: Breaking,
}

/// How long one change may take before whoever waits breaks its lock. A change takes
/// milliseconds, so its holder hangs; and it is fenced, so it can do no harm when it wakes up.
const STALE_AFTER: Duration = Duration::from_secs(5 * 60);

impl FileBackend {
    /// Documents are files in `dir`, which is created, private, with the first change.
    pub fn new(dir: impl AsRef<Path>) -> FileBackend {
        let breaking = Breaking::IfHeldFor(STALE_AFTER);
        FileBackend { dir: dir.as_ref().to_owned(), breaking }
    }

    /// Sets when a change may take the lock from a change that hangs; after 5 minutes of
    /// waiting for it if this is never set. Whoever loses the lock like that gets
    /// [`StoreError::Fenced`] and has changed nothing.
    #[must_use]
    pub fn breaking(self, breaking: Breaking) -> FileBackend {
        FileBackend { breaking, ..self }
    }

    /// The document's own file: a link in its place is followed, so that the lock, the slot
    /// and the backup stand beside the file that is replaced.
    fn path(&self, key: &Key) -> PathBuf {
        let path = self.dir.join(key.as_str());
        if path.is_symlink() { fs::canonicalize(&path).unwrap_or(path) } else { path }
    }
}

impl Backend for FileBackend {
    fn place(&self, key: &Key) -> String {
        self.dir.join(key.as_str()).display().to_string()
    }

    fn load(&self, key: &Key) -> Result<Option<Loaded>, StoreError> {
        load(&self.path(key), &self.place(key))
    }

    fn turn<'a>(&'a self, key: &'a Key, wait: Wait) -> Result<Box<dyn Turn + 'a>, StoreError> {
        let path = self.path(key);
        if let Some(parent) = path.parent().filter(|parent| !parent.is_dir()) {
            create_private_dir(parent)?;
        }
        let lock = LockFile::beside(&path).breaking(self.breaking);
        Ok(Box::new(FileTurn::begin(&lock, path, self.place(key), wait)?))
    }
}

/// The lock, and the slot that fences it. The slot goes first when a turn is dropped.
#[derive(Debug)]
struct FileTurn {
    slot: PendingFile,
    guard: LockGuard,
    path: PathBuf,
    place: String,
}

impl FileTurn {
    fn begin(
        lock: &LockFile,
        path: PathBuf,
        place: String,
        wait: Wait,
    ) -> Result<FileTurn, StoreError> {
        let options = Options::new().backup(Backup::Beside).mode_if_new(0o600);
        loop {
            let guard = lock.exclusive(wait).map_err(|source| locked(&place, source))?;
            let unwritten = |source| StoreError::Unwritten { place: place.clone(), source };
            let leftovers = atomic_file::leftover_slots(&path).map_err(unwritten)?;
            let slot =
                options.begin_in_slot(&path, &guard.token().to_string()).map_err(unwritten)?;
            if guard.check().is_err() {
                continue; // Somebody took the lock over before our slot could fence it.
            }
            for leftover in leftovers.iter() {
                tracing::info!(place, token = leftover.token(), "removing a leftover slot");
            }
            leftovers.remove().map_err(unwritten)?;
            return Ok(FileTurn { slot, guard, path, place });
        }
    }
}

impl Turn for FileTurn {
    fn load(&mut self) -> Result<Option<Loaded>, StoreError> {
        load(&self.path, &self.place)
    }

    fn swap(
        self: Box<Self>,
        expected: Option<&Version>,
        contents: &[u8],
    ) -> Result<Swap, StoreError> {
        // What is bound last is dropped first: on an early way out the slot has to go before
        // the lock, or it looks like one that somebody left over.
        let FileTurn { guard, path, place, mut slot } = *self;
        // The lock keeps every program of this system out, but not an editor.
        if version_at(&path).map_err(|source| cannot_read(&place, source))?.as_ref() != expected {
            return Ok(Swap::Conflict);
        }
        if let Err(source) = slot.write_all(contents) {
            return Err(StoreError::Io { action: "write the new contents of", place, source });
        }
        let committed = slot.commit_if(|| guard.check());
        guard.release();
        match committed {
            Ok(()) => Ok(Swap::Committed),
            Err(CommitError::Refused(LockError::Lost { .. }) | CommitError::SlotGone { .. }) => {
                Err(StoreError::Fenced { place })
            }
            Err(CommitError::Refused(source)) => Err(StoreError::Locked { place, source }),
            Err(CommitError::Replace(source @ ReplaceError::NotDurable { .. })) => {
                Err(StoreError::Unknown { place, source })
            }
            Err(CommitError::Replace(source)) => Err(StoreError::Unwritten { place, source }),
        }
    }
}

fn load(path: &Path, place: &str) -> Result<Option<Loaded>, StoreError> {
    match read(path, place)? {
        None => absent(path, place),
        loaded => Ok(loaded),
    }
}

/// Reads the file at `path` as one whole version: a replace gives the path a new file, and
/// the one that is open stays what it was.
fn read(path: &Path, place: &str) -> Result<Option<Loaded>, StoreError> {
    let failed = |source| cannot_read(place, source);
    let Some(file) = open(path).map_err(failed)? else { return Ok(None) };
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(failed(io::Error::other("it is not a regular file")));
    }
    // Looked at before reading, so that a huge file costs nothing.
    let found = metadata.len();
    if found > LIMIT_BYTES {
        let source = Damage::TooLarge { found, limit: LIMIT_BYTES };
        return Err(StoreError::Damaged { place: place.to_owned(), source });
    }
    let mut contents = Vec::with_capacity(usize::try_from(found).unwrap_or(0) + 1);
    (&file).take(LIMIT_BYTES).read_to_end(&mut contents).map_err(failed)?;
    Ok(Some(Loaded { contents, version: version(&metadata) }))
}

/// Tells a document that never was from one that was removed: nothing that this system does
/// leaves a backup without its document, and starting over would forget what was in it.
fn absent(path: &Path, place: &str) -> Result<Option<Loaded>, StoreError> {
    let mut backup = path.as_os_str().to_owned();
    backup.push(".bak");
    let backup = Path::new(&backup);
    if !backup.try_exists().map_err(|source| cannot_read(place, source))? {
        return Ok(None);
    }
    // Since it was found absent others may have made it and replaced it, with a backup.
    if let Some(loaded) = read(path, place)? {
        return Ok(Some(loaded));
    }
    let source = Damage::Missing { backup: backup.display().to_string() };
    Err(StoreError::Damaged { place: place.to_owned(), source })
}

/// Opens a file for reading without hanging on a FIFO.
fn open(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty())) {
        Ok(fd) => Ok(Some(fd.into())),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

fn version_at(path: &Path) -> io::Result<Option<Version>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(version(&metadata))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What tells two states of a file apart: a replace changes the inode, an edit in place the
/// size or a time.
fn version(metadata: &fs::Metadata) -> Version {
    let facts = [
        metadata.dev(),
        metadata.ino(),
        metadata.size(),
        metadata.mtime().cast_unsigned(),
        metadata.mtime_nsec().cast_unsigned(),
    ];
    Version::new(facts.map(u64::to_le_bytes).concat())
}

fn cannot_read(place: &str, source: io::Error) -> StoreError {
    StoreError::Io { action: "read", place: place.to_owned(), source }
}

pub(crate) fn locked(place: &str, source: LockError) -> StoreError {
    StoreError::Locked { place: place.to_owned(), source }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "plain files for a test")]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_came_after_it_was_found_absent_is_not_missing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.json");
        assert!(absent(&path, "x").unwrap().is_none());
        fs::write(dir.path().join("x.json.bak"), "1").unwrap();
        assert!(matches!(absent(&path, "x"), Err(StoreError::Damaged { .. })));
        fs::write(&path, "2").unwrap();
        assert_eq!(absent(&path, "x").unwrap().unwrap().contents, b"2");
    }
}
