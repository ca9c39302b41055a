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
    #[error("`{}` is {}{}", path.display(), still_locked(*waited), held_by(holder.as_deref()))]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// How long the caller waited; zero if it did not want to wait.
        waited: Duration,
        /// Whom the record names, if it could be read. A hint, never a proof.
        holder: Option<Box<Holder>>,
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

fn held_by(holder: Option<&Holder>) -> String {
    holder.map(|holder| format!(" (held by {holder})")).unwrap_or_default()
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
            LockError::Busy { path: path.clone(), waited: Duration::from_millis(millis), holder }
        };
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
