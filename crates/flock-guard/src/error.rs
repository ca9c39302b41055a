//! Why a lock could not be had.

use crate::Holder;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a lock could not be taken, or is no longer held.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Somebody else kept the lock for the whole wait. Trying again may work.
    #[error(
        "`{}` is {}{}", path.display(), still_locked(*waited),
        held_by(holder.as_deref(), keepers, breaker.as_deref())
    )]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// How long the caller waited; zero if it did not want to wait.
        waited: Duration,
        /// Whom the record names, if it could be read. A hint, never a proof.
        holder: Option<Box<Holder>>,
        /// After a wait, and if no living holder is named: the processes that have the lock, as
        /// far as this one may see them. Children of a dead holder are among them.
        keepers: Vec<u32>,
        /// After a wait: who is about to break the lock and has not come to its end.
        breaker: Option<Box<Holder>>,
    },
    /// The lock lies on a file system that other machines use too. What they hold there, and
    /// whether they live, cannot be seen from here, so it is not broken.
    #[error("cannot break `{}`: its file system ({kind}) is shared with other machines", path.display())]
    Unbreakable {
        /// The lock file.
        path: PathBuf,
        /// The file system.
        kind: &'static str,
    },
    /// This thread holds the lock already, so waiting would never end. The
    /// program has to be changed, or the guard that it has to be used.
    #[error("`{}` is already held by this thread", path.display())]
    AlreadyHeld {
        /// The lock file.
        path: PathBuf,
    },
    /// The guard no longer protects anything: its lock file was removed or
    /// replaced, or the guard was inherited by a fork. What was read under it
    /// must be read again under a new one.
    #[error("the lock on `{}` was lost while it was held", path.display())]
    Lost {
        /// The lock file.
        path: PathBuf,
    },
    /// The operating system refused. Trying again will not help.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was being done, as a verb phrase: "open", "lock", "look at".
        action: &'static str,
        /// The lock file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl LockError {
    /// For `map_err`: what was being done, and to which lock file.
    pub(crate) fn io(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(io::Error) -> LockError + use<> {
        let path = path.to_owned();
        move |source| LockError::Io { action, path, source }
    }
}

fn still_locked(waited: Duration) -> String {
    if waited.is_zero() {
        "locked".into()
    } else {
        format!("still locked after {:?}", rounded(waited))
    }
}

/// Three digits are enough for people: 5s, 5.1s, 312ms.
fn rounded(waited: Duration) -> Duration {
    let step_millis = if waited < Duration::from_secs(1) { 1 } else { 100 };
    let steps = waited.as_millis() / step_millis;
    u64::try_from(steps * step_millis).map_or(waited, Duration::from_millis)
}

fn held_by(holder: Option<&Holder>, keepers: &[u32], breaker: Option<&Holder>) -> String {
    let pids = keepers.iter().map(|pid| format!("pid {pid}")).collect::<Vec<_>>().join(", ");
    let held = match (holder, keepers) {
        (None, []) => return String::new(),
        (Some(holder), []) => format!("held by {holder}"),
        (Some(holder), _) => format!("held by {pids}, which got it from {holder}"),
        (None, _) => format!("held by {pids}, which left no name"),
    };
    let breaking = breaker.map(|by| format!("; {by} is breaking it")).unwrap_or_default();
    format!(" ({held}{breaking})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_well() {
        let path = PathBuf::from("state.lock");
        let holder: Holder = serde_json::from_str(
            r#"{"pid": 7, "hostname": "web-1", "created": "2026-11-20T10:00:00Z"}"#,
        )
        .unwrap();
        let busy = |millis, holder: Option<&Holder>| {
            let holder = holder.cloned().map(Box::new);
            let waited = Duration::from_millis(millis);
            let (path, keepers) = (path.clone(), Vec::new());
            LockError::Busy { path, waited, holder, keepers, breaker: None }
        };
        let kept = |holder: Option<&Holder>, keepers: &[u32], breaker: Option<&Holder>| {
            let [holder, breaker] = [holder, breaker].map(|it| it.cloned().map(Box::new));
            let (path, waited, keepers) = (path.clone(), Duration::from_secs(5), keepers.to_vec());
            LockError::Busy { path, waited, holder, keepers, breaker }
        };
        let breaker: Holder = serde_json::from_str(r#"{"pid": 9}"#).unwrap();
        let refused = io::Error::from(io::ErrorKind::PermissionDenied);
        let table = [
            (
                busy(5_012, Some(&holder)),
                "`state.lock` is still locked after 5s (held by pid 7 on web-1 since 2026-11-20T10:00:00Z)",
            ),
            (busy(1_290, None), "`state.lock` is still locked after 1.2s"),
            (busy(250, None), "`state.lock` is still locked after 250ms"),
            (
                busy(0, Some(&holder)),
                "`state.lock` is locked (held by pid 7 on web-1 since 2026-11-20T10:00:00Z)",
            ),
            (
                kept(Some(&holder), &[8, 9], None),
                "`state.lock` is still locked after 5s (held by pid 8, pid 9, which got it from pid 7 on web-1 since 2026-11-20T10:00:00Z)",
            ),
            (
                kept(None, &[8], None),
                "`state.lock` is still locked after 5s (held by pid 8, which left no name)",
            ),
            (
                kept(Some(&holder), &[], Some(&breaker)),
                "`state.lock` is still locked after 5s (held by pid 7 on web-1 since 2026-11-20T10:00:00Z; pid 9 is breaking it)",
            ),
            (
                LockError::Unbreakable { path: path.clone(), kind: "NFS" },
                "cannot break `state.lock`: its file system (NFS) is shared with other machines",
            ),
            (
                LockError::AlreadyHeld { path: path.clone() },
                "`state.lock` is already held by this thread",
            ),
            (
                LockError::Lost { path: path.clone() },
                "the lock on `state.lock` was lost while it was held",
            ),
            (LockError::io("open", &path)(refused), "cannot open `state.lock`"),
        ];
        for (error, message) in table {
            assert_eq!(error.to_string(), message);
        }
    }
}
