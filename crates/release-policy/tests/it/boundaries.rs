//! To the second: cooldown, rate, breaker and freeze, and clocks that went wrong.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use release_policy::{
    Breaker, Decision, Delivery, Facts, HandledOutcome, LastAttempt, Policy, Reason, decide,
};

use crate::support::{OTHER, SHA, ago, freeze, later, now, ready};

fn policy(cooldown_minutes: u32, max_deploys_per_hour: u32) -> Policy {
    let max_deploys_per_hour = NonZeroU32::new(max_deploys_per_hour).unwrap();
    Policy { cooldown_minutes, max_deploys_per_hour, ..Policy::default() }
}

fn after_attempt(sha: &str, failed: bool, at: SystemTime, cooldown_minutes: u32) -> Decision {
    let last_attempt = Some(LastAttempt { sha: sha.into(), failed, at });
    decide(&Facts { last_attempt, ..ready() }, &policy(cooldown_minutes, 6))
}

#[test]
fn the_cooldown_ends_exactly_when_it_is_over() {
    let half_hour = 30 * 60;
    let cases = [
        ("just now", ago(0), 30, Some(later(half_hour))),
        ("a second before the end", ago(half_hour - 1), 30, Some(later(1))),
        ("exactly at the end", ago(half_hour), 30, None),
        ("long ago", ago(86_400), 30, None),
        (
            "in the future, after the clock went back",
            later(7200),
            30,
            Some(later(7200 + half_hour)),
        ),
        ("just now, without a cooldown", ago(0), 0, None),
        ("in the future, without a cooldown", later(7200), 0, None),
        (
            "just now, with the longest cooldown",
            ago(0),
            u32::MAX,
            Some(later(u64::from(u32::MAX) * 60)),
        ),
    ];
    for (row, at, minutes, held_until) in cases {
        let decision = after_attempt(SHA, true, at, minutes);
        let expected = if held_until.is_some() { Reason::Cooldown } else { Reason::AllowLow };
        assert_eq!((decision.reason, decision.retry_at), (expected, held_until), "failed {row}");
    }
}

#[test]
fn the_cooldown_is_only_for_a_failure_of_the_same_commit() {
    assert_eq!(
        after_attempt(OTHER, true, ago(1), 30).reason,
        Reason::AllowLow,
        "another commit failed"
    );
    assert_eq!(
        after_attempt(SHA, false, ago(1), 30).reason,
        Reason::AllowLow,
        "this commit did not fail"
    );
    let upper = SHA.to_ascii_uppercase();
    assert_eq!(
        after_attempt(&upper, true, ago(1), 30).reason,
        Reason::Cooldown,
        "the same id in upper case"
    );
}

#[test]
fn the_cooldown_holds_an_ordered_redeploy_too() {
    let facts = Facts {
        last_attempt: Some(LastAttempt { sha: SHA.into(), failed: true, at: ago(1) }),
        delivery: Delivery::Handled { delivery_id: "d1".into(), outcome: HandledOutcome::Failed },
        redeploy: Some("disk was full".into()),
        ..ready()
    };
    assert_eq!(decide(&facts, &Policy::default()).reason, Reason::Cooldown);
}

#[test]
fn the_rate_counts_one_hour_to_the_second() {
    let cases: [(&str, &[SystemTime], u32, Option<SystemTime>); 9] = [
        ("none", &[], 1, None),
        ("one below the limit", &[ago(10)], 2, None),
        ("at the limit", &[ago(10), ago(20)], 2, Some(later(3601 - 20))),
        ("in any order", &[ago(20), ago(10)], 2, Some(later(3601 - 20))),
        ("exactly an hour old", &[ago(3600)], 1, Some(later(1))),
        ("a second more than an hour old", &[ago(3601)], 1, None),
        ("over the limit", &[ago(30), ago(20), ago(10)], 2, Some(later(3601 - 20))),
        ("old ones do not fill the hour", &[ago(9000), ago(8000), ago(10)], 2, None),
        ("in the future, after the clock went back", &[later(600)], 1, Some(later(600 + 3601))),
    ];
    for (row, deploys, limit, held_until) in cases {
        let decision =
            decide(&Facts { recent_deploys: deploys.to_vec(), ..ready() }, &policy(30, limit));
        let expected = if held_until.is_some() { Reason::RateLimit } else { Reason::AllowLow };
        assert_eq!((decision.reason, decision.retry_at), (expected, held_until), "{row}");
    }
}

#[test]
fn the_breaker_and_the_freeze_end_at_their_moment() {
    let cases = [(later(1), true), (now(), false), (ago(1), false)];
    for (moment, held) in cases {
        let decision = decide(
            &Facts { breaker: Breaker::Open { retry_at: moment }, ..ready() },
            &Policy::default(),
        );
        assert_eq!(decision.reason == Reason::BreakerOpen, held, "breaker until {moment:?}");
        assert_eq!(decision.retry_at, held.then_some(moment));

        let freeze = Some(freeze(Some(moment)));
        let decision = decide(&Facts { freeze, ..ready() }, &Policy::default());
        assert_eq!(decision.reason == Reason::Freeze, held, "freeze until {moment:?}");
        assert_eq!(decision.retry_at, held.then_some(moment));
    }
    for breaker in
        [Breaker::Unused, Breaker::HalfOpen, Breaker::Closed { failures: 4, threshold: 5 }]
    {
        let decision = decide(&Facts { breaker: breaker.clone(), ..ready() }, &Policy::default());
        assert_eq!(decision.reason, Reason::AllowLow, "{breaker:?} lets through");
    }
}

#[test]
fn absurd_clocks_do_not_stop_a_decision() {
    let absurd = [
        SystemTime::UNIX_EPOCH,
        SystemTime::UNIX_EPOCH - Duration::from_secs(1 << 40),
        SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 50),
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(i64::MAX as u64)).unwrap(),
    ];
    for now in absurd {
        for then in absurd {
            let facts = Facts {
                now,
                last_attempt: Some(LastAttempt { sha: SHA.into(), failed: true, at: then }),
                recent_deploys: vec![then; 7],
                breaker: Breaker::Open { retry_at: then },
                freeze: Some(freeze(Some(then))),
                base_live_since: Some(then),
                ..ready()
            };
            let decision = decide(&facts, &policy(u32::MAX, 1));
            assert!(
                serde_json::to_string(&decision).unwrap().contains("evaluated_at"),
                "at {now:?} about {then:?}"
            );
        }
    }
}
