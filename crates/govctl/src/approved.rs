//! Who let a commit go out: for it alone, or for everything in this run.

use std::time::SystemTime;

use booty_state::Sha;
use release_policy::{Approval, ApprovalKind, Decision, Facts, Outcome, Reason, Value};

use crate::{
    context::Context, exit::CliError, github::asked, output::Output, project::Project, view::short,
};

/// What lets the commit go out: first what was approved for it alone, then what approves
/// everything in this run.
pub(crate) fn approvals(
    context: &Context,
    project: &Project,
    sha: &Sha,
    now: SystemTime,
) -> Result<Vec<Approval>, CliError> {
    let (owner, recorded) = (context.owner(project), context.approvals().load()?);
    let mut approvals: Vec<Approval> = recorded
        .in_force(&owner, sha, now.into())
        .map(|approval| Approval {
            kind: ApprovalKind::Commit,
            by: Some(approval.by.clone()),
            detail: approval.reason.clone().unwrap_or_else(|| "no reason given".to_owned()),
            given_at: Some(approval.given_at.into()),
        })
        .collect();
    approvals.extend(asked::approvals(context, project, sha)?);
    approvals.extend(blanket_approval(context)?);
    Ok(approvals)
}

/// The approval of everything in this run, as the old program knew it.
const BLANKET: &str = "RELEASE_GOVERNOR_APPROVED";

fn blanket_approval(context: &Context) -> Result<Option<Approval>, CliError> {
    let Some(value) = context.variable(BLANKET)? else { return Ok(None) };
    match value.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(Some(Approval {
            kind: ApprovalKind::Environment,
            by: None,
            detail: format!("{BLANKET}={value}"),
            given_at: None,
        })),
        "0" | "false" | "no" | "off" | "" => Ok(None),
        _ => {
            let message = format!(
                "`{BLANKET}` is `{value}`, but must be 1, true, yes, on or 0, false, no, off"
            );
            Err(CliError::usage(message))
        }
    }
}

/// Says aloud that nothing but the variable lets a commit out: it approves whatever comes next,
/// also what nobody has looked at.
pub(crate) fn warn_of_blanket_approval(facts: &Facts, decision: &Decision, out: &Output) {
    let blanket = |approval: &Approval| approval.kind == ApprovalKind::Environment;
    let asked = decision.reason == Reason::AllowHighApproved
        || decision.outcome == Outcome::Allow && first_deploy_was_approved(decision);
    if !asked || !facts.approvals.iter().all(blanket) {
        return;
    }
    let sha = short(&decision.sha);
    // Whoever reads the log asked for it, and gets it beside the note, not twice by default.
    tracing::info!(sha, "approved by {BLANKET} alone, which approves everything");
    out.note(&format!(
        "warning: {BLANKET} approves everything in this run; for this commit alone: \
         govctl approve {sha} --reason \"...\""
    ));
}

fn first_deploy_was_approved(decision: &Decision) -> bool {
    let rule = decision.rules.iter().find(|rule| rule.rule == "first_deploy");
    let is_true = |name: &str| {
        rule.is_some_and(|rule| {
            rule.inputs.iter().any(|(key, value)| *key == name && *value == Value::Bool(true))
        })
    };
    is_true("first_deploy") && is_true("require_approval_for_first_deploy")
}
