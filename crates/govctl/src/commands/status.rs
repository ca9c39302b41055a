//! `govctl status`

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use booty_state::{DeployResult, Moment, ReleaseState, Sha};
use circuit_breaker::CircuitState;
use clap::Args;
use flock_guard::Holder;
use release_policy::{Freeze, InProgress};
use serde::Serialize;

use crate::{
    breaker::Breaker,
    context::{Context, rfc3339},
    exit::{CliError, Exit},
    facts::{Question, release_and_progress},
    freezes,
    output::{BAD, GOOD, Output, clean},
    project::Project,
    view::short,
};

/// Show what is live, the last attempt, the limits, and who holds the lock
///
/// Exits 0 also when the governor is disabled or nothing was ever deployed.
#[derive(Args, Debug)]
pub(crate) struct StatusArgs {}

pub(crate) fn run(_: &StatusArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let project = Project::open(context, out)?;
    out.report(&Report::of(context, &project)?)?;
    Ok(Exit::Yes)
}

/// The state of a project, as `status` and the commands that change it show it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Report {
    schema: &'static str,
    /// Whether deploys are governed.
    #[cfg_attr(test, schemars(extend("enum" = ["enabled", "disabled"])))]
    governor: &'static str,
    /// The repository, as `owner/name`.
    repo: String,
    /// The environment that is deployed to.
    environment: String,
    /// Where all of this is on record.
    state_dir: String,
    /// What is live.
    production_sha_current: Option<Sha>,
    /// What was live before that.
    production_sha_previous: Option<Sha>,
    /// What was last started or heard of.
    last_deploy_attempt_sha: Option<Sha>,
    /// When that was.
    last_deploy_time: Option<Moment>,
    /// How it ended; `pending` if nothing was attempted.
    last_deploy_result: DeployResult,
    /// When the health of production was last checked.
    last_health_check: Option<Moment>,
    /// The breaker around deploys.
    breaker: Around,
    /// How many deploys started in the last hour.
    rate: Rate,
    /// The lock that a deploy holds to its end.
    lock: Lock,
    /// The freeze that is in force, if one is.
    freeze: Option<Frozen>,
    /// Commits whose deploy was cut off, so that nobody knows how it ended.
    unknown: Vec<Sha>,
    /// The deploy that runs now, also one whose `govctl` is gone while its command goes on.
    in_progress: Option<Running>,
}

/// The breaker around deploys.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Around {
    /// Its name, for `breaker status`.
    name: String,
    /// Whether it lets deploys through.
    state: CircuitState,
    /// Failures since the last success; 0 if it is not closed.
    failure_count: u32,
    /// Failures in a row that open it.
    threshold: u32,
    /// When it will let a trial through, if it is open.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    retry_at: Option<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Rate {
    /// How many there were.
    used: usize,
    /// How many there may be.
    limit: u32,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Lock {
    /// Whether somebody holds it.
    held: bool,
    /// Who holds it now; who held it last is of no interest to people.
    holder: Option<Holder>,
}

/// A deploy that runs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Running {
    /// Its commit.
    sha: String,
    /// Who runs it, in words: a process, or a workflow.
    by: String,
}

/// A freeze in force.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct Frozen {
    /// Why nothing goes out.
    reason: String,
    /// When something may again; `null` if it has to be ended by hand.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    until: Option<String>,
    /// The numbers of the freezes that make it up, for `freeze end`.
    ids: Vec<String>,
}

impl From<InProgress> for Running {
    fn from(InProgress { sha, holder }: InProgress) -> Running {
        Running { sha, by: holder }
    }
}

impl From<Freeze> for Frozen {
    fn from(freeze: Freeze) -> Frozen {
        let Freeze { reason, until, ids, .. } = freeze;
        Frozen { reason, until: until.map(rfc3339), ids }
    }
}

impl Report {
    pub(super) fn of(context: &Context, project: &Project) -> Result<Report, CliError> {
        let lock = context.deploy_lock_status(project.environment())?;
        let (release, in_progress) = release_and_progress(context, project, &Question::default())?;
        let unknown = if in_progress.is_some() {
            Vec::new()
        } else {
            release.unknown().into_iter().cloned().collect()
        };
        Ok(Report {
            schema: "govctl.status/1",
            governor: if project.governor.is_enabled() { "enabled" } else { "disabled" },
            repo: project.repo.to_string(),
            environment: project.environment().to_owned(),
            state_dir: context.state_dir.display().to_string(),
            rate: Rate {
                used: deploys_of_the_last_hour(&release, context.now()),
                limit: project.governor.policy().max_deploys_per_hour.get(),
            },
            lock: Lock { held: lock.held, holder: lock.holder.filter(|_| lock.held) },
            breaker: Around::of(context, project)?,
            freeze: freezes::in_force(context, context.now())?.map(Frozen::from),
            unknown,
            in_progress: in_progress.map(Running::from),
            production_sha_current: release.production_sha_current,
            production_sha_previous: release.production_sha_previous,
            last_deploy_attempt_sha: release.last_deploy_attempt_sha,
            last_deploy_time: release.last_deploy_time,
            last_deploy_result: release.last_deploy_result,
            last_health_check: release.last_health_check,
        })
    }
}

