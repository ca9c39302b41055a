//! From a path to a lock that is held.

use crate::breaking::Judge;
use crate::opened::{Mode, Opened};
use crate::process::{self, Process};
use crate::record::{self, Record};
use crate::spare::Spare;
use crate::takeover::{self, Judged};
use crate::wait::{self, Outcome};
use crate::{
    Breaking, Holder, Life, LockError, LockGuard, Machine, Token, Wait, event, keepers, network,
    registry,
};
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// A lock file: the name of a lock that threads and processes may hold.
///
/// Making one does nothing to the disk; taking the lock creates the file, for
/// its user only (mode 0600). It is never deleted.
#[derive(Debug, Clone)]
pub struct LockFile {
    path: Arc<Path>,
    breaking: Breaking,
    spare: Spare,
}

/// Two are equal if they name the same path and break by the same rule.
impl PartialEq for LockFile {
    fn eq(&self, other: &LockFile) -> bool {
        (&self.path, self.breaking) == (&other.path, other.breaking)
    }
}

impl Eq for LockFile {}

impl Hash for LockFile {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.path, self.breaking).hash(state);
    }
}

/// What looking at a lock shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LockStatus {
    /// Whether anybody holds the lock, as the kernel says.
    pub held: bool,
    /// Whom the record names: of a held lock its holder, of a free one its last
    /// holder. `None` if it cannot be read, was not written by whoever holds
    /// the lock now, or if the lock is shared, for which nobody writes one.
    pub holder: Option<Holder>,
    /// Whether it is this process that holds it.
    pub is_me: bool,
    /// Whether the process that the record names is alive.
    pub life: Option<Life>,
    /// For how long the holder has had the lock, by the machine's monotonic clock, if that can be
    /// told from here.
    pub held_for: Option<Duration>,
    /// The processes that have the lock although no living holder is named, as far as this
    /// process may see them: children of a dead holder, holders that write no record, and
    /// those who share it.
    pub keepers: Vec<u32>,
}

