//! The tasks of a run, held by `ptrace` at each of their system calls.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use nix::errno::Errno;
use nix::libc::{
    PTRACE_EVENT_CLONE, PTRACE_EVENT_EXEC, PTRACE_EVENT_FORK, PTRACE_EVENT_STOP,
    PTRACE_EVENT_VFORK, PTRACE_SYSCALL_INFO_ENTRY,
};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::steps::{Blow, Kind, Steps, Task, Whom};

/// Whoever is held can only be moved by the thread that took hold of it.
pub(crate) struct Follower {
    first: Pid,
    blow: Option<Blow>,
    tasks: Vec<Task>,
    /// Who is held, and which task that is.
    held: BTreeMap<Pid, usize>,
    /// Who stopped before it was seen that somebody had begun it.
    early: Vec<Pid>,
    /// Whether the first one has become the program.
    has_begun: bool,
    was_hit: bool,
}

impl Follower {
    /// Takes hold of a process and of all that it will begin.
    pub(crate) fn of(first: Pid, blow: Option<Blow>) -> Follower {
        let begins = Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK;
        let others = Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_EXITKILL;
        ptrace::seize(first, begins | others).unwrap();
        let tasks = vec![Task { kind: Kind::Program, calls: 0 }];
        let held = BTreeMap::from([(first, 0)]);
        Follower { first, blow, tasks, held, early: Vec::new(), has_begun: false, was_hit: false }
    }

    /// Returns how the first one ended, once nobody is held any more.
    pub(crate) fn follow(&mut self) -> ExitStatus {
        let mut ended = None;
        // No child of another thread of this process, which may follow a run of its own.
        let ours = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
        while ended.is_none() || !self.held.is_empty() {
            match waitpid(None, Some(ours)) {
                Ok(WaitStatus::Exited(pid, code)) => {
                    self.held.remove(&pid);
                    ended = ended.or((pid == self.first).then(|| ExitStatus::from_raw(code << 8)));
                }
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    self.held.remove(&pid);
                    let status = ExitStatus::from_raw(signal as i32);
                    ended = ended.or((pid == self.first).then_some(status));
                }
                Ok(WaitStatus::PtraceSyscall(pid)) => self.at_call(pid),
                Ok(WaitStatus::PtraceEvent(pid, signal, event)) => {
                    self.at_event(pid, signal, event)
                }
                Ok(WaitStatus::Stopped(pid, signal)) => self.go_on(pid, signal),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => panic!("cannot follow the run: {error}"),
            }
        }
        ended.unwrap()
    }

    pub(crate) fn steps(self) -> Steps {
        Steps { tasks: self.tasks, was_hit: self.was_hit }
    }

    fn at_call(&mut self, pid: Pid) {
        let is_entry = || {
            let info = ptrace::syscall_info(pid);
            info.is_ok_and(|info| info.op == PTRACE_SYSCALL_INFO_ENTRY)
        };
        if let Some(&number) = self.held.get(&pid)
            && (number > 0 || self.has_begun)
            && !self.was_hit
            && is_entry()
        {
            self.tasks[number].calls += 1;
            let here = (number, self.tasks[number].calls);
            if let Some(blow) = self.blow.filter(|blow| (blow.task, blow.nth) == here) {
                self.was_hit = true;
                self.strike(pid, blow);
                // Whoever begun them may be dead.
                std::mem::take(&mut self.early).into_iter().for_each(|pid| self.let_go(pid, None));
            }
        }
        self.go_on(pid, None);
    }

    fn strike(&self, pid: Pid, blow: Blow) {
        let struck = match blow.whom {
            // A thread is not a process.
            Whom::Process if self.tasks[blow.task].kind == Kind::Thread => {
                kill(self.first, blow.signal)
            }
            Whom::Process => kill(pid, blow.signal),
            Whom::Group => killpg(self.first, blow.signal),
        };
        struck.unwrap();
    }

    fn at_event(&mut self, pid: Pid, signal: Signal, event: i32) {
        match event {
            0 => self.go_on(pid, signal),
            PTRACE_EVENT_CLONE | PTRACE_EVENT_FORK | PTRACE_EVENT_VFORK => {
                self.begun_by(pid, event);
                self.go_on(pid, None);
            }
            PTRACE_EVENT_EXEC => self.at_exec(pid),
            PTRACE_EVENT_STOP if !self.held.contains_key(&pid) && !self.was_hit => {
                self.early.push(pid);
            }
            _ => self.go_on(pid, None),
        }
    }

    fn begun_by(&mut self, pid: Pid, event: i32) {
        let Ok(begun) = ptrace::getevent(pid) else { return }; // It was killed meanwhile.
        let begun = Pid::from_raw(i32::try_from(begun).unwrap());
        let kind = if event == PTRACE_EVENT_CLONE { Kind::Thread } else { Kind::Other };
        self.held.insert(begun, self.tasks.len());
        self.tasks.push(Task { kind, calls: 0 });
        if let Some(place) = self.early.iter().position(|early| *early == begun) {
            self.early.remove(place);
            self.go_on(begun, None);
        }
    }

    /// It has become another program: the one that is followed, the gate, or one of no interest.
    fn at_exec(&mut self, pid: Pid) {
        let number = self.held.get(&pid).copied();
        let line = || fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let waits = || line().split(|byte| *byte == 0).nth(1) == Some(b"run-when-told".as_slice());
        match number {
            Some(0) => self.has_begun = true,
            Some(number) if self.tasks[number].kind == Kind::Other && waits() => {
                self.tasks[number].kind = Kind::Gate;
            }
            _ => return self.let_go(pid, None),
        }
        self.go_on(pid, None);
    }

    /// On to the next call, or alone from now on. Whoever was killed meanwhile does neither.
    fn go_on(&mut self, pid: Pid, signal: impl Into<Option<Signal>>) {
        if self.was_hit {
            self.let_go(pid, signal);
        } else {
            ptrace::syscall(pid, signal).ok();
        }
    }

    fn let_go(&mut self, pid: Pid, signal: impl Into<Option<Signal>>) {
        // The end of one that was killed is still to be seen.
        if ptrace::detach(pid, signal).is_ok() {
            self.held.remove(&pid);
        }
    }
}
