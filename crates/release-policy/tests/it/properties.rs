//! What holds for any facts and any policy.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use release_policy::{
    Approval, ApprovalKind, Breaker, Change, ChangeStatus, Changes, Decision, Delivery, Descent,
    Facts, HandledOutcome, InProgress, LastAttempt, Outcome, Policy, Reason, Rollback, RolledBack,
    Switch, Verification, decide,
};

use crate::support::{OTHER, SHA, now};

/// Two hours around now, by the second, so that every boundary is near.
fn moment() -> impl Strategy<Value = SystemTime> {
    (0_u64..4 * 3600)
        .prop_map(|seconds| now() - Duration::from_secs(3 * 3600) + Duration::from_secs(seconds))
}

/// True one time in ten: with a fair coin for everything, nothing would ever be let through.
fn rarely() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.1)
}

fn sha() -> impl Strategy<Value = String> {
    prop::sample::select(vec![SHA.to_owned(), OTHER.to_owned()])
}

fn changes() -> impl Strategy<Value = Changes> {
    let path = prop::sample::select(vec![
        "docs/a.md",
        "package.json",
        "db/migrations/1.sql",
        ".github/workflows/x.yml",
    ]);
    (prop::collection::vec(path, 0..3), rarely()).prop_map(|(paths, truncated)| {
        let list = paths.into_iter().map(|path| Change::new(ChangeStatus::Modified, path));
        if truncated { Changes::truncated(list, "cut") } else { Changes::complete(list) }
    })
}

fn delivery() -> impl Strategy<Value = Delivery> {
    let handled = |outcome| Delivery::Handled { delivery_id: "d1".into(), outcome };
    prop_oneof![
        12 => Just(Delivery::New),
        1 => Just(Delivery::Live { delivery_id: "d1".into() }),
        1 => Just(handled(HandledOutcome::Succeeded)),
        1 => Just(handled(HandledOutcome::Failed)),
        1 => Just(handled(HandledOutcome::NoRecord)),
    ]
}

fn breaker() -> impl Strategy<Value = Breaker> {
    prop_oneof![
        5 => Just(Breaker::Unused),
        1 => Just(Breaker::HalfOpen),
        1 => Just(Breaker::Closed { failures: 1, threshold: 5 }),
        1 => moment().prop_map(|retry_at| Breaker::Open { retry_at }),
    ]
}

fn approvals() -> impl Strategy<Value = Vec<Approval>> {
    let kind = prop::sample::select(vec![
        ApprovalKind::Environment,
        ApprovalKind::Label,
        ApprovalKind::Comment,
        ApprovalKind::Commit,
    ]);
    let given = (kind, prop::option::of(moment()));
    prop::collection::vec(
        given.prop_map(|(kind, given_at)| Approval {
            kind,
            by: None,
            detail: "yes".into(),
            given_at,
        }),
        0..3,
    )
}

fn facts() -> impl Strategy<Value = Facts> {
    let who = (rarely(), rarely(), rarely(), changes(), approvals(), rarely(), rarely());
    let when = (
        prop::option::weighted(0.3, (sha(), any::<bool>(), moment())),
        prop::collection::vec(moment(), 0..8),
    );
    let done = (
        delivery(),
        prop::option::of(Just("disk".to_owned())),
        prop::option::weighted(0.1, sha()),
        rarely(),
    );
    let held = (
        rarely(),
        breaker(),
        prop::option::weighted(0.1, prop::option::of(moment())),
        rarely(),
        prop::option::weighted(0.1, moment()),
        prop::option::weighted(0.1, rollback()),
    );
    (who, when, done, held).prop_map(|(who, when, done, held)| {
        let (off, unconfigured, first_deploy, changes, approvals, degraded, overridden) = who;
        let (delivery, redeploy, in_progress, unknown) = done;
        let (unverified, breaker, freeze, not_descendant, rolled_back, rollback) = held;
        Facts {
            governor: if off { Switch::Off { why: "off".into() } } else { Switch::On },
            deploy_configured: !unconfigured,
            first_deploy,
            changes,
            approvals,
            degraded: degraded.then(|| "errors".into()),
            security_override: overridden.then(|| "3 days old".into()),
            last_attempt: when.0.map(|(sha, failed, at)| LastAttempt { sha, failed, at }),
            recent_deploys: when.1,
            delivery,
            redeploy,
            in_progress: in_progress.map(|sha| InProgress { sha, holder: "pid 7".into() }),
            unknown: if unknown { vec![OTHER.into()] } else { Vec::new() },
            verification: if unverified {
                Verification::Failed { what: "test".into() }
            } else {
                Verification::Passed
            },
            breaker,
            freeze: freeze.map(crate::support::freeze),
            descent: if not_descendant {
                Descent::Lacks { why: "an old branch".into() }
            } else {
                Descent::Contains
            },
            rolled_back: rolled_back.map(|at| RolledBack { at, why: None }),
            rollback,
            ..Facts::new(SHA, now())
        }
    })
}

