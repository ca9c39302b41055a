//! The rules as one table: each reason is reached, and the earlier one wins.

use release_policy::{
    Breaker, Decision, Delivery, Descent, Facts, HandledOutcome, InProgress, LastAttempt, Outcome,
    Policy, Reason, RolledBack, Switch, Verification, decide,
};

use crate::support::{OTHER, SHA, ago, approved, freeze, high, later, low, medium, ready};

/// Puts exactly what it is named after in the way.
type Obstacle = fn(&mut Facts, &mut Policy);

/// Every hold, in the order of the rules, with what brings it about.
const HOLDS: [(Reason, Obstacle); 16] = [
    (Reason::GovernorDisabled, |facts, _| facts.governor = Switch::Off { why: "no block".into() }),
    (Reason::DeployInProgress, |facts, _| {
        facts.in_progress = Some(InProgress { sha: OTHER.into(), holder: "pid 7 on web-1".into() });
    }),
    (Reason::OutcomeUnknown, |facts, _| facts.unknown = vec![OTHER.into()]),
    (Reason::VerificationFailed, |facts, _| {
        facts.verification = Verification::Failed { what: "make test".into() }
    }),
    (Reason::BreakerOpen, |facts, _| facts.breaker = Breaker::Open { retry_at: later(60) }),
    (Reason::Freeze, |facts, _| facts.freeze = Some(freeze(None))),
    (Reason::DeployNotConfigured, |facts, _| facts.deploy_configured = false),
    (Reason::FirstDeployRequired, |facts, policy| {
        facts.first_deploy = true;
        facts.base = None;
        policy.require_approval_for_first_deploy = true;
    }),
    (Reason::DegradedHighRisk, |facts, _| {
        facts.degraded = Some("error rate".into());
        facts.changes = high();
    }),
    (Reason::Cooldown, |facts, _| {
        facts.last_attempt = Some(LastAttempt { sha: SHA.into(), failed: true, at: ago(60) });
    }),
    (Reason::RateLimit, |facts, _| facts.recent_deploys = vec![ago(5); 6]),
    (Reason::RolledBack, |facts, _| {
        facts.rolled_back = Some(RolledBack { at: ago(30), why: Some("errors".into()) });
    }),
    (Reason::RedeployRequired, |facts, _| {
        facts.delivery =
            Delivery::Handled { delivery_id: "d1".into(), outcome: HandledOutcome::Failed };
    }),
    (Reason::NotDescendant, |facts, _| {
        facts.descent = Descent::Lacks { why: "an old branch".into() }
    }),
    (Reason::DegradedMediumHold, |facts, _| {
        facts.degraded = Some("error rate".into());
        facts.changes = medium();
    }),
    (Reason::HighRiskNoApproval, |facts, _| facts.changes = high()),
];

fn decided(obstacles: &[Obstacle]) -> Decision {
    let (mut facts, mut policy) = (ready(), Policy::default());
    for obstacle in obstacles {
        obstacle(&mut facts, &mut policy);
    }
    decide(&facts, &policy)
}

#[test]
fn each_obstacle_alone_holds_for_its_own_reason() {
    for (reason, obstacle) in HOLDS {
        let decision = decided(&[obstacle]);
        assert_eq!(decision.reason, reason, "with only the obstacle of `{reason}`");
        assert_eq!(decision.outcome, Outcome::Hold, "`{reason}` holds");
    }
}

#[test]
fn of_any_two_obstacles_the_earlier_one_decides() {
    for (place, (earlier, first)) in HOLDS.iter().enumerate() {
        for (later, second) in &HOLDS[place + 1..] {
            // One commit has one risk class: these two cannot be had together.
            let classes =
                [Reason::DegradedHighRisk, Reason::DegradedMediumHold, Reason::HighRiskNoApproval];
            if classes.contains(earlier) && classes.contains(later) {
                continue;
            }
            // The last obstacle put up keeps its risk class, whichever way round they come.
            for obstacles in [[*first, *second], [*second, *first]] {
                let decision = decided(&obstacles);
                assert_eq!(decision.reason, *earlier, "`{earlier}` comes before `{later}`");
            }
        }
    }
}

#[test]
fn the_last_word_depends_on_risk_approval_and_health() {
    let cases = [
        (low(), false, false, Reason::AllowLow),
        (low(), false, true, Reason::AllowLow),
        (medium(), false, false, Reason::AllowMedium),
        (medium(), false, true, Reason::DegradedMediumHold),
        (medium(), true, true, Reason::DegradedMediumHold),
        (high(), false, false, Reason::HighRiskNoApproval),
        (high(), true, false, Reason::AllowHighApproved),
        (high(), false, true, Reason::DegradedHighRisk),
        (high(), true, true, Reason::DegradedHighRisk),
    ];
    for (changes, is_approved, is_degraded, expected) in cases {
        let row = format!("{changes:?}, approved: {is_approved}, degraded: {is_degraded}");
        let facts = Facts {
            changes,
            approvals: if is_approved { approved() } else { Vec::new() },
            degraded: is_degraded.then(|| "error rate".into()),
            ..ready()
        };
        assert_eq!(decide(&facts, &Policy::default()).reason, expected, "{row}");
    }
}

