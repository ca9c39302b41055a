//! `govctl deploy`, also `govctl trigger`

use std::{ffi::OsString, time::Duration};

use booty_state::{DeliveryId, Sha};
use clap::{Args, FromArgMatches};
use flock_guard::LockGuard;
use release_policy::{Reason, decide};

use crate::{
    approved::warn_of_blanket_approval,
    attempt::{self, Attempt, Breaking, Outcome},
    commands::deploy_report::Report,
    context::Context,
    dispatch, duration,
    exit::{CliError, Exit},
    facts::{Question, gather},
    github::hub::Hub,
    health::Check,
    health_args::HealthArgs,
    output::Output,
    project::Project,
    reason, settle,
    view::{DecisionView, Detail},
};

/// Deploy a commit at most once: decide, claim it, run the command, record how it ended
///
/// The command runs with DEPLOY_SHA, DEPLOY_REPO, DEPLOY_ENVIRONMENT, DEPLOY_PREVIOUS_SHA and
/// GOVCTL_FENCE in its environment, in the workspace, as a process group of its own.
///
/// Without a command, and with GITHUB_TOKEN, it dispatches the deploy workflow of the policy with
/// the commit as its input `sha`, and watches its run to the end: --timeout says how long, and
/// --no-wait not at all. Who has not seen the end exits 6; `govctl resolve SHA` asks GitHub.
///
/// 5 failed deploys in a row open the breaker deploy-ENVIRONMENT, which holds the others for 10
/// minutes; then one goes out as a trial, and that decides.
///
/// With an address to check, a deploy is a success once that answers well, also one by a workflow
/// whose run ended well. A failed check makes production degraded until the next one.
///
/// Exits 0 when it was deployed or is live already, 1 for HOLD, 4 when the command or the health
/// check failed, 5 when another deploy holds the lock, 6 when nobody knows how an earlier attempt ended: then
/// look at production and say so with `govctl resolve`.
#[derive(Args, Debug)]
pub(crate) struct DeployArgs {
    /// The commit, in any form that git understands
    sha: String,
    /// Only decide: claim nothing, run nothing
    #[arg(long)]
    dry_run: bool,
    /// Stop the command after this long: TERM to its group, after 10 s KILL. A workflow's run is
    /// watched for this long [default there: 30m]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    timeout: Option<Duration>,
    /// Do not watch the run of a workflow that was dispatched
    #[arg(long, conflicts_with_all = ["command", "timeout"])]
    no_wait: bool,
    /// Start the command once more for a commit that was handled before
    #[arg(long, requires = "reason")]
    redeploy: bool,
    /// Why; goes into the audit log
    #[arg(long, value_name = "TEXT", value_parser = reason::parse)]
    reason: Option<String>,
    /// Decide as if production were degraded
    #[arg(long)]
    degraded: bool,
    #[command(flatten)]
    health: HealthArgs,
    /// The command that deploys, and its arguments
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

pub(crate) fn run(args: &DeployArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let project = Project::open(context, out)?;
    let sha = project.commit(&args.sha)?;
    let hub = match args.command.is_empty() && !args.dry_run {
        true => Some(dispatch::hub(context, &project, &sha)?),
        false => None,
    };
    let (report, exit) = decided_and_done(args, context, &project, &sha, hub.as_ref(), None, out)?;
    if report.delivery_id.is_none() {
        // Nothing was tried, so an answer that cannot be given is no answer.
        out.announce(&report)?;
        out.report(&report)?;
        return Ok(exit);
    }
    out.report_done(&report);
    out.announce_done(&report);
    Ok(exit)
}

/// Deploys by dispatch on behalf of an `event`, which the audit log names: nobody watches, another
/// event tells the end.
pub(super) fn unwatched(
    context: &Context,
    project: &Project,
    sha: &Sha,
    hub: &Hub,
    event: &str,
    out: &Output,
) -> Result<(Report, Exit), CliError> {
    // As a person would type it, so that every default is the same.
    let command = DeployArgs::augment_args(clap::Command::new("deploy")).no_binary_name(true);
    let args = command
        .try_get_matches_from(["--no-wait", sha.as_str()])
        .and_then(|matches| DeployArgs::from_arg_matches(&matches))
        .map_err(|error| CliError::broken("cannot ask for a deploy").because(&error))?;
    decided_and_done(&args, context, project, sha, Some(hub), Some(event), out)
}

/// Decides, acts if that may go out, and tells GitHub if that is where it is deployed.
fn decided_and_done(
    args: &DeployArgs,
    context: &Context,
    project: &Project,
    sha: &Sha,
    hub: Option<&Hub>,
    event: Option<&str>,
    out: &Output,
) -> Result<(Report, Exit), CliError> {
    // Held until the result is recorded. A dry run changes nothing and so needs no lock.
    let lock = if args.dry_run { None } else { Some(attempt::lock(context, project, out)?) };
    let mut in_progress = None;
    if let Some(lock) = &lock {
        for cut_off in settle::unknown(context, project, sha)? {
            let health = args.health.check(context, cut_off.as_str())?;
            let settled = settle::settle(context, project, &cut_off, health.as_ref(), lock, out)?;
            in_progress = in_progress.or_else(|| settled.at_github(&cut_off));
        }
    }
    let question = Question {
        has_command: !args.command.is_empty(),
        redeploy: args.reason.clone().filter(|_| args.redeploy),
        degraded: args.degraded,
        lock_is_ours: lock.is_some(),
        in_progress,
        wait_for_override: !args.dry_run,
        ..Question::default()
    };
    let (view, again) = decision(&question, context, project, sha, out)?;
    let mut report = Report::of(view);

    let reason = report.view.decision.reason;
    let goes_out = report.view.allows() && reason != Reason::AlreadyDeployed;
    let Some(lock) = lock.filter(|_| goes_out) else {
        let exit = report.not_attempted(sha, args.dry_run);
        report.tell(context, project, hub, sha, out);
        return Ok((report, exit));
    };
    if !args.no_wait {
        out.say(&report.view)?;
    }
    let health = args.health.check(context, sha.as_str())?;
    let order = Order {
        argv: &args.command,
        timeout: args.timeout,
        again: again.as_deref(),
        event,
        breaking: Breaking::Asked,
        health: health.as_ref(),
        hub: hub.map(|hub| (hub, if args.no_wait { Duration::ZERO } else { WATCH })),
    };
    let exit = carry_out(&order, context, project, sha, &lock, &mut report, out);
    report.note_unknown(&exit);
    // Whoever waits for the lock need not wait for what GitHub is told.
    lock.release();
    report.tell(context, project, hub, sha, out);
    Ok((report, exit?))
}

/// How long the run of a workflow is watched unless the caller says otherwise.
pub(super) const WATCH: Duration = Duration::from_secs(30 * 60);

fn decision(
    question: &Question,
    context: &Context,
    project: &Project,
    sha: &Sha,
    out: &Output,
) -> Result<(DecisionView, Option<String>), CliError> {
    let facts = gather(context, project, sha, question, context.now())?;
    let changed = facts.changes.list.len();
    let decision = decide(&facts, project.governor.policy());
    warn_of_blanket_approval(&facts, &decision, out);
    let view = DecisionView::new("govctl.deploy/1", decision, changed, Detail::Brief);
    Ok((view, facts.order()))
}

/// What is to be run, and what was ordered about it.
#[derive(Debug)]
pub(super) struct Order<'a> {
    pub(super) argv: &'a [OsString],
    pub(super) timeout: Option<Duration>,
    /// The order of a person to start the commit although it was handled before.
    pub(super) again: Option<&'a str>,
    /// The event that it is for.
    pub(super) event: Option<&'a str>,
    pub(super) breaking: Breaking,
    /// What has to be well afterwards.
    pub(super) health: Option<&'a Check>,
    /// Where a workflow is dispatched instead of the command, and how long its run is watched.
    pub(super) hub: Option<(&'a Hub, Duration)>,
}

/// Makes the attempt that was decided on, and puts what came of it into the report.
pub(super) fn carry_out(
    order: &Order<'_>,
    context: &Context,
    project: &Project,
    sha: &Sha,
    lock: &LockGuard,
    report: &mut Report,
    out: &Output,
) -> Result<Exit, CliError> {
    let delivery_id: DeliveryId = format!("govctl-{}", lock.token())
        .parse()
        .map_err(|error| CliError::broken("cannot make a delivery id").because(&error))?;
    let attempt = Attempt {
        context,
        project,
        sha,
        redeploy: order.again,
        event: order.event,
        delivery_id,
        lock,
        breaking: order.breaking,
        health: order.health,
    };
    report.delivery_id = Some(attempt.delivery_id.to_string());
    if let Some((hub, patience)) = order.hub {
        let outcome = attempt.dispatch(hub, order.timeout.unwrap_or(patience), out)?;
        return Ok(report.dispatched(outcome));
    }
    match attempt.run(order.argv, order.timeout, out)? {
        Outcome::LostTo(by) => {
            report.delivery_id = Some(by);
            Ok(Exit::No)
        }
        Outcome::NotStarted { signal } => Ok(Exit::Signal(signal)),
        Outcome::Ran(ran) => Ok(report.ran(ran)),
    }
}
