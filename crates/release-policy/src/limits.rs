//! The rules that end by themselves: breaker, freeze, cooldown and rate.

use std::time::{Duration, SystemTime};

use crate::facts::{Approval, Breaker, Freeze};
use crate::reason::Reason;
use crate::rules::{Case, Finding, count, same};
use crate::time::{rfc3339, since};
use crate::value::Value;

pub(crate) fn breaker(case: &Case<'_>) -> Finding {
    let now = case.facts.now;
    match case.facts.breaker {
        Breaker::Unused => Finding::new(None, "none").input("state", Value::Absent),
        Breaker::Closed { failures, threshold } => {
            Finding::new(None, format!("closed, {failures} of {threshold} failures"))
                .input("state", Value::Text("closed".into()))
                .input("failures", Value::Number(failures.into()))
                .input("threshold", Value::Number(threshold.into()))
        }
        Breaker::HalfOpen => Finding::new(None, "half open, this is the trial")
            .input("state", Value::Text("half_open".into())),
        Breaker::Open { retry_at } => {
            let (reason, detail) = if retry_at > now {
                (Some(Reason::BreakerOpen), format!("open until {}", rfc3339::text(retry_at)))
            } else {
                (None, "open, and due for a trial".into())
            };
            let finding = Finding::new(reason, detail)
                .input("state", Value::Text("open".into()))
                .input("retry_at", Value::Time(retry_at));
            Finding { retry_at: reason.map(|_| retry_at), ..finding }
        }
    }
}

pub(crate) fn freeze(case: &Case<'_>) -> Finding {
    let Some(freeze) = &case.facts.freeze else {
        return Finding::new(None, "none").input("reason", Value::Absent);
    };
    let over = freeze.until.is_some_and(|until| until <= case.facts.now);
    let exception = exception(case, freeze);
    let (reason, detail) = match (exception, freeze.until) {
        _ if over => (None, format!("over: {}", freeze.reason)),
        (Some(given), _) => {
            let by = given.by.as_deref().unwrap_or("somebody");
            (None, format!("lifted for this commit by {by}: {}", given.detail))
        }
        (None, Some(until)) => {
            (Some(Reason::Freeze), format!("until {}: {}", rfc3339::text(until), freeze.reason))
        }
        (None, None) => (Some(Reason::Freeze), format!("until it is ended: {}", freeze.reason)),
    };
    let finding = Finding::new(reason, detail)
        .input("reason", Value::Text(freeze.reason.clone()))
        .input("until", Value::time_or_absent(freeze.until))
        .input("ids", Value::List(freeze.ids.clone()))
        .input("exception", Value::Bool(exception.is_some()));
    Finding { retry_at: freeze.until.filter(|_| reason.is_some()), ..finding }
}

/// The approval that lifts a freeze for this commit, by somebody who could know of the freeze.
fn exception<'a>(case: &Case<'a>, freeze: &Freeze) -> Option<&'a Approval> {
    case.facts.approvals.iter().find(|approval| approval.knew_of(freeze.declared_at))
}

pub(crate) fn cooldown(case: &Case<'_>) -> Finding {
    let Case { facts, policy, .. } = case;
    let minutes = policy.cooldown_minutes;
    let cooldown = Duration::from_secs(u64::from(minutes) * 60);
    let failed =
        facts.last_attempt.as_ref().filter(|last| last.failed && same(&last.sha, &facts.sha));
    // An attempt in the future counts as now, so that a clock that went back does not open the gate.
    let held = failed.filter(|last| since(last.at, facts.now) < cooldown);
    let retry_at = held.and_then(|last| last.at.checked_add(cooldown));
    let (reason, detail) = match (held, failed) {
        (Some(last), _) => {
            let end = retry_at
                .map_or_else(String::new, |end| format!(", held until {}", rfc3339::text(end)));
            (Some(Reason::Cooldown), format!("failed at {}{end}", rfc3339::text(last.at)))
        }
        (None, Some(last)) => {
            (None, format!("failed at {}, long enough ago", rfc3339::text(last.at)))
        }
        (None, None) => (None, "the last deploy was not a failure of this commit".into()),
    };
    let finding = Finding::new(reason, detail)
        .input("cooldown_minutes", Value::Number(minutes.into()))
        .input("failed_at", Value::time_or_absent(failed.map(|last| last.at)));
    Finding { retry_at, ..finding }
}

/// How far back a deploy counts for the rate.
const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn rate(case: &Case<'_>) -> Finding {
    let Case { facts, policy, .. } = case;
    // A time in the future counts as well, so that a clock that went back does not open the gate.
    let mut counted: Vec<SystemTime> =
        facts.recent_deploys.iter().copied().filter(|at| since(*at, facts.now) <= HOUR).collect();
    counted.sort_unstable();

    let limit = policy.max_deploys_per_hour.get();
    let room = usize::try_from(limit).unwrap_or(usize::MAX);
    let full = counted.len() >= room;
    // A slot is free as soon as one less than `limit` count. Exactly an hour old still counts, hence the second.
    let leaves_last = full.then(|| counted[counted.len() - room]);
    let retry_at = leaves_last.and_then(|at| at.checked_add(HOUR + Duration::from_secs(1)));

    let used = counted.len();
    let finding = Finding::new(
        full.then_some(Reason::RateLimit),
        format!("{used} of {limit} in the last hour"),
    )
    .input("used", count(used))
    .input("limit", Value::Number(limit.into()));
    Finding { retry_at, ..finding }
}