impl Around {
    fn of(context: &Context, project: &Project) -> Result<Around, CliError> {
        let now = context.now();
        let breaker = Breaker::of_deploys(context, project.environment())?;
        let machine = breaker.load(now)?;
        let state = machine.state(now);
        let retry_at = machine.retry_at(now).filter(|_| state == CircuitState::Open);
        Ok(Around {
            name: breaker.name.to_string(),
            state,
            failure_count: machine.failures(),
            threshold: breaker.threshold,
            retry_at: retry_at.map(rfc3339),
        })
    }
}

impl fmt::Display for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.state, &self.retry_at) {
            (CircuitState::Closed, _) => {
                write!(f, "closed, {} of {} failures", self.failure_count, self.threshold)
            }
            (_, Some(retry_at)) => write!(f, "{BAD}open{BAD:#} until {retry_at}"),
            (_, None) => write!(f, "{BAD}half open{BAD:#}, the next deploy is a trial"),
        }
    }
}

fn deploys_of_the_last_hour(release: &ReleaseState, now: SystemTime) -> usize {
    let hour_ago = now.checked_sub(Duration::from_secs(3600)).unwrap_or(SystemTime::UNIX_EPOCH);
    release.deploys_since(hour_ago.into())
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = |f: &mut fmt::Formatter<'_>, name: &str, value: &dyn fmt::Display| {
            writeln!(f, "  {name:<14} {value}")
        };
        writeln!(
            f,
            "{}  {}  governor {}\n",
            clean(&self.repo),
            clean(&self.environment),
            self.governor
        )?;
        let sha = |sha: &Option<Sha>| sha.as_ref().map_or("none", |sha| sha.short()).to_owned();
        row(f, "live", &format_args!("{GOOD}{}{GOOD:#}", sha(&self.production_sha_current)))?;
        row(f, "before that", &sha(&self.production_sha_previous))?;
        match (&self.last_deploy_attempt_sha, &self.last_deploy_time) {
            (Some(last), Some(time)) => {
                let result = &self.last_deploy_result;
                row(f, "last attempt", &format_args!("{}  {result}  {time}", last.short()))?;
            }
            _ => row(f, "last attempt", &"none")?,
        }
        if let Some(time) = &self.last_health_check {
            row(f, "health check", time)?;
        }
        row(
            f,
            "rate",
            &format_args!("{} of {} in the last hour", self.rate.used, self.rate.limit),
        )?;
        row(f, "breaker", &self.breaker)?;
        if let Some(freeze) = &self.freeze {
            let until = freeze.until.as_deref().unwrap_or("it is ended");
            let reason = clean(&freeze.reason);
            row(f, "freeze", &format_args!("{BAD}in force{BAD:#} until {until}: {reason}"))?;
        }
        match (&self.lock.holder, self.lock.held) {
            (Some(holder), _) => {
                row(f, "lock", &format_args!("held by {}", clean(&holder.to_string())))?
            }
            (None, true) => row(f, "lock", &"held by somebody who left no name")?,
            (None, false) => row(f, "lock", &"free")?,
        }
        if let Some(running) = &self.in_progress {
            row(f, "running", &format_args!("{}  by {}", short(&running.sha), clean(&running.by)))?;
        }
        row(f, "state", &clean(&self.state_dir))?;
        for sha in &self.unknown {
            writeln!(
                f,
                "\n{BAD}UNKNOWN{BAD:#}  the deploy of {} was cut off and nobody has said how it ended",
                sha.short()
            )?;
            writeln!(f, "  to settle what can be proven, as by GitHub how its run ended:")?;
            writeln!(f, "  govctl resolve {sha}")?;
            writeln!(f, "  else look at production, then say what you saw, one of:")?;
            for word in ["success", "failure"] {
                writeln!(f, "  govctl resolve {sha} --as {word} --reason \"...\"")?;
            }
        }
        Ok(())
    }
}
