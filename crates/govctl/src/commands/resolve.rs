//! `govctl resolve`

use booty_state::{DeployResult, NewEntry, Sha};
use clap::{Args, ValueEnum};
use release_policy::{Delivery, HandledOutcome};

use crate::{
    attempt,
    commands::status,
    context::Context,
    exit::{CliError, Exit},
    facts,
    output::Output,
    project::Project,
};

/// Say how a deploy ended that was cut off
///
/// A deploy whose run was killed leaves an unknown outcome, which holds further deploys until
/// somebody has looked at production. Exits 1 if nothing about the commit is unknown, and 5
/// while govctl is still running a deploy. The command of a govctl that was killed with KILL
/// can go on without it, and nobody holds a lock for it: look whether it still runs.
#[derive(Args, Debug)]
pub(crate) struct ResolveArgs {
    /// The commit, in any form that git understands
    sha: String,
    /// How it ended, as seen on production
    #[arg(long = "as", value_name = "RESULT")]
    settle_as: Settled,
    /// How you know; goes into the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// How a deploy can have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Settled {
    /// The commit is live.
    Success,
    /// It is not.
    Failure,
}

pub(crate) fn run(args: &ResolveArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let project = Project::open(context, out)?;
    let sha = project.recorded_commit(&args.sha)?;
    // Whoever holds the lock may still write the outcome itself.
    let lock = attempt::lock(context, &project, out)?;
    if !is_unknown(context, &project, &sha)? {
        out.note(&format!("note: nothing about {} is unknown; nothing was changed", sha.short()));
        out.report(&status::Report::of(context, &project)?)?;
        return Ok(Exit::No);
    }
    let result = match args.settle_as {
        Settled::Success => DeployResult::Success,
        Settled::Failure => DeployResult::Failure,
    };
    let now = context.now();
    let mut entry = NewEntry::new(now.into(), context.who(), "resolved")
        .about(&project.repo, &sha)
        .changing("unknown", result.as_str());
    entry.why.clone_from(&args.reason);
    // Before the change: what cannot be written down is not done.
    context.audit().append(&entry)?;
    context.releases(&project).finished(&sha, result, now.into())?;
    lock.release();
    out.report(&status::Report::of(context, &project)?)?;
    Ok(Exit::Yes)
}

/// Whether the commit was started or claimed and nothing says how that ended.
fn is_unknown(context: &Context, project: &Project, sha: &Sha) -> Result<bool, CliError> {
    let release = context.releases(project).load()?;
    let handled = facts::delivery(context, project, &release, sha)?;
    Ok(release.unknown().contains(&sha)
        || matches!(handled, Delivery::Handled { outcome: HandledOutcome::NoRecord, .. }))
}
