//! The system calls of a run, in the order in which they were made.

use std::collections::HashMap;
use std::fs;
use std::process::Command;

use tempfile::NamedTempFile;

use crate::{Answer, Govctl};

/// What `strace` saw of a run, and with `--follow-forks` of everything that it started.
#[derive(Debug)]
pub struct Trace {
    /// In the order in which they returned.
    pub calls: Vec<Call>,
    text: String,
}

/// One system call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its name, such as `openat`.
    pub name: String,
    /// Everything between the brackets; descriptors with their paths.
    pub args: String,
    /// What it returned, and why it failed.
    pub result: String,
    /// Where it was made among all lines, which is before it returned if others came between.
    pub started: usize,
    /// Where it returned.
    pub ended: usize,
}

impl Call {
    /// Whether it did what it was asked for.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        !self.result.starts_with('-') && !self.result.starts_with('?')
    }
}

impl Trace {
    /// Runs it to its end under `strace` with these further words, and returns what it saw.
    pub fn of(run: Govctl, words: &[String]) -> (Trace, Answer) {
        let is_there = Command::new("strace").arg("--version").output();
        let is_there = is_there.is_ok_and(|output| output.status.success());
        assert!(is_there, "strace is missing: run `cargo xtask setup`");
        let file = NamedTempFile::new().unwrap();
        // -qq: no notes of its own; -y: paths of descriptors; -s 4096: arguments whole.
        let start = ["strace", "-qq", "-y", "-s", "4096", "-o"].map(str::to_owned);
        let output = file.path().to_str().unwrap().to_owned();
        let run = run.under(start.into_iter().chain([output]).chain(words.iter().cloned()));
        let answer = run.run();
        let text = fs::read_to_string(file.path()).unwrap();
        (Trace { calls: parse(&text), text }, answer)
    }

    /// The first call that returned after `after` and is what `is` describes. The panic says
    /// `what` was missing.
    #[track_caller]
    pub fn next(&self, after: Option<&Call>, what: &str, is: impl Fn(&Call) -> bool) -> &Call {
        let from = after.map_or(0, |call| call.ended + 1);
        let found = self.calls.iter().find(|call| call.started >= from && is(call));
        found.unwrap_or_else(|| panic!("no {what} from line {from} on\n{}", self.text))
    }

    /// Whether a fault was injected.
    #[must_use]
    pub fn was_hit(&self) -> bool {
        self.hits() > 0
    }

    /// How many faults were injected.
    #[must_use]
    pub fn hits(&self) -> usize {
        self.text.matches("(INJECTED)").count() + self.text.matches("killed by SIGKILL").count()
    }

    /// Everything, for messages.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// `PID NAME(ARGS) = RESULT`, without the process if there is only one, where a call that others interrupt takes two lines.
fn parse(text: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut unfinished: HashMap<&str, (usize, String)> = HashMap::new();
    for (number, line) in text.lines().enumerate() {
        let is_pid = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
        let (pid, rest) = line.split_once(' ').filter(|(pid, _)| is_pid(pid)).unwrap_or(("", line));
        let rest = rest.trim_start();
        if let Some(start) = rest.strip_suffix(" <unfinished ...>") {
            unfinished.insert(pid, (number, start.to_owned()));
            continue;
        }
        let (started, whole) = match rest.strip_prefix("<... ") {
            None => (number, rest.to_owned()),
            Some(resumed) => {
                let Some((started, start)) = unfinished.remove(pid) else { continue };
                let end = resumed.split_once(" resumed>").map_or("", |(_, end)| end);
                (started, start + end)
            }
        };
        let Some((head, result)) = whole.rsplit_once(" = ") else { continue };
        let Some((name, args)) = head.trim_end().split_once('(') else { continue };
        calls.push(Call {
            name: name.to_owned(),
            args: args.strip_suffix(')').unwrap_or(args).to_owned(),
            result: result.to_owned(),
            started,
            ended: number,
        });
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_call_that_is_interrupted_returns_later() {
        let text = "\
1 fsync(3</a (b) = c>)   = 0
1 execve(\"/bin/sh\", [\"sh\"], 0x1 /* 2 vars */ <unfinished ...>
2 write(1</dev/null>, \"x = 1\\n\", 6) = -1 EIO (Input/output error) (INJECTED)
1 <... execve resumed>)      = 0
1 --- SIGCHLD {si_signo=SIGCHLD} ---
1 +++ exited with 0 +++
flock(3, LOCK_EX) = ? ERESTARTSYS
";
        let calls = parse(text);
        let names: Vec<_> = calls.iter().map(|call| call.name.as_str()).collect();
        assert_eq!(names, ["fsync", "write", "execve", "flock"]);
        assert_eq!((calls[0].args.as_str(), calls[0].result.as_str()), ("3</a (b) = c>", "0"));
        assert!(calls[0].succeeded() && !calls[1].succeeded() && !calls[3].succeeded());
        assert_eq!((calls[2].started, calls[2].ended), (1, 3));
    }
}
