//! Gathers what a decision needs from state, git and environment. Deciding is not done here.

use std::{
    thread,
    time::{Duration, Instant, SystemTime},
};

use booty_state::{DeliveryKey, Deploy, DeployResult, LastDeploy, ReleaseState, Sha};
use circuit_breaker::CircuitState;
use release_policy::{
    Changes, Delivery, Descent, Facts, HandledOutcome, InProgress, LastAttempt, Rollback,
    RolledBack, Verification,
};

use crate::{
    approved, breaker::Breaker, context::Context, evidence::Evidence, exit::CliError, freezes,
    github::asked, project::Project,
};

/// What is asked about, and what the person said about it.
#[derive(Debug, Default)]
pub(crate) struct Question {
    /// Compare with this commit instead of the one that is live.
    pub(crate) base: Option<Sha>,
    /// Take these paths as the changes instead of asking git.
    pub(crate) paths: Option<Changes>,
    /// A command to run was given.
    pub(crate) has_command: bool,
    /// A person's order to deploy the commit once more, with the reason.
    pub(crate) redeploy: Option<String>,
    /// A person's order to go back to the commit.
    pub(crate) rollback: Option<Rollback>,
    /// A person says that production is degraded.
    pub(crate) degraded: bool,
    /// The deploy lock is ours, so no deploy can be running elsewhere.
    pub(crate) lock_is_ours: bool,
    /// A deploy that goes on where this machine does not see it.
    pub(crate) in_progress: Option<InProgress>,
    /// Give the program that writes security overrides its time.
    pub(crate) wait_for_override: bool,
}

/// Gathers everything that is known about deploying `sha` at `now`.
pub(crate) fn gather(
    context: &Context,
    project: &Project,
    sha: &Sha,
    question: &Question,
    now: SystemTime,
) -> Result<Facts, CliError> {
    let (release, in_progress) = release_and_progress(context, project, question)?;
    let live = release.production_sha_current.clone().or(release.production_sha_previous.clone());
    let base = question.base.clone().or_else(|| live.clone());
    let deploys_configured =
        question.has_command || project.governor.policy().has_deploy_workflow();
    // Going back needs no comparison, and must be possible while nobody answers.
    let looks = question.paths.is_none() && question.rollback.is_none();
    let elsewhere = looks.then(|| asked::comparison(context, project, base.as_ref(), sha));
    let elsewhere = elsewhere.transpose()?.flatten();
    let breaker = breaker(context, project, now)?;
    Ok(Facts {
        repo: project.repo.to_string(),
        environment: project.environment().to_owned(),
        governor: project.governor.switch(),
        deploy_configured: deploys_configured,
        first_deploy: release.production_sha_current.is_none(),
        base_live_since: live_since(&release, base.as_ref()),
        changes: match &elsewhere {
            Some(comparison) => comparison.changes.clone(),
            None => changes(project, base.as_ref(), sha, question)?,
        },
        security_override: security_override(context, project, sha, question, now)?,
        approvals: approved::approvals(context, project, sha, now)?,
        degraded: degraded(&release, question, &breaker),
        verification: verification(context, project, sha)?,
        last_attempt: last_attempt(&release, sha),
        recent_deploys: release.deploy_times().into_iter().map(SystemTime::from).collect(),
        delivery: delivery(context, project, &release, sha)?,
        descent: match elsewhere {
            // As below: a base of the caller's and an order say nothing about what is live.
            Some(found) if question.base.is_none() && question.redeploy.is_none() => found.descent,
            _ => descent(project, live.as_ref(), sha, question)?,
        },
        redeploy: question.redeploy.clone(),
        rolled_back: rolled_back(&release, sha),
        rollback: question.rollback.clone(),
        // While a deploy runs its own entry is pending, and that is no mystery.
        unknown: match &in_progress {
            Some(_) => Vec::new(),
            None => release.unknown().into_iter().map(|sha| sha.to_string()).collect(),
        },
        in_progress,
        breaker,
        freeze: freezes::in_force(context, now)?,
        base: base.map(|base| base.to_string()),
        ..Facts::new(sha.to_string(), now)
    })
}

