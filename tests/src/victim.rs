//! A run that has started and can be killed.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::Answer;
use crate::process::{PATIENCE, begun_by, eventually, of_session};

/// A run that has started. Dropped, it is killed.
#[derive(Debug)]
pub struct Victim {
    child: Child,
    /// Readable when it has ended.
    pidfd: OwnedFd,
    line: String,
    stdout: File,
    stderr: File,
}

impl Victim {
    pub(crate) fn start(mut command: Command, stdout: File, stderr: File) -> Victim {
        let line = line_of(&command);
        let child =
            command.spawn().unwrap_or_else(|error| panic!("cannot start `{line}`: {error}"));
        let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()).unwrap();
        Victim { child, pidfd, line, stdout, stderr }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, and nobody else.
    pub fn signal(&self, signal: Signal) {
        // Not reaped before `wait`, so the number cannot belong to anybody else.
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Kills it and everything that it started, if it was started with `setsid`. What begins a
    /// session of its own at that very moment can escape.
    pub fn kill_session(&self) {
        let (processes, sessions) = begun_by(self.pid());
        let kill = |pid: &u32| {
            let pid = Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap();
            kill_process(pid, Signal::KILL).ok(); // Gone already is what we want.
        };
        kill(&self.pid());
        processes.iter().for_each(kill);
        eventually("the sessions are dead", || {
            let living: Vec<u32> =
                sessions.iter().flat_map(|session| of_session(*session)).collect();
            living.iter().for_each(kill);
            living.is_empty()
        });
    }

    /// Waits for its end, but not for ever.
    pub fn wait(mut self) -> Answer {
        let limit = Timespec::try_from(PATIENCE).unwrap();
        let mut ended = [PollFd::new(&self.pidfd, PollFlags::IN)];
        let count = rustix::io::retry_on_intr(|| poll(&mut ended, Some(&limit))).unwrap();
        assert_eq!(count, 1, "`{}` did not end within {PATIENCE:?}", self.line);
        let status = self.child.wait().unwrap();
        let [stdout, stderr] = [&mut self.stdout, &mut self.stderr].map(text);
        Answer::new(self.line.clone(), status, stdout, stderr)
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.child.kill().ok(); // It has ended, if `wait` was there before.
        self.child.wait().ok();
    }
}

/// What a person would type.
pub(crate) fn line_of(command: &Command) -> String {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

pub(crate) fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    String::from_utf8(bytes).expect("govctl says nothing but UTF-8")
}