impl LockFile {
    /// Names the lock file at `path`.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> LockFile {
        let (path, spare) = (Arc::from(path.into()), Spare::default());
        LockFile { path, breaking: Breaking::Never, spare }
    }

    /// Sets when a waiter may take the lock from whoever holds it; never if this is never
    /// set. Only [`exclusive`](LockFile::exclusive) breaks, and only while it waits.
    #[must_use]
    pub fn breaking(self, breaking: Breaking) -> LockFile {
        LockFile { breaking, ..self }
    }

    /// Names the lock file of a document: beside it, with `.lock` at the end of its name.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = flock_guard::LockFile::beside("state/release.json".as_ref());
    /// assert_eq!(lock.path(), "state/release.json.lock");
    /// ```
    #[must_use]
    pub fn beside(document: &Path) -> LockFile {
        let mut path = document.as_os_str().to_owned();
        path.push(".lock");
        LockFile::new(path)
    }

    /// Returns the path of the lock file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the lock for one holder alone, and writes the record of that holder.
    ///
    /// A record that cannot be written (a full disk) does not keep the lock
    /// from being taken; an event says so.
    ///
    /// # Errors
    ///
    /// - [`LockError::Busy`]: somebody else held it for the whole wait.
    /// - [`LockError::AlreadyHeld`]: this thread holds it, shared or
    ///   exclusively. Said at once, whatever the wait.
    /// - [`LockError::Io`]: the lock file cannot be opened for writing, or
    ///   something that is not a regular file is in its place.
    pub fn exclusive(&self, wait: Wait) -> Result<LockGuard, LockError> {
        self.acquire(Mode::Exclusive, wait)
    }

    /// Takes the lock together with other holders that share it.
    ///
    /// No record is written. An existing lock file need only be readable, so
    /// this works on a file system that is mounted read-only.
    ///
    /// # Errors
    ///
    /// As for [`exclusive`](LockFile::exclusive), but a thread may share a lock
    /// with itself.
    pub fn shared(&self, wait: Wait) -> Result<LockGuard, LockError> {
        self.acquire(Mode::Shared, wait)
    }

    /// Looks whether the lock is held, and by whom.
    ///
    /// A holder notices nothing, and neither does anybody who waits. A missing
    /// lock file is a free lock, and stays missing.
    ///
    /// # Errors
    ///
    /// [`LockError::Io`]: the lock file is there but cannot be looked at.
    ///
    /// # Limits
    ///
    /// The kernel is asked by trying, for about a microsecond: somebody who
    /// tries at that very moment with [`Wait::Never`] may find the lock busy.
    pub fn status(&self) -> Result<LockStatus, LockError> {
        let Some(opened) = Opened::existing(&self.path)? else {
            return Ok(LockStatus::default());
        };
        // Sharing first: as long as somebody has the lock for himself, which
        // is what people ask about, this takes nothing from anybody.
        let is_exclusive = !opened.try_lock(Mode::Shared)?;
        let is_shared = !is_exclusive && !opened.try_lock(Mode::Exclusive)?;
        opened.unlock();
        let held = is_exclusive || is_shared;
        let holder = match (is_exclusive, is_shared) {
            (true, _) => record::holder(&opened.file),
            (_, true) => None,
            _ => record::read(&opened.file),
        };
        let is_me = held && registry::is_held(opened.id, std::process::id());
        let life = holder.as_ref().map(Life::of);
        let keepers = match (held, life) {
            (false, _) | (true, Some(Life::Alive)) => Vec::new(),
            _ => keepers::of(opened.id),
        };
        let held_by = holder.as_ref().filter(|_| held);
        let held_for = held_by.and_then(|it| it.held_for(&Machine::here(), process::uptime()));
        Ok(LockStatus { held, holder, is_me, life, held_for, keepers })
    }

    /// Takes the lock from the acquisition `token`, by an order of somebody who has judged it:
    /// see [`status`](LockFile::status). A lock that is free is simply taken.
    ///
    /// # Errors
    ///
    /// - [`LockError::Busy`]: somebody else holds it by now, or is breaking it.
    /// - [`LockError::Unbreakable`]: its file system is shared with other machines.
    /// - As for [`exclusive`](LockFile::exclusive) otherwise.
    pub fn take_over(&self, token: Token) -> Result<LockGuard, LockError> {
        match self.exclusive(Wait::Never) {
            Err(LockError::Busy { holder: Some(holder), .. }) if holder.token == Some(token) => {
                let me = process::me();
                let Some(opened) = Opened::existing(&self.path)? else {
                    return Err(self.busy(Duration::ZERO));
                };
                if let Some(kind) = network::kind_of(&opened.file) {
                    return Err(LockError::Unbreakable { path: self.path.to_path_buf(), kind });
                }
                let why = "somebody ordered it";
                let judged = Judged { file: opened.id, holder: *holder, why };
                takeover::take_over(&self.path, &judged, &me)?
                    .ok_or_else(|| self.busy(Duration::ZERO))
            }
            other => other,
        }
    }

    #[cfg(test)]
    pub(crate) fn spare(&self) -> &Spare {
        &self.spare
    }

    fn acquire(&self, mode: Mode, wait: Wait) -> Result<LockGuard, LockError> {
        let me = process::me();
        let mut waiting: Option<Instant> = None;
        let breaking = if mode == Mode::Exclusive { self.breaking } else { Breaking::Never };
        let mut judge = Judge::new(breaking);
        for _ in 0..MOST_REPLACEMENTS {
            // The one that is kept may be of a file that was replaced, so that it is held says
            // nothing. If it can be had, it is looked at like any other.
            if mode == Mode::Exclusive
                && let Some(kept) = self.spare.take(me.pid)
                && kept.try_lock(mode)?
            {
                if kept.id.is_at(&self.path)? {
                    return Ok(hold(kept, mode, &me)?.keeping(self.spare.clone()));
                }
                kept.unlock();
            }
            let mut opened = Opened::create(&self.path, mode)?;
            if registry::would_deadlock(opened.id, mode, me.pid) {
                return Err(LockError::AlreadyHeld { path: self.path.to_path_buf() });
            }
            if !opened.try_lock(mode)? {
                if wait.is_none() {
                    return Err(self.busy(Duration::ZERO));
                }
                let start = *waiting.get_or_insert_with(|| {
                    event::waiting(&self.path, record::holder(&opened.file).as_ref());
                    Instant::now()
                });
                opened = match wait::queue(opened, mode, wait.deadline(start), &mut judge, &me)? {
                    Outcome::Locked(opened) => opened,
                    Outcome::Replaced => continue,
                    Outcome::TakenOver(guard) => return Ok(guard),
                    Outcome::TimedOut => return Err(self.timed_out(start.elapsed())),
                };
            }
            // Somebody may have replaced the file while we opened and locked it:
            // then others will lock the new one, and so must we.
            if opened.id.is_at(&self.path)? {
                let guard = hold(opened, mode, &me)?;
                return Ok(match mode {
                    Mode::Exclusive => guard.keeping(self.spare.clone()),
                    // It may be open for reading only.
                    Mode::Shared => guard,
                });
            }
            opened.unlock();
        }
        let why = io::Error::other("each time it was locked, the path named another file");
        Err(LockError::io("lock", &self.path)(why))
    }

    fn timed_out(&self, waited: Duration) -> LockError {
        let mut error = self.busy(waited);
        if let LockError::Busy { holder, keepers, breaker, .. } = &mut error {
            event::timed_out(&self.path, holder.as_deref(), waited);
            // This reads all of /proc, so nobody pays for it who did not wait.
            let is_alive = holder.as_deref().is_some_and(|it| Life::of(it) == Life::Alive);
            let opened = Opened::existing(&self.path).ok().flatten().filter(|_| !is_alive);
            *keepers = opened.map(|opened| keepers::of(opened.id)).unwrap_or_default();
            *breaker = takeover::breaker(&self.path).map(Box::new);
        }
        error
    }

    /// The holder is whoever it is now: it may have changed during the wait.
    fn busy(&self, waited: Duration) -> LockError {
        let opened = Opened::existing(&self.path).ok().flatten();
        let holder = opened.and_then(|opened| record::holder(&opened.file)).map(Box::new);
        let path = self.path.to_path_buf();
        LockError::Busy { path, waited, holder, keepers: Vec::new(), breaker: None }
    }
}

