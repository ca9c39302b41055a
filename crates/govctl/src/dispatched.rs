//! How a dispatch ended that nobody watched to its end.
//!
//! GitHub says how its run ended, and a check whether what runs now is well, as if it had been
//! watched: a deploy that nobody waits for is no success before that either.

use booty_state::{DeployResult, NewEntry, Sha};
use circuit_breaker::Event;
use flock_guard::LockGuard;

use crate::{
    breaker::Breaker,
    context::Context,
    dispatch::{Record, hub, judged},
    exit::CliError,
    github::{
        hub::{Hub, Workflow},
        run::WorkflowRun,
        told::{self, News},
    },
    health::{Check, Found},
    output::Output,
    project::Project,
};

/// A dispatch that is on record.
#[derive(Debug)]
pub(crate) struct Dispatched<'a> {
    pub(crate) context: &'a Context,
    pub(crate) project: &'a Project,
    pub(crate) sha: &'a Sha,
    pub(crate) record: &'a Record,
    /// What has to be well for it to be a success.
    pub(crate) health: Option<&'a Check>,
    /// The deploy lock: only who has it may say how a deploy ended.
    pub(crate) lock: &'a LockGuard,
}

/// How it ended, which is on record now.
#[derive(Debug)]
pub(crate) struct Concluded {
    result: DeployResult,
    /// In one word, as GitHub is told.
    how: String,
    run_url: Option<String>,
}

/// What GitHub has said about it.
#[derive(Debug)]
pub(crate) enum Looked {
    /// How it ended, which is on record now.
    Recorded,
    /// It has not ended.
    Running(WorkflowRun),
    /// It knows of no run that must be it, which does not prove that there is none.
    NoRun(String),
    /// Nothing: it could not be asked, and why.
    Unseen(String),
}

