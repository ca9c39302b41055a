//! One process that goes on from call to call.

use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, PipeReader, pipe};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::lock::CALLS;
use crate::savers::{self, Orders, Team};
use crate::worker;

/// A saver under `strace`, which stops it after each of its calls. Dropped, it is killed.
pub(super) struct Actor {
    pub(super) number: usize,
    strace: Child,
    pid: Pid,
    /// What `strace` says.
    lines: BufReader<PipeReader>,
}

/// How far it came.
pub(super) enum Step {
    Called {
        name: String,
        /// Whether it was waiting for somebody else.
        has_waited: bool,
    },
    Ended,
}

/// Less than a wait for a lock, and more than a call takes.
const WAITED: Duration = Duration::from_millis(80);

impl Actor {
    /// Starts one that stands before its first look at the document. `None` if it never comes
    /// there.
    pub(super) fn start(team: &Team, orders: &Orders) -> Result<Option<Actor>> {
        let (lines, log) = pipe()?;
        let mut command = Command::new("strace");
        // Standard input is a descriptor that can be handed on, and a saver reads nothing.
        command.args(["-qq", "-s", "0", "-y", "-o", "/proc/self/fd/0"]).stdin(log);
        command.args([format!("--trace={}", CALLS.join(","))]);
        command.args([format!("--inject={}:signal=STOP", CALLS.join(","))]);
        command.args(worker::start(savers::SAVER)?);
        command.args(orders.words().into_iter().map(OsString::from));
        let strace = team.spawn_reading(command)?;
        let mut lines = BufReader::new(lines);
        let mut line = next_call(&mut lines, &strace)?;
        let pid = child_of(&strace)?;
        let dir = orders.dir.to_str().context("a path in UTF-8")?;
        while let Some(call) = &line {
            if call.contains(dir) {
                let number = usize::try_from(orders.number)?;
                return Ok(Some(Actor { number, strace, pid, lines }));
            }
            kill_process(pid, Signal::CONT)?;
            line = next_call(&mut lines, &strace)?;
        }
        Ok(None)
    }

    /// Lets it go on until its next call is made.
    pub(super) fn step(&mut self) -> Result<Step> {
        let start = Instant::now();
        kill_process(self.pid, Signal::CONT)?;
        let Some(line) = next_call(&mut self.lines, &self.strace)? else { return Ok(Step::Ended) };
        let name = line.split('(').next().unwrap_or_default().to_owned();
        Ok(Step::Called { name, has_waited: start.elapsed() > WAITED })
    }

    /// Kills it where it is.
    pub(super) fn kill(mut self) -> Result<()> {
        kill_process(self.pid, Signal::KILL)?;
        self.strace.wait()?;
        Ok(())
    }

    /// It has ended, and well.
    pub(super) fn ended(mut self) -> Result<()> {
        let status = self.strace.wait()?;
        ensure!(status.success(), "a saver {status}");
        Ok(())
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        if !matches!(self.strace.try_wait(), Ok(Some(_))) {
            kill_process(self.pid, Signal::KILL).ok(); // It may have ended just now.
            self.strace.wait().ok();
        }
    }
}

/// Waits until it is stopped again. Returns the last call, or `None` if it has ended.
fn next_call(lines: &mut BufReader<PipeReader>, strace: &Child) -> Result<Option<String>> {
    let mut last = String::new();
    loop {
        let mut line = String::new();
        if lines.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if line.starts_with("--- stopped by SIGSTOP") {
            // It says so before it lets it lie, and must not be told to go on in between.
            while !is_asleep(strace)? {
                thread::yield_now();
            }
            return Ok(Some(last));
        }
        if !line.starts_with("---") && !line.starts_with("+++") {
            last = line;
        }
    }
}

/// Whether it has nothing to do but to wait.
fn is_asleep(strace: &Child) -> Result<bool> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", strace.id()))?;
    Ok(stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['S', 'Z'])))
}

/// What `strace` has started.
fn child_of(strace: &Child) -> Result<Pid> {
    let strace = strace.id();
    let children = fs::read_to_string(format!("/proc/{strace}/task/{strace}/children"))?;
    children.trim().parse().ok().and_then(Pid::from_raw).context("strace has one child")
}