/// How often a lock file may be replaced under one caller before it gives up.
/// More often than anybody does, so it is the file system: its inode numbers
/// change, and nothing can be locked there safely.
const MOST_REPLACEMENTS: usize = 1000;

/// Makes the guard of a lock that is had, and tells the world.
pub(crate) fn hold(opened: Opened, mode: Mode, me: &Process) -> Result<LockGuard, LockError> {
    let token =
        process::token(me.pid).map_err(LockError::io("name the acquisition of", &opened.path))?;
    let record = match mode {
        Mode::Exclusive => sign(&opened, token, me),
        Mode::Shared => None,
    };
    registry::add(opened.id, token, mode, me.pid);
    let guard = LockGuard::new(opened, token, record, me.pid);
    event::acquired(&guard, mode, me.pid);
    Ok(guard)
}

/// Writes our record over that of the last holder, and warns if that one died.
/// `None` if that failed.
fn sign(opened: &Opened, token: Token, me: &Process) -> Option<Record> {
    let now = now();
    let found = record::found(&opened.file);
    if let Some(holder) = &found.left_behind
        && let Life::Dead { why } = Life::of(holder)
    {
        event::left_behind(&opened.path, holder, why, now);
    }
    let record = Record::new(me, token, now, process::uptime());
    let written = record.write_to(&opened.file).and_then(|()| match found.is_too_long {
        true => record::cut_after_record(&opened.file),
        false => Ok(()),
    });
    match written {
        Ok(()) => Some(record),
        Err(error) => {
            event::not_recorded(&opened.path, &error);
            None
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the record tells people when; nothing is decided by it"
)]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_cannot_be_written_does_not_keep_the_lock_away() {
        let dir = tempfile::tempdir().unwrap();
        let lock = LockFile::new(dir.path().join("x.lock"));
        lock.exclusive(Wait::Never).unwrap().release();
        let before = std::fs::read(lock.path()).unwrap();
        // Opened for reading only, so that writing fails as it does on a full disk.
        let opened = Opened::existing(&lock.path).unwrap().unwrap();
        assert!(opened.try_lock(Mode::Exclusive).unwrap());
        let guard = hold(opened, Mode::Exclusive, &process::me()).unwrap();
        assert!(lock.status().unwrap().held);
        guard.check().unwrap();
        drop(guard);
        assert_eq!(std::fs::read(lock.path()).unwrap(), before);
    }
}
