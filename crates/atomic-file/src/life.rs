//! Whether a temporary file still has a writer.
//!
//! A writer holds an exclusive `flock(2)` on its own temporary file until it closes it. The
//! kernel drops it when the last descriptor is gone, however the writer ended, and nobody
//! else's idea of process ids matters: it tells the truth to every user and in every pid
//! namespace. A sweep takes a shared one, and removes a file only while it has it.
//!
//! Between creating the file and locking it a writer cannot be told from a dead one. So
//! whoever comes second looks again: a writer that finds its new file locked or removed
//! leaves it and makes another one. There is no age and no clock in this.

use std::{fs::File, io};

use rustix::{
    fs::{FlockOperation, Stat},
    io::{Errno, retry_on_intr},
};

/// What a file just made is to its writer.
pub(crate) enum Claim {
    /// The writer's own for as long as it is open, and what it is.
    Held(Stat),
    /// A sweep found it before the writer could lock it.
    Lost,
}

/// Shows every sweep that `file` has a writer, for as long as it is open.
pub(crate) fn claim(file: &File) -> io::Result<Claim> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => return Ok(Claim::Lost),
        Err(errno) if !is_unsupported(errno) => return Err(errno.into()),
        // Where nobody can lock, no sweep removes anything.
        Ok(()) | Err(_) => {}
    }
    let stat = rustix::fs::fstat(file)?;
    Ok(if stat.st_nlink == 0 { Claim::Lost } else { Claim::Held(stat) })
}

/// Whether `file` has no writer. If so, nobody can claim it while it is open.
pub(crate) fn is_orphaned(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

#[expect(clippy::disallowed_methods, reason = "a sign of life on a file of our own, no lock file")]
fn flock(file: &File, operation: FlockOperation) -> Result<(), Errno> {
    retry_on_intr(|| rustix::fs::flock(file, operation))
}

/// File systems without `flock`, and NFS without its lock service.
fn is_unsupported(errno: Errno) -> bool {
    matches!(errno, Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOLCK | Errno::INVAL)
}
