//! Stores with one line taken out. A proof that does not catch them has shown nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Error, Result};
use atomic_file::{Durability, Options, ReplaceError, Step};
use flock_guard::{Breaking, LockFile, LockGuard, Wait};
use state_store::{Backend, Key, Loaded, OldContents, StoreError, Swap, Turn, Version};

/// What is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// Nothing is synced.
    NoSync,
    /// The file is synced, its directory is not.
    NoDirectorySync,
    /// File and directory are synced, and the file is not synced once more after the rename.
    NoLastSync,
    /// No slot: who lost the lock can still rename.
    NoFence,
    /// No lock at all.
    NoLock,
    /// Written in place, not beside and renamed.
    InPlace,
}

const FLAWS: [(&str, Flaw); 6] = [
    ("no-sync", Flaw::NoSync),
    ("no-directory-sync", Flaw::NoDirectorySync),
    ("no-last-sync", Flaw::NoLastSync),
    ("no-fence", Flaw::NoFence),
    ("no-lock", Flaw::NoLock),
    ("in-place", Flaw::InPlace),
];

impl Flaw {
    pub(crate) fn name(self) -> &'static str {
        FLAWS.iter().find(|(_, flaw)| *flaw == self).map_or("", |(name, _)| name)
    }
}

impl FromStr for Flaw {
    type Err = Error;

    fn from_str(word: &str) -> Result<Flaw> {
        let found = FLAWS.iter().find(|(name, _)| *name == word).map(|(_, flaw)| *flaw);
        found.with_context(|| format!("there is no flaw `{word}`"))
    }
}

/// Documents as files, as careful programs write them, but for one line.
#[derive(Debug)]
pub(crate) struct MutantBackend {
    dir: PathBuf,
    flaw: Flaw,
    breaking: Breaking,
}

impl MutantBackend {
    pub(crate) fn new(dir: &Path, flaw: Flaw, breaking: Breaking) -> MutantBackend {
        MutantBackend { dir: dir.to_owned(), flaw, breaking }
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.dir.join(key.as_str())
    }
}

impl Backend for MutantBackend {
    fn place(&self, key: &Key) -> String {
        self.path(key).display().to_string()
    }

    fn load(&self, key: &Key) -> Result<Option<Loaded>, StoreError> {
        match fs::read(self.path(key)) {
            Ok(contents) => Ok(Some(Loaded { contents, version: Version::new([]) })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &self.path(key), error)),
        }
    }

    fn backup_place(&self, _: &Key) -> Option<String> {
        None
    }

    fn load_backup(&self, _: &Key) -> Result<Option<Loaded>, StoreError> {
        Ok(None)
    }

    fn turn<'a>(&'a self, key: &'a Key, wait: Wait) -> Result<Box<dyn Turn + 'a>, StoreError> {
        let lock = LockFile::beside(&self.path(key)).breaking(self.breaking);
        let locked = |source| StoreError::Locked { place: self.place(key), source };
        let guard = match self.flaw {
            Flaw::NoLock => None,
            _ => Some(lock.exclusive(wait).map_err(locked)?),
        };
        Ok(Box::new(MutantTurn { backend: self, key, guard }))
    }
}

struct MutantTurn<'a> {
    backend: &'a MutantBackend,
    key: &'a Key,
    guard: Option<LockGuard>,
}

impl Turn for MutantTurn<'_> {
    fn load(&mut self) -> Result<Option<Loaded>, StoreError> {
        self.backend.load(self.key)
    }

    fn swap(self: Box<Self>, _: Option<&Version>, contents: &[u8]) -> Result<Swap, StoreError> {
        let path = self.backend.path(self.key);
        // Even the mutant without a fence looks: what it lacks is what closes the gap after.
        if let Some(Err(_)) = self.guard.as_ref().map(LockGuard::check) {
            return Err(StoreError::Fenced { place: self.backend.place(self.key) });
        }
        match self.backend.flaw {
            Flaw::NoSync => replace(&path, contents, Durability::Relaxed)?,
            Flaw::NoFence | Flaw::NoLock => replace(&path, contents, Durability::Full)?,
            Flaw::NoDirectorySync => {
                synced_and_renamed(&path, contents)
                    .map_err(|error| failed("write", &path, error))?;
            }
            Flaw::NoLastSync => {
                synced_and_renamed(&path, contents)
                    .map_err(|error| failed("write", &path, error))?;
                sync_directory(&path)?;
            }
            Flaw::InPlace => {
                in_place(&path, contents).map_err(|error| failed("write", &path, error))?;
            }
        }
        Ok(Swap::Committed)
    }

    fn repair(
        self: Box<Self>,
        contents: &[u8],
        _: OldContents,
    ) -> Result<(Swap, Option<String>), StoreError> {
        Ok((self.swap(None, contents)?, None))
    }
}

fn replace(path: &Path, contents: &[u8], durability: Durability) -> Result<(), StoreError> {
    let replaced = Options::new().durability(durability).replace(path, contents);
    let place = path.display().to_string();
    replaced.map_err(|source| StoreError::Unwritten { place, source })
}

#[expect(clippy::disallowed_methods, reason = "a mutant does what others must not")]
fn synced_and_renamed(path: &Path, contents: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    fs::write(&temporary, contents)?;
    fs::File::open(&temporary)?.sync_all()?;
    fs::rename(&temporary, path)
}

/// After the rename: what fails here may or may not last.
fn sync_directory(path: &Path) -> Result<(), StoreError> {
    let synced = path.parent().map(|dir| fs::File::open(dir)?.sync_all());
    synced.unwrap_or(Ok(())).map_err(|source| {
        let (place, path) = (path.display().to_string(), path.to_owned());
        let step = Step::SyncRename;
        StoreError::Unknown { place, source: ReplaceError::NotDurable { path, step, source } }
    })
}

#[expect(clippy::disallowed_methods, reason = "a mutant does what others must not")]
fn in_place(path: &Path, contents: &[u8]) -> io::Result<()> {
    fs::write(path, contents)?;
    fs::File::open(path)?.sync_all()
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { action, place: path.display().to_string(), source }
}