#[test]
fn a_live_commit_has_nothing_to_do_whatever_else_stands_in_the_way() {
    for (reason, obstacle) in HOLDS {
        let (mut facts, mut policy) = (ready(), Policy::default());
        obstacle(&mut facts, &mut policy);
        facts.delivery = Delivery::Live { delivery_id: "d1".into() };
        let expected =
            if reason == Reason::GovernorDisabled { reason } else { Reason::AlreadyDeployed };
        assert_eq!(
            decide(&facts, &policy).reason,
            expected,
            "live, with the obstacle of `{reason}`"
        );
    }
}

#[test]
fn every_reason_is_reached_by_some_row() {
    let mut reached: Vec<Reason> = HOLDS.iter().map(|(reason, _)| *reason).collect();
    reached.extend([
        Reason::AlreadyDeployed,
        Reason::AllowLow,
        Reason::AllowMedium,
        Reason::AllowHighApproved,
        // In `rollback.rs`.
        Reason::NeverLive,
        Reason::AllowRollback,
    ]);
    for reason in Reason::all() {
        assert!(reached.contains(&reason), "`{reason}` has no row in this file");
    }
}

#[test]
fn an_order_to_redeploy_lifts_what_it_should_and_nothing_else() {
    let handled = |outcome| Delivery::Handled { delivery_id: "d1".into(), outcome };
    let cases = [
        (Delivery::New, Reason::AllowLow, Reason::AllowLow),
        (Delivery::Live { delivery_id: "d1".into() }, Reason::AlreadyDeployed, Reason::AllowLow),
        (handled(HandledOutcome::Failed), Reason::RedeployRequired, Reason::AllowLow),
        (handled(HandledOutcome::Succeeded), Reason::RedeployRequired, Reason::AllowLow),
        // Find out first: whether it runs already is exactly what nobody knows.
        (handled(HandledOutcome::NoRecord), Reason::OutcomeUnknown, Reason::OutcomeUnknown),
    ];
    for (delivery, without, with) in cases {
        let facts = Facts { delivery: delivery.clone(), ..ready() };
        assert_eq!(
            decide(&facts, &Policy::default()).reason,
            without,
            "{delivery:?} without an order"
        );
        let facts = Facts { redeploy: Some("disk was full".into()), ..facts };
        assert_eq!(decide(&facts, &Policy::default()).reason, with, "{delivery:?} with an order");
    }
}

#[test]
fn an_order_to_redeploy_lifts_no_other_hold() {
    let lifted = [Reason::RedeployRequired, Reason::RolledBack];
    for (reason, obstacle) in HOLDS.iter().filter(|(reason, _)| !lifted.contains(reason)) {
        let (mut facts, mut policy) = (ready(), Policy::default());
        obstacle(&mut facts, &mut policy);
        facts.redeploy = Some("disk was full".into());
        assert_eq!(decide(&facts, &policy).reason, *reason, "with an order to redeploy");
    }
}

#[test]
fn an_approval_lifts_only_the_first_deploy_the_freeze_and_the_high_risk() {
    for (reason, obstacle) in HOLDS {
        let (mut facts, mut policy) = (ready(), Policy::default());
        obstacle(&mut facts, &mut policy);
        facts.approvals = approved();
        let expected = match reason {
            Reason::FirstDeployRequired | Reason::Freeze => Reason::AllowLow,
            Reason::HighRiskNoApproval => Reason::AllowHighApproved,
            other => other,
        };
        assert_eq!(decide(&facts, &policy).reason, expected, "`{reason}`, approved");
    }
}

#[test]
fn a_running_deploy_of_the_same_commit_is_no_unknown_outcome() {
    let facts = Facts {
        in_progress: Some(InProgress { sha: SHA.into(), holder: "pid 7 on web-1".into() }),
        delivery: Delivery::Handled { delivery_id: "d1".into(), outcome: HandledOutcome::NoRecord },
        ..ready()
    };
    assert_eq!(decide(&facts, &Policy::default()).reason, Reason::DeployInProgress);
}

#[test]
fn facts_that_nobody_filled_in_are_held() {
    let mut facts = Facts::new(SHA, later(0));
    assert_eq!(decide(&facts, &Policy::default()).reason, Reason::DeployNotConfigured);
    facts.deploy_configured = true;
    assert_eq!(decide(&facts, &Policy::default()).reason, Reason::HighRiskNoApproval);
}

