//! The rules, in order, one function each.

use std::time::SystemTime;

use crate::decision::{Outcome, RuleResult};
use crate::facts::{Delivery, Descent, Facts, HandledOutcome, Switch, Verification};
use crate::limits::{breaker, cooldown, freeze, rate};
use crate::policy::Policy;
use crate::reason::Reason;
use crate::risk::RiskClass;
use crate::rollback::{allowed, rolled_back, something_to_take_back, was_live};
use crate::value::Value;

/// What a rule may look at.
pub(crate) struct Case<'a> {
    pub(crate) facts: &'a Facts,
    pub(crate) policy: &'a Policy,
    pub(crate) risk: RiskClass,
}

/// Looks at every rule. The first result with a reason decides; the last one always has one.
pub(crate) fn evaluate(case: &Case<'_>) -> Vec<RuleResult> {
    let rules = if case.facts.rollback.is_some() { &OF_A_ROLLBACK[..] } else { &RULES[..] };
    rules.iter().map(|(rule, look)| look(case).into_result(rule)).collect()
}

/// A rule's short name and the rule.
type Rule = (&'static str, fn(&Case<'_>) -> Finding);

const RULES: [Rule; 17] = [
    ("governor", governor),
    ("live", live),
    // Before `outcome`: a deploy that is running has no outcome yet, and that is no mystery.
    ("in_progress", in_progress),
    ("outcome", outcome),
    ("verification", verification),
    ("breaker", breaker),
    ("freeze", freeze),
    ("configured", configured),
    ("first_deploy", first_deploy),
    ("degraded", degraded_high),
    ("cooldown", cooldown),
    ("rate", rate),
    ("rolled_back", rolled_back),
    ("redeploy", redeploy),
    ("descendant", descendant),
    ("degraded_medium", degraded_medium),
    ("approval", approval),
];

/// A rollback has rules of its own, see `rollback.rs`.
const OF_A_ROLLBACK: [Rule; 8] = [
    ("governor", governor),
    ("takes_back", something_to_take_back),
    ("in_progress", in_progress),
    ("outcome", outcome),
    ("configured", configured),
    ("was_live", was_live),
    ("rolled_back", rolled_back),
    ("rollback", allowed),
];

/// A result before it is given its name.
pub(crate) struct Finding {
    pub(crate) reason: Option<Reason>,
    pub(crate) detail: String,
    /// When the rule stops holding by itself. Never set without a reason.
    pub(crate) retry_at: Option<SystemTime>,
    pub(crate) inputs: Vec<(&'static str, Value)>,
}

impl Finding {
    /// `reason` if the rule has something to say, with words for either case.
    pub(crate) fn new(reason: Option<Reason>, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), retry_at: None, inputs: Vec::new() }
    }

    pub(crate) fn input(mut self, name: &'static str, value: Value) -> Self {
        self.inputs.push((name, value));
        self
    }

    fn into_result(self, rule: &'static str) -> RuleResult {
        let Self { reason, detail, retry_at, inputs } = self;
        let pass = reason.is_none_or(|reason| reason.outcome() == Outcome::Allow);
        RuleResult { rule, pass, reason, detail, retry_at, inputs }
    }
}

fn governor(case: &Case<'_>) -> Finding {
    let (reason, detail) = match &case.facts.governor {
        Switch::On => (None, "on".into()),
        Switch::Off { why } => (Some(Reason::GovernorDisabled), format!("off: {why}")),
    };
    Finding::new(reason, detail).input("enabled", Value::Bool(reason.is_none()))
}

fn live(case: &Case<'_>) -> Finding {
    let Delivery::Live { delivery_id } = &case.facts.delivery else {
        return Finding::new(None, "not live").input("live", Value::Bool(false));
    };
    let (reason, detail) = match &case.facts.redeploy {
        None => (Some(Reason::AlreadyDeployed), format!("live, by delivery {delivery_id}")),
        Some(why) => (None, format!("live, and to be deployed once more: {why}")),
    };
    Finding::new(reason, detail)
        .input("live", Value::Bool(true))
        .input("delivery_id", Value::Text(delivery_id.clone()))
        .input("redeploy", Value::text_or_absent(case.facts.redeploy.as_deref()))
}

fn in_progress(case: &Case<'_>) -> Finding {
    match &case.facts.in_progress {
        None => Finding::new(None, "none is running").input("sha", Value::Absent),
        Some(running) => {
            let detail = format!("{} is being deployed by {}", short(&running.sha), running.holder);
            Finding::new(Some(Reason::DeployInProgress), detail)
                .input("sha", Value::Text(running.sha.clone()))
                .input("holder", Value::Text(running.holder.clone()))
        }
    }
}

fn outcome(case: &Case<'_>) -> Finding {
    let unknown = unknown_shas(case.facts);
    let (reason, detail) = if unknown.is_empty() {
        (None, "every deploy has an outcome".into())
    } else {
        let shas: Vec<&str> = unknown.iter().map(|sha| short(sha)).collect();
        (
            Some(Reason::OutcomeUnknown),
            format!("nobody knows how the deploy of {} ended", shas.join(", ")),
        )
    };
    Finding::new(reason, detail)
        .input("unknown", Value::List(unknown.into_iter().map(Into::into).collect()))
}

/// The commits whose outcome is not known, this one last if only its claim is on record.
pub(crate) fn unknown_shas(facts: &Facts) -> Vec<&str> {
    let mut unknown: Vec<&str> = facts.unknown.iter().map(String::as_str).collect();
    let no_record =
        matches!(facts.delivery, Delivery::Handled { outcome: HandledOutcome::NoRecord, .. });
    if no_record && !unknown.iter().any(|sha| same(sha, &facts.sha)) {
        unknown.push(&facts.sha);
    }
    unknown
}

