//! `govctl demo`

use std::{
    fmt,
    fs::Permissions,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use clap::Args;
use serde::Serialize;
use tempfile::TempDir;

use crate::{
    context::{Context, own_path},
    exit::{CliError, Exit},
    output::{GOOD, Output},
    process,
};

/// See it work, step by step, in a throw-away repository
///
/// Makes a repository and a state directory in a temporary place, runs the real thing there,
/// and prints each command that it runs. Needs git and nothing else.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Leave the repository and the state for you to look at
    #[arg(long)]
    keep: bool,
}

/// What one step shows, what it runs, and how that must end.
struct Step {
    says: &'static str,
    runs: &'static [Run],
}

/// One command and the exit code that it must have.
struct Run {
    line: &'static str,
    exit: i32,
}

const fn run_of(line: &'static str, exit: i32) -> Run {
    Run { line, exit }
}

/// What a shell reports for a process that was killed with SIGKILL.
const KILLED: i32 = 137;

const STEPS: [Step; 9] = [
    Step {
        says: "The first deploy: nothing is live yet, so nothing can be compared",
        runs: &[run_of("govctl deploy HEAD -- ./deploy.sh", 0)],
    },
    Step {
        says: "A change of the docs is LOW risk: ALLOW, and it goes out",
        runs: &[
            run_of(
                "echo 'Read me.' > README.md && git add -A && git commit -qm 'Explain the shop'",
                0,
            ),
            run_of("govctl check HEAD", 0),
            run_of("govctl deploy HEAD -- ./deploy.sh", 0),
        ],
    },
    Step {
        says: "The same commit again: it is live, so nothing is run, and that is a good end",
        runs: &[run_of("govctl deploy HEAD -- ./deploy.sh", 0)],
    },
    Step {
        says: "A database migration is HIGH risk: HOLD, and how to unblock it",
        runs: &[
            run_of(
                "mkdir -p db/migrations && echo 'DROP TABLE carts;' > db/migrations/0007_drop.sql && git add -A && git commit -qm 'Drop carts'",
                0,
            ),
            run_of("govctl deploy HEAD -- ./deploy.sh", 1),
        ],
    },
    Step {
        says: "Somebody approves this one commit, for two hours: ALLOW",
        runs: &[
            run_of("govctl approve HEAD --reason 'no carts are left'", 0),
            run_of("govctl deploy HEAD -- ./deploy.sh", 0),
        ],
    },
    Step {
        says: "Power fails in the middle of a deploy: nobody knows, and govctl says so instead of guessing",
        runs: &[
            run_of("git commit -q --allow-empty -m 'Add a wish list'", 0),
            run_of("govctl deploy HEAD -- sh -c 'kill -KILL $PPID'", KILLED),
            run_of("govctl deploy HEAD -- ./deploy.sh", 6),
            run_of(
                "govctl resolve HEAD --as success --reason 'the new version answers on web-1'",
                0,
            ),
        ],
    },
    Step {
        says: "Three deploys failed elsewhere today, two more fail here: the breaker opens and holds the next",
        runs: &[
            run_of(
                "for n in 1 2 3; do govctl --quiet breaker failure deploy-production > /dev/null; done",
                0,
            ),
            run_of("git commit -q --allow-empty -m 'Break it'", 0),
            run_of("govctl deploy HEAD -- sh -c 'echo no disk space on web-1; exit 7'", 4),
            run_of("git commit -q --allow-empty -m 'Break it once more'", 0),
            run_of("govctl deploy HEAD -- sh -c 'echo no disk space on web-1; exit 7'", 4),
            run_of("git commit -q --allow-empty -m 'Mend it'", 0),
            run_of("govctl deploy HEAD -- ./deploy.sh", 1),
        ],
    },
    Step {
        says: "Back to the last good commit, which no breaker holds; the bad one stays away",
        runs: &[
            run_of("govctl rollback --reason 'the shop is half deployed' -- ./deploy.sh", 0),
            run_of("govctl breaker reset deploy-production --reason 'web-1 has a new disk'", 0),
            run_of("govctl deploy HEAD~1 -- ./deploy.sh", 1),
        ],
    },
    Step {
        says: "What is live, and everything that changed it",
        runs: &[run_of("govctl status", 0), run_of("govctl history --verify", 0)],
    },
];

/// Before the first step: a repository with something to deploy.
const SETUP: [&str; 3] = [
    "git init -q --initial-branch main",
    "git config user.name demo && git config user.email demo@localhost && git config commit.gpgsign false",
    "git add -A && git commit -qm 'Open the shop'",
];

