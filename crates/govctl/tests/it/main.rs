//! What the command line promises by itself: words, exit codes, one JSON value on stdout.
//!
//! Whole stories with real repositories are in the package `system-tests`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod actions;
mod answers;
mod approve;
mod audit;
mod audit_end;
mod breaker;
mod config;
mod cut_off;
mod delivery;
mod deploy;
mod deploys;
mod doctor;
mod freeze;
mod git;
mod handled;
mod health;
mod ids;
mod import;
mod init;
mod json_schema;
mod lock;
mod misuse;
mod replay;
mod repository;
mod restored;
mod rollback;
mod schemas;
mod server;
mod session;
mod state;
mod verify;
mod wait;

use std::{
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

/// A directory for a workspace without git and for the state, and the program to run there.
struct Bench {
    dir: TempDir,
}

impl Bench {
    fn new() -> Bench {
        Bench { dir: tempfile::tempdir().unwrap() }
    }

    /// A work tree with as many commits as names, each of which adds a file of that name.
    /// Returns their ids too.
    fn with_commits<const N: usize>(names: [&str; N]) -> (Bench, [String; N]) {
        let bench = Bench::new();
        bench.git(&["init", "--quiet", "--initial-branch=main"]);
        let shas = names.map(|name| {
            bench.given(name, name);
            bench.commit(name)
        });
        (bench, shas)
    }

    /// Commits the file `name` and returns the id.
    fn commit(&self, name: &str) -> String {
        self.git(&["add", name]);
        self.git(&["commit", "--quiet", "-m", name]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=Ana", "-c", "user.email=ana@example.com"])
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "git {args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Deploys as a person who approved it. The command leaves a line in the file `ran`.
    #[must_use = "say how it must end"]
    fn deploy(&self, sha: &str, options: &[&str], command: &str) -> Ran {
        let script = format!("echo ran >> ran; {command}");
        let command = ["--", "sh", "-c", script.as_str()];
        let args = [&["deploy", sha], options, &command].concat();
        self.run_with(&[("RELEASE_GOVERNOR_APPROVED", "yes")], &args)
    }

    /// How often a command of [`deploy`](Bench::deploy) has run.
    fn runs(&self) -> usize {
        std::fs::read_to_string(self.path().join("ran")).map_or(0, |text| text.lines().count())
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Runs `govctl` with nothing of the environment of this test.
    #[must_use = "say how it must end"]
    fn run(&self, args: &[&str]) -> Ran {
        self.run_with(&[], args)
    }

    #[must_use = "say how it must end"]
    fn run_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Ran {
        let output = self.command(variables, args).output().unwrap();
        Ran { args: args.iter().map(ToString::to_string).collect(), output }
    }

    /// The command that [`run_with`](Bench::run_with) runs, for a test that needs more of it.
    fn command(&self, variables: &[(&str, &str)], args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_govctl"));
        command
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.path())
            .envs(variables.iter().copied());
        command
    }

    #[expect(clippy::disallowed_methods, reason = "a plain file for a test to find")]
    fn given(&self, name: &str, contents: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
    }
}

/// What a run has printed, and how it ended.
struct Ran {
    args: Vec<String>,
    output: Output,
}

impl Ran {
    fn exits(self, code: i32) -> Ran {
        assert_eq!(
            self.output.status.code(),
            Some(code),
            "{:?}: {}{}",
            self.args,
            self.stdout(),
            self.stderr()
        );
        self
    }

    fn stdout(&self) -> String {
        String::from_utf8(self.output.stdout.clone()).unwrap()
    }

    fn stderr(&self) -> String {
        String::from_utf8(self.output.stderr.clone()).unwrap()
    }

    /// The one JSON value on stdout: an answer as its schema says, or a list of such.
    fn json(&self) -> Value {
        let text = self.stdout();
        let value: Value = serde_json::from_str(&text).expect(&text);
        schemas::check(&value);
        value
    }
}

const SHA: &str = "9f2c1ab3d2c7e5a1b0f9483726150a9b8c7d6e5f";
