//! Settles the outcome of a deploy that was cut off, where the machine can prove it.

use std::collections::BTreeSet;

use booty_state::{DeployResult, NewEntry, Sha};
use flock_guard::{Holder, LockGuard};
use release_policy::{Delivery, HandledOutcome, InProgress};

use crate::{
    context::Context,
    dispatched::{Dispatched, Looked},
    evidence::Evidence,
    exit::CliError,
    facts,
    github::run::WorkflowRun,
    health::{self, Check},
    intent::Intent,
    output::Output,
    project::Project,
};

/// What has become of an unknown outcome.
#[derive(Debug)]
pub(crate) enum Settled {
    /// The command never started, and everything is as it was before.
    TakenBack,
    /// It is live: what runs says so itself.
    Live,
    /// GitHub has said how its run ended, and that is recorded.
    Recorded,
    /// The command runs on, without the govctl that started it.
    Running(Holder),
    /// Its run at GitHub has not ended.
    AtGitHub(WorkflowRun),
    /// It is still unknown. This is what was looked at.
    Unknown { looked_at: Vec<String> },
}

/// Looks for a proof of how the deploy of `sha` ended, and records what it proves. Only for
/// whoever holds the deploy lock.
///
/// With a health check, a workflow that ended well is a success once that passes. Where there is
/// no run, as far as GitHub knows, a good answer that names this commit and no other one on record
/// is a proof that it is live. For that it is asked once: somebody is waiting for another answer.
/// Of a run that has not ended it is none: the next deploy would meet what is still to come.
pub(crate) fn settle(
    context: &Context,
    project: &Project,
    sha: &Sha,
    health: Option<&Check>,
    lock: &LockGuard,
    out: &Output,
) -> Result<Settled, CliError> {
    let mut looked_at = match Evidence::of(context, project, sha)? {
        Evidence::NeverStarted { delivery_id, before } => {
            let intent = Intent { context, project, sha, delivery_id: &delivery_id, before };
            intent.taken_back("the command was never started: govctl had ended before")?;
            let short = sha.short();
            out.note(&format!("note: the deploy of {short} was cut off before its command started, and is taken back"));
            return Ok(Settled::TakenBack);
        }
        Evidence::Running(command) => return Ok(Settled::Running(command)),
        Evidence::Dispatched(record) => {
            let record = &record;
            let dispatched = Dispatched { context, project, sha, record, health, lock };
            match dispatched.settle(out)? {
                Looked::Recorded => return Ok(Settled::Recorded),
                Looked::Running(run) => return Ok(Settled::AtGitHub(run)),
                Looked::Unseen(why) => return Ok(Settled::Unknown { looked_at: vec![why] }),
                Looked::NoRun(looked_at) => vec![looked_at],
            }
        }
        Evidence::Nothing { looked_at } => vec![looked_at],
    };
    match health.map(|check| names_only(context, project, sha, check)).transpose()? {
        None => looked_at.push("no address to check the health of was given".to_owned()),
        Some(Err(why)) => looked_at.push(why),
        Some(Ok(seen)) => {
            record_live(context, project, sha, &seen)?;
            out.note(&format!(
                "note: the deploy of {} is settled as a success: {seen}",
                sha.short()
            ));
            return Ok(Settled::Live);
        }
    }
    Ok(Settled::Unknown { looked_at })
}

/// What can be proven against the word of a person that the deploy of `sha` ended like this.
/// Nothing is changed. Only for whoever holds the deploy lock.
pub(crate) fn against(
    context: &Context,
    project: &Project,
    sha: &Sha,
    said: &DeployResult,
    lock: &LockGuard,
) -> Result<Option<String>, CliError> {
    let went_well = *said == DeployResult::Success;
    Ok(match Evidence::of(context, project, sha)? {
        Evidence::NeverStarted { .. } if went_well => {
            Some("the audit log: its command was never started".to_owned())
        }
        Evidence::Dispatched(record) => {
            let (record, health) = (&record, None);
            Dispatched { context, project, sha, record, health, lock }.against(went_well)
        }
        _ => None,
    })
}

impl Settled {
    /// The deploy of `sha`, if it goes on at GitHub. What runs here is seen by whoever decides.
    pub(crate) fn at_github(&self, sha: &Sha) -> Option<InProgress> {
        let Settled::AtGitHub(run) = self else { return None };
        let url = run.html_url.as_deref().unwrap_or_default();
        let holder = format!("run {} at GitHub: {url}", run.id);
        Some(InProgress { sha: sha.to_string(), holder })
    }
}

/// Whether a good answer names `sha`, and no other commit on record: what was seen, or why not.
fn names_only(
    context: &Context,
    project: &Project,
    sha: &Sha,
    check: &Check,
) -> Result<Result<String, String>, CliError> {
    let url = &check.url;
    let answer = match check.answer() {
        Ok(answer) => answer,
        Err(trouble) => return Ok(Err(format!("the health check of {url}: {trouble}"))),
    };
    let release = context.releases(project).load()?;
    let live = [&release.production_sha_current, &release.production_sha_previous];
    let tried = release.deploy_history.iter().map(|deploy| &deploy.sha);
    let named = health::named(&answer, live.into_iter().flatten().chain(tried).chain([sha]));
    if named == BTreeSet::from([sha.as_str()]) {
        return Ok(Ok(format!("the health check of {url} names it")));
    }
    let others: Vec<&str> = named.into_iter().map(crate::view::short).collect();
    Ok(Err(match others.is_empty() {
        true => {
            format!("the health check of {url}: a good answer, which names no commit on record")
        }
        false => {
            format!("the health check of {url}: a good answer, which names {}", others.join(", "))
        }
    }))
}

fn record_live(
    context: &Context,
    project: &Project,
    sha: &Sha,
    seen: &str,
) -> Result<(), CliError> {
    let now = context.now();
    let entry = NewEntry::new(now.into(), context.who(), "resolved")
        .about(&project.repo, sha)
        .because(seen)
        .changing("unknown", DeployResult::Success.as_str());
    let releases = context.releases(project);
    context.audit().change(&entry, || releases.finished(sha, DeployResult::Success, now.into()))?;
    context.releases(project).health_found(true, now.into())?;
    Ok(())
}

/// The commits whose outcome nobody knows, `sha` among them if only its claim is on record.
pub(crate) fn unknown(
    context: &Context,
    project: &Project,
    sha: &Sha,
) -> Result<Vec<Sha>, CliError> {
    let release = context.releases(project).load()?;
    let mut unknown: Vec<Sha> = release.unknown().into_iter().cloned().collect();
    let handled = facts::delivery(context, project, &release, sha)?;
    let no_record = matches!(handled, Delivery::Handled { outcome: HandledOutcome::NoRecord, .. });
    if no_record && !unknown.contains(sha) {
        unknown.push(sha.clone());
    }
    Ok(unknown)
}
