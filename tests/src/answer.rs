//! How a run ended and what it said, and what a test expects of that.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use serde_json::Value;

/// What an exit code means. The numbers are the contract of `govctl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: yes, or done.
    Yes,
    /// 1: the answer is no; nothing was changed.
    No,
    /// 2: used wrongly.
    Usage,
    /// 3: could not do it.
    Broken,
    /// 4: what was run failed.
    Failed,
    /// 5: somebody else holds it.
    Busy,
    /// 6: the outcome is not known.
    Unknown,
    /// 128 + this signal: interrupted.
    Interrupted(i32),
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> i32 {
        match self {
            Exit::Yes => 0,
            Exit::No => 1,
            Exit::Usage => 2,
            Exit::Broken => 3,
            Exit::Failed => 4,
            Exit::Busy => 5,
            Exit::Unknown => 6,
            Exit::Interrupted(signal) => 128 + signal,
        }
    }
}

/// What a run left: its exit status and both streams.
///
/// Expectations of a stream come first, that of the exit code last: it also expects silence
/// on every stream that nobody asked about.
#[derive(Debug)]
#[must_use = "an answer that nobody looks at proves nothing"]
pub struct Answer {
    line: String,
    status: ExitStatus,
    stdout: Stream,
    stderr: Stream,
}

#[derive(Debug)]
struct Stream {
    text: String,
    /// Somebody has said what belongs there.
    is_expected: bool,
}

impl Answer {
    pub(crate) fn new(line: String, status: ExitStatus, stdout: String, stderr: String) -> Answer {
        let stream = |text| Stream { text, is_expected: false };
        Answer { line, status, stdout: stream(stdout), stderr: stream(stderr) }
    }

    /// Expects exactly this on stdout.
    #[track_caller]
    pub fn stdout(mut self, text: &str) -> Answer {
        assert!(self.stdout.text == text, "expected on stdout: {text:?}\n{}", self.shown());
        self.stdout.is_expected = true;
        self
    }

    /// Expects this somewhere on stdout.
    #[track_caller]
    pub fn stdout_has(mut self, text: &str) -> Answer {
        assert!(self.stdout.text.contains(text), "expected on stdout: {text:?}\n{}", self.shown());
        self.stdout.is_expected = true;
        self
    }

    /// Expects exactly this on stderr.
    #[track_caller]
    pub fn stderr(mut self, text: &str) -> Answer {
        assert!(self.stderr.text == text, "expected on stderr: {text:?}\n{}", self.shown());
        self.stderr.is_expected = true;
        self
    }

    /// Expects this somewhere on stderr.
    #[track_caller]
    pub fn stderr_has(mut self, text: &str) -> Answer {
        assert!(self.stderr.text.contains(text), "expected on stderr: {text:?}\n{}", self.shown());
        self.stderr.is_expected = true;
        self
    }

    /// Expects nothing of stderr: the program may have something to tell, such as that it took
    /// over a lock.
    pub fn any_stderr(mut self) -> Answer {
        self.stderr.is_expected = true;
        self
    }

    /// Expects nothing of either stream: what is said there is another test's business.
    pub fn whatever_is_said(mut self) -> Answer {
        self.stdout.is_expected = true;
        self.stderr.is_expected = true;
        self
    }

    /// Expects this exit code, and silence wherever nothing else was expected.
    #[track_caller]
    pub fn exit(self, exit: Exit) {
        self.ended_with(exit);
    }

    /// As [`exit`](Answer::exit), and returns the one JSON value on stdout: an object, or a
    /// list of them, that names its schema first.
    #[track_caller]
    #[must_use]
    pub fn json(mut self, exit: Exit) -> Value {
        self.stdout.is_expected = true;
        let shown = self.shown();
        let text = &self.stdout.text;
        let value: Value = serde_json::from_str(text).unwrap_or_else(|error| {
            panic!("stdout is not one JSON value: {error}\n{shown}");
        });
        assert!(text.ends_with('\n'), "the last line does not end\n{shown}");
        let objects = value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice);
        for object in objects {
            let object = object.as_object().unwrap_or_else(|| panic!("no object\n{shown}"));
            let first = object.keys().next().map(String::as_str);
            assert_eq!(first, Some("schema"), "the first key\n{shown}");
        }
        self.ended_with(exit);
        value
    }

    /// Expects that the run was ended by this signal.
    #[track_caller]
    pub fn killed_by(self, signal: i32) {
        assert_eq!(self.status.signal(), Some(signal), "{}", self.shown());
    }

    /// The exit code, or 128 and the signal that ended the run, as a shell reports it. For
    /// tests that allow several ends.
    #[must_use]
    pub fn code(&self) -> i32 {
        let by_signal = || self.status.signal().map(|signal| 128 + signal);
        self.status.code().or_else(by_signal).unwrap_or(-1)
    }

    /// What it said on stdout. For tests that collect what many runs said, and for runs that
    /// were killed while they said it.
    #[must_use]
    pub fn said(&self) -> &str {
        &self.stdout.text
    }

    /// Everything at once, for messages.
    #[must_use]
    pub fn shown(&self) -> String {
        let Answer { line, status, stdout, stderr } = self;
        format!("$ {line}\n{status}\nstdout: {}\nstderr: {}", stdout.text, stderr.text)
    }

    #[track_caller]
    fn ended_with(&self, exit: Exit) {
        let expected = exit.code();
        assert_eq!(self.status.code(), Some(expected), "expected {exit:?}\n{}", self.shown());
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            let is_silent = stream.is_expected || stream.text.is_empty();
            assert!(is_silent, "nothing was expected on {name}\n{}", self.shown());
        }
    }
}
