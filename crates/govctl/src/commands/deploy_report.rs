//! What `govctl deploy` answers.

use std::fmt;

use booty_state::Sha;
use release_policy::Reason;
use serde::Serialize;

use crate::{
    exit::Exit,
    output::{BAD, GOOD, clean},
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
    /// The workflow run. Nothing starts one yet.
    run_id: Option<u64>,
    /// Where the workflow run can be looked at.
    run_url: Option<String>,
    #[serde(skip)]
    ran: Option<Ran>,
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
            (_, None) if self.delivery_id.is_some() => {
                write!(f, "{BAD}NOT RUN{BAD:#}  {sha} is handled by delivery {delivery}")
            }
            _ => self.view.fmt(f),
        }
    }
}
