//! One run of the program, before it starts.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{Answer, Victim, program};

/// A run of `govctl` that is about to start: its words, its environment, where it runs.
///
/// The environment is empty but for `PATH`, `HOME` and what keeps git to itself; there is
/// nothing on stdin; both streams are collected.
#[derive(Debug)]
#[must_use = "a run has to be started"]
pub struct Govctl {
    before: Vec<OsString>,
    globals: Vec<OsString>,
    args: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    current_dir: PathBuf,
    stdin: Vec<u8>,
    stdout: Option<File>,
    stderr: Option<File>,
}

impl Govctl {
    /// A run in `current_dir` with `home` as the home directory, of `words` divided by
    /// spaces.
    pub fn new(words: &str, current_dir: &Path, home: &Path) -> Govctl {
        let run = Govctl {
            before: Vec::new(),
            globals: Vec::new(),
            args: words.split_whitespace().map(Into::into).collect(),
            variables: Vec::new(),
            current_dir: current_dir.to_owned(),
            stdin: Vec::new(),
            stdout: None,
            stderr: None,
        };
        let mut path = home.join("bin").into_os_string();
        path.push(":");
        path.push(search_path());
        let nothing = OsString::from("/dev/null");
        run.env("PATH", path)
            .env("HOME", home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", nothing)
            .env("GIT_CEILING_DIRECTORIES", home)
    }

    /// Adds one argument, spaces and all.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Govctl {
        self.args.push(arg.into());
        self
    }

    /// Adds a global option with its value.
    pub fn option(mut self, name: &str, value: impl Into<OsString>) -> Govctl {
        self.globals.extend([name.into(), value.into()]);
        self
    }

    /// Pretends that it is this time.
    pub fn at(self, now: &str) -> Govctl {
        self.option("--now", now)
    }

    /// Sets a variable; the last one of a name counts.
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Govctl {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// Runs in another directory.
    pub fn in_dir(mut self, dir: &Path) -> Govctl {
        self.current_dir = dir.to_owned();
        self
    }

    pub(crate) fn current_dir(&self) -> &Path {
        &self.current_dir
    }

    /// Lets another program start it, which gets these words before the program's own path.
    pub fn under<W: Into<OsString>>(mut self, words: impl IntoIterator<Item = W>) -> Govctl {
        self.before = words.into_iter().map(Into::into).chain(self.before).collect();
        self
    }

    /// Puts this on stdin.
    pub fn stdin(mut self, bytes: &[u8]) -> Govctl {
        bytes.clone_into(&mut self.stdin);
        self
    }

    /// Lets stdout go there instead of collecting it.
    pub fn stdout_to(mut self, file: impl Into<File>) -> Govctl {
        self.stdout = Some(file.into());
        self
    }

    /// Lets stderr go there instead of collecting it.
    pub fn stderr_to(mut self, file: impl Into<File>) -> Govctl {
        self.stderr = Some(file.into());
        self
    }

    /// Runs it to its end.
    pub fn run(self) -> Answer {
        self.start().wait()
    }

    /// Starts it.
    #[must_use = "it is killed when the value is dropped"]
    pub fn start(self) -> Victim {
        let (command, [stdout, stderr]) = self.command();
        Victim::start(command, stdout, stderr)
    }

    /// What is started, and the files that collect what it says.
    pub(crate) fn command(self) -> (Command, [File; 2]) {
        let program = program::govctl_binary().as_os_str().to_owned();
        let words: Vec<OsString> =
            [self.before, vec![program], self.globals, self.args].into_iter().flatten().collect();
        let [stdout, stderr] = [0; 2].map(|_| tempfile::tempfile().unwrap());
        let to_stdout = self.stdout.unwrap_or_else(|| stdout.try_clone().unwrap());
        let to_stderr = self.stderr.unwrap_or_else(|| stderr.try_clone().unwrap());
        let (program, args) = words.split_first().unwrap();
        let mut command = Command::new(program);
        command
            .args(args)
            .current_dir(self.current_dir)
            .env_clear()
            .envs(self.variables)
            .stdin(holding(&self.stdin))
            .stdout(to_stdout)
            .stderr(to_stderr);
        (command, [stdout, stderr])
    }
}

/// A file that can be read from its beginning.
fn holding(bytes: &[u8]) -> Stdio {
    if bytes.is_empty() {
        return Stdio::null();
    }
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file.into()
}

#[expect(clippy::disallowed_methods, reason = "git and sh are where the machine has them")]
pub(crate) fn search_path() -> OsString {
    std::env::var_os("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into())
}
