//! Going back, and what was gone back from.

use release_policy::{
    Approval, ApprovalKind, Breaker, Delivery, Descent, Facts, HandledOutcome, InProgress,
    LastAttempt, Outcome, Policy, Reason, Rollback, RolledBack, Switch, Verification, decide,
};

use crate::support::{OTHER, SHA, ago, freeze, high, later, ready};

type Obstacle = fn(&mut Facts);

fn succeeded() -> Delivery {
    Delivery::Handled { delivery_id: "d1".into(), outcome: HandledOutcome::Succeeded }
}

/// A rollback from another commit to one that was live.
fn going_back() -> Facts {
    let from = Some(OTHER.to_owned());
    Facts {
        delivery: succeeded(),
        rollback: Some(Rollback { from, why: Some("errors".into()), was_live: true }),
        ..ready()
    }
}

fn reason(facts: &Facts) -> Reason {
    decide(facts, &Policy::default()).reason
}

#[test]
fn what_holds_a_new_commit_does_not_hold_a_rollback() {
    let passed_by: [(&str, Obstacle); 9] = [
        ("breaker", |facts| facts.breaker = Breaker::Open { retry_at: later(60) }),
        ("freeze", |facts| facts.freeze = Some(freeze(None))),
        ("degraded", |facts| facts.degraded = Some("errors".into())),
        ("risk", |facts| facts.changes = high()),
        ("rate", |facts| facts.recent_deploys = vec![ago(5); 60]),
        ("descent", |facts| facts.descent = Descent::Lacks { why: "it is older".into() }),
        ("verification", |facts| {
            facts.verification = Verification::Failed { what: "test".into() };
        }),
        ("cooldown", |facts| {
            facts.last_attempt = Some(LastAttempt { sha: SHA.into(), failed: true, at: ago(1) });
        }),
        ("redeploy", |facts| facts.security_override = Some("1 day old".into())),
    ];
    let mut all = going_back();
    for (what, obstacle) in passed_by {
        let mut facts = going_back();
        obstacle(&mut facts);
        obstacle(&mut all);
        let decision = decide(&facts, &Policy::default());
        assert_eq!(
            (decision.outcome, decision.reason),
            (Outcome::Allow, Reason::AllowRollback),
            "{what}"
        );
    }
    assert_eq!(reason(&all), Reason::AllowRollback, "all of them at once");
}

#[test]
fn what_would_make_a_rollback_unsafe_holds_it() {
    let holds: [(Reason, Obstacle); 7] = [
        (Reason::GovernorDisabled, |facts| facts.governor = Switch::Off { why: "off".into() }),
        (Reason::DeployInProgress, |facts| {
            facts.in_progress = Some(InProgress { sha: OTHER.into(), holder: "pid 7".into() });
        }),
        (Reason::OutcomeUnknown, |facts| facts.unknown = vec![OTHER.into()]),
        (Reason::OutcomeUnknown, |facts| {
            let outcome = HandledOutcome::NoRecord;
            facts.delivery = Delivery::Handled { delivery_id: "d1".into(), outcome };
        }),
        (Reason::DeployNotConfigured, |facts| facts.deploy_configured = false),
        (Reason::NeverLive, |facts| facts.rollback.as_mut().unwrap().was_live = false),
        (Reason::RolledBack, |facts| {
            facts.rolled_back = Some(RolledBack { at: ago(60), why: None });
        }),
    ];
    for (expected, obstacle) in holds {
        let mut facts = going_back();
        obstacle(&mut facts);
        let decision = decide(&facts, &Policy::default());
        assert_eq!((decision.outcome, decision.reason), (Outcome::Hold, expected));
        assert!(!decision.unblock_hints.is_empty(), "{expected}");
    }
}

#[test]
fn going_back_to_what_is_live_is_something_only_if_something_failed() {
    let live = Delivery::Live { delivery_id: "d1".into() };
    let mut facts = Facts { delivery: live, ..going_back() };
    assert_eq!(reason(&facts), Reason::AllowRollback, "production may be half of what failed");
    facts.rollback.as_mut().unwrap().from = None;
    assert_eq!(reason(&facts), Reason::AlreadyDeployed);
}

#[test]
fn what_was_taken_back_waits_for_somebody_who_knows_so() {
    let approval = |kind, given_at| Approval { kind, by: None, detail: "mended".into(), given_at };
    let taken_back = Facts {
        delivery: succeeded(),
        rolled_back: Some(RolledBack { at: ago(60), why: Some("errors".into()) }),
        ..ready()
    };
    assert_eq!(reason(&taken_back), Reason::RolledBack);
    assert_eq!(taken_back.order(), None);
    let cases = [
        (approval(ApprovalKind::Commit, Some(ago(59))), true),
        (approval(ApprovalKind::Commit, Some(ago(61))), false),
        (approval(ApprovalKind::Commit, None), false),
        (approval(ApprovalKind::Environment, None), false),
        (approval(ApprovalKind::Label, Some(ago(1))), false),
        (approval(ApprovalKind::Comment, Some(ago(1))), false),
    ];
    for (approval, lifts) in cases {
        let row = format!("{approval:?}");
        let facts = Facts { approvals: vec![approval], ..taken_back.clone() };
        let expected = if lifts { Reason::AllowLow } else { Reason::RolledBack };
        assert_eq!(reason(&facts), expected, "{row}");
        assert_eq!(facts.order().is_some(), lifts, "{row}");
    }
    let ordered = Facts { redeploy: Some("it was the database".into()), ..taken_back };
    assert_eq!(reason(&ordered), Reason::AllowLow);
    assert_eq!(ordered.order().unwrap(), "it was the database");
}

#[test]
fn an_approval_orders_nothing_where_nothing_was_taken_back() {
    let given_at = Some(ago(1));
    let approval = Approval { kind: ApprovalKind::Commit, by: None, detail: "go".into(), given_at };
    for delivery in [succeeded(), Delivery::Live { delivery_id: "d1".into() }, Delivery::New] {
        let facts = Facts { delivery, approvals: vec![approval.clone()], ..ready() };
        assert_eq!(facts.order(), None, "{:?}", facts.delivery);
    }
    let facts = Facts { delivery: succeeded(), approvals: vec![approval], ..ready() };
    assert_eq!(reason(&facts), Reason::RedeployRequired);
}

#[test]
fn the_order_to_go_back_says_from_where_and_why() {
    assert_eq!(going_back().order().unwrap(), format!("rollback from {OTHER}: errors"));
}
