//! A run that is followed from system call to system call, and may meet a signal at one of them.
//!
//! `strace --inject` counts the calls of each process by their names, and strikes whoever comes
//! first. Here one process of several is struck at one of all its calls.

use std::fs::File;
use std::io::Write;
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::follow::Follower;
use crate::process::PATIENCE;
use crate::victim::{line_of, text};
use crate::{Answer, Govctl, TestDir};

/// What a run did, task by task.
#[derive(Debug)]
pub struct Steps {
    /// The tasks in the order in which they were begun, which is always the same. The first one
    /// began it all.
    pub tasks: Vec<Task>,
    /// Whether the blow fell.
    pub was_hit: bool,
}

/// A thread or a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Task {
    /// What it is.
    pub kind: Kind,
    /// How many calls it made, until it ended, was hit, or became another program.
    pub calls: usize,
}

/// Whose calls they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Those of the first thread of `govctl`.
    Program,
    /// Those of another of its threads.
    Thread,
    /// Those of the process that waits to become the command.
    Gate,
    /// Those of a process that becomes another program, such as git.
    Other,
}

/// A signal at one call of a run, before that is made.
#[derive(Debug, Clone, Copy)]
pub struct Blow {
    /// The number of the task among [`Steps::tasks`], from 0.
    pub task: usize,
    /// The number of its call, from 1.
    pub nth: usize,
    /// What is sent.
    pub signal: Signal,
    /// To whom.
    pub whom: Whom,
}

/// Who is sent a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whom {
    /// The process that makes the call.
    Process,
    /// The whole group of the run, as a terminal does it.
    Group,
}

impl Steps {
    /// Follows the run to its end. After the blow everybody goes on alone, whoever was hit too.
    ///
    /// The run begins a session of its own, and with it a group.
    pub fn of(run: Govctl, blow: Option<Blow>) -> (Steps, Answer) {
        let dir = TestDir::new();
        let (mut command, [mut stdout, mut stderr]) = run.under(held_at(&dir)).command();
        let line = line_of(&command);
        let first = start(&mut command);
        // This end opens once the other one does, which has become `sh` by then.
        let mut go = File::options().write(true).open(dir.join("go")).unwrap();
        let mut follower = Follower::of(first, blow);
        go.write_all(b"\n").unwrap();
        let (ended, patience) = mpsc::channel::<()>();
        let watch = thread::spawn(move || {
            if patience.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                kill(first, Signal::SIGKILL).ok(); // It hangs, and the test is to say so.
            }
        });
        let status = follower.follow();
        drop(ended);
        watch.join().unwrap();
        let answer = Answer::new(line, status, text(&mut stdout), text(&mut stderr));
        (follower.steps(), answer)
    }

    /// Every call of these kinds: the number of its task, and its own among those of the task.
    #[must_use]
    pub fn places(&self, kinds: &[Kind]) -> Vec<(usize, usize)> {
        let tasks = self.tasks.iter().enumerate().filter(|(_, task)| kinds.contains(&task.kind));
        tasks.flat_map(|(number, task)| (1..=task.calls).map(move |nth| (number, nth))).collect()
    }
}

/// The words before those of the run: it becomes that once it has read a line.
fn held_at(dir: &TestDir) -> Vec<String> {
    let (fifo, mode) = (dir.join("go"), rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR);
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, mode).unwrap();
    let words = ["setsid", "sh", "-c", "read go < \"$0\"; exec \"$@\"", fifo.to_str().unwrap()];
    words.map(str::to_owned).into()
}

#[expect(clippy::zombie_processes, reason = "whoever follows it sees its end")]
fn start(command: &mut Command) -> Pid {
    let child = command.spawn().unwrap_or_else(|error| panic!("cannot start it: {error}"));
    Pid::from_raw(i32::try_from(child.id()).unwrap())
}