#[test]
fn a_freeze_is_lifted_only_by_an_approval_of_the_commit_that_knew_of_it() {
    use release_policy::{Approval, ApprovalKind};
    let given = |kind, given_at| Approval { kind, by: None, detail: "go".into(), given_at };
    let cases = [
        (given(ApprovalKind::Commit, Some(ago(60))), Reason::AllowLow),
        (given(ApprovalKind::Commit, Some(ago(120))), Reason::AllowLow),
        (given(ApprovalKind::Commit, Some(ago(121))), Reason::Freeze),
        (given(ApprovalKind::Commit, None), Reason::Freeze),
        (given(ApprovalKind::Environment, None), Reason::Freeze),
        (given(ApprovalKind::Environment, Some(ago(60))), Reason::Freeze),
        (given(ApprovalKind::Label, Some(ago(60))), Reason::Freeze),
        (given(ApprovalKind::Comment, Some(ago(60))), Reason::Freeze),
    ];
    for (approval, expected) in cases {
        let row = format!("{approval:?}");
        for until in [None, Some(later(60))] {
            let (freeze, approvals) = (Some(freeze(until)), vec![approval.clone()]);
            let decision = decide(&Facts { freeze, approvals, ..ready() }, &Policy::default());
            assert_eq!(decision.reason, expected, "{row} until {until:?}");
            let held_until = until.filter(|_| expected == Reason::Freeze);
            assert_eq!(decision.retry_at, held_until, "{row}");
        }
    }
}

/// What the replaced program's own tests of its decision demand, under their names.
mod as_the_replaced_program {
    use super::{Facts, LastAttempt, Policy, Reason, SHA, ago, approved, decide, high, ready};

    #[test]
    fn cooldown_for_same_sha_after_failure() {
        let last_attempt = Some(LastAttempt { sha: SHA.into(), failed: true, at: ago(10 * 60) });
        let facts = Facts { last_attempt, ..ready() };
        assert_eq!(decide(&facts, &Policy::default()).reason, Reason::Cooldown);
    }

    #[test]
    fn rate_limit_at_max() {
        let facts = Facts { recent_deploys: (1..=6).map(|nth| ago(nth * 60)).collect(), ..ready() };
        assert_eq!(decide(&facts, &Policy::default()).reason, Reason::RateLimit);
    }

    #[test]
    fn first_deploy_required() {
        let policy = Policy { require_approval_for_first_deploy: true, ..Policy::default() };
        let facts = Facts { first_deploy: true, ..ready() };
        assert_eq!(decide(&facts, &policy).reason, Reason::FirstDeployRequired);
        let facts = Facts { approvals: approved(), ..facts };
        assert_eq!(decide(&facts, &policy).reason, Reason::AllowLow);
    }

    #[test]
    fn degraded_high_risk_even_if_approved() {
        let facts = Facts {
            degraded: Some("errors".into()),
            changes: high(),
            approvals: approved(),
            ..ready()
        };
        assert_eq!(decide(&facts, &Policy::default()).reason, Reason::DegradedHighRisk);
    }

    #[test]
    fn deploy_not_configured_for_a_blank_workflow_name() {
        for (name, expected) in [
            ("", Reason::DeployNotConfigured),
            (" \t", Reason::DeployNotConfigured),
            ("deploy.yml", Reason::AllowLow),
        ] {
            let policy = Policy { deploy_workflow_name: name.into(), ..Policy::default() };
            let facts = Facts { deploy_configured: policy.has_deploy_workflow(), ..ready() };
            assert_eq!(decide(&facts, &policy).reason, expected, "workflow name {name:?}");
        }
    }
}

/// Facts and a policy for every hold, for those who look at what is said about it.
pub(crate) fn every_hold() -> impl Iterator<Item = (Facts, Policy)> {
    HOLDS.into_iter().map(|(_, obstacle)| {
        let (mut facts, mut policy) = (ready(), Policy::default());
        obstacle(&mut facts, &mut policy);
        (facts, policy)
    })
}

#[test]
fn what_nobody_looked_at_is_not_said_to_be_contained() {
    let says = |descent, expected: &str| {
        let facts = Facts { descent, ..ready() };
        let decision = decide(&facts, &Policy::default());
        let rule = decision.rules.iter().find(|rule| rule.rule == "descendant").unwrap();
        assert_eq!(rule.detail, expected);
    };
    says(Descent::NotLookedAt, "not looked at");
    says(Descent::Contains, "contains what is live");
    says(Descent::Lacks { why: "an old branch".into() }, "an old branch");
}
