//! Savers that live on from schedule to schedule.

use std::io::{PipeWriter, Write, pipe};
use std::process::Command;

use anyhow::{Context, Result};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::savers::{Ear, Orders, Team};
use crate::schedules::obey::OBEDIENT;
use crate::schedules::tasks::Tasks;
use crate::worker;

/// Whoever is held can only be moved by the thread that took hold of it. Dropped, all are killed.
pub(super) struct Crew {
    team: Team,
    pub(super) ear: Ear,
    savers: Vec<Saver>,
    pub(super) tasks: Tasks,
}

struct Saver {
    pid: Pid,
    orders: PipeWriter,
}

impl Crew {
    pub(super) fn new() -> Result<Crew> {
        let (team, ear) = Team::new()?;
        let ear = ear.without_waiting()?;
        Ok(Crew { team, ear, savers: Vec::new(), tasks: Tasks::default() })
    }

    /// Sees to it that there is a saver of this number. Returns whether it is a new one.
    pub(super) fn engage(&mut self, number: usize) -> Result<bool> {
        if self.has(number) {
            return Ok(false);
        }
        let (reader, mut orders) = pipe()?;
        let words = worker::start(OBEDIENT)?;
        let (program, words) = words.split_first().context("a job is started by a program")?;
        let mut command = Command::new(program);
        command.args(words).env_clear().stdin(reader);
        let child = self.team.spawn_reading(command)?;
        let pid = Pid::from_raw(child.id().cast_signed());
        let options = Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_EXITKILL;
        ptrace::seize(pid, options | Options::PTRACE_O_TRACESECCOMP)?;
        // Before it has somebody who follows, the filter would fail its calls.
        writeln!(orders)?;
        let saver = Saver { pid, orders };
        match self.savers.get_mut(number) {
            Some(gone) => *gone = saver,
            None => self.savers.push(saver),
        }
        self.tasks.add_saver(number, pid)?;
        Ok(true)
    }

    /// Whether a saver of this number is alive.
    pub(super) fn has(&self, number: usize) -> bool {
        self.savers.get(number).is_some_and(|saver| self.tasks.has(saver.pid))
    }

    /// Gives orders to one that has none. It has not begun to read them.
    pub(super) fn order(&mut self, number: usize, orders: &Orders) -> Result<()> {
        let line = serde_json::to_string(&orders.words())? + "\n";
        self.savers[number].orders.write_all(line.as_bytes())?;
        self.tasks.has_orders(number)
    }

    pub(super) fn kill(&mut self, number: usize) -> Result<()> {
        let pid = self.savers[number].pid;
        kill(pid, Signal::SIGKILL)?;
        self.tasks.until_it_is_gone(pid)
    }

    /// Kills all; who is engaged next is new.
    pub(super) fn dismiss(&mut self) -> Result<()> {
        for number in 0..self.savers.len() {
            if self.has(number) {
                self.kill(number)?;
            }
        }
        Ok(())
    }

    /// What they had to complain of.
    pub(super) fn complaints(&self) -> Result<String> {
        self.team.complaints()
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.dismiss().ok(); // Else they die with this thread.
    }
}
