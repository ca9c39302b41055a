//! What a decision learns from GitHub, where the workspace does not say it.

use booty_state::Sha;
use release_policy::{Approval, ApprovalMode};

use crate::{
    context::Context,
    exit::CliError,
    github::{compare::Comparison, people},
    project::Project,
};

/// GitHub's comparison of `base`, which is live, with `sha`. `None` where git knows both and
/// answers itself, and where there is no token to ask with.
pub(crate) fn comparison(
    context: &Context,
    project: &Project,
    base: Option<&Sha>,
    sha: &Sha,
) -> Result<Option<Comparison>, CliError> {
    let Some(base) = base.filter(|base| *base != sha) else { return Ok(None) };
    // An event is about a commit that nobody need have fetched.
    if project.has_git && project.git.has(base)? && project.git.has(sha)? {
        return Ok(None);
    }
    let Some(hub) = context.hub(project)? else { return Ok(None) };
    Ok(Some(hub.compare(base, sha)?))
}

/// Who has approved `sha` by label or by comment, if that is how this project is approved.
///
/// Approvals that cannot be asked for are not there: they only ever let something through.
pub(crate) fn approvals(
    context: &Context,
    project: &Project,
    sha: &Sha,
) -> Result<Vec<Approval>, CliError> {
    let policy = project.governor.policy();
    if policy.approval_mode == ApprovalMode::Environment {
        return Ok(Vec::new());
    }
    let Some(hub) = context.hub(project)? else { return Ok(Vec::new()) };
    Ok(people::approvals(&hub, policy, sha).unwrap_or_else(|error| {
        let cause = error.cause.to_string();
        tracing::warn!(cause, "cannot ask GitHub who approved {}: {}", sha.short(), error);
        Vec::new()
    }))
}