/// The release state, and the deploy that runs now.
///
/// A pending deploy is running if its lock is held, and cut off if it is not. The lock is
/// looked at first: a deploy that ends in between has recorded its outcome by then.
pub(crate) fn release_and_progress(
    context: &Context,
    project: &Project,
    question: &Question,
) -> Result<(ReleaseState, Option<InProgress>), CliError> {
    let release = context.releases(project).load()?;
    if release.unknown().is_empty() {
        return Ok((release, question.in_progress.clone()));
    }
    if !question.lock_is_ours {
        let status = context.deploy_lock_status(project.environment())?;
        if status.held {
            let holder = status.holder.map_or_else(
                || "somebody who left no name".to_owned(),
                |holder| format!("pid {} on {}", holder.pid, holder.hostname),
            );
            let sha = release.unknown().first().map(ToString::to_string);
            return Ok((release, sha.map(|sha| InProgress { sha, holder })));
        }
    }
    let release = context.releases(project).load()?;
    let running = orphan(context, project, &release).or_else(|| question.in_progress.clone());
    Ok((release, running))
}

/// The deploy whose command runs on although its govctl is gone. Where that cannot be seen its
/// outcome is unknown, which holds as well.
fn orphan(context: &Context, project: &Project, release: &ReleaseState) -> Option<InProgress> {
    release.unknown().into_iter().find_map(|sha| {
        let Ok(Evidence::Running(command)) = Evidence::of(context, project, sha) else {
            return None;
        };
        let holder = format!(
            "pid {} on {}, whose govctl is gone; to stop it: govctl resolve {sha} --stop",
            command.pid, command.hostname
        );
        Some(InProgress { sha: sha.to_string(), holder })
    })
}

/// What `govctl verify` has found about `sha`.
fn verification(context: &Context, project: &Project, sha: &Sha) -> Result<Verification, CliError> {
    Ok(match context.verifications().find(&project.repo, sha)? {
        None => Verification::NotRun,
        Some(found) if found.passed => Verification::Passed,
        Some(found) => Verification::Failed {
            what: found.failed.unwrap_or_else(|| "nobody said what".to_owned()),
        },
    })
}

/// Why production is degraded, if it is, with everything that says so.
fn degraded(
    release: &ReleaseState,
    question: &Question,
    breaker: &release_policy::Breaker,
) -> Option<String> {
    let mut why = Vec::new();
    if question.degraded {
        why.push("the caller says so".to_owned());
    }
    let unhealthy = release.production_healthy == Some(false);
    why.extend(
        release
            .last_health_check
            .filter(|_| unhealthy)
            .map(|at| format!("the health check of {at} failed")),
    );
    match breaker {
        release_policy::Breaker::Open { .. } => {
            why.push("too many deploys failed in a row".to_owned());
        }
        release_policy::Breaker::HalfOpen => {
            let trial = "too many deploys failed in a row, and no trial has gone well since";
            why.push(trial.to_owned());
        }
        release_policy::Breaker::Closed { .. } | release_policy::Breaker::Unused => {}
    }
    (!why.is_empty()).then(|| why.join("; "))
}

/// The breaker around deploys to this environment.
fn breaker(
    context: &Context,
    project: &Project,
    now: SystemTime,
) -> Result<release_policy::Breaker, CliError> {
    let breaker = Breaker::of_deploys(context, project.environment())?;
    let machine = breaker.load(now)?;
    Ok(match (machine.state(now), machine.retry_at(now)) {
        (CircuitState::Open, Some(retry_at)) => release_policy::Breaker::Open { retry_at },
        (CircuitState::Closed, _) => release_policy::Breaker::Closed {
            failures: machine.failures(),
            threshold: breaker.threshold,
        },
        _ => release_policy::Breaker::HalfOpen,
    })
}

/// That `sha` was taken back, and nobody has deployed it since.
fn rolled_back(release: &ReleaseState, sha: &Sha) -> Option<RolledBack> {
    let mark = release.rolled_back_mark(sha)?;
    Some(RolledBack { at: mark.time_iso8601.into(), why: mark.reason.clone() })
}

fn live_since(release: &ReleaseState, base: Option<&Sha>) -> Option<SystemTime> {
    let base = base?;
    let deployed = |deploy: &&Deploy| deploy.sha == *base && deploy.result == DeployResult::Success;
    release.deploy_history.iter().rev().find(deployed).map(|deploy| deploy.time_iso8601.into())
}

fn changes(
    project: &Project,
    base: Option<&Sha>,
    sha: &Sha,
    question: &Question,
) -> Result<Changes, CliError> {
    if let Some(paths) = &question.paths {
        return Ok(paths.clone());
    }
    // With nothing live there is nothing to compare with; the first deploy has its own rule.
    let Some(base) = base.filter(|base| *base != sha) else { return Ok(Changes::complete([])) };
    if !project.has_git {
        // Whoever approves it answers for what nobody could look at.
        let why = format!(
            "the workspace is not a git work tree, so nothing says what changed since {}",
            base.short()
        );
        return Ok(Changes::truncated([], why));
    }
    match project.git.changes(base, sha) {
        // Going back needs no comparison, and must be possible where git has lost a commit.
        Err(error) if question.rollback.is_some() => Ok(Changes::truncated([], error.message)),
        compared => compared,
    }
}

