//! `govctl check`, also `govctl simulate`

use std::{
    fs,
    io::{self, Read},
    time::SystemTime,
};

use clap::Args;
use release_policy::{Changes, decide};

use crate::{
    approved::warn_of_blanket_approval,
    changes::listed,
    context::{Context, parse_time, rfc3339},
    exit::{CliError, Exit},
    facts::{Question, gather},
    output::Output,
    project::Project,
    view::{DecisionView, Detail},
};

/// Say whether a commit may go out, and why; change nothing
///
/// Exits 0 for ALLOW and 1 for HOLD. The same configuration, state, changes and time give the
/// same answer for ever: see --at, --now and --state-dir.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The commit, in any form that git understands
    sha: String,
    /// Show the paths that drove the risk
    #[arg(long)]
    show_paths: bool,
    /// Compare with this commit instead of the one that is live
    #[arg(long, value_name = "SHA")]
    base: Option<String>,
    /// Take the changed paths from a file (- for standard input), one a line or divided by NUL
    #[arg(long, value_name = "FILE")]
    paths_from: Option<String>,
    /// Decide as of this time (RFC 3339), by what is on record now: approvals that were given
    /// later do not count, deploys that were made later do
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Decide as if production were degraded
    #[arg(long)]
    degraded: bool,
}

pub(crate) fn run(args: &CheckArgs, context: &Context, out: &Output) -> Result<Exit, CliError> {
    let project = Project::open(context, out)?;
    let question = Question {
        base: args.base.as_deref().map(|base| project.commit(base)).transpose()?,
        paths: args.paths_from.as_deref().map(changed_paths).transpose()?,
        degraded: args.degraded,
        ..Question::default()
    };
    let at = args.at.as_deref().map(parse_time).transpose()?;
    if let Some(at) = at {
        say_what_is_newer(at, context, &project, out)?;
    }
    let now = at.unwrap_or_else(|| context.now());
    let detail = if args.show_paths { Detail::Paths } else { Detail::Brief };
    let view = decision(&args.sha, context, &project, &question, now, detail, out)?;
    out.announce(&view)?;
    out.report(&view)?;
    Ok(if view.allows() { Exit::Yes } else { Exit::Hold })
}

/// Says aloud that the answer is not the one that was given then: only what changes with time
/// goes back, what is on record stays what it is now.
fn say_what_is_newer(
    at: SystemTime,
    context: &Context,
    project: &Project,
    out: &Output,
) -> Result<(), CliError> {
    let last = context.releases(project).load()?.last_deploy_time;
    if let Some(last) = last.filter(|last| SystemTime::from(*last) > at) {
        out.note(&format!(
            "note: the state on record is of {last}, later than {}: this is what would be said of \
             it then; for what was said then, give --state-dir a copy from before",
            rfc3339(at)
        ));
    }
    Ok(())
}

/// Decides about the commit that a person named. Also what `explain` shows.
pub(super) fn decision(
    revision: &str,
    context: &Context,
    project: &Project,
    question: &Question,
    now: SystemTime,
    detail: Detail,
    out: &Output,
) -> Result<DecisionView, CliError> {
    let sha = project.commit(revision)?;
    let facts = gather(context, project, &sha, question, now)?;
    let changed = facts.changes.list.len();
    let decision = decide(&facts, project.governor.policy());
    warn_of_blanket_approval(&facts, &decision, out);
    Ok(DecisionView::new("govctl.decision/1", decision, changed, detail))
}

fn changed_paths(file: &str) -> Result<Changes, CliError> {
    let read = if file == "-" {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(file)
    };
    let bytes = read.map_err(|error| {
        CliError::unreadable(format!("cannot read the changed paths from `{file}`"), &error)
    })?;
    listed(&bytes, file)
}
