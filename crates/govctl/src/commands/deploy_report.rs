//! What `govctl deploy` answers.

use std::fmt;

use booty_state::{DeployResult, Sha};
use release_policy::Reason;
use serde::Serialize;

use crate::{
    context::Context,
    dispatch,
    exit::{CliError, Exit, Kind},
    github::{
        hub::Hub,
        told::{self, News},
    },
    output::{BAD, GOOD, Output, clean},
    project::Project,
    ran::Ran,
    view::{DecisionView, short},
};

/// The decision, and what came of it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    #[serde(flatten)]
    pub(super) view: DecisionView,
    /// What came of it.
    #[cfg_attr(test, schemars(extend("enum" = [
        "success", "failure", "unknown", "already_deployed", "not_attempted"
    ])))]
    pub(super) outcome: &'static str,
    /// The delivery that the commit was claimed for; `null` if no claim was tried.
    pub(super) delivery_id: Option<String>,
    /// The exit code of the command as a shell reports it; `null` if it was not run.
    exit_code: Option<i32>,
    /// How long the command ran.
    duration_ms: Option<u128>,
    /// Whether production was healthy afterwards; `null` if nobody looked.
    health: Option<bool>,
    /// The number of the workflow run; `null` if none was dispatched, or it is not known.
    run_id: Option<u64>,
    /// Where the workflow run can be looked at.
    run_url: Option<String>,
    #[serde(skip)]
    ran: Option<Ran>,
    /// GitHub's word for how the run ended, or that what runs now is not well.
    #[serde(skip)]
    run_result: Option<String>,
    /// What a health check has found after a run that ended well.
    #[serde(skip)]
    trouble: Option<String>,
}

impl Report {
    pub(super) fn of(view: DecisionView) -> Report {
        Report {
            view,
            outcome: "not_attempted",
            delivery_id: None,
            exit_code: None,
            duration_ms: None,
            health: None,
            run_id: None,
            run_url: None,
            ran: None,
            run_result: None,
            trouble: None,
        }
    }

    /// The answer once the command has run.
    pub(super) fn ran(&mut self, ran: Ran) -> Exit {
        self.outcome = if ran.is_success() { "success" } else { "failure" };
        self.exit_code = Some(ran.ended.code());
        self.duration_ms = Some(ran.took.as_millis());
        self.health = ran.is_healthy();
        let exit = ran.exit();
        self.ran = Some(ran);
        exit
    }

    /// The answer where a workflow was dispatched.
    pub(super) fn dispatched(&mut self, outcome: dispatch::Outcome) -> Exit {
        let (run, exit) = match outcome {
            dispatch::Outcome::LostTo(by) => {
                self.delivery_id = Some(by);
                return Exit::No;
            }
            dispatch::Outcome::NotStarted { signal } => return Exit::Signal(signal),
            dispatch::Outcome::Ended { run, result, took, health } => {
                let is_success = result == DeployResult::Success;
                self.outcome = if is_success { "success" } else { "failure" };
                self.duration_ms = Some(took.as_millis());
                self.run_result = Some(result.to_string());
                self.health = health.as_ref().map(|found| found.healthy);
                if let Some(found) = health.filter(|found| !found.healthy) {
                    self.run_result = Some(told::UNHEALTHY.to_owned());
                    self.trouble = Some(found.to_string());
                }
                (Some(run), if is_success { Exit::Yes } else { Exit::Failed })
            }
            dispatch::Outcome::Open { run, signal } => {
                self.outcome = "unknown";
                (run, signal.map_or(Exit::Unknown, Exit::Signal))
            }
        };
        self.run_id = run.as_ref().map(|run| run.id);
        self.run_url = run.and_then(|run| run.html_url);
        exit
    }

    /// An attempt whose end nobody knows is told to GitHub as such.
    pub(super) fn note_unknown(&mut self, exit: &Result<Exit, CliError>) {
        if exit.as_ref().is_err_and(|error| error.kind == Kind::Unknown) {
            self.outcome = "unknown";
        }
    }

    /// Tells GitHub, if that is where it is deployed.
    pub(super) fn tell(
        &self,
        context: &Context,
        project: &Project,
        hub: Option<&Hub>,
        sha: &Sha,
        out: &Output,
    ) {
        let Some(hub) = hub else { return };
        let news = News {
            outcome: self.outcome,
            decision: Some(&self.view.decision),
            how: self.run_result.as_deref(),
            run_url: self.run_url.as_deref(),
        };
        told::tell(context, project, hub, sha, news, out);
    }

    /// The answer where nothing is run.
    pub(super) fn not_attempted(&mut self, sha: &Sha, dry_run: bool) -> Exit {
        let decision = &self.view.decision;
        match decision.reason {
            Reason::AlreadyDeployed => {
                self.outcome = "already_deployed";
                Exit::Yes
            }
            // Whether this very commit went out is the question: that is not a plain no.
            Reason::OutcomeUnknown if !dry_run && self.view.is_unknown(&sha.to_string()) => {
                self.outcome = "unknown";
                Exit::Unknown
            }
            _ if self.view.allows() => Exit::Yes,
            _ => Exit::Hold,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = &self.view.decision;
        let (sha, environment) = (short(&decision.sha), clean(&decision.environment));
        let delivery = clean(self.delivery_id.as_deref().unwrap_or_default());
        match (self.outcome, &self.ran) {
            ("already_deployed", _) => {
                write!(
                    f,
                    "{GOOD}ALREADY DEPLOYED{GOOD:#}  {sha} is live in {environment}; nothing was run"
                )
            }
            ("success", Some(_)) => {
                let seconds = self.duration_ms.unwrap_or(0) as f64 / 1000.0;
                write!(
                    f,
                    "{GOOD}DEPLOYED{GOOD:#}  {sha} to {environment} in {seconds:.1} s  ({delivery})"
                )
            }
            (_, Some(ran)) => {
                let ran = clean(&ran.to_string()).into_owned();
                write!(f, "{BAD}FAILED{BAD:#}  {sha} to {environment}: {ran}  ({delivery})")
            }
            ("success" | "failure" | "unknown", None) if self.delivery_id.is_some() => self.run(f),
            (_, None) if self.delivery_id.is_some() => {
                write!(f, "{BAD}NOT RUN{BAD:#}  {sha} is handled by delivery {delivery}")
            }
            _ => self.view.fmt(f),
        }
    }
}

impl Report {
    /// What came of a dispatch.
    fn run(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decision = &self.view.decision;
        let (sha, environment) = (short(&decision.sha), clean(&decision.environment));
        let run = self.run_id.map(|id| format!("run {id}"));
        let run = run.unwrap_or_else(|| "a run whose number is not known".to_owned());
        let url = clean(self.run_url.as_deref().unwrap_or_default()).into_owned();
        match self.outcome {
            "success" => {
                write!(f, "{GOOD}DEPLOYED{GOOD:#}  {sha} to {environment} by {run}  {url}")
            }
            "failure" => {
                let result = clean(self.run_result.as_deref().unwrap_or("failure"));
                let what = match &self.trouble {
                    None => format!("{run} ended with {result}"),
                    Some(found) => {
                        format!("{run} ended well, and the health check {}", clean(found))
                    }
                };
                write!(f, "{BAD}FAILED{BAD:#}  {sha} to {environment}: {what}  {url}")
            }
            _ => {
                let what = format!("by {run}, which nobody has seen end");
                writeln!(f, "{BAD}DISPATCHED{BAD:#}  {sha} to {environment} {what}  {url}")?;
                write!(f, "\n  to see how it ended:\n    govctl resolve {sha}")
            }
        }
    }
}
