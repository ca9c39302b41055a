//! `govctl rollback`

use std::{ffi::OsString, fmt, time::Duration};

use booty_state::{NewEntry, ReleaseState, Sha};
use clap::Args;
use flock_guard::LockGuard;
use release_policy::{InProgress, Reason, Rollback, decide};
use serde::Serialize;
use serde_json::json;

use crate::{
    attempt::{self, Breaking},
    commands::{
        deploy::{Order, WATCH, carry_out},
        deploy_report,
    },
    context::Context,
    duration,
    exit::{CliError, Exit, Kind},
    facts::{Question, gather},
    github::hub::Hub,
    health_args::HealthArgs,
    output::{BAD, Output},
    project::Project,
    reason, settle,
    view::{DecisionView, Detail},
};

/// Deploy the last good commit again, and keep the bad one away
///
/// The bad commit is the new one whose deploy failed last, if nothing has gone well since, else
/// the one that is live. The last good one is what was live last, apart from it and from what was
/// taken back before. The command runs as with `govctl deploy`, with DEPLOY_SHA set to the good
/// commit. Without a command, and with GITHUB_TOKEN, the deploy workflow is dispatched with it.
///
/// A rollback has rules of its own: no freeze, breaker, cooldown, limit or approval holds it, and
/// the breaker does not count it. What holds it is a deploy that is running or whose outcome is
/// unknown, a commit that was never live, and one that was itself taken back.
///
/// The bad commit is held (`rolled_back`) until somebody approves it or orders it with a reason.
/// Exits as `govctl deploy` does, and 1 where there is nothing to go back to.
#[derive(Args, Debug)]
pub(crate) struct RollbackArgs {
    /// Go back to this commit, which was live once [default: the last good one]
    #[arg(long, value_name = "SHA")]
    to: Option<String>,
    /// Why; goes into the audit log, and is told to whoever sends the bad commit again
    #[arg(long, value_name = "TEXT", value_parser = reason::parse)]
    reason: Option<String>,
    /// Only decide: change nothing, run nothing
    #[arg(long)]
    dry_run: bool,
    /// Stop the command after this long: TERM to its group, after 10 s KILL. A workflow's run is
    /// watched for this long [default there: 30m]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<Duration>,
    /// Do not watch the run of a workflow that was dispatched
    #[arg(long, conflicts_with_all = ["command", "timeout"])]
    no_wait: bool,
    #[command(flatten)]
    health: HealthArgs,
    /// The command that deploys, and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(crate) fn run(args: &RollbackArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let project = Project::open(context, out)?;
    // Before anything is taken back.
    let needs_hub = args.command.is_empty() && !args.dry_run;
    let hub = if needs_hub { Some(hub(context, &project)?) } else { None };
    let lock = if args.dry_run { None } else { Some(attempt::lock(context, &project, out)?) };
    let named = args.to.as_deref().map(|to| project.recorded_commit(to)).transpose()?;
    let in_progress = match &lock {
        Some(lock) => settle_cut_off(args, context, &project, lock, out)?,
        None => None,
    };
    let release = context.releases(&project).load()?;
    let way = Way::back(&release, named)?;
    let rollback = Rollback {
        from: way.bad.as_ref().map(ToString::to_string),
        why: args.reason.clone(),
        was_live: release.has_been_live(&way.good)
            || context.audit().has_been_live(&project.repo, &way.good)?,
    };
    let question = Question {
        has_command: !args.command.is_empty(),
        rollback: Some(rollback),
        lock_is_ours: lock.is_some(),
        in_progress,
        ..Question::default()
    };
    let facts = gather(context, &project, &way.good, &question, context.now())?;
    let changed = facts.changes.list.len();
    let decision = decide(&facts, project.governor.policy());
    let view = DecisionView::new("govctl.rollback/1", decision, changed, Detail::Brief);
    let mut report = Report { deploy: deploy_report::Report::of(view), rolled_back: None };

