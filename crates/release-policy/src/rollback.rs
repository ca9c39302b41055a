//! The rules of a rollback, and of the commit that it takes back.
//!
//! Going back is the remedy, so what holds a new commit back does not hold it: no freeze, no
//! breaker, no cooldown, no limit, no degraded production, no approval, no descent. It was live
//! before, and so it needs nobody to look at it once more. What stays is what would make it
//! unsafe: a deploy that is running or of which nobody knows how it ended, a commit that was
//! never live, and one that was itself taken back.

use crate::facts::Delivery;
use crate::reason::Reason;
use crate::rules::{Case, Finding, short};
use crate::time::rfc3339;
use crate::value::Value;

/// Nothing to take back: what is to be gone back to is what is live.
pub(crate) fn something_to_take_back(case: &Case<'_>) -> Finding {
    let Some(rollback) = &case.facts.rollback else { return Finding::new(None, "no rollback") };
    let from = rollback.from.as_deref();
    let is_live = matches!(case.facts.delivery, Delivery::Live { .. });
    let (reason, detail) = match from {
        Some(from) => (None, format!("takes back {}", short(from))),
        None if is_live => {
            (Some(Reason::AlreadyDeployed), "live, and nothing has failed since".into())
        }
        None => (None, "nothing to take back".into()),
    };
    Finding::new(reason, detail)
        .input("from", Value::text_or_absent(from))
        .input("live", Value::Bool(is_live))
}

/// A commit that was never live is a deploy by another name, past every other rule.
pub(crate) fn was_live(case: &Case<'_>) -> Finding {
    let was_live = case.facts.rollback.as_ref().is_some_and(|rollback| rollback.was_live);
    let (reason, detail) = if was_live {
        (None, "was live before")
    } else {
        (Some(Reason::NeverLive), "nothing on record says that it was ever live")
    };
    Finding::new(reason, detail).input("was_live", Value::Bool(was_live))
}

/// The last word about a rollback.
pub(crate) fn allowed(case: &Case<'_>) -> Finding {
    let why = case.facts.rollback.as_ref().and_then(|rollback| rollback.why.as_deref());
    Finding::new(Some(Reason::AllowRollback), "ordered, and nothing makes it unsafe")
        .input("why", Value::text_or_absent(why))
}

/// What was taken back stays away until somebody who knows so brings it back.
pub(crate) fn rolled_back(case: &Case<'_>) -> Finding {
    let facts = case.facts;
    let Some(taken_back) = &facts.rolled_back else {
        return Finding::new(None, "not taken back").input("at", Value::Absent);
    };
    let at = rfc3339::text(taken_back.at);
    let why = taken_back.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    let detail = format!("taken back at {at}{why}");
    let (reason, detail) = match (facts.approval_since_rollback(), &facts.redeploy) {
        (Some(given), _) => {
            let by = given.by.as_deref().unwrap_or("somebody");
            (None, format!("{detail}; approved since by {by}: {}", given.detail))
        }
        (None, Some(order)) => (None, format!("{detail}; to be deployed once more: {order}")),
        (None, None) => (Some(Reason::RolledBack), detail),
    };
    Finding::new(reason, detail)
        .input("at", Value::Time(taken_back.at))
        .input("why", Value::text_or_absent(taken_back.why.as_deref()))
        .input("lifted", Value::Bool(reason.is_none()))
}
