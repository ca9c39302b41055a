//! `govctl wait`

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime},
};

use booty_state::{DeployResult, Sha};
use clap::{Args, ValueEnum};
use release_policy::decide;

use crate::{
    commands::status,
    context::Context,
    duration,
    exit::{CliError, Exit},
    facts::{Question, gather},
    output::Output,
    project::Project,
};

/// Wait until a commit may go out, is live, or is live and well
///
/// Exits 0 once it is so, 1 if it is not within --timeout, and 4 as soon as the last deploy of a
/// commit that is to be live has failed, also if that was before.
#[derive(Args, Debug)]
pub(crate) struct WaitArgs {
    /// The commit, in any form that git understands
    sha: String,
    /// What to wait for
    #[arg(long = "for", value_name = "WHAT", default_value = "deployed")]
    wait_for: Wanted,
    /// How long to wait
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, default_value = "30m")]
    timeout: Duration,
}

/// What can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wanted {
    /// `check` would say ALLOW.
    Allow,
    /// It is live.
    Deployed,
    /// It is live, and the last health check on record found it well.
    Healthy,
}

/// What a look has shown.
enum Seen {
    Yes,
    Failed,
    /// Not yet. It can change by itself then.
    NotYet {
        retry_at: Option<SystemTime>,
    },
}

/// How often it is looked whether anything has changed.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// After this long everything is looked at again, changed or not: commits and variables are no
/// files of the state.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

pub(crate) fn run(args: &WaitArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let project = Project::open(context, out)?;
    let sha = project.recorded_commit(&args.sha)?;
    let deadline = Instant::now().checked_add(args.timeout);
    let exit = loop {
        // Before the look: what changes meanwhile is a reason for the next one.
        let before = files(&context.state_dir);
        let looked = Instant::now();
        let retry_at = match look(args.wait_for, context, &project, &sha)? {
            Seen::Yes => break Exit::Yes,
            Seen::Failed => break Exit::Failed,
            Seen::NotYet { retry_at } => retry_at,
        };
        let is_over = || deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let is_due = || {
            retry_at.is_some_and(|at| context.now() >= at)
                || looked.elapsed() >= AGAIN_AFTER
                || files(&context.state_dir) != before
        };
        while !is_over() {
            let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
            thread::sleep(left.unwrap_or(LOOK_EVERY).min(LOOK_EVERY));
            if is_due() {
                break;
            }
        }
        if is_over() {
            break Exit::No;
        }
    };
    out.report(&status::Report::of(context, &project)?)?;
    Ok(exit)
}

fn look(wanted: Wanted, context: &Context, project: &Project, sha: &Sha) -> Result<Seen, CliError> {
    if wanted == Wanted::Allow {
        let facts = gather(context, project, sha, &Question::default(), context.now())?;
        let decision = decide(&facts, project.governor.policy());
        let allows = decision.outcome == release_policy::Outcome::Allow;
        return Ok(if allows { Seen::Yes } else { Seen::NotYet { retry_at: decision.retry_at } });
    }
    let release = context.releases(project).load()?;
    let newest = release.newest_result_of(sha);
    let is_live = release.is_live(sha) && newest != Some(&DeployResult::Pending);
    let is_well = wanted == Wanted::Deployed || release.production_healthy == Some(true);
    Ok(match newest {
        _ if is_live && is_well => Seen::Yes,
        Some(result) if result.is_settled() && *result != DeployResult::Success => Seen::Failed,
        _ => Seen::NotYet { retry_at: None },
    })
}

/// When each file of the state was changed last, and how long it is.
fn files(dir: &Path) -> BTreeMap<PathBuf, (Option<SystemTime>, u64)> {
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let described = entries.filter_map(|entry| {
        let facts = entry.metadata().ok()?;
        Some((entry.path(), (facts.modified().ok(), facts.len())))
    });
    described.collect()
}
