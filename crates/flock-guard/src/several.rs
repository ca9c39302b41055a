//! Several locks at once, in an order that everybody keeps.

use crate::{LockError, LockFile, LockGuard, Wait};
use std::path::PathBuf;
use std::time::Instant;

/// Takes several locks for one holder alone, all of them or none.
///
/// They are taken in the order of their real paths, whatever order they are named in: of two
/// callers that want the same locks, neither waits for what the other has already. `wait` is
/// for all of them together. The guards come in the order in which `locks` names them.
///
/// # Errors
///
/// As [`LockFile::exclusive`], for the first lock that could not be taken; those before it are
/// released. [`LockError::AlreadyHeld`] if one of them is named twice.
///
/// # Examples
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// use flock_guard::{LockFile, Wait, exclusive_all};
///
/// let locks = ["b.lock", "a.lock"].map(|name| LockFile::new(dir.path().join(name)));
/// let guards = exclusive_all(&locks, Wait::Never)?;
/// assert_eq!(guards[0].path(), locks[0].path());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Limits
///
/// Whoever takes further locks one by one while it holds these can still meet another such
/// caller; then the limit of the wait ends it.
pub fn exclusive_all(locks: &[LockFile], wait: Wait) -> Result<Vec<LockGuard>, LockError> {
    let start = Instant::now();
    let mut order: Vec<(PathBuf, usize)> =
        locks.iter().enumerate().map(|(at, lock)| (real_path(lock), at)).collect();
    order.sort_unstable();
    let mut guards = Vec::with_capacity(locks.len());
    for (_, at) in order {
        let left = match wait {
            Wait::UpTo(limit) => Wait::UpTo(limit.saturating_sub(start.elapsed())),
            Wait::Never | Wait::Forever => wait,
        };
        guards.push((at, locks[at].exclusive(left)?));
    }
    guards.sort_unstable_by_key(|(at, _)| *at);
    Ok(guards.into_iter().map(|(_, guard)| guard).collect())
}

/// The path without links on the way to it. If that cannot be found out, nothing can be locked
/// there either.
fn real_path(lock: &LockFile) -> PathBuf {
    let path = std::path::absolute(lock.path()).unwrap_or_else(|_| lock.path().to_owned());
    match (path.parent().map(std::fs::canonicalize), path.file_name()) {
        (Some(Ok(dir)), Some(name)) => dir.join(name),
        _ => path,
    }
}
