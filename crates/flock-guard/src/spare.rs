//! A lock file that stays open between two acquisitions: opening it costs more than locking it.

use crate::opened::Opened;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

/// At most one open descriptor, of which nobody else has a copy.
///
/// Whoever takes it has it alone until it is given back. `flock` does not tell apart those who
/// use one open file, so a descriptor that another thread, a child or a fork may use as well
/// must never be locked through this one again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spare(Arc<Mutex<Option<Kept>>>);

#[derive(Debug)]
struct Kept {
    /// A fork has a copy of this memory, and of the descriptor.
    pid: u32,
    opened: Opened,
}

impl Spare {
    /// Takes the descriptor, if there is one and this process has opened it.
    pub(crate) fn take(&self, pid: u32) -> Option<Opened> {
        let kept = match self.0.try_lock() {
            Ok(mut kept) => kept.take(),
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().take(),
            // Somebody takes or gives at this moment, or did so when this process was forked.
            Err(TryLockError::WouldBlock) => None,
        };
        kept.filter(|kept| kept.pid == pid).map(|kept| kept.opened)
    }

    /// Keeps a descriptor that is not locked any more. The one that is kept already is closed.
    pub(crate) fn give(&self, opened: Opened, pid: u32) {
        let kept =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(Kept { pid, opened });
        drop(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opened::Mode;
    use crate::{LockFile, Wait};
    use std::os::fd::AsFd;

    #[test]
    fn what_a_fork_inherits_is_never_locked_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = Arc::from(dir.path().join("x.lock"));
        let (spare, pid) = (Spare::default(), std::process::id());
        spare.give(Opened::create(&path, Mode::Exclusive).unwrap(), pid);
        assert!(spare.take(pid + 1).is_none(), "another process asks");
        spare.give(Opened::create(&path, Mode::Exclusive).unwrap(), pid);
        assert!(spare.take(pid).is_some());
        assert!(spare.take(pid).is_none(), "it is taken once");
    }

    #[test]
    fn a_kept_file_that_was_replaced_while_its_holder_hangs_is_not_asked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lock");
        let (lock, other) = (LockFile::new(&path), LockFile::new(&path));
        lock.exclusive(Wait::Never).unwrap().release();
        let hanging = std::thread::spawn(move || other.exclusive(Wait::Never).unwrap());
        let hanging = hanging.join().unwrap();
        std::fs::remove_file(&path).unwrap();
        let guard = lock.exclusive(Wait::Never).unwrap();
        guard.check().unwrap();
        hanging.check().unwrap_err();
        guard.release();
        std::fs::remove_file(&path).unwrap();
        lock.exclusive(Wait::Never).unwrap().check().unwrap();
    }

    #[test]
    fn a_descriptor_that_was_handed_on_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let lock = LockFile::new(dir.path().join("x.lock"));
        let pid = std::process::id();
        lock.exclusive(Wait::Never).unwrap().release();
        assert!(lock.spare().take(pid).is_some(), "usually it is");

        let guard = lock.exclusive(Wait::Never).unwrap();
        let handed = guard.as_fd().try_clone_to_owned().unwrap();
        drop(guard);
        assert!(lock.spare().take(pid).is_none());
        drop(handed);
    }
}
