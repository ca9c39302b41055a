//! One attempt at a deploy by a workflow at GitHub: declare, dispatch, watch, record.
//!
//! As with a command, a line of the audit log comes before the act: without it the dispatch was
//! never sent. With it only GitHub knows, and is asked.

use std::{
    thread,
    time::{Duration, Instant},
};

use booty_state::{DeployResult, Sha};
use circuit_breaker::{Event, Ticket};
use flock_guard::LockError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    attempt::{Attempt, Breaking},
    context::Context,
    exit::{CliError, Kind},
    github::{
        failure::Failure,
        hub::{Hub, Workflow},
        run::WorkflowRun,
    },
    health::Found,
    intent::{Declared, Intent},
    output::Output,
    process::Signals,
    project::Project,
    ran::{GivenUp, Health},
};

/// How often a run is looked at: soon at first, for those that are short, and never more often
/// than this later.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// What is on record about a dispatch before it is sent, and once its run is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The file of the workflow.
    pub(crate) workflow: String,
    /// The branch that it is taken from.
    pub(crate) branch: String,
    /// The number of the newest run before: that of the dispatch is higher.
    pub(crate) after_run: u64,
    /// The number of the run, once GitHub has said it.
    pub(crate) run_id: Option<u64>,
    /// It goes back, and the breaker around deploys neither holds nor counts that.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) goes_back: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_false(value: &bool) -> bool {
    !value
}

/// How a dispatch ended, as far as we have seen.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Somebody else has claimed the commit in between: nothing was dispatched.
    LostTo(String),
    /// We were asked to stop before it was sent: nothing has happened.
    NotStarted { signal: u8 },
    /// The run has ended, and how is recorded, and what a check has found of what runs now.
    Ended { run: WorkflowRun, result: DeployResult, took: Duration, health: Option<Found> },
    /// It is on its way, and nobody has seen its end.
    Open { run: Option<WorkflowRun>, signal: Option<u8> },
}

/// The deploy workflow of the project.
pub(crate) fn workflow(project: &Project) -> Workflow {
    let policy = project.governor.policy();
    let (file, branch) = (&policy.deploy_workflow_name, &policy.deploy_workflow_ref);
    Workflow { file: file.clone(), branch: branch.clone() }
}

/// The repository at GitHub, which a dispatch needs.
pub(crate) fn hub(context: &Context, project: &Project, sha: &Sha) -> Result<Hub, CliError> {
    context.hub(project)?.ok_or_else(|| {
        let short = sha.short();
        let message =
            format!("no command to deploy {short} with, and no GitHub to dispatch a workflow at");
        CliError::usage(message)
            .hint(format!("govctl deploy {short} -- ./deploy.sh"))
            .hint("to dispatch: set GITHUB_TOKEN, and --repo OWNER/NAME if there is no remote")
    })
}

