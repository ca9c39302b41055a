//! `govctl resolve`

use booty_state::{DeployResult, NewEntry, Sha};
use clap::{Args, ValueEnum};
use flock_guard::Holder;

use crate::{
    attempt,
    commands::status,
    context::Context,
    exit::{CliError, Exit, Kind},
    github::run::WorkflowRun,
    health::Url,
    health_args,
    output::{Output, clean},
    process,
    project::Project,
    reason,
    settle::{self, Settled},
};

/// Settle how a deploy ended that was cut off
///
/// A deploy whose run was killed leaves an unknown outcome, which holds further deploys. Without
/// --as, what can be proven is settled: a command that never started is taken back, and a commit
/// that a health check names, as the only one of those on record, is live; GitHub is asked how a
/// workflow that was dispatched ended, and one that ended well is a success once the address, if
/// there is one, answers well, as after `govctl deploy`. With --as you say what you have seen on
/// production. What can be proven against it is told, and nothing is changed (exit 1), unless --force.
///
/// The command of a govctl that was killed with KILL goes on without it. --stop ends it: TERM to
/// its group, after 10 s KILL. That is a failure unless --as says otherwise.
///
/// Exits 0 once it is settled, 1 if nothing about the commit is unknown or --as is not so, 5 while its command, its
/// workflow or another deploy runs, and 6 if it is still unknown.
#[derive(Args, Debug)]
pub(crate) struct ResolveArgs {
    /// The commit, in any form that git understands
    sha: String,
    /// How it ended, as seen on production
    #[arg(long = "as", value_name = "RESULT")]
    settle_as: Option<Settle>,
    /// What to ask whether production is well, and which commit runs [default: $RELEASE_GOVERNOR_HEALTH_URL]
    #[arg(long, value_name = "URL")]
    health_url: Option<Url>,
    /// Stop the command if it still runs
    #[arg(long)]
    stop: bool,
    /// Record what --as says although something else can be proven
    #[arg(long, requires_all = ["settle_as", "reason"])]
    force: bool,
    /// How you know; goes into the audit log
    #[arg(long, value_name = "TEXT", value_parser = reason::parse)]
    reason: Option<String>,
}

/// How a deploy can have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Settle {
    /// The commit is live.
    Success,
    /// It is not.
    Failure,
}

impl From<Settle> for DeployResult {
    fn from(settle: Settle) -> DeployResult {
        match settle {
            Settle::Success => DeployResult::Success,
            Settle::Failure => DeployResult::Failure,
        }
    }
}

pub(crate) fn run(args: &ResolveArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let project = Project::open(context, out)?;
    let sha = project.recorded_commit(&args.sha)?;
    let was_unknown = settle::unknown(context, &project, &sha)?.contains(&sha);
    // Whoever holds the lock may still write the outcome itself, and taking it ends what was cut off.
    let lock = attempt::lock(context, &project, out)?;
    if !settle::unknown(context, &project, &sha)?.contains(&sha) {
        let release = context.releases(&project).load()?;
        let said = args.settle_as.map(DeployResult::from);
        let is_so = said.is_none_or(|said| release.outcome_of(&sha) == Some(&said));
        let answer = if was_unknown && is_so { Exit::Yes } else { Exit::No };
        if answer == Exit::No {
            out.note(&format!(
                "note: nothing about {} is unknown; nothing was changed",
                sha.short()
            ));
        }
        lock.release(); // Who looks next is us, and should not see us hold it.
        out.report(&status::Report::of(context, &project)?)?;
        return Ok(answer);
    }
    let health = match args.settle_as {
        Some(_) => None,
        None => health_args::usual(args.health_url.as_ref(), context)?,
    };
    let said = args.settle_as.map(DeployResult::from);
    let against = match &said {
        Some(said) => settle::against(context, &project, &sha, said, &lock)?,
        None => None,
    };
    if let (Some(proof), false) = (&against, args.force) {
        return Err(contradicted(&sha, proof));
    }
    let result = if against.is_some() {
        said
    } else {
        match settle::settle(context, &project, &sha, health.as_ref(), &lock, out)? {
            Settled::TakenBack | Settled::Live | Settled::Recorded => None,
            Settled::Running(command) if args.stop => {
                stop(&sha, &command)?;
                out.note(&format!("note: stopped {}", clean(&command.to_string())));
                Some(said.unwrap_or(DeployResult::Failure))
            }
            Settled::Running(command) => return Err(running(&sha, &command)),
            Settled::AtGitHub(run) => return Err(running_at_github(&sha, &run)),
            Settled::Unknown { looked_at } => {
                Some(said.ok_or_else(|| still_unknown(&sha, looked_at))?)
            }
        }
    };
    if let Some(result) = result {
        record(args, context, &project, &sha, result)?;
    }
    lock.release();
    out.report(&status::Report::of(context, &project)?)?;
    Ok(Exit::Yes)
}

fn record(
    args: &ResolveArgs,
    context: &Context,
    project: &Project,
    sha: &Sha,
    result: DeployResult,
) -> Result<(), CliError> {
    let now = context.now();
    let mut entry = NewEntry::new(now.into(), context.who(), "resolved")
        .about(&project.repo, sha)
        .changing("unknown", result.as_str());
    entry.why = match (&args.reason, args.stop) {
        (reason, false) => reason.clone(),
        (Some(reason), true) => Some(format!("{reason} (its command was stopped)")),
        (None, true) => Some("its command was stopped".to_owned()),
    };
    let releases = context.releases(project);
    context.audit().change(&entry, || releases.finished(sha, result, now.into()))?;
    Ok(())
}

fn stop(sha: &Sha, command: &Holder) -> Result<(), CliError> {
    process::stop_group(command).map_err(|error| {
        CliError::broken(format!("cannot stop the command that deploys {}", sha.short()))
            .because(&error)
            .hint("govctl status")
    })
}

pub(super) fn running(sha: &Sha, command: &Holder) -> CliError {
    let message = format!("the command that deploys {} still runs", sha.short());
    let mut error = CliError::new(Kind::Busy, message);
    error.causes.push(format!("{command}, whose govctl is gone"));
    error
        .hint(format!("wait for its end, then: govctl resolve {sha}"))
        .hint(format!("govctl resolve {sha} --stop --reason \"...\""))
}

fn running_at_github(sha: &Sha, run: &WorkflowRun) -> CliError {
    let message = format!("the workflow that deploys {} still runs", sha.short());
    let mut error = CliError::new(Kind::Busy, message);
    let url = run.html_url.as_deref().unwrap_or_default();
    error.causes.push(format!("GitHub: run {} has not ended: {url}", run.id));
    error.hint(format!("wait for its end, or cancel it at GitHub, then: govctl resolve {sha}"))
}

fn contradicted(sha: &Sha, proof: &str) -> CliError {
    let message =
        format!("that is not how the deploy of {} ended; nothing was changed", sha.short());
    let mut error = CliError::new(Kind::Refused, message);
    error.causes.push(proof.to_owned());
    error
        .hint(format!("govctl resolve {sha}"))
        .hint("if you know better: the same with --force and a --reason")
}

fn still_unknown(sha: &Sha, looked_at: Vec<String>) -> CliError {
    let message = format!("nothing proves how the deploy of {} ended", sha.short());
    let mut error = CliError::new(Kind::Unknown, message);
    error.causes = looked_at;
    error
        .hint(format!("govctl resolve {sha} --as success --reason \"...\""))
        .hint(format!("govctl resolve {sha} --as failure --reason \"...\""))
}
