//! Temporary files whose writers are gone.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use crate::{
    SweepError,
    dir::Dir,
    life,
    name::{self, Role, Sibling},
    target::Target,
};

/// What a [`sweep`] does with temporary files that no living writer owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphans {
    /// Lists them.
    Report,
    /// Removes them.
    Remove,
}

/// A file that a writer made on its way to replacing another one.
#[derive(Debug)]
#[non_exhaustive]
pub struct Temporary {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub size_bytes: u64,
    /// When it was last written, linked or renamed.
    pub changed: SystemTime,
    /// What is to be thought of it, or what was done.
    pub fate: Fate,
}

/// What a [`sweep`] found out about a [`Temporary`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Fate {
    /// A living writer owns it. It stays.
    InUse,
    /// It belongs to a holder of a lock, dead or alive. It stays: the next holder of that lock
    /// removes it, and nobody else may. See [`leftover_slots`](crate::leftover_slots).
    OfALock,
    /// Nobody owns it, and [`Orphans::Report`] left it where it is.
    Orphaned,
    /// Nobody owned it, and it was removed.
    Removed,
    /// It could not be judged, or not be removed: another user's, or on a file system without
    /// `flock(2)`. It stays.
    Kept(io::Error),
}

/// Finds the temporary files of writers that were killed, and removes them if so asked.
///
/// If `place` is a directory, all of its files are looked at, those in directories below it
/// are not; else the temporary files of the file at `place` only. A file that a living writer
/// owns is never removed, in whatever process, user or pid namespace the writer is: a writer
/// holds `flock(2)` on its own temporary file, and one that was swept before it could lock it
/// makes another. What cannot be judged stays and says why.
///
/// What is returned is sorted by path. Files that vanish meanwhile are not in it.
///
/// # Errors
///
/// [`SweepError`] if the directory cannot be read.
///
/// # Limits
///
/// Everything in the directory that is named as this crate names its temporary files counts
/// as one: `.NAME.<32 hex digits>.tmp`, and `.bak` for `.tmp`. Removals are not synced: after a
/// power cut a file may be back, for the next sweep. On a file system that refuses `flock(2)`
/// only some of the time, and on a network file system mounted with locks that other machines
/// do not see, a living writer may lose its file: its commit fails, and the path is unchanged.
///
/// # Examples
///
/// ```
/// use atomic_file::{Fate, Orphans, sweep};
///
/// # let dir = tempfile::tempdir()?;
/// for temporary in sweep(dir.path(), Orphans::Remove)? {
///     if let Fate::Kept(why) = temporary.fate {
///         eprintln!("left `{}` where it is: {why}", temporary.path.display());
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn sweep(place: impl AsRef<Path>, orphans: Orphans) -> Result<Vec<Temporary>, SweepError> {
    let place = place.as_ref();
    Sweep::of(place, orphans)
        .and_then(|sweep| sweep.run())
        .map_err(|source| SweepError { path: place.to_owned(), source })
}

struct Sweep {
    dir: Dir,
    path: PathBuf,
    /// Only the files beside this one.
    only: Option<OsString>,
    orphans: Orphans,
}

impl Sweep {
    fn of(place: &Path, orphans: Orphans) -> io::Result<Sweep> {
        let is_dir = match fs::metadata(place) {
            Ok(metadata) => metadata.is_dir(),
            // The file that is meant may be gone, or not have been made yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        if is_dir {
            let dir = Dir::open(place)?;
            return Ok(Sweep { dir, path: place.to_owned(), only: None, orphans });
        }
        let Target { dir, parent, name, .. } = Target::find(place).map_err(|(_, source)| source)?;
        Ok(Sweep { dir, path: parent, only: Some(name::stem(&name)), orphans })
    }

    fn run(&self) -> io::Result<Vec<Temporary>> {
        let mut names = self.dir.names()?;
        names.sort_unstable();
        let mut found = Vec::new();
        for name in &names {
            let Some(sibling) = name::sibling(name) else { continue };
            if self.only.as_ref().is_none_or(|only| *only == sibling.stem) {
                found.extend(self.look_at(name, &sibling));
            }
        }
        Ok(found)
    }

    /// `None` if it is gone, or nothing that a writer makes.
    fn look_at(&self, name: &OsStr, sibling: &Sibling<'_>) -> Option<Temporary> {
        let path = self.path.join(name);
        let stat = match self.dir.stat(name) {
            Ok(found) => found?,
            Err(why) => {
                let (size_bytes, changed) = (0, SystemTime::UNIX_EPOCH);
                return Some(Temporary { path, size_bytes, changed, fate: Fate::Kept(why) });
            }
        };
        let fate = match sibling.role {
            _ if !Target::is_regular(&stat) => return None,
            Role::Slot => Fate::OfALock,
            Role::Temporary => self.judge_temporary(name, sibling)?,
            Role::Backup => self.judge_backup(name, sibling)?,
        };
        let seconds = Duration::from_secs(u64::try_from(stat.st_ctime).unwrap_or(0));
        Some(Temporary {
            path,
            size_bytes: u64::try_from(stat.st_size).unwrap_or(0),
            changed: SystemTime::UNIX_EPOCH + seconds,
            fate,
        })
    }

    fn judge_temporary(&self, name: &OsStr, sibling: &Sibling<'_>) -> Option<Fate> {
        let file = match self.dir.open_for_reading(name) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return Some(Fate::Kept(error)),
        };
        let is_orphaned = match life::is_orphaned(&file) {
            Ok(is_orphaned) => is_orphaned,
            Err(error) => return Some(Fate::Kept(error)),
        };
        match is_orphaned.then(|| self.is_still(name, &file)) {
            None => Some(Fate::InUse),
            // The half-made backup first: without its temporary file nothing is left to say
            // whose it is but its name.
            Some(Ok(true)) => Some(self.remove(&[&sibling.as_role(Role::Backup), name])),
            // Its writer has committed it and gone while we opened it.
            Some(Ok(false)) => None,
            Some(Err(error)) => Some(Fate::Kept(error)),
        }
    }

    /// A half-made backup exists only while the temporary file or slot of the same token does.
    fn judge_backup(&self, name: &OsStr, sibling: &Sibling<'_>) -> Option<Fate> {
        let has = |role| match self.dir.stat(&sibling.as_role(role)) {
            Ok(found) => Ok(found.is_some()),
            Err(error) => Err(error),
        };
        // Asked in this order: the file is of whichever is found, and if neither is there any
        // more its writer is past it.
        match (has(Role::Slot), has(Role::Temporary)) {
            (Err(error), _) | (_, Err(error)) => Some(Fate::Kept(error)),
            (Ok(true), _) => Some(Fate::OfALock),
            // Judged, and removed, with the temporary file.
            (_, Ok(true)) => None,
            (Ok(false), Ok(false)) => match self.dir.stat(name) {
                Ok(found) => found.map(|_| self.remove(&[name])),
                Err(error) => Some(Fate::Kept(error)),
            },
        }
    }

    fn is_still(&self, name: &OsStr, file: &File) -> io::Result<bool> {
        let Some(named) = self.dir.stat(name)? else { return Ok(false) };
        let open = file.metadata()?;
        Ok((named.st_dev, named.st_ino) == (open.dev(), open.ino()))
    }

    fn remove(&self, names: &[&OsStr]) -> Fate {
        if self.orphans == Orphans::Report {
            return Fate::Orphaned;
        }
        match names.iter().try_for_each(|name| self.dir.unlink(name)) {
            Ok(()) => Fate::Removed,
            Err(error) => Fate::Kept(error),
        }
    }
}
