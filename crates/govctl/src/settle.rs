//! Settles the outcome of a deploy that was cut off, where the machine can prove it.

use booty_state::Sha;
use flock_guard::Holder;
use release_policy::{Delivery, HandledOutcome};

use crate::{
    context::Context, evidence::Evidence, exit::CliError, facts, intent::Intent, output::Output,
    project::Project,
};

/// What has become of an unknown outcome.
#[derive(Debug)]
pub(crate) enum Settled {
    /// The command never started, and everything is as it was before.
    TakenBack,
    /// The command runs on, without the govctl that started it.
    Running(Holder),
    /// It is still unknown. This is what was looked at.
    Unknown { looked_at: Vec<String> },
}

/// Looks for a proof of how the deploy of `sha` ended, and records what it proves. Only for
/// whoever holds the deploy lock.
pub(crate) fn settle(
    context: &Context,
    project: &Project,
    sha: &Sha,
    out: &Output,
) -> Result<Settled, CliError> {
    let looked_at = match Evidence::of(context, project, sha)? {
        Evidence::NeverStarted { delivery_id, before } => {
            let intent = Intent { context, project, sha, delivery_id: &delivery_id, before };
            intent.take_back("the command was never started: govctl had ended before", out);
            let short = sha.short();
            out.note(&format!("note: the deploy of {short} was cut off before its command started, and is taken back"));
            return Ok(Settled::TakenBack);
        }
        Evidence::Running(command) => return Ok(Settled::Running(command)),
        Evidence::Nothing { looked_at } => vec![looked_at],
    };
    Ok(Settled::Unknown { looked_at })
}

/// The commits whose outcome nobody knows, `sha` among them if only its claim is on record.
pub(crate) fn unknown(
    context: &Context,
    project: &Project,
    sha: &Sha,
) -> Result<Vec<Sha>, CliError> {
    let release = context.releases(project).load()?;
    let mut unknown: Vec<Sha> = release.unknown().into_iter().cloned().collect();
    let handled = facts::delivery(context, project, &release, sha)?;
    let no_record = matches!(handled, Delivery::Handled { outcome: HandledOutcome::NoRecord, .. });
    if no_record && !unknown.contains(sha) {
        unknown.push(sha.clone());
    }
    Ok(unknown)
}
