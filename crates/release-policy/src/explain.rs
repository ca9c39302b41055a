//! What each reason means: the one table of words, outcomes and texts.

use crate::decision::Outcome;
use crate::reason::Reason;

/// One row: a reason and all that is said about it.
pub(crate) struct Text {
    pub(crate) reason: Reason,
    pub(crate) word: &'static str,
    pub(crate) outcome: Outcome,
    /// One line.
    pub(crate) meaning: &'static str,
    /// For `explain`: when it applies and what it protects from.
    pub(crate) explanation: &'static str,
    /// What a person can do; empty for what lets through.
    pub(crate) unblock: &'static str,
}

/// Every reason, in the order of the rules.
pub(crate) const TABLE: [Text; 22] = [
    Text {
        reason: Reason::GovernorDisabled,
        word: "governor_disabled",
        outcome: Outcome::Hold,
        meaning: "the governor is off, so nothing goes out through it",
        explanation: "The configuration has no block `release_governor`, or `enabled` is false there, or \
            RELEASE_GOVERNOR_ENABLED says so. A governor that is off checks nothing, and what checks nothing \
            must not say yes.",
        unblock: "set `enabled: true` in the block `release_governor`, or RELEASE_GOVERNOR_ENABLED=true for one run",
    },
    Text {
        reason: Reason::AlreadyDeployed,
        word: "already_deployed",
        outcome: Outcome::Allow,
        meaning: "the commit is live; there is nothing to do",
        explanation: "The commit is what production runs now. Nothing is started and nothing is changed, so a \
            job that runs again comes to the same good end. Freezes, limits and breakers do not matter, because \
            nothing goes out.",
        unblock: "",
    },
    Text {
        reason: Reason::DeployInProgress,
        word: "deploy_in_progress",
        outcome: Outcome::Hold,
        meaning: "another deploy is running",
        explanation: "Two deploys at once end in a state that nobody chose. The running one holds the others \
            off until it has ended or is proven dead; no age makes it stale. It comes before `outcome_unknown`, \
            because a running deploy has no outcome yet.",
        unblock: "wait until it ends; `govctl status` names who runs it",
    },
    Text {
        reason: Reason::OutcomeUnknown,
        word: "outcome_unknown",
        outcome: Outcome::Hold,
        meaning: "a deploy was cut off and nobody has said how it ended",
        explanation: "A deploy was started, and no outcome was recorded: the machine died, the run was killed, \
            or the answer got lost. What production runs is not known, so nothing else may go out and the same \
            commit must not be started again. An order to deploy it once more does not lift this: find out first.",
        unblock: "`govctl resolve SHA` settles what can be proven; else look at production and say `--as success` or `--as failure`",
    },
    Text {
        reason: Reason::VerificationFailed,
        word: "verification_failed",
        outcome: Outcome::Hold,
        meaning: "verifying the commit failed",
        explanation: "A command of the configuration or the verification workflow failed for exactly this \
            commit. No approval lifts it: a commit that fails its tests has to be replaced by one that passes them.",
        unblock: "mend what failed, or run the verification again if it was a passing fault",
    },
    Text {
        reason: Reason::BreakerOpen,
        word: "breaker_open",
        outcome: Outcome::Hold,
        meaning: "the circuit breaker lets nothing through",
        explanation: "Too many deploys failed in a row, so the fault is probably not in one commit. The breaker \
            stays open for its recovery time, then lets a single trial through; that one decides whether it closes.",
        unblock: "wait for the trial, and look for what the failures have in common with `govctl history`",
    },
    Text {
        reason: Reason::Freeze,
        word: "freeze",
        outcome: Outcome::Hold,
        meaning: "a freeze is in force",
        explanation: "Somebody decided that nothing goes out for now and said why: for a while, or in windows that \
            come back every week by the clock of a time zone. Neither a low risk nor a label, a comment or a \
            variable lifts it. An approval of exactly this commit does, if it was given after the freeze was \
            declared: that is the exception. A rollback is not held.",
        unblock: "wait for its end; or make an exception of the commit, `govctl approve SHA --reason \"...\"`; or \
            end it, `govctl freeze end`",
    },
    Text {
        reason: Reason::DeployNotConfigured,
        word: "deploy_not_configured",
        outcome: Outcome::Hold,
        meaning: "there is nothing to run",
        explanation: "No command was given and `deploy_workflow_name` is blank, so letting the commit through \
            would do nothing and look like a deploy.",
        unblock: "give a command, `govctl deploy SHA -- COMMAND`, or set `deploy_workflow_name`",
    },
    Text {
        reason: Reason::FirstDeployRequired,
        word: "first_deploy_required",
        outcome: Outcome::Hold,
        meaning: "the first deploy needs an approval",
        explanation: "Nothing is known to be live, so there is nothing to compare with, and \
            `require_approval_for_first_deploy` is set. Any approval lifts it.",
        unblock: "`govctl approve SHA --reason \"...\"`, or record what is live with `govctl record SHA success`",
    },
    Text {
        reason: Reason::DegradedHighRisk,
        word: "degraded_high_risk",
        outcome: Outcome::Hold,
        meaning: "production is degraded and the risk is HIGH",
        explanation: "While production is not well, a change of high risk makes it harder to tell what broke \
            what. It is not well if the caller says so, if its last health check failed, or if too many deploys \
            failed and no trial has gone well since; the rule says which. An approval does not lift it.",
        unblock: "bring production back to health first, or release the part of the change that is not high risk",
    },
    Text {
        reason: Reason::Cooldown,
        word: "cooldown",
        outcome: Outcome::Hold,
        meaning: "this commit failed a short while ago",
        explanation: "The last deploy was of this commit and failed less than `cooldown_minutes` ago. Trying \
            the same thing again at once fails the same way; the pause is for looking at it. It applies to \
            an ordered redeploy too. An attempt that seems to lie in the future, because a clock went back, \
            counts as made just now.",
        unblock: "wait for the end of the cooldown, or deploy a commit that mends the fault",
    },
    Text {
        reason: Reason::RateLimit,
        word: "rate_limit",
        outcome: Outcome::Hold,
        meaning: "enough went out in the last hour",
        explanation: "`max_deploys_per_hour` deploys were started within the last 3,600 seconds, failed ones \
            included; one that is exactly that old still counts, and so does one that seems to lie in the \
            future. The limit stops a loop that deploys without end.",
        unblock: "wait for the next free slot, or raise `max_deploys_per_hour`",
    },
    Text {
        reason: Reason::NeverLive,
        word: "never_live",
        outcome: Outcome::Hold,
        meaning: "the commit to go back to was never live",
        explanation: "A rollback passes by the rules that new commits have to obey, because what it brings back was \
            live before. Neither the release state nor the audit log says so of this commit, so going to it \
            would be a deploy under another name.",
        unblock: "choose a commit that was live, `govctl history` names them; or deploy this one, `govctl deploy SHA`",
    },
    Text {
        reason: Reason::RolledBack,
        word: "rolled_back",
        outcome: Outcome::Hold,
        meaning: "the commit was taken back by a rollback",
        explanation: "Somebody found this commit bad and went back from it. It stays away, whoever sends it again, \
            until somebody approves it knowing that (an approval from before does not count), or orders it with a \
            reason. A commit that mends it is another commit, and is not held by this.",
        unblock: "`govctl approve SHA --reason \"...\"`, or `govctl deploy SHA --redeploy --reason \"...\"`",
    },
    Text {
        reason: Reason::AllowRollback,
        word: "allow_rollback",
        outcome: Outcome::Allow,
        meaning: "it is a rollback, and nothing makes it unsafe",
        explanation: "Going back is the remedy. So no freeze, breaker, cooldown, limit or degraded production holds \
            it, it needs no approval, and it may go to a commit that does not contain what is live. What holds it is \
            a deploy that is running or has an unknown outcome, a commit that was never live, and one that was \
            itself taken back.",
        unblock: "",
    },
    Text {
        reason: Reason::RedeployRequired,
        word: "redeploy_required",
        outcome: Outcome::Hold,
        meaning: "this commit was handled before and nobody asked for it once more",
        explanation: "The commit failed before, or it went live and was replaced since. No event and no script \
            starts a commit twice: a person has to say so, and why.",
        unblock: "`govctl deploy SHA --redeploy --reason \"...\"`",
    },
    Text {
        reason: Reason::NotDescendant,
        word: "not_descendant",
        outcome: Outcome::Hold,
        meaning: "the commit does not contain what is live",
        explanation: "The production commit is not an ancestor of this one, so deploying it would take away \
            changes that are live: an old branch, a stale event, or a rewritten history.",
        unblock: "bring the production commit into the branch (merge or rebase) and deploy the result; or \
            order it: govctl deploy SHA --redeploy --reason \"...\"",
    },
    Text {
        reason: Reason::AllowLow,
        word: "allow_low",
        outcome: Outcome::Allow,
        meaning: "the risk is LOW",
        explanation: "No changed path matches `high_risk_paths`, `migration_paths` or `medium_risk_paths`, the \
            list of changes is complete and no other rule holds. A LOW risk goes out even if production is degraded.",
        unblock: "",
    },
    Text {
        reason: Reason::DegradedMediumHold,
        word: "degraded_medium_hold",
        outcome: Outcome::Hold,
        meaning: "production is degraded and the risk is MEDIUM",
        explanation: "While production is not well, only changes of LOW risk go out, so that what mends it can \
            be told from what breaks it. An approval does not lift it.",
        unblock: "bring production back to health first",
    },
    Text {
        reason: Reason::AllowMedium,
        word: "allow_medium",
        outcome: Outcome::Allow,
        meaning: "the risk is MEDIUM and production is well",
        explanation: "A changed path matches `medium_risk_paths`, none is of high risk, production is not \
            degraded and no other rule holds.",
        unblock: "",
    },
    Text {
        reason: Reason::AllowHighApproved,
        word: "allow_high_approved",
        outcome: Outcome::Allow,
        meaning: "the risk is HIGH and somebody approved it",
        explanation: "The risk is HIGH, production is not degraded, and there is an approval: by a variable, a \
            label, a comment or a record. They weigh the same.",
        unblock: "",
    },
    Text {
        reason: Reason::HighRiskNoApproval,
        word: "high_risk_no_approval",
        outcome: Outcome::Hold,
        meaning: "the risk is HIGH and nobody approved it",
        explanation: "A changed path matches `high_risk_paths` or `migration_paths`, or the list of changes is \
            incomplete, or a security override is on record; and there is no approval. Any approval lifts it, \
            whatever `approval_mode` says.",
        unblock: "`govctl approve SHA --reason \"...\"` for this commit alone; or RELEASE_GOVERNOR_APPROVED=true for \
            one run, or the label or comment that the configuration names",
    },
];
