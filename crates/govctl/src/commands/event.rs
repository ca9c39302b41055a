//! `govctl event`

use std::{
    fmt, fs,
    io::{self, Read},
};

use booty_state::{DeployResult, VerifiedBy};
use clap::Args;
use serde::Serialize;

use crate::{
    commands::{
        deploy, deploy_report,
        event_claim::{Claimed, keys},
        event_end::ended,
        verify,
    },
    context::Context,
    dispatch,
    exit::{CliError, Exit, Kind},
    github::{
        event::{Event, understood},
        told::{self, News},
    },
    output::{Output, clean},
    project::Project,
    view::short,
};

/// Handle one event of GitHub, once
///
/// A verification that ended well is decided and, if that is ALLOW, its commit is deployed by
/// dispatching the workflow; one that failed is recorded, and holds the commit until another
/// attempt passes. A deploy workflow that ended is recorded, as a success once
/// $RELEASE_GOVERNOR_HEALTH_URL answers well, if that is set. Everything else is ignored. It
/// needs GITHUB_TOKEN.
///
/// What was cut off by a kill is handled when it comes again, and dispatched at most once all the
/// same.
///
/// Exits 0 when it was handled or ignored, 1 for HOLD and for what was handled before, 2 for a
/// payload that is not one of this repository, 6 when a deploy was dispatched, whose end is
/// another event.
#[derive(Args, Debug)]
pub(crate) struct EventArgs {
    /// The name of the event: the header X-GitHub-Event
    #[arg(long)]
    name: String,
    /// Its id, the header X-GitHub-Delivery: what has it was handled [default: $GOVCTL_DELIVERY_ID]
    #[arg(long, value_name = "ID")]
    delivery_id: Option<String>,
    /// The payload, or - for standard input
    #[arg(value_name = "FILE")]
    file: String,
}

/// What a payload may be long: what GitHub sends at most.
pub(crate) const LIMIT_BYTES: u64 = 25 << 20;

pub(crate) fn run(args: &EventArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let project = Project::open(context, out)?;
    let payload = payload(&args.file)?;
    let policy = project.governor.policy();
    let event = understood(&args.name, &payload, &project.repo, policy)
        .map_err(|why| CliError::new(Kind::Payload, why))?;
    let id = match &args.delivery_id {
        Some(id) => Some(id.as_str()),
        None => context.variable("GOVCTL_DELIVERY_ID")?,
    };
    if id == Some("") {
        return Err(CliError::usage("the id of the delivery is empty"));
    }
    let mut report = Report::of(&event, id);
    let claim = match keys(&project, &event, id)? {
        keys if keys.is_empty() => None,
        keys => {
            let Some(claim) = Claimed::of(context, keys, id, out)? else {
                report.action = Action::Duplicate;
                out.report(&report)?;
                return Ok(Exit::No);
            };
            Some(claim)
        }
    };
    let handled = handled(context, &project, event, &mut report, out);
    if let Some(claim) = claim {
        match &handled {
            // What has changed nothing may come again.
            Err(error) if error.kind != Kind::Unknown => claim.give_back(),
            _ => claim.has_ended(),
        }
    }
    let exit = handled?;
    out.report_done(&report);
    Ok(exit)
}

fn handled(
    context: &Context,
    project: &Project,
    event: Event,
    report: &mut Report,
    out: &Output,
) -> Result<Exit, CliError> {
    match event {
        Event::Ignored { why } => {
            report.why = Some(why);
            Ok(Exit::Yes)
        }
        Event::Verified { sha, run, attempt, result: DeployResult::Success } => {
            report.action = Action::Decided;
            let by = VerifiedBy { id: run, attempt };
            verify::record(context, project, &sha, Some(by), None)?;
            let hub = dispatch::hub(context, project, &sha)?;
            let event = report.delivery_id.as_deref().unwrap_or("without an id");
            let event = format!("event {event}: run {run}, attempt {attempt}, has verified it");
            let (deploy, exit) = deploy::unwatched(context, project, &sha, &hub, &event, out)?;
            report.deploy = Some(deploy);
            Ok(exit)
        }
        Event::Verified { sha, run, attempt, result } => {
            let ended = format!("the verification ended with {result}");
            let by = VerifiedBy { id: run, attempt };
            if result != DeployResult::Failure {
                // Nobody looked to the end.
                report.why = Some(format!("{ended}, which says nothing about the commit"));
            } else if verify::record(context, project, &sha, Some(by), Some(&ended))? {
                report.action = Action::Recorded;
                report.why = Some(ended);
            } else {
                report.why = Some(format!("{ended}, and a newer attempt has ended, too"));
                return Ok(Exit::Yes);
            }
            if let Some(hub) = context.hub(project)? {
                let how = result.to_string();
                let news =
                    News { outcome: "unverified", decision: None, how: Some(&how), run_url: None };
                told::tell(context, project, &hub, &sha, news, out);
            }
            Ok(Exit::Yes)
        }
        Event::Deployed { sha, run, attempt, result } => {
            report.why = ended(context, project, &sha, (&run, attempt), &result, out)?;
            if report.why.is_none() {
                report.action = Action::Recorded;
            }
            Ok(Exit::Yes)
        }
    }
}

fn payload(file: &str) -> Result<Vec<u8>, CliError> {
    let mut bytes = Vec::new();
    let read = match file {
        "-" => io::stdin().take(LIMIT_BYTES + 1).read_to_end(&mut bytes),
        file => {
            fs::File::open(file).and_then(|file| file.take(LIMIT_BYTES + 1).read_to_end(&mut bytes))
        }
    };
    read.map_err(|error| {
        CliError::unreadable(format!("cannot read the payload from `{file}`"), &error)
    })?;
    if bytes.len() as u64 > LIMIT_BYTES {
        return Err(CliError::usage(format!(
            "the payload in `{file}` is longer than any of GitHub"
        )));
    }
    Ok(bytes)
}

/// What was done about an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// Nothing: it does not matter here.
    Ignored,
    /// Nothing: it was handled before.
    Duplicate,
    /// Its commit was decided, and deployed if that may go out.
    Decided,
    /// How something ended is on record now.
    Recorded,
}

/// What was decided and done.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: &'static str,
    /// What was done.
    action: Action,
    /// The id of the delivery, if it has one.
    delivery_id: Option<String>,
    /// The commit that it is about.
    sha: Option<String>,
    /// Why nothing more was done.
    why: Option<String>,
    /// What was decided about the commit, and what came of it.
    deploy: Option<deploy_report::Report>,
}

impl Report {
    fn of(event: &Event, id: Option<&str>) -> Report {
        let sha = match event {
            Event::Ignored { .. } => None,
            Event::Verified { sha, .. } | Event::Deployed { sha, .. } => Some(sha.to_string()),
        };
        Report {
            schema: "govctl.event/1",
            action: Action::Ignored,
            delivery_id: id.map(str::to_owned),
            sha,
            why: None,
            deploy: None,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sha = self.sha.as_deref().map(short).unwrap_or_default();
        let why = clean(self.why.as_deref().unwrap_or_default());
        match (self.action, &self.deploy) {
            (Action::Decided, Some(deploy)) => deploy.fmt(f),
            (Action::Duplicate, _) => write!(f, "handled before; nothing was done  {sha}"),
            (Action::Ignored, _) => write!(f, "ignored: {why}  {sha}"),
            _ => write!(f, "recorded  {sha}  {why}"),
        }
    }
}
