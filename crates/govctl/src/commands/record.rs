//! `govctl record`

use std::str::FromStr;

use booty_state::{DeliveryId, DeliveryKey, DeployResult, NewEntry};
use clap::Args;

use crate::{
    attempt,
    commands::{resolve, status},
    context::Context,
    evidence::Evidence,
    exit::{CliError, Exit},
    output::Output,
    project::Project,
};

/// Record how a deploy ended that was observed elsewhere
///
/// RESULT is success, failure, pending, or the word that GitHub uses for a run's conclusion.
/// A success makes the commit the one that is live. Exits 5 while a deploy is running, and while the command
/// of this commit is whose govctl was killed.
#[derive(Args, Debug)]
pub(crate) struct RecordArgs {
    /// The commit, in any form that git understands
    sha: String,
    // Said aloud, because clap would take any text: the type can be made from one.
    /// How it ended
    #[arg(value_parser = DeployResult::from_str)]
    result: DeployResult,
    /// The delivery that it belongs to
    #[arg(long, value_name = "ID")]
    delivery_id: Option<DeliveryId>,
    /// Where it can be looked at; goes into the audit log
    #[arg(long, value_name = "URL")]
    run_url: Option<String>,
}

pub(crate) fn run(args: &RecordArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let project = Project::open(context, out)?;
    let sha = project.recorded_commit(&args.sha)?;
    // A deploy that runs now writes its own outcome, and this must not settle it.
    let lock = attempt::lock(context, &project, out)?;
    if let Evidence::Running(command) = Evidence::of(context, &project, &sha)? {
        return Err(resolve::running(&sha, &command));
    }
    let before = context.releases(&project).load()?.last_deploy_result;
    let now = context.now();
    let mut entry = NewEntry::new(now.into(), context.who(), "recorded")
        .about(&project.repo, &sha)
        .changing(before.as_str(), args.result.as_str());
    entry.why.clone_from(&args.run_url);
    // Before the change: what cannot be written down is not done.
    context.audit().append(&entry)?;
    if let Some(id) = &args.delivery_id {
        context.deliveries().record(&DeliveryKey::of(&project.repo, &sha), id)?;
    }
    match &args.result {
        DeployResult::Pending => context.releases(&project).attempt_started(&sha, now.into())?,
        result => context.releases(&project).finished(&sha, result.clone(), now.into())?,
    };
    lock.release();
    out.report(&status::Report::of(context, &project)?)?;
    Ok(Exit::Yes)
}