    let view = &report.deploy.view;
    let goes_back = view.allows() && view.decision.reason != Reason::AlreadyDeployed;
    let Some(lock) = lock.filter(|_| goes_back) else {
        let exit = report.deploy.not_attempted(&way.good, args.dry_run);
        report.deploy.tell(context, &project, hub.as_ref(), &way.good, out);
        out.announce(&report)?;
        out.report(&report)?;
        return Ok(exit);
    };
    if !args.no_wait {
        out.say(&report.deploy.view)?;
    }
    // Used wrongly, nothing is taken back.
    let health = args.health.check(context, way.good.as_str())?;
    way.remember_bad(args.reason.as_deref(), context, &project, &release)?;
    report.rolled_back = way.bad.clone();
    let again = facts.order();
    let order = Order {
        argv: &args.command,
        timeout: args.timeout,
        again: again.as_deref(),
        event: None,
        breaking: Breaking::PassedBy,
        health: health.as_ref(),
        hub: hub.as_ref().map(|hub| (hub, if args.no_wait { Duration::ZERO } else { WATCH })),
    };
    let exit = carry_out(&order, context, &project, &way.good, &lock, &mut report.deploy, out);
    report.deploy.note_unknown(&exit);
    lock.release();
    report.deploy.tell(context, &project, hub.as_ref(), &way.good, out);
    let exit = exit.inspect_err(|_| report.say_taken_back(out))?;
    out.report_done(&report);
    out.announce_done(&report);
    Ok(exit)
}

/// Where the workflow is dispatched.
fn hub(context: &Context, project: &Project) -> Result<Hub, CliError> {
    context.hub(project)?.ok_or_else(|| {
        let message = "no command to deploy the last good commit with, and no GitHub to dispatch \
                       a workflow at";
        CliError::usage(message)
            .hint("govctl rollback -- ./deploy.sh")
            .hint("to dispatch: set GITHUB_TOKEN, and --repo OWNER/NAME if there is no remote")
    })
}

/// A deploy that was cut off and provably never started must not stand in the way back. Returns
/// one that goes on at GitHub.
fn settle_cut_off(
    args: &RollbackArgs,
    context: &Context,
    project: &Project,
    lock: &LockGuard,
    out: &Output,
) -> Result<Option<InProgress>, CliError> {
    let mut in_progress = None;
    let release = context.releases(project).load()?;
    for cut_off in release.unknown() {
        let health = args.health.check(context, cut_off.as_str())?;
        let settled = settle::settle(context, project, cut_off, health.as_ref(), lock, out)?;
        in_progress = in_progress.or_else(|| settled.at_github(cut_off));
    }
    Ok(in_progress)
}

/// From which commit to which.
struct Way {
    bad: Option<Sha>,
    good: Sha,
}

impl Way {
    fn back(release: &ReleaseState, named: Option<Sha>) -> Result<Way, CliError> {
        let bad = release.bad().cloned();
        let good = named.or_else(|| release.last_good(bad.as_ref()?).cloned());
        let Some(good) = good else {
            let message = match &bad {
                Some(bad) => {
                    format!("no commit on record is good to go back to from {}", bad.short())
                }
                None => "nothing was ever deployed, so there is nothing to go back from".to_owned(),
            };
            return Err(CliError::new(Kind::Refused, message)
                .hint("govctl history")
                .hint("govctl rollback --to SHA -- COMMAND"));
        };
        // What is named may be what failed last, or what is live and well.
        let bad = bad.filter(|bad| *bad != good);
        Ok(Way { bad, good })
    }

    /// From here on the bad commit is held, however the way back ends.
    fn remember_bad(
        &self,
        reason: Option<&str>,
        context: &Context,
        project: &Project,
        release: &ReleaseState,
    ) -> Result<(), CliError> {
        let Some(bad) = &self.bad else { return Ok(()) };
        let now = context.now();
        let mut entry = NewEntry::new(now.into(), context.who(), "rolled_back")
            .about(&project.repo, bad)
            .changing(
                json!({ "production_sha_current": release.production_sha_current }),
                json!({ "to": self.good }),
            );
        entry.why = reason.map(str::to_owned);
        let releases = context.releases(project);
        context.audit().change(&entry, || releases.take_back(bad, reason, now.into()))?;
        Ok(())
    }
}

/// The decision, and what came of it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    #[serde(flatten)]
    deploy: deploy_report::Report,
    /// The commit that was taken back and is held from now on; `null` if none was.
    rolled_back: Option<Sha>,
}

impl Report {
    /// Beside an error, which takes the place of the report.
    fn say_taken_back(&self, out: &Output) {
        if let Some(bad) = &self.rolled_back {
            let bad = bad.short();
            out.note(&format!("note: {bad} is taken back, and held until somebody approves it"));
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(bad) = &self.rolled_back {
            let bad = bad.short();
            writeln!(f, "{BAD}TAKEN BACK{BAD:#}  {bad}, which is held until somebody approves it")?;
        }
        self.deploy.fmt(f)
    }
}
