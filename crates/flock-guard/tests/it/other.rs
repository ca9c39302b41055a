//! Another process: this test program once more, told what to do through its
//! standard input.

use crate::{events, eventually};
use flock_guard::{Breaking, LockFile, Wait};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The other process. Ends with its parent's end of the pipe.
pub(crate) struct Other {
    pub(crate) child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Other {
    pub(crate) fn start(role: &str, lock: &LockFile) -> Other {
        Other::run(Command::new(std::env::current_exe().unwrap()), role, lock)
    }

    /// Starts it by another program, which gets `words` before its path.
    pub(crate) fn start_under(words: &[&str], role: &str, lock: &LockFile) -> Other {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(std::env::current_exe().unwrap());
        Other::run(command, role, lock)
    }

    /// Starts it as another program file, or as another user.
    pub(crate) fn run(mut command: Command, role: &str, lock: &LockFile) -> Other {
        let mut child = command
            .args(["--exact", "other::process", "--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        writeln!(stdin, "{role} {}", lock.path().display()).unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Other { child, stdin: Some(stdin), stdout }
    }

    /// Waits for the next thing that it says.
    pub(crate) fn says(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "the other process is gone");
            if let Some((_, said)) = line.split_once("says: ") {
                return said.trim().to_owned();
            }
        }
    }

    /// Tells it to go on, and waits for its end.
    pub(crate) fn end(mut self) {
        drop(self.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }

    /// SIGKILL, and lets it be a zombie: nobody asks how it ended before this returns it.
    pub(crate) fn make_zombie(mut self) -> Child {
        self.child.kill().unwrap();
        let stat = format!("/proc/{}/stat", self.child.id());
        eventually("it is a zombie", || std::fs::read_to_string(&stat).unwrap().contains(") Z "));
        self.child
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn say(what: impl std::fmt::Display) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "says: {what}").unwrap();
}

#[test]
#[ignore = "this is the other process, started by the tests that need one"]
fn process() {
    events::listen();
    let mut lines = std::io::stdin().lock().lines();
    let Some(Ok(order)) = lines.next() else { return };
    let (role, path) = order.split_once(' ').unwrap();
    let lock = LockFile::new(Path::new(path));
    match role {
        "hold" => {
            let _guard = lock.exclusive(Wait::Forever).unwrap();
            say("held");
            assert!(lines.next().is_none());
        }
        "hold-and-hand-to-a-child" => {
            let guard = lock.exclusive(Wait::Forever).unwrap();
            let copy = guard.as_fd().try_clone_to_owned().unwrap();
            let child = Command::new("sleep").arg("600").stdin(copy).stdout(Stdio::null()).spawn();
            say(child.unwrap().id());
            assert!(lines.next().is_none());
        }
        "judge" => {
            say(format!("{:?}", lock.status().unwrap().life));
            let lock = lock.breaking(Breaking::IfDead);
            let broken = lock.exclusive(Wait::UpTo(Duration::from_millis(2400)));
            say(if broken.is_ok() { "broken" } else { "left alone" });
        }
        "count" => {
            for _ in 0..50 {
                let guard = lock.exclusive(Wait::UpTo(Duration::from_secs(30))).unwrap();
                let counter = Path::new(path).with_extension("count");
                let count: u32 = std::fs::read_to_string(&counter).unwrap().parse().unwrap();
                let mut file = std::fs::OpenOptions::new().write(true).open(&counter).unwrap();
                write!(file, "{}", count + 1).unwrap();
                drop(guard);
            }
        }
        "give-up-often" => {
            for wait in [Wait::Never, Wait::UpTo(Duration::ZERO)] {
                (0..20).for_each(|_| drop(lock.exclusive(wait).unwrap_err()));
            }
            say(queueing_threads());
            let short = Wait::UpTo(Duration::from_millis(2));
            let (_, lines) = events::during(|| {
                (0..20).for_each(|_| drop(lock.exclusive(short).unwrap_err()));
            });
            assert_eq!(lines.len(), 40, "each waits and times out");
            say(queueing_threads());
        }
        "hold-without-standard-descriptors" => {
            (0..3).for_each(|descriptor| nix::unistd::close(descriptor).unwrap());
            // Both of them are open at once, so that one would be standard output.
            let guard = lock.exclusive(Wait::Never).unwrap();
            let next = LockFile::beside(lock.path()).exclusive(Wait::Never).unwrap();
            writeln!(std::io::stdout(), "noise").unwrap();
            let held = [&lock, &LockFile::new(next.path())].map(|it| it.status().unwrap());
            assert!(held.iter().all(|status| status.is_me && status.holder.is_some()));
            drop((guard, next));
        }
        _ => panic!("unknown role `{role}`"),
    }
}

/// How many threads of this process queue for a lock.
fn queueing_threads() -> usize {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let name = |thread: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(thread.unwrap().path().join("comm")).unwrap_or_default()
    };
    threads.map(name).filter(|name| name.trim() == "flock-guard").count()
}
