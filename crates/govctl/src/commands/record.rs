//! `govctl record`

use std::str::FromStr;

use booty_state::{
    DeliveryCache, DeliveryId, DeliveryKey, DeployResult, NewEntry, Sha, StateError,
};
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
    context.audit().change(&entry, || {
        let claim = Claimed::by(args.delivery_id.as_ref(), context, &project, &sha)?;
        let releases = context.releases(&project);
        let recorded = match &args.result {
            DeployResult::Pending => releases.attempt_started(&sha, now.into()),
            result => releases.finished(&sha, result.clone(), now.into()),
        };
        recorded.inspect_err(|error| claim.undo_after(error))
    })?;
    lock.release();
    out.report(&status::Report::of(context, &project)?)?;
    Ok(Exit::Yes)
}

/// The delivery that was recorded with the result, and what was there before.
struct Claimed<'a> {
    deliveries: DeliveryCache,
    key: DeliveryKey,
    id: Option<&'a DeliveryId>,
    before: Option<String>,
}

impl Claimed<'_> {
    fn by<'a>(
        id: Option<&'a DeliveryId>,
        context: &Context,
        project: &Project,
        sha: &Sha,
    ) -> Result<Claimed<'a>, StateError> {
        let (deliveries, key) = (context.deliveries(), DeliveryKey::of(&project.repo, sha));
        let before = id.map(|_| deliveries.find(&key)).transpose()?.flatten();
        if let Some(id) = id {
            deliveries.record(&key, id)?;
        }
        Ok(Claimed { deliveries, key, id, before })
    }

    /// A delivery without its result would be one whose outcome nobody knows.
    fn undo_after(&self, error: &StateError) {
        let Some(id) = self.id.filter(|_| error.changed_nothing()) else { return };
        let undone = match self.before.as_deref().map(str::parse) {
            Some(Ok(before)) => self.deliveries.record(&self.key, &before),
            Some(Err(_)) => return, // Written by an old program, and not to be written back.
            None => self.deliveries.give_back(&self.key, id).map(drop),
        };
        if let Err(error) = undone {
            tracing::error!(%error, "the delivery is recorded, and its result is not");
        }
    }
}
