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
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use atomic_file::{Backup, CommitError, HardLinks, Options, PendingFile, ReplaceError};
use flock_guard::{Breaking, LockError, LockFile, LockGuard, Wait};

use crate::{
    Backend, Key, Loaded, OldContents, StoreError, Swap, Turn, Version, aside,
    contents::{backup_of, cannot_read, load, read, version_at},
    directory::create_private_dir,
};

/// The largest document that is read: far above any real one, far below what hurts.
pub(crate) const LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// As many links as Linux itself follows (`MAXSYMLINKS`) before it says `ELOOP`.
const LINKS_FOLLOWED: usize = 40;

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
    /// and the backup stand beside the file that is replaced, also if that is not there yet.
    fn path(&self, key: &Key) -> PathBuf {
        let mut path = self.dir.join(key.as_str());
        for _ in 0..LINKS_FOLLOWED {
            let Ok(target) = fs::read_link(&path) else { break };
            path = path.with_file_name(target);
        }
        path
    }
}

impl Backend for FileBackend {
    fn place(&self, key: &Key) -> String {
        self.dir.join(key.as_str()).display().to_string()
    }

    fn load(&self, key: &Key) -> Result<Option<Loaded>, StoreError> {
        load(&self.path(key), &self.place(key))
    }

    fn backup_place(&self, key: &Key) -> Option<String> {
        Some(backup_of(&self.path(key)).display().to_string())
    }

    fn load_backup(&self, key: &Key) -> Result<Option<Loaded>, StoreError> {
        let backup = backup_of(&self.path(key));
        read(&backup, &backup.display().to_string())
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
    /// What the last load found there.
    found: Option<Version>,
}

impl FileTurn {
    fn begin(
        lock: &LockFile,
        path: PathBuf,
        place: String,
        wait: Wait,
    ) -> Result<FileTurn, StoreError> {
        // Who keeps a snapshot of the directory in hard links wants the two to part.
        let options =
            Options::new().backup(Backup::Beside).mode_if_new(0o600).hard_links(HardLinks::Split);
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
            for lost in slot.not_kept() {
                let (attribute, error) = (&lost.attribute, &lost.source);
                tracing::warn!(place, %attribute, %error, "the new document does without it");
            }
            return Ok(FileTurn { slot, guard, path, place, found: None });
        }
    }
}

impl Turn for FileTurn {
    fn load(&mut self) -> Result<Option<Loaded>, StoreError> {
        let loaded = load(&self.path, &self.place);
        self.found = match &loaded {
            Ok(loaded) => loaded.as_ref().map(|loaded| loaded.version.clone()),
            // There may be a file nevertheless, one that is too large to be read.
            Err(_) => self.version()?,
        };
        loaded
    }

    fn swap(
        self: Box<Self>,
        expected: Option<&Version>,
        contents: &[u8],
    ) -> Result<Swap, StoreError> {
        // The lock keeps every program of this system out, but not an editor.
        if self.version()?.as_ref() != expected {
            return Ok(Swap::Conflict);
        }
        (*self).commit(contents)
    }

    fn repair(
        self: Box<Self>,
        contents: &[u8],
        old: OldContents,
    ) -> Result<(Swap, Option<String>), StoreError> {
        if self.version()? != self.found {
            return Ok((Swap::Conflict, None));
        }
        let aside =
            match old {
                OldContents::Dropped => None,
                OldContents::SetAside => aside::keep(&self.path).map_err(|source| {
                    StoreError::Io { action: "set aside", place: self.place.clone(), source }
                })?,
            };
        let FileTurn { slot, guard, path, place, found } = *self;
        let turn = FileTurn { slot: slot.without_backup(), guard, path, place, found };
        Ok((turn.commit(contents)?, aside.map(|path| path.display().to_string())))
    }
}

impl FileTurn {
    fn version(&self) -> Result<Option<Version>, StoreError> {
        version_at(&self.path).map_err(|source| cannot_read(&self.place, source))
    }

    fn commit(self, contents: &[u8]) -> Result<Swap, StoreError> {
        // What is bound last is dropped first: on an early way out the slot has to go before
        // the lock, or it looks like one that somebody left over.
        let FileTurn { guard, place, mut slot, .. } = self;
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

pub(crate) fn locked(place: &str, source: LockError) -> StoreError {
    StoreError::Locked { place: place.to_owned(), source }
}
