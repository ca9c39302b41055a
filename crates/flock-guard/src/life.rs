//! Is a holder still alive? A judgement from facts, nothing else.

use crate::Holder;

/// Whether the process that a record names is alive.
///
/// This is about the *process*. The lock may be held although its process is
/// dead (a child inherited the descriptor), and free although it is alive: ask
/// the kernel, by [`LockFile::status`](crate::LockFile::status).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// The very process that took the lock is running.
    Alive,
    /// It is gone for certain.
    Dead {
        /// What proves it, for people.
        why: &'static str,
    },
    /// Nobody can tell from here. Treat it as alive.
    Unknown {
        /// What is missing, for people.
        why: &'static str,
    },
}

/// What tells this machine, its boot and its pid namespace from others. What
/// could not be read is `None`, and proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Machine {
    /// A digest of `/etc/machine-id`.
    pub machine_id: Option<String>,
    /// The kernel's id of this boot.
    pub boot_id: Option<String>,
    /// The inode of this process's pid namespace.
    pub pid_namespace: Option<u64>,
}

/// What `/proc` shows under a pid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sighting {
    /// No process has that pid.
    Absent,
    /// A process runs that started then, in clock ticks since boot.
    Running {
        /// Field 22 of `/proc/PID/stat`.
        start_time: u64,
    },
    /// A process has ended, and its parent has not yet asked how.
    Zombie,
    /// `/proc` does not tell: not mounted, or made to hide other users.
    Hidden,
}

impl Life {
    /// Judges a holder by what this machine is and by what was seen under the
    /// holder's pid.
    ///
    /// A pid counts only where it was given: on the same machine, in the same
    /// boot, in the same pid namespace. Signals are never asked, because a
    /// refused signal says nothing about life.
    #[must_use]
    pub fn judge(holder: &Holder, here: &Machine, seen: Sighting) -> Life {
        match same(holder.machine_id.as_ref(), here.machine_id.as_ref()) {
            None => return Life::Unknown { why: "its machine is not known" },
            Some(false) => return Life::Unknown { why: "it ran on another machine" },
            Some(true) => {}
        }
        match same(holder.boot_id.as_ref(), here.boot_id.as_ref()) {
            None => return Life::Unknown { why: "its boot is not known" },
            Some(false) => return Life::Dead { why: "the machine was rebooted since" },
            Some(true) => {}
        }
        match same(holder.pid_namespace.as_ref(), here.pid_namespace.as_ref()) {
            None => return Life::Unknown { why: "its pid namespace is not known" },
            Some(false) => return Life::Unknown { why: "it ran in another pid namespace" },
            Some(true) => {}
        }
        match (seen, holder.start_time) {
            (Sighting::Absent, _) => Life::Dead { why: "its process is gone" },
            (Sighting::Zombie, _) => Life::Dead { why: "its process has ended" },
            (Sighting::Hidden, _) => Life::Unknown { why: "its process cannot be seen" },
            (Sighting::Running { .. }, None) => {
                Life::Unknown { why: "the start of its process is not known" }
            }
            (Sighting::Running { start_time }, Some(recorded)) if start_time == recorded => {
                Life::Alive
            }
            (Sighting::Running { .. }, Some(_)) => {
                Life::Dead { why: "its pid belongs to another process now" }
            }
        }
    }

    /// Judges a holder by what this machine shows right now.
    #[must_use]
    pub fn of(holder: &Holder) -> Life {
        Life::judge(holder, &Machine::here(), Sighting::of(holder.pid))
    }
}

/// `None` if either is unknown.
fn same<T: PartialEq>(theirs: Option<&T>, ours: Option<&T>) -> Option<bool> {
    Some(theirs? == ours?)
}