/// Whether `sha` contains what is live. An order to deploy it once more is also the way back
/// to an older commit.
fn descent(
    project: &Project,
    live: Option<&Sha>,
    sha: &Sha,
    question: &Question,
) -> Result<Descent, CliError> {
    let is_ordered = question.redeploy.is_some() || question.rollback.is_some();
    let elsewhere = question.base.is_some() || question.paths.is_some() || is_ordered;
    let Some(live) = live.filter(|live| project.has_git && !elsewhere && *live != sha) else {
        return Ok(Descent::NotLookedAt);
    };
    Ok(if project.git.contains(live, sha)? {
        Descent::Contains
    } else {
        Descent::Lacks { why: format!("does not contain {}, which is live", live.short()) }
    })
}

/// What was done for `sha` before, by the newest word about it: what is live may be half
/// replaced by a redeploy of it. What the release state has forgotten the audit log has not.
pub(crate) fn delivery(
    context: &Context,
    project: &Project,
    release: &ReleaseState,
    sha: &Sha,
) -> Result<Delivery, CliError> {
    let key = DeliveryKey::of(&project.repo, sha);
    let handled_by = match context.deliveries().find(&key)? {
        Some(id) => Some(id),
        // A claim that has left the cache is one all the same.
        None => context.audit().claimed_by(&key)?,
    };
    let last = match release.newest_result_of(sha) {
        Some(DeployResult::Pending) => Some(LastDeploy::Open),
        Some(result) => Some(LastDeploy::Ended(result.clone())),
        None => context.audit().last_deploy_of(&project.repo, sha)?,
    };
    let delivery_id = handled_by.clone().unwrap_or_else(|| "that is not on record".to_owned());
    let outcome = match last {
        Some(LastDeploy::Ended(DeployResult::Success)) | None if release.is_live(sha) => {
            return Ok(Delivery::Live { delivery_id });
        }
        Some(LastDeploy::Ended(DeployResult::Success)) => HandledOutcome::Succeeded,
        Some(LastDeploy::Ended(_)) => HandledOutcome::Failed,
        Some(LastDeploy::Open) => HandledOutcome::NoRecord,
        None if handled_by.is_some() => HandledOutcome::NoRecord,
        None => return Ok(Delivery::New),
    };
    Ok(Delivery::Handled { delivery_id, outcome })
}

/// The last failure of `sha`, or else the last attempt: a failure of another commit in
/// between must not end the cooldown of this one.
fn last_attempt(release: &ReleaseState, sha: &Sha) -> Option<LastAttempt> {
    let failed =
        |result: &DeployResult| !matches!(result, DeployResult::Success | DeployResult::Pending);
    let own_failure = |deploy: &&Deploy| deploy.sha == *sha && failed(&deploy.result);
    if let Some(deploy) = release.deploy_history.iter().rev().find(own_failure) {
        let at = deploy.time_iso8601.into();
        return Some(LastAttempt { sha: sha.to_string(), failed: true, at });
    }
    Some(LastAttempt {
        sha: release.last_deploy_attempt_sha.as_ref()?.to_string(),
        failed: failed(&release.last_deploy_result),
        at: release.last_deploy_time?.into(),
    })
}

fn security_override(
    context: &Context,
    project: &Project,
    sha: &Sha,
    question: &Question,
    now: SystemTime,
) -> Result<Option<String>, CliError> {
    let overrides = context.overrides();
    let patience =
        if question.wait_for_override { override_patience(context)? } else { Duration::ZERO };
    let started = Instant::now();
    loop {
        if let Some(found) = overrides.find(&project.repo, sha, now.into())? {
            return Ok(Some(found.to_string()));
        }
        let left = patience.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Ok(None);
        }
        thread::sleep(left.min(Duration::from_secs(1)));
    }
}

/// How long a deploy waits for a security override to appear; not at all unless told to.
fn override_patience(context: &Context) -> Result<Duration, CliError> {
    const NAME: &str = "RELEASE_GOVERNOR_OVERRIDE_POLL_SEC";
    let Some(value) = context.variable(NAME)? else { return Ok(Duration::ZERO) };
    let seconds = value.trim().parse().ok().filter(|seconds| *seconds <= 3600);
    seconds.map(Duration::from_secs).ok_or_else(|| {
        CliError::usage(format!(
            "`{NAME}` is `{value}`, but must be a number of seconds from 0 to 3600"
        ))
    })
}