fn rollback() -> impl Strategy<Value = Rollback> {
    let from = prop::option::weighted(0.8, Just(OTHER.to_owned()));
    (from, prop::bool::weighted(0.8)).prop_map(|(from, was_live)| Rollback {
        from,
        why: None,
        was_live,
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    (rarely(), 0_u32..90, 1_u32..10).prop_map(|(first, cooldown_minutes, deploys)| Policy {
        require_approval_for_first_deploy: first,
        cooldown_minutes,
        max_deploys_per_hour: NonZeroU32::new(deploys).unwrap(),
        ..Policy::default()
    })
}

/// Every way in which a release can become more dangerous or less welcome.
fn worse(facts: &Facts) -> Vec<Facts> {
    let with = |change: &dyn Fn(&mut Facts)| {
        let mut worse = facts.clone();
        change(&mut worse);
        worse
    };
    vec![
        with(&|f| f.changes.list.push(Change::new(ChangeStatus::Added, "package.json"))),
        with(&|f| f.changes.list.push(Change::new(ChangeStatus::Added, "db/migrations/2.sql"))),
        with(&|f| f.changes = Changes::truncated(f.changes.list.clone(), "cut")),
        with(&|f| f.security_override = Some("1 day old".into())),
        with(&|f| f.degraded = Some("errors".into())),
        with(&|f| f.recent_deploys.push(now())),
        with(&|f| f.unknown.push(OTHER.into())),
        with(&|f| f.in_progress = Some(InProgress { sha: OTHER.into(), holder: "pid 8".into() })),
        with(&|f| f.verification = Verification::Failed { what: "test".into() }),
        with(&|f| f.freeze = Some(crate::support::freeze(None))),
        with(&|f| f.descent = Descent::Lacks { why: "an old branch".into() }),
        with(&|f| f.governor = Switch::Off { why: "off".into() }),
        with(&|f| f.deploy_configured = false),
        with(&|f| f.approvals.clear()),
    ]
}

fn deciding(decision: &Decision) -> &release_policy::RuleResult {
    decision.rules.iter().find(|rule| rule.reason.is_some()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_first_rule_with_a_reason_decides(facts in facts(), policy in policy()) {
        let decision = decide(&facts, &policy);
        let first = deciding(&decision);
        prop_assert_eq!(first.reason, Some(decision.reason));
        prop_assert_eq!(first.retry_at, decision.retry_at);
        prop_assert_eq!(decision.outcome, decision.reason.outcome());
        prop_assert_eq!(decision.unblock_hints.is_empty(), decision.outcome == Outcome::Allow);
        for rule in &decision.rules {
            prop_assert_eq!(rule.pass, rule.reason.is_none_or(|reason| reason.outcome() == Outcome::Allow));
        }
    }

    #[test]
    fn only_a_live_commit_is_allowed_with_a_rule_against_it(facts in facts(), policy in policy()) {
        let decision = decide(&facts, &policy);
        if decision.outcome == Outcome::Allow && decision.reason != Reason::AlreadyDeployed {
            prop_assert!(decision.rules.iter().all(|rule| rule.pass));
        }
    }

    #[test]
    fn the_same_facts_give_the_same_decision(facts in facts(), policy in policy()) {
        let once = serde_json::to_string(&decide(&facts, &policy)).unwrap();
        let again = serde_json::to_string(&decide(&facts.clone(), &policy.clone())).unwrap();
        prop_assert_eq!(once, again);
    }

    #[test]
    fn the_order_of_lists_does_not_matter(facts in facts(), policy in policy()) {
        let mut turned = facts.clone();
        turned.recent_deploys.reverse();
        turned.changes.list.reverse();
        turned.approvals.reverse();
        let (one, other) = (decide(&facts, &policy), decide(&turned, &policy));
        prop_assert_eq!((one.reason, one.retry_at, one.risk_class), (other.reason, other.retry_at, other.risk_class));
    }

    #[test]
    fn more_approval_never_turns_an_allow_into_a_hold(facts in facts(), policy in policy()) {
        let mut approved = facts.clone();
        approved.approvals.push(Approval { kind: ApprovalKind::Label, by: None, detail: "go".into(), given_at: None });
        if decide(&facts, &policy).outcome == Outcome::Allow {
            prop_assert_eq!(decide(&approved, &policy).outcome, Outcome::Allow);
        }
    }

    #[test]
    fn more_risk_never_turns_a_hold_into_an_allow(facts in facts(), policy in policy()) {
        if decide(&facts, &policy).outcome == Outcome::Hold {
            for worse in worse(&facts) {
                let decision = decide(&worse, &policy);
                prop_assert_eq!(decision.outcome, Outcome::Hold, "{} for {:?}", decision.reason, worse);
            }
        }
    }

    #[test]
    fn a_commit_that_was_handled_never_starts_again_unasked(facts in facts(), policy in policy()) {
        if !matches!(facts.delivery, Delivery::New) && facts.order().is_none() {
            let decision = decide(&facts, &policy);
            let starts = decision.outcome == Outcome::Allow && decision.reason != Reason::AlreadyDeployed;
            prop_assert!(!starts, "{} although {:?}", decision.reason, facts.delivery);
        }
    }

    #[test]
    fn at_the_moment_it_names_the_deciding_rule_holds_no_more(facts in facts(), policy in policy()) {
        let decision = decide(&facts, &policy);
        if let Some(retry_at) = decision.retry_at {
            prop_assert!(retry_at > facts.now);
            let just_before = Facts { now: retry_at - Duration::from_secs(2), ..facts.clone() };
            let then = decide(&Facts { now: retry_at, ..facts.clone() }, &policy);
            let rule = deciding(&decision).rule;
            let same_rule = |decision: &Decision| decision.rules.iter().find(|r| r.rule == rule).unwrap().pass;
            prop_assert!(same_rule(&then), "`{rule}` still holds at {retry_at:?}");
            if just_before.now >= facts.now {
                prop_assert!(!same_rule(&decide(&just_before, &policy)), "`{rule}` was over before {retry_at:?}");
            }
        }
    }
}
