//! A real git repository.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::{dir, govctl::search_path};

/// A git repository with a fixed identity, a fixed clock and nobody's settings.
#[derive(Debug)]
pub struct Repository {
    dir: PathBuf,
}

impl Repository {
    pub(crate) fn new(dir: PathBuf) -> Repository {
        fs::create_dir_all(&dir).unwrap();
        let repository = Repository { dir };
        repository.git(&["init", "-q", "--initial-branch", "main"]);
        repository
    }

    /// Where its work tree is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// Writes a file and commits it. Returns the id of the commit.
    pub fn commit(&self, path: &str, contents: &str) -> String {
        dir::write(&self.dir.join(path), contents);
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", path]);
        self.head()
    }

    /// Puts a configuration into the work tree, and into no commit: what changes between
    /// commits stays what the test says.
    pub fn configure(&self, lines: &str) {
        let block: String = lines.lines().map(|line| format!("  {}\n", line.trim())).collect();
        let text = format!("schema_version: 1\nrelease_governor:\n{block}");
        dir::write(&self.dir.join(".booty.yml"), &text);
        dir::write(&self.dir.join(".git/info/exclude"), "/.booty.yml\n");
    }

    /// Makes `count` commits that change nothing, quickly. Returns their ids, oldest first.
    pub fn commits(&self, count: usize) -> Vec<String> {
        let before = self.head();
        let mut stream = String::new();
        for number in 0..count {
            let from = if number == 0 { format!("from {before}\n") } else { String::new() };
            let committer = "committer Test <test@localhost> 1700000000 +0000";
            let message = format!("commit {number}");
            let length = message.len();
            writeln!(
                stream,
                "commit refs/heads/main\n{committer}\ndata {length}\n{message}\n{from}"
            )
            .unwrap();
        }
        let mut command = self.command(&["fast-import", "--quiet"]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success(), "git fast-import failed");
        let range = format!("{before}..main");
        self.git(&["rev-list", "--reverse", &range]).lines().map(str::to_owned).collect()
    }

    /// The full id of the commit that is checked out.
    #[must_use]
    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// Runs git in it, which must succeed. Returns what it printed, without the last newline.
    pub fn git(&self, args: &[&str]) -> String {
        let output = self.command(args).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {args:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.dir).args(args).env_clear().env("PATH", search_path());
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "Test");
            command.env(format!("GIT_{role}_EMAIL"), "test@localhost");
            command.env(format!("GIT_{role}_DATE"), "2026-11-20T12:00:00Z");
        }
        command
    }
}
