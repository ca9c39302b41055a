//! The threads of all savers, of which one goes on at a time.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use nix::libc::{PTRACE_EVENT_CLONE, PTRACE_EVENT_SECCOMP, PTRACE_EVENT_STOP};
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::schedules::task::{Before, Id, Standing, Task};

#[derive(Default)]
pub(super) struct Tasks {
    tasks: Vec<Task>,
    /// How many threads each saver has begun since it got its orders.
    begun: BTreeMap<usize, usize>,
    /// Who has stopped before it was told that somebody has begun it.
    early: Vec<Pid>,
    /// How often anybody has let go of something that others may wait for.
    released: u64,
}

/// No child of another thread of this process, which has a crew of its own.
const OURS: WaitPidFlag = WaitPidFlag::__WALL.union(WaitPidFlag::__WNOTHREAD);

impl Tasks {
    /// A new saver, which goes on until it waits for orders.
    pub(super) fn add_saver(&mut self, saver: usize, pid: Pid) -> Result<()> {
        let id = Id { saver, thread: 0 };
        self.tasks.push(Task::new(id, pid));
        self.until_it_stops(id)
    }

    pub(super) fn has_orders(&mut self, saver: usize) -> Result<()> {
        self.begun.remove(&saver);
        let task = self.task(Id { saver, thread: 0 })?;
        (task.before, task.naps) = (Before::Orders { are_there: true }, 0);
        Ok(())
    }

    /// Who can go on, in order: those who need nothing and those who are impatient, or, if there are
    /// none, all for whom time may pass.
    pub(super) fn able(&mut self) -> Result<Vec<Id>> {
        let (mut able, mut napping) = (Vec::new(), Vec::new());
        for task in &mut self.tasks {
            match task.standing(self.released)? {
                Standing::Able => able.push(task.id),
                Standing::Napping if task.is_impatient => able.push(task.id),
                Standing::Napping => napping.push(task.id),
                Standing::Blocked | Standing::Done => {}
            }
        }
        let mut able = if able.is_empty() { napping } else { able };
        able.sort_unstable();
        Ok(able)
    }

    /// Whether all orders are carried out, and nobody is left who would still do anything.
    pub(super) fn are_done(&self) -> bool {
        let is_done = |task: &Task| matches!(task.before, Before::Orders { are_there: false });
        self.tasks.iter().all(is_done)
    }

    /// Lets one go on until its next call, or its end. Returns the call that it was at.
    pub(super) fn step(&mut self, id: Id) -> Result<&'static str> {
        let released = self.released;
        let task = self.task(id)?;
        if task.standing(released)? == Standing::Napping {
            task.let_time_pass()?;
            task.naps += 1;
        }
        let (tid, call) = (task.tid, task.before.name());
        ptrace::cont(tid, None)?;
        self.released += u64::from(["flock", "close"].contains(&call));
        self.until_it_stops(id)?;
        Ok(call)
    }

    /// Lets all go on until nobody can.
    pub(super) fn go_on_in_any_order(&mut self) -> Result<()> {
        while let Some(id) = self.able()?.first() {
            self.step(*id)?;
        }
        Ok(())
    }

    /// Somebody else has let go of a lock.
    pub(super) fn are_let_in(&mut self) {
        self.released += 1;
    }

    /// Where it is now; `None` if it has ended.
    pub(super) fn at(&mut self, id: Id) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|task| task.id == id)
    }

    pub(super) fn has(&self, tid: Pid) -> bool {
        self.tasks.iter().any(|task| task.tid == tid)
    }

    /// The first thread of a process is told of last.
    pub(super) fn until_it_is_gone(&mut self, pid: Pid) -> Result<()> {
        while self.has(pid) {
            let ended = waitpid(None, Some(OURS))?;
            if let WaitStatus::Signaled(tid, ..) | WaitStatus::Exited(tid, _) = ended {
                self.has_ended(tid);
            }
        }
        Ok(())
    }

    fn task(&mut self, id: Id) -> Result<&mut Task> {
        self.at(id).with_context(|| format!("there is no {id:?}"))
    }

    fn until_it_stops(&mut self, id: Id) -> Result<()> {
        let running = self.task(id)?.tid;
        while self.has(running) {
            match waitpid(None, Some(OURS))? {
                WaitStatus::PtraceEvent(tid, _, PTRACE_EVENT_SECCOMP) => {
                    ensure!(tid == running, "another one goes on");
                    return self.task(id)?.has_stopped();
                }
                WaitStatus::PtraceEvent(tid, _, PTRACE_EVENT_CLONE) => {
                    self.has_begun(id.saver, Pid::from_raw(ptrace::getevent(tid)?.try_into()?))?;
                    ptrace::cont(tid, None)?;
                }
                WaitStatus::PtraceEvent(tid, _, PTRACE_EVENT_STOP) if !self.has(tid) => {
                    self.early.push(tid);
                }
                WaitStatus::PtraceEvent(tid, ..) => ptrace::cont(tid, None)?,
                WaitStatus::Stopped(tid, signal) => ptrace::cont(tid, signal)?,
                WaitStatus::Exited(tid, _) | WaitStatus::Signaled(tid, ..) => self.has_ended(tid),
                _ => {}
            }
        }
        Ok(())
    }

    /// Somebody has begun a thread, which stops before it does anything.
    fn has_begun(&mut self, saver: usize, tid: Pid) -> Result<()> {
        match self.early.iter().position(|early| *early == tid) {
            Some(place) => drop(self.early.remove(place)),
            None => drop(waitpid(tid, Some(OURS))?),
        }
        let thread = self.begun.entry(saver).or_default();
        *thread += 1;
        self.tasks.push(Task::new(Id { saver, thread: *thread }, tid));
        Ok(())
    }

    fn has_ended(&mut self, tid: Pid) {
        self.released += 1;
        self.tasks.retain(|task| task.tid != tid);
    }
}
