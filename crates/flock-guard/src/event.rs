//! What an operator gets to know: one function per event, called in one place.

use crate::opened::Mode;
use crate::process::{self, Process};
use crate::{Holder, LockGuard};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tracing::{error, info, warn};

pub(crate) fn acquired(guard: &LockGuard, mode: Mode, pid: u32) {
    info!(target: "flock_guard", path = %guard.path().display(), pid, ?mode, "acquired");
}

pub(crate) fn released(path: &Path, pid: u32, held_for: Duration) {
    info!(target: "flock_guard", path = %path.display(), pid, ?held_for, "released");
}

pub(crate) fn waiting(path: &Path, holder: Option<&Holder>) {
    let holder = holder.map(tracing::field::display);
    info!(target: "flock_guard", path = %path.display(), holder, "waiting");
}

pub(crate) fn timed_out(path: &Path, holder: Option<&Holder>, waited: Duration) {
    let holder = holder.map(tracing::field::display);
    error!(target: "flock_guard", path = %path.display(), holder, ?waited, "timed out");
}

pub(crate) fn left_behind(path: &Path, holder: &Holder, why: &str, now: SystemTime) {
    let age = holder.age(now).map(tracing::field::debug);
    warn!(
        target: "flock_guard",
        path = %path.display(),
        pid = holder.pid,
        hostname = %holder.hostname,
        age,
        why,
        "took over a lock its holder left behind"
    );
}

pub(crate) fn broken(path: &Path, holder: &Holder, why: &str, me: &Process) {
    let age = holder.held_for(&me.machine, process::uptime()).map(tracing::field::debug);
    warn!(
        target: "flock_guard",
        path = %path.display(),
        pid = holder.pid,
        hostname = %holder.hostname,
        since = %holder.created,
        age,
        by = me.pid,
        why,
        "broke the lock of a stale holder"
    );
}

pub(crate) fn unbreakable(path: &Path, holder: &Holder, kind: &str) {
    warn!(
        target: "flock_guard",
        path = %path.display(),
        pid = holder.pid,
        hostname = %holder.hostname,
        file_system = kind,
        "does not break a stale lock: its file system is shared with other machines"
    );
}

pub(crate) fn not_recorded(path: &Path, error: &io::Error) {
    warn!(
        target: "flock_guard",
        path = %path.display(),
        %error,
        "holds a lock without saying so: its record could not be written"
    );
}