fn verification(case: &Case<'_>) -> Finding {
    let (reason, word, detail) = match &case.facts.verification {
        Verification::NotRun => (None, "not_run", "not run".into()),
        Verification::Passed => (None, "passed", "passed".into()),
        Verification::Failed { what } => {
            (Some(Reason::VerificationFailed), "failed", format!("failed: {what}"))
        }
    };
    Finding::new(reason, detail).input("verification", Value::Text(word.into()))
}

fn configured(case: &Case<'_>) -> Finding {
    let configured = case.facts.deploy_configured;
    let (reason, detail) = if configured {
        (None, "there is something to run")
    } else {
        (Some(Reason::DeployNotConfigured), "nothing to run")
    };
    Finding::new(reason, detail).input("deploy_configured", Value::Bool(configured))
}

fn first_deploy(case: &Case<'_>) -> Finding {
    let Case { facts, policy, .. } = case;
    let required = policy.require_approval_for_first_deploy;
    let (reason, detail) = match (facts.first_deploy, required, facts.approvals.is_empty()) {
        (false, ..) => (None, "not the first deploy"),
        (true, false, _) => (None, "the first deploy, which needs no approval here"),
        (true, true, false) => (None, "the first deploy, approved"),
        (true, true, true) => {
            (Some(Reason::FirstDeployRequired), "the first deploy, and nobody approved it")
        }
    };
    Finding::new(reason, detail)
        .input("first_deploy", Value::Bool(facts.first_deploy))
        .input("require_approval_for_first_deploy", Value::Bool(required))
        .input("approvals", count(facts.approvals.len()))
}

fn degraded_high(case: &Case<'_>) -> Finding {
    degraded(case, RiskClass::High, Reason::DegradedHighRisk)
}

fn degraded_medium(case: &Case<'_>) -> Finding {
    degraded(case, RiskClass::Medium, Reason::DegradedMediumHold)
}

fn degraded(case: &Case<'_>, at: RiskClass, held: Reason) -> Finding {
    let (reason, detail) = match &case.facts.degraded {
        None => (None, "production is well".into()),
        Some(why) if case.risk == at => {
            (Some(held), format!("risk {at} while production is degraded: {why}"))
        }
        Some(why) => (
            None,
            format!("production is degraded, which does not matter at risk {}: {why}", case.risk),
        ),
    };
    Finding::new(reason, detail)
        .input("degraded", Value::text_or_absent(case.facts.degraded.as_deref()))
        .input("risk_class", Value::Text(case.risk.word().into()))
}

fn redeploy(case: &Case<'_>) -> Finding {
    let Case { facts, .. } = case;
    let Delivery::Handled { delivery_id, outcome } = &facts.delivery else {
        return Finding::new(None, "not handled before").input("handled", Value::Bool(false));
    };
    let (word, before) = match outcome {
        HandledOutcome::Succeeded => ("succeeded", "went live before and was replaced since"),
        HandledOutcome::Failed => ("failed", "failed before"),
        HandledOutcome::NoRecord => ("no_record", "was handled before"),
    };
    let order = facts.order();
    let (reason, detail) = match &order {
        None => (Some(Reason::RedeployRequired), format!("{before}, by delivery {delivery_id}")),
        Some(why) => (None, format!("{before}, and is to be deployed once more: {why}")),
    };
    Finding::new(reason, detail)
        .input("handled", Value::Bool(true))
        .input("delivery_id", Value::Text(delivery_id.clone()))
        .input("outcome", Value::Text(word.into()))
        .input("redeploy", Value::text_or_absent(order))
}

fn descendant(case: &Case<'_>) -> Finding {
    let (why, detail) = match &case.facts.descent {
        Descent::NotLookedAt => (None, "not looked at"),
        Descent::Contains => (None, "contains what is live"),
        Descent::Lacks { why } => (Some(why.as_str()), why.as_str()),
    };
    Finding::new(why.map(|_| Reason::NotDescendant), detail)
        .input("not_descendant", Value::text_or_absent(why))
        .input("base", Value::text_or_absent(case.facts.base.as_deref()))
}

/// The last word: always has a reason.
fn approval(case: &Case<'_>) -> Finding {
    let approvals = &case.facts.approvals;
    let (reason, detail) = match (case.risk, approvals.first()) {
        (RiskClass::Low, _) => (Reason::AllowLow, "not needed at risk LOW".into()),
        (RiskClass::Medium, _) => (Reason::AllowMedium, "not needed at risk MEDIUM".into()),
        (RiskClass::High, Some(given)) => {
            let by = given.by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
            (
                Reason::AllowHighApproved,
                format!("given by {}{by}: {}", given.kind.word(), given.detail),
            )
        }
        (RiskClass::High, None) => (Reason::HighRiskNoApproval, "missing at risk HIGH".into()),
    };
    Finding::new(Some(reason), detail)
        .input("risk_class", Value::Text(case.risk.word().into()))
        .input("approvals", count(approvals.len()))
}

pub(crate) fn count(items: usize) -> Value {
    Value::Number(u64::try_from(items).unwrap_or(u64::MAX))
}

/// Whether two ids name the same commit. Git writes them in lower case, people do not always.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// The first seven characters of a commit id.
pub(crate) fn short(sha: &str) -> &str {
    sha.char_indices().nth(7).map_or(sha, |(end, _)| &sha[..end])
}
