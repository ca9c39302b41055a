//! What a person can do about a hold: commands that can be pasted, with the real commit.

use crate::facts::{Breaker, Facts};
use crate::policy::{ApprovalMode, Policy};
use crate::reason::Reason;
use crate::rules::{short, unknown_shas};
use crate::time::rfc3339;

/// Returns the ways out, the best one first. Only commands that exist are named.
pub(crate) fn hints(reason: Reason, facts: &Facts, policy: &Policy) -> Vec<String> {
    let sha = short(&facts.sha);
    match reason {
        Reason::AlreadyDeployed
        | Reason::AllowLow
        | Reason::AllowMedium
        | Reason::AllowRollback
        | Reason::AllowHighApproved => Vec::new(),
        Reason::GovernorDisabled => vec![
            "set `enabled: true` in the block `release_governor` of the configuration".into(),
            format!("RELEASE_GOVERNOR_ENABLED=true govctl deploy {sha} ..."),
            "govctl config show".into(),
        ],
        Reason::DeployInProgress => {
            vec!["govctl status".into(), "wait until the running deploy has ended".into()]
        }
        // What can be proven needs no answer. Then one command for each answer, so that none is
        // given by pasting, and the full id, which needs no work tree.
        Reason::OutcomeUnknown => {
            let ways = |sha| {
                let answer = |word| format!("govctl resolve {sha} --as {word} --reason \"...\"");
                let ask = format!("govctl resolve {sha}   # settles what can be proven");
                [ask, answer("success"), answer("failure")]
            };
            unknown_shas(facts).into_iter().flat_map(ways).collect()
        }
        Reason::VerificationFailed => {
            vec![format!("mend what failed and deploy the commit that mends it, instead of {sha}")]
        }
        Reason::BreakerOpen => {
            vec!["govctl history".into(), "wait until the breaker lets a trial through".into()]
        }
        Reason::Freeze => {
            let mut hints = vec![format!(
                "govctl approve {sha} --reason \"...\"   # an exception for this commit, for 2 h"
            )];
            let freeze = facts.freeze.as_ref();
            let until = freeze.and_then(|freeze| freeze.until);
            hints.extend(
                until.map(|at| format!("wait until the freeze ends at {}", rfc3339::text(at))),
            );
            let ids = freeze.map(|freeze| freeze.ids.iter()).into_iter().flatten();
            hints.extend(ids.map(|id| format!("govctl freeze end {id} --reason \"...\"")));
            hints
        }
        Reason::DeployNotConfigured => vec![
            format!("govctl deploy {sha} -- COMMAND"),
            "set `deploy_workflow_name` in the block `release_governor` of the configuration"
                .into(),
        ],
        Reason::FirstDeployRequired => {
            let mut hints = approve(sha, policy);
            hints.push("if something is live already: govctl record SHA success".into());
            hints
        }
        Reason::HighRiskNoApproval => approve(sha, policy),
        Reason::DegradedHighRisk | Reason::DegradedMediumHold => {
            // The hints do not know the name of the breaker, `status` does.
            let breaker = match facts.breaker {
                Breaker::HalfOpen | Breaker::Open { .. } => Some(
                    "send a LOW risk first, as the trial: govctl status names the breaker".into(),
                ),
                Breaker::Unused | Breaker::Closed { .. } => None,
            };
            let first = "bring production back to health first".into();
            [first].into_iter().chain(breaker).chain([format!("govctl explain {reason}")]).collect()
        }
        Reason::Cooldown => vec![
            format!("wait for the end of the cooldown, or deploy a commit that mends {sha}"),
            "govctl history".into(),
        ],
        Reason::RateLimit => vec![
            "wait for the next free slot".into(),
            format!(
                "raise `max_deploys_per_hour` ({} now) in the configuration",
                policy.max_deploys_per_hour
            ),
        ],
        Reason::NeverLive => vec!["govctl history".into(), format!("govctl deploy {sha} ...")],
        Reason::RolledBack => {
            let mut hints = vec![format!("govctl approve {sha} --reason \"...\"")];
            if facts.rollback.is_none() {
                hints.push(redeploy(sha));
            }
            hints
        }
        Reason::RedeployRequired => vec![redeploy(sha)],
        Reason::NotDescendant => {
            let live = facts.base.as_deref().map_or("what is live", short);
            vec![
                format!("bring {live} into the branch of {sha} and deploy the result"),
                format!("to go back on purpose: {}", redeploy(sha)),
            ]
        }
    }
}

fn redeploy(sha: &str) -> String {
    format!("govctl deploy {sha} --redeploy --reason \"...\" ...")
}

/// The way that the configuration names comes first. What is for this commit alone comes before
/// the variable, which approves whatever it is set for; both work in every mode.
fn approve(sha: &str, policy: &Policy) -> Vec<String> {
    let named = match policy.approval_mode {
        ApprovalMode::Environment => None,
        ApprovalMode::Label => Some(match &policy.approval_label {
            Some(label) => format!("add the label `{label}` to the pull request of {sha}"),
            None => "set `approval_label`, so that a label can approve".into(),
        }),
        ApprovalMode::Comment => Some(match &policy.approval_command {
            Some(command) => format!("comment `{command}` on the pull request of {sha}"),
            None => "set `approval_command`, so that a comment can approve".into(),
        }),
    };
    named
        .into_iter()
        .chain([
            format!("govctl approve {sha} --reason \"...\"   # this commit only, for 2 h"),
            format!("RELEASE_GOVERNOR_APPROVED=true govctl deploy {sha} ..."),
        ])
        .collect()
}
