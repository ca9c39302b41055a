//! Processes seen from outside, and waiting for them.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything takes on a busy machine; shorter than patience.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Looks until `holds`.
#[track_caller]
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        // Between two looks only: the other processes of the test need the processor.
        thread::sleep(Duration::from_millis(1));
    }
}

/// Whether the process has ended: it is not there, or dead and not yet noticed by its parent.
#[must_use]
pub fn is_gone(pid: u32) -> bool {
    stat(pid).is_none_or(|stat| stat.is_dead)
}

/// Whether every process of the session that `leader` began has ended.
#[must_use]
pub fn session_is_over(leader: u32) -> bool {
    of_session(leader).is_empty()
}

/// Every living process of a session.
pub(crate) fn of_session(session: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let belongs = |stat: Stat| stat.session == session && !stat.is_dead;
    pids.filter(|pid| stat(*pid).is_some_and(belongs)).collect()
}

struct Stat {
    is_dead: bool,
    session: u32,
}

/// `PID (NAME) STATE PPID GROUP SESSION ...`; the name may hold anything.
fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    Some(Stat { is_dead: matches!(fields[0], "Z" | "X"), session: fields[3].parse().ok()? })
}
