//! The words and texts of the reasons.

use std::collections::HashSet;

use release_policy::{Outcome, Reason};

/// The words are a contract with scripts: this list only ever grows.
const WORDS: [&str; 22] = [
    "governor_disabled",
    "already_deployed",
    "deploy_in_progress",
    "outcome_unknown",
    "verification_failed",
    "breaker_open",
    "freeze",
    "deploy_not_configured",
    "first_deploy_required",
    "degraded_high_risk",
    "cooldown",
    "rate_limit",
    "never_live",
    "rolled_back",
    "allow_rollback",
    "redeploy_required",
    "not_descendant",
    "allow_low",
    "degraded_medium_hold",
    "allow_medium",
    "allow_high_approved",
    "high_risk_no_approval",
];

#[test]
fn the_words_stay_as_they_are() {
    assert_eq!(Reason::all().map(Reason::word).collect::<Vec<_>>(), WORDS);
    for reason in Reason::all() {
        assert_eq!(reason.word().parse(), Ok(reason));
    }
}

#[test]
fn every_reason_is_explained_and_every_hold_says_what_to_do() {
    let mut meanings = HashSet::new();
    for reason in Reason::all() {
        assert!(meanings.insert(reason.meaning()), "`{reason}` means something of its own");
        assert!(
            !reason.meaning().contains('\n') && reason.meaning().len() < 80,
            "one line for `{reason}`"
        );
        assert!(reason.explanation().ends_with('.'), "sentences for `{reason}`");
        assert!(!reason.explanation().contains("  "), "no stray blanks for `{reason}`");
        assert_eq!(
            reason.unblock().is_empty(),
            reason.outcome() == Outcome::Allow,
            "what to do about `{reason}`"
        );
    }
}

#[test]
fn an_unknown_word_is_told_the_nearest_one() {
    let cases = [
        ("rate_limt", Some("rate_limit")),
        ("high_risk", Some("high_risk_no_approval")),
        ("weather", None),
    ];
    for (word, nearest) in cases {
        let unknown = Reason::from_word(word).unwrap_err();
        assert_eq!(unknown.nearest, nearest, "for `{word}`");
        assert_eq!(unknown.to_string(), format!("there is no reason `{word}`"));
    }
}
