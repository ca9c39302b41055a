//! Processes seen from outside, and waiting for them.

use std::collections::BTreeSet;
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

/// The processes that were started with this variable and live, as far as we may look.
#[must_use]
pub fn with_variable(name: &str, value: &str) -> Vec<u32> {
    let wanted = format!("{name}={value}").into_bytes();
    let has = |pid: &u32| {
        let variables = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        variables.split(|byte| *byte == 0).any(|variable| variable == wanted)
    };
    living().map(|(pid, _)| pid).filter(has).collect()
}

/// Every living process of a session.
pub(crate) fn of_session(session: u32) -> Vec<u32> {
    living().filter(|(_, stat)| stat.session == session).map(|(pid, _)| pid).collect()
}

/// Every process and every session that `first` began, itself included.
pub(crate) fn begun_by(first: u32) -> (BTreeSet<u32>, BTreeSet<u32>) {
    let (mut processes, mut sessions) = (BTreeSet::from([first]), BTreeSet::from([first]));
    loop {
        let before = processes.len();
        for (pid, stat) in living() {
            if processes.contains(&stat.parent) || sessions.contains(&stat.session) {
                processes.insert(pid);
                sessions.insert(stat.session);
            }
        }
        if processes.len() == before {
            return (processes, sessions);
        }
    }
}

fn living() -> impl Iterator<Item = (u32, Stat)> {
    let entries = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid| Some((pid, stat(pid).filter(|stat| !stat.is_dead)?)))
}

struct Stat {
    is_dead: bool,
    parent: u32,
    session: u32,
}

/// `PID (NAME) STATE PPID GROUP SESSION ...`; the name may hold anything.
fn stat(pid: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let (parent, session) = (fields[1].parse().ok()?, fields[3].parse().ok()?);
    Some(Stat { is_dead: matches!(fields[0], "Z" | "X"), parent, session })
}
