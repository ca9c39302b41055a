//! The audit log, told once more: what must be on record, if every line is true.

use super::disk::{Disk, End, Micro, Told};

/// What the lines of a log add up to.
pub(super) fn told(lines: &[(i64, Told)]) -> Disk {
    let mut disk = Disk::empty();
    for (at, line) in lines {
        if let Some(micro) = meant(line) {
            disk.apply(&micro, *at);
        }
    }
    disk
}

/// The change that a line tells of.
pub(super) fn meant(line: &Told) -> Option<Micro> {
    Some(match line.clone() {
        Told::Started { commit, .. } => Micro::Open(commit),
        Told::TakenBack { commit, .. } => Micro::Abandon(commit),
        Told::Recorded(commit, End::Open) => Micro::Open(commit),
        Told::Finished(commit, end) | Told::Recorded(commit, end) | Told::Resolved(commit, end) => {
            Micro::Finish(commit, end)
        }
        Told::RolledBack(commit) => Micro::Mark(commit),
        Told::Approved { commit, until } => Micro::Approve { commit, until },
        Told::Revoked(commit) => Micro::Revoke(commit),
        Told::Frozen { from, until, .. } => Micro::Freeze { from, until },
        Told::Thawed(id) => Micro::Thaw(id),
        // The first one that saw it end has made that change.
        Told::Found(..) => return None,
        Told::Command(_) | Told::Claimed { .. } => return None,
    })
}

/// Whether the log explains what is on record. Claims and the breaker are not in it as such.
pub(super) fn explains(told: &Disk, disk: &Disk) -> bool {
    (told.current, told.previous) == (disk.current, disk.previous)
        && told.tries == disk.tries
        && told.marks == disk.marks
        && told.approvals == disk.approvals
        && told.freezes == disk.freezes
}
