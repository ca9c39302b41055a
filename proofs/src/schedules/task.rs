//! One thread of a saver, held by `ptrace` before each of its calls.

use std::fs::File;
use std::ptr::with_exposed_provenance_mut;

use anyhow::Result;
use nix::libc;
use nix::sys::ptrace;
use nix::unistd::Pid;

use crate::schedules::calls::{Call, call_of};

/// Which thread of which saver: the same each time a seed is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) saver: usize,
    /// Zero is the one that saves, the others queue for a lock.
    pub(super) thread: usize,
}

/// A thread that goes on when it is told to.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) id: Id,
    pub(super) tid: Pid,
    pub(super) before: Before,
    /// Whether its naps pass although others could go on.
    pub(super) is_impatient: bool,
    /// How many naps have passed.
    pub(super) naps: usize,
    /// How often somebody had let go of something when its lock was last seen taken.
    seen_taken: Option<u64>,
}

/// What it does next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Before {
    /// It has just begun.
    Anything,
    /// Reads its next orders.
    Orders {
        are_there: bool,
    },
    Call(Call),
    /// Queues for the lock on a descriptor.
    Lock(Call),
    /// Waits for a word in memory to change, until a moment if there is one.
    Wait {
        call: Call,
        is_limited: bool,
    },
}

/// What can be done with it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Able,
    /// It goes on once time has passed.
    Napping,
    Blocked,
    /// It has no orders.
    Done,
}

impl Before {
    pub(super) fn name(self) -> &'static str {
        match self {
            Before::Anything => "begin",
            Before::Orders { .. } => "read orders",
            Before::Call(call) | Before::Lock(call) | Before::Wait { call, .. } => call.name(),
        }
    }
}

impl Task {
    pub(super) fn new(id: Id, tid: Pid) -> Task {
        let before = Before::Anything;
        Task { id, tid, before, is_impatient: false, naps: 0, seen_taken: None }
    }

    /// Takes a look at where it has stopped.
    pub(super) fn has_stopped(&mut self) -> Result<()> {
        let call = call_of(self.tid)?;
        let [first, second, _, fourth] = call.args;
        let queues = u64::try_from(libc::LOCK_EX)?;
        self.seen_taken = None;
        self.before = match call.number {
            libc::SYS_read if first == 0 => Before::Orders { are_there: false },
            libc::SYS_flock if second == queues => Before::Lock(call),
            libc::SYS_futex => Before::Wait { call, is_limited: fourth != 0 },
            _ => Before::Call(call),
        };
        Ok(())
    }

    /// Whether it can go on. `released` is how often somebody has let go of something so far.
    pub(super) fn standing(&mut self, released: u64) -> Result<Standing> {
        let is_able = match self.before {
            Before::Anything | Before::Call(_) => true,
            Before::Orders { are_there: true } => true,
            Before::Orders { are_there: false } => return Ok(Standing::Done),
            Before::Lock(_) if self.seen_taken == Some(released) => false,
            Before::Lock(call) => {
                let is_free = self.is_free(call.args[0])?;
                self.seen_taken = if is_free { None } else { Some(released) };
                is_free
            }
            Before::Wait { call, is_limited } => match self.has_changed(call)? {
                false if is_limited => return Ok(Standing::Napping),
                has_changed => has_changed,
            },
        };
        Ok(if is_able { Standing::Able } else { Standing::Blocked })
    }

    /// Sets the end of its wait to a moment long past, and so costs no time.
    pub(super) fn let_time_pass(&self) -> Result<()> {
        let Before::Wait { call, is_limited: true } = self.before else { return Ok(()) };
        let seconds = with_exposed_provenance_mut(usize::try_from(call.args[3])?);
        Ok(ptrace::write(self.tid, seconds, 0)?)
    }

    /// Whether nobody has the lock on a descriptor of it. Everybody is stopped, so nobody can tell
    /// that it was taken for a moment.
    #[expect(clippy::disallowed_methods, reason = "a scheduler has to know who would be blocked")]
    fn is_free(&self, descriptor: u64) -> Result<bool> {
        let file = File::open(format!("/proc/{}/fd/{descriptor}", self.tid))?;
        let is_free = file.try_lock().is_ok();
        // Closing would not do: another thread may be starting a saver, which has a copy for a moment.
        file.unlock()?;
        Ok(is_free)
    }

    /// Whether the word that it waits for is not what it was.
    fn has_changed(&self, call: Call) -> Result<bool> {
        let [address, _, expected, _] = call.args;
        let word = with_exposed_provenance_mut(usize::try_from(address)?);
        let found = ptrace::read(self.tid, word)?.to_le_bytes();
        Ok(found[..4] != expected.to_le_bytes()[..4])
    }
}