const DEPLOY_SCRIPT: &str = "#!/bin/sh\necho \"deploying $DEPLOY_SHA to $DEPLOY_ENVIRONMENT\"\n";

const CONFIG: &str = "schema_version: 1\nrelease_governor: {}\n";

/// Longer than any step takes, so that a machine that hangs is noticed.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn run(args: &DemoArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let dir = TempDir::with_prefix("govctl-demo-")
        .map_err(|error| CliError::broken("cannot make a temporary directory").because(&error))?;
    let demo = Demo::new(dir.path(), context)?;
    demo.set_up()?;
    let mut steps = Vec::new();
    for (number, step) in (1..).zip(&STEPS) {
        out.say(&format!("\n{GOOD}{number}. {}{GOOD:#}", step.says))?;
        for run in step.runs {
            steps.push(demo.step(run, out)?);
        }
    }
    let kept = args.keep.then(|| dir.keep());
    out.report(&Report { schema: "govctl.demo/1", steps, kept })?;
    Ok(Exit::Yes)
}

/// Where the demo happens.
struct Demo {
    repository: PathBuf,
    state: PathBuf,
    /// The search path of the steps, with this program first.
    path: String,
    home: PathBuf,
}

impl Demo {
    fn new(dir: &Path, context: &Context) -> Result<Demo, CliError> {
        let own = own_path()?;
        let own_dir = own.parent().unwrap_or(Path::new("/")).display().to_string();
        let path = context.variable("PATH")?.unwrap_or("/usr/local/bin:/usr/bin:/bin");
        Ok(Demo {
            repository: dir.join("shop"),
            state: dir.join("state"),
            path: format!("{own_dir}:{path}"),
            home: dir.to_owned(),
        })
    }

    fn set_up(&self) -> Result<(), CliError> {
        let failed = |error: &dyn std::error::Error| {
            CliError::broken("cannot make the demo repository").because(error)
        };
        std::fs::create_dir_all(&self.repository).map_err(|error| failed(&error))?;
        let script = self.repository.join("deploy.sh");
        atomic_file::replace(self.repository.join(".booty.yml"), CONFIG.as_bytes())
            .and_then(|()| atomic_file::replace(&script, DEPLOY_SCRIPT.as_bytes()))
            .map_err(|error| failed(&error))?;
        std::fs::set_permissions(&script, Permissions::from_mode(0o755))
            .map_err(|error| failed(&error))?;
        for line in SETUP {
            let (exit, text) = self.shell(line)?;
            if exit != 0 {
                return Err(CliError::broken(format!("cannot make the demo repository: {text}"))
                    .hint("git --version"));
            }
        }
        Ok(())
    }

    fn step(&self, run: &Run, out: &Output) -> Result<Done, CliError> {
        out.say(&format!("\n$ {}", run.line))?;
        let (exit_code, text) = self.shell(run.line)?;
        if !text.trim_end().is_empty() {
            out.say(&text.trim_end())?;
        }
        if exit_code != 0 {
            out.say(&format!("(exit code {exit_code})"))?;
        }
        if exit_code != run.exit {
            let message = format!("the demo went wrong: expected exit code {} here", run.exit);
            return Err(CliError::broken(message));
        }
        Ok(Done { command: run.line, exit_code })
    }

    /// Runs a line of the demo as a person would type it. Every line is a constant above.
    fn shell(&self, line: &str) -> Result<(i32, String), CliError> {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec 2>&1\n{line}")]).current_dir(&self.repository);
        // A fresh environment, so that the demo is the same for everybody.
        command.env_clear().env("PATH", &self.path).env("HOME", &self.home).env("USER", "demo");
        command.env("RELEASE_GOVERNOR_STATE_DIR", &self.state).env("GIT_CONFIG_NOSYSTEM", "1");
        let output = process::capture(command, LIMIT)
            .map_err(|error| CliError::broken(format!("cannot run `{line}`")).because(&error))?;
        let exit = process::exit_code(output.status);
        Ok((exit, String::from_utf8_lossy(&output.stdout).into_owned()))
    }
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Done {
    /// The line as a person would type it.
    command: &'static str,
    /// How it ended, and had to end.
    exit_code: i32,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: &'static str,
    /// What was run, in order.
    steps: Vec<Done>,
    /// Where it can be looked at; `null` if it is gone.
    kept: Option<PathBuf>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{} commands, and each ended as it should.", self.steps.len())?;
        if let Some(dir) = &self.kept {
            writeln!(f, "The repository and its state are in {}.", dir.display())?;
        }
        write!(f, "In your own repository: govctl deploy HEAD -- ./deploy.sh")
    }
}