impl Dispatched<'_> {
    /// Asks GitHub how the run ended, and records and tells that.
    pub(crate) fn settle(&self, out: &Output) -> Result<Looked, CliError> {
        let (hub, run) = match self.look() {
            Ok((hub, Some(run))) => (hub, run),
            Ok((_, None)) => {
                let file = &self.record.workflow;
                // That it is not there yet, or cannot be seen, does not prove that it never was.
                let why = format!("GitHub: no run of `{file}` is known to be of this commit");
                return Ok(Looked::NoRun(why));
            }
            Err(error) => {
                let causes = error.causes.join(": ");
                let why = format!("GitHub could not be asked: {error}: {causes}");
                return Ok(Looked::Unseen(why));
            }
        };
        let Some(result) = run.result() else { return Ok(Looked::Running(run)) };
        let concluded = self.conclude(&run, &result, out)?;
        let (short, how) = (self.sha.short(), &concluded.how);
        out.note(&format!("note: the deploy of {short} ended with {how}, says GitHub"));
        concluded.tell(self.context, self.project, &hub, self.sha, out);
        Ok(Looked::Recorded)
    }

    /// Whether `run` is the one that it has made. Where its number was lost only GitHub can tell,
    /// and only if there is no other run that it may be.
    pub(crate) fn is_of(&self, run: &WorkflowRun) -> Result<bool, CliError> {
        match self.record.run_id {
            Some(id) => Ok(id == run.id),
            None if run.id <= self.record.after_run => Ok(false),
            None => Ok(self.look()?.1.is_some_and(|found| found.id == run.id)),
        }
    }

    /// What GitHub says against that it went well, or did not.
    pub(crate) fn against(&self, went_well: bool) -> Option<String> {
        let Ok((_, Some(run))) = self.look() else { return None };
        let result = run.result()?;
        let is_otherwise = (result == DeployResult::Success) != went_well;
        is_otherwise.then(|| format!("GitHub: run {} ended with {result}", run.id))
    }

    /// The run, as GitHub knows it now.
    fn look(&self) -> Result<(Hub, Option<WorkflowRun>), CliError> {
        let hub = hub(self.context, self.project, self.sha)?;
        let run = match self.record.run_id {
            Some(id) => Some(hub.run(id)?),
            None => {
                let Record { workflow: file, branch, after_run, .. } = self.record;
                let workflow = Workflow { file: file.clone(), branch: branch.clone() };
                hub.run_of(&workflow, self.sha, *after_run)?
            }
        };
        Ok((hub, run))
    }

    /// Checks the health of what runs now, if the run was a success, records how the deploy
    /// ended, and counts it at the breaker.
    pub(crate) fn conclude(
        &self,
        run: &WorkflowRun,
        result: &DeployResult,
        out: &Output,
    ) -> Result<Concluded, CliError> {
        let Dispatched { context, project, sha, .. } = self;
        let health = self.check(result, out)?;
        let (judged, why) = judged(run, result.clone(), health.as_ref());
        let now = context.now();
        let release = context.releases(project).load()?;
        let before = release.newest_result_of(sha).filter(|result| result.is_settled());
        let before = before.map_or("unknown", DeployResult::as_str);
        let entry = NewEntry::new(now.into(), context.who(), "resolved")
            .about(&project.repo, sha)
            .because(format!("GitHub says: {why}"))
            .changing(before, judged.as_str());
        let releases = context.releases(project);
        context.audit().change(&entry, || releases.finished(sha, judged.clone(), now.into()))?;
        if let Some(found) = &health {
            context.releases(project).health_found(found.healthy, now.into())?;
        }
        if !self.record.goes_back {
            count(context, project, &judged, out);
        }
        let how = match (&health, result) {
            (Some(found), DeployResult::Success) if !found.healthy => told::UNHEALTHY.to_owned(),
            _ => result.to_string(),
        };
        Ok(Concluded { result: judged, how, run_url: run.html_url.clone() })
    }

    /// What a check finds. A signal ends us as ever meanwhile: then nothing is on record, and
    /// whoever asks next begins anew.
    fn check(&self, result: &DeployResult, out: &Output) -> Result<Option<Found>, CliError> {
        let Some(check) = self.health.filter(|_| *result == DeployResult::Success) else {
            return Ok(None);
        };
        let short = self.sha.short();
        out.note(&format!("note: the run of {short} ended well; checking {}", check.url));
        check.run(|| self.lock.check().err()).map(Some).map_err(|error| {
            let message = format!("the lock was lost before the deploy of {short} was settled");
            CliError::broken(message).because(&error).hint(format!("govctl resolve {}", self.sha))
        })
    }
}

impl Concluded {
    /// Tells GitHub.
    pub(crate) fn tell(
        &self,
        context: &Context,
        project: &Project,
        hub: &Hub,
        sha: &Sha,
        out: &Output,
    ) {
        let outcome = if self.result == DeployResult::Success { "success" } else { "failure" };
        let (how, run_url) = (Some(self.how.as_str()), self.run_url.as_deref());
        told::tell(context, project, hub, sha, News { outcome, decision: None, how, run_url }, out);
    }
}

/// Counts at the breaker how a run ended that nobody watched. It was let through when it was
/// dispatched; that it cannot be counted changes no outcome.
fn count(context: &Context, project: &Project, result: &DeployResult, out: &Output) {
    let told = Breaker::of_deploys(context, project.environment()).and_then(|breaker| {
        let now = context.now();
        let Ok(ticket) = breaker.ask(now)? else { return Ok(None) };
        let event = match result {
            DeployResult::Success => Event::Success(ticket),
            _ => Event::Failure(ticket),
        };
        let told = breaker.tell(|_| event.clone(), now)?;
        Ok(told.transition.map(|transition| (breaker.name, transition)))
    });
    match told {
        Ok(None) => {}
        Ok(Some((name, transition))) => {
            out.note(&format!("note: the breaker `{name}` {transition}"))
        }
        Err(error) => tracing::error!(%error, "the breaker around deploys could not be told"),
    }
}
