//! A lock that is held.

use crate::opened::Opened;
use crate::record::Record;
use crate::spare::Spare;
use crate::{LockError, Token, event, registry};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A lock that is held until this is dropped.
///
/// It owns all it needs and may be sent to another thread. For
/// [`LockError::AlreadyHeld`], the lock stays that of the thread that took it.
///
/// # Limits
///
/// A guard that is forgotten (`mem::forget`) keeps the lock until the process
/// ends. Dropping the copy that a fork inherited closes it and no more.
///
/// # Handing the lock to a child process
///
/// A child started by `exec` gets none of our descriptors, hence never keeps a
/// lock alive by accident. To let one have it on purpose, duplicate the
/// descriptor from [`as_fd`](LockGuard::as_fd) into it, for example as its
/// standard input. Then both hold the *same* lock: dropping the guard releases
/// it for the child, too. Forget the guard to let the child have it to its end.
#[must_use = "dropping the guard releases the lock"]
#[derive(Debug)]
pub struct LockGuard {
    /// Taken by `drop` alone.
    opened: Option<Opened>,
    token: Token,
    /// What was written into the lock file, if that worked. Only exclusive holders write.
    record: Option<Record>,
    /// The process that took the lock: a fork has a copy of this guard, but not the lock.
    pid: u32,
    since: Instant,
    /// Where the descriptor goes when the lock is released, unless somebody else may have a copy.
    spare: Option<Spare>,
    may_be_copied: AtomicBool,
}

impl LockGuard {
    pub(crate) fn new(opened: Opened, token: Token, record: Option<Record>, pid: u32) -> LockGuard {
        let (opened, since) = (Some(opened), Instant::now());
        let may_be_copied = AtomicBool::new(false);
        LockGuard { opened, token, record, pid, since, spare: None, may_be_copied }
    }

    /// Keeps the lock file open there once the lock is released.
    pub(crate) fn keeping(mut self, spare: Spare) -> LockGuard {
        self.spare = Some(spare);
        self
    }

    fn opened(&self) -> &Opened {
        self.opened.as_ref().expect("it is there until the guard is dropped")
    }

    /// Returns the name of this acquisition, which no other one shares.
    #[must_use]
    pub fn token(&self) -> Token {
        self.token
    }

    /// Returns whether the lock still protects anything.
    ///
    /// Somebody may have removed or replaced the lock file; then others hold
    /// the lock that the path names now, and this guard holds a file nobody
    /// looks at. Once that is so it stays so.
    ///
    /// # Errors
    ///
    /// - [`LockError::Lost`]: whatever was read under this guard may be old.
    /// - [`LockError::Io`]: the path could not be looked at.
    ///
    /// # Limits
    ///
    /// True at the moment of asking, and no longer.
    pub fn check(&self) -> Result<(), LockError> {
        if self.is_ours() && self.opened().id.is_at(self.path())? {
            return Ok(());
        }
        Err(LockError::Lost { path: self.path().to_owned() })
    }

    /// Returns the path of the lock file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.opened().path
    }

    /// Returns for how long the lock has been held.
    #[must_use]
    pub fn held_for(&self) -> Duration {
        self.since.elapsed()
    }

    /// Releases the lock. Dropping the guard does the same; this says it aloud.
    pub fn release(self) {}

    fn is_ours(&self) -> bool {
        self.pid == std::process::id()
    }
}

impl AsFd for LockGuard {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.may_be_copied.store(true, Ordering::Relaxed);
        self.opened().file.as_fd()
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        let Some(opened) = self.opened.take() else { return };
        registry::remove(opened.id, self.token);
        if !self.is_ours() {
            return; // Unlocking in a fork would unlock the parent's guard.
        }
        if let Some(record) = &mut self.record {
            record.mark_released();
            // If this fails the next holder may warn needlessly, and that is all.
            record.write_to(&opened.file).ok();
        }
        opened.unlock();
        event::released(&opened.path, self.pid, self.held_for());
        if let (Some(spare), false) = (&self.spare, *self.may_be_copied.get_mut()) {
            spare.give(opened, self.pid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opened::Mode;
    use crate::{LockFile, Wait};

    #[test]
    fn the_copy_of_a_fork_is_lost_and_releases_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let lock = LockFile::new(dir.path().join("x.lock"));
        let guard = lock.exclusive(Wait::Never).unwrap();
        // What a fork gets: the same open file, and the pid of its parent in the guard.
        let file = guard.opened().file.try_clone().unwrap();
        let opened = Opened { file, path: guard.opened().path.clone(), id: guard.opened().id };
        let copy = LockGuard::new(opened, Token(0), None, guard.pid + 1);

        assert!(matches!(copy.check(), Err(LockError::Lost { .. })));
        for (pid, has_it) in [(guard.pid, true), (copy.pid, false)] {
            assert_eq!(registry::is_held(guard.opened().id, pid), has_it);
            assert_eq!(registry::would_deadlock(guard.opened().id, Mode::Shared, pid), has_it);
        }
        drop(copy);
        assert!(lock.status().unwrap().held);
        guard.check().unwrap();
        drop(guard);
        assert!(!lock.status().unwrap().held);
    }

    #[test]
    fn a_copy_of_the_descriptor_does_not_outlast_the_release() {
        let dir = tempfile::tempdir().unwrap();
        let lock = LockFile::new(dir.path().join("x.lock"));
        let guard = lock.exclusive(Wait::Never).unwrap();
        let _inherited = guard.opened().file.try_clone().unwrap();
        guard.release();
        assert!(!lock.status().unwrap().held);
    }
}
