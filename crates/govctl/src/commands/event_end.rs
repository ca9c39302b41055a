//! What is recorded when GitHub tells that a run of the deploy workflow has ended.

use booty_state::{DeployResult, Sha, Subject};

use crate::{
    attempt, context::Context, dispatch::Record, dispatched::Dispatched, evidence::Evidence,
    exit::CliError, github::run::WorkflowRun, health_args, output::Output, project::Project,
    settle,
};

/// Records how an attempt of a run ended. Returns why not, if it is none of ours.
pub(super) fn ended(
    context: &Context,
    project: &Project,
    sha: &Sha,
    (run, attempt): (&WorkflowRun, u64),
    result: &DeployResult,
    out: &Output,
) -> Result<Option<String>, CliError> {
    // Whoever watches the run holds it, and records the end itself.
    let lock = attempt::lock(context, project, out)?;
    let is_open = settle::unknown(context, project, sha)?.contains(sha);
    let record = match Evidence::of(context, project, sha)? {
        Evidence::Dispatched(record) if is_open => Some(record),
        _ if !is_open => again(context, project, sha, run, attempt)?,
        _ => None,
    };
    let health = health_args::usual(None, context)?;
    let health = health.as_ref();
    let dispatched = record.as_ref().map(|record| Dispatched {
        context,
        project,
        sha,
        record,
        health,
        lock: &lock,
    });
    let Some(dispatched) = dispatched else {
        return Ok(Some("nothing that was dispatched here waits for that run".to_owned()));
    };
    if !dispatched.is_of(run)? {
        return Ok(Some("it is not known to be the run that was dispatched here".to_owned()));
    }
    let concluded = dispatched.conclude(run, result, out)?;
    lock.release();
    if let Some(hub) = context.hub(project)? {
        concluded.tell(context, project, &hub, sha, out);
    }
    Ok(None)
}

/// The dispatch whose run somebody has started once more at GitHub after it had ended: the last
/// one of that commit, and no newer attempt has been told yet.
fn again(
    context: &Context,
    project: &Project,
    sha: &Sha,
    run: &WorkflowRun,
    attempt: u64,
) -> Result<Option<Record>, CliError> {
    if attempt < 2 {
        return Ok(None); // Its end is on record, by whoever watched it.
    }
    let newer = |subject: &Subject| {
        let told = subject.as_str().strip_prefix(&format!("deploy_run_{}_", run.id));
        told.and_then(|told| told.parse::<u64>().ok()).is_some_and(|told| told > attempt)
    };
    let told = context.deliveries().list(Some(&project.repo))?;
    if told.iter().any(|delivery| newer(delivery.key.subject())) {
        return Ok(None);
    }
    let mut last = None;
    for entry in context.audit().entries()? {
        let entry = entry?;
        if entry.what == "command_started" && entry.sha.as_ref() == Some(sha) {
            last = entry.after;
        }
    }
    let record = last.and_then(|last| serde_json::from_value::<Record>(last).ok());
    Ok(record.filter(|record| record.run_id == Some(run.id)))
}