impl Attempt<'_> {
    /// Declares the deploy, dispatches the workflow once, watches its run for `patience`, and
    /// records how it ended.
    pub(crate) fn dispatch(
        &self,
        hub: &Hub,
        patience: Duration,
        out: &Output,
    ) -> Result<Outcome, CliError> {
        let mut signals = Signals::listen()
            .map_err(|error| CliError::broken("cannot listen for signals").because(&error))?;
        let workflow = workflow(self.project);
        // Whatever can fail without touching anything comes first, as a workflow that is not there.
        let after_run = hub.newest_run(&workflow)?;
        let (file, branch) = (workflow.file.clone(), workflow.branch.clone());
        let goes_back = self.breaking == Breaking::PassedBy;
        let mut record = Record { workflow: file, branch, after_run, run_id: None, goes_back };
        let intent = self.intent()?;
        if let Declared::LostTo(by) = intent.declare(self.redeploy, self.event, out)? {
            return Ok(Outcome::LostTo(by));
        }
        if let Some(signal) = signals.arrived() {
            intent.take_back("interrupted before the workflow was dispatched", out);
            return Ok(Outcome::NotStarted { signal });
        }
        let ticket = self.ask_breaker().inspect_err(|_| {
            intent.take_back("the breaker let nothing through", out);
        })?;
        let back = |why: &str| {
            intent.take_back(why, out);
            self.tell_breaker(ticket.map(Event::GivenBack), out);
        };
        named(&intent, &record).inspect_err(|_| back("the dispatch could not be written down"))?;
        self.lock.check().map_err(|error| {
            self.tell_breaker(ticket.map(Event::GivenBack), out);
            self.not_sent(&intent, &error)
        })?;
        let dispatched = hub.dispatch(&workflow, self.sha).map_err(|failure| {
            if failure.nothing_happened() {
                back("GitHub did not take the dispatch");
                return failure.into();
            }
            self.unanswered(failure)
        })?;
        record.run_id = dispatched.run_id;
        if let Err(error) = named(&intent, &record) {
            // The line before it is enough to find the run.
            tracing::error!(%error, "the number of the run is not in the audit log");
        }
        let seen = record.run_id.map(|id| WorkflowRun::begun(id, dispatched.run_url));
        self.watch(hub, &intent, &mut record, Watching { patience, signals, ticket, seen }, out)
    }

    /// Looks at the run until it has ended, or patience is over.
    fn watch(
        &self,
        hub: &Hub,
        intent: &Intent<'_>,
        record: &mut Record,
        watching: Watching,
        out: &Output,
    ) -> Result<Outcome, CliError> {
        let Watching { patience, mut signals, ticket, mut seen } = watching;
        let (started, mut pause, mut etag) = (Instant::now(), Duration::from_millis(250), None);
        loop {
            let look = match record.run_id {
                Some(id) => hub.run_if_changed(id, &mut etag),
                None => hub.run_of(&workflow(self.project), self.sha, record.after_run),
            };
            match look {
                Ok(Some(run)) => {
                    record.run_id = Some(run.id);
                    seen = Some(run);
                }
                Ok(None) => {}
                Err(failure) => {
                    tracing::warn!(%failure, cause = %failure.cause, "cannot look at the run")
                }
            }
            let ended = seen.clone().and_then(|run| Some((run.result()?, run)));
            if let Some((result, run)) = ended {
                let took = started.elapsed();
                let health = match result {
                    DeployResult::Success => self.health(&mut signals),
                    _ => None,
                };
                let health = match health {
                    // Another look finds the end of the run, and checks again.
                    Some(Health::GivenUp(GivenUp::Interrupted { signal })) => {
                        return Ok(Outcome::Open { run: seen, signal: Some(signal) });
                    }
                    Some(Health::GivenUp(GivenUp::LockLost)) => {
                        return Ok(Outcome::Open { run: seen, signal: None });
                    }
                    Some(Health::Found(found)) => Some(found),
                    None => None,
                };
                let (result, why) = judged(&run, result, health.as_ref());
                let why = format!("{why}, after {:.1} s", took.as_secs_f64());
                let recorded = self.record_result(intent, &result, &why);
                if recorded.is_ok() {
                    self.record_health(health.as_ref().map(|found| found.healthy));
                }
                let is_success = result == DeployResult::Success;
                let told = if is_success { Event::Success } else { Event::Failure };
                self.tell_breaker(ticket.map(told), out);
                recorded?;
                return Ok(Outcome::Ended { run, result, took, health });
            }
            let left = patience.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Ok(Outcome::Open { run: seen, signal: None });
            }
            if let Some(signal) = arrived_within(pause.min(left), &mut signals) {
                return Ok(Outcome::Open { run: seen, signal: Some(signal) });
            }
            pause = (pause * 2).min(LOOK_EVERY);
        }
    }

    /// The dispatch was not sent, because the lock may be somebody else's by now, and with it what
    /// is on record. So nothing is taken back here: a line says that it may be.
    fn not_sent(&self, intent: &Intent<'_>, error: &LockError) -> CliError {
        let entry = intent.entry("command_not_started").because("the lock may be somebody else's");
        let entry = entry.changing(intent.delivery_id.to_string(), Value::Null);
        if let Err(error) = self.context.audit().append(&entry) {
            tracing::error!(%error, "that nothing was dispatched is not in the audit log");
        }
        match error {
            LockError::Lost { .. } => self.robbed(error),
            _ => {
                let short = self.sha.short();
                let message = format!(
                    "nothing was dispatched: nobody can see whether the lock of {short} is still held"
                );
                CliError::broken(message).because(error).hint("govctl doctor")
            }
        }
    }

    /// The dispatch was sent, and what became of it GitHub alone knows.
    fn unanswered(&self, failure: Failure) -> CliError {
        let (sha, short) = (self.sha, self.sha.short());
        let message = format!("nobody knows whether GitHub took the dispatch of {short}");
        let error = CliError::new(Kind::Unknown, message).because(&failure);
        error.hint(format!("govctl resolve {sha}"))
    }
}

/// What became of a deploy whose run has ended, and why we say so: what is not well has failed.
pub(crate) fn judged(
    run: &WorkflowRun,
    result: DeployResult,
    health: Option<&Found>,
) -> (DeployResult, String) {
    let why = format!("run {} ended with {result}", run.id);
    match health {
        None => (result, why),
        Some(found) => {
            let result = if found.healthy { result } else { DeployResult::Failure };
            (result, format!("{why}, and the health check {found}"))
        }
    }
}

/// What watching a run needs.
struct Watching {
    patience: Duration,
    signals: Signals,
    ticket: Option<Ticket>,
    /// The run as it was seen last.
    seen: Option<WorkflowRun>,
}

/// Waits, and returns early with a signal that asks us to stop.
fn arrived_within(time: Duration, signals: &mut Signals) -> Option<u8> {
    let until = Instant::now() + time;
    loop {
        let signal = signals.arrived();
        let left = until.saturating_duration_since(Instant::now());
        if signal.is_some() || left.is_zero() {
            return signal;
        }
        thread::sleep(left.min(Duration::from_millis(50)));
    }
}

/// Writes down what is about to be dispatched, or which run it made.
fn named(intent: &Intent<'_>, record: &Record) -> Result<(), CliError> {
    let delivery = intent.delivery_id.to_string();
    let entry = intent.entry("command_started").changing(delivery, json!(record));
    intent.context.audit().append(&entry)?;
    Ok(())
}
