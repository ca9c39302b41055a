//! What a person is told to do.

use release_policy::{ApprovalMode, Delivery, Facts, HandledOutcome, Policy, decide};

use crate::support::{OTHER, SHA, freeze, high, later, ready};

/// The commands that exist. A hint at any other would be a dead end.
const COMMANDS: [&str; 10] = [
    "approve", "freeze", "deploy", "check", "explain", "status", "resolve", "record", "history",
    "config",
];

fn high_risk(policy: &Policy) -> Vec<String> {
    decide(&Facts { changes: high(), ..ready() }, policy).unblock_hints
}

#[test]
fn the_way_to_approve_is_the_one_that_is_configured() {
    let both = [
        r#"govctl approve 9f2c1ab --reason "..."   # this commit only, for 2 h"#,
        "RELEASE_GOVERNOR_APPROVED=true govctl deploy 9f2c1ab ...",
    ];
    let after = |first: &'static str| [&[first], &both[..]].concat();
    let mut policy = Policy::default();
    assert_eq!(high_risk(&policy), both);

    policy.approval_mode = ApprovalMode::Label;
    assert_eq!(high_risk(&policy), after("set `approval_label`, so that a label can approve"));
    policy.approval_label = Some("release".into());
    let label = "add the label `release` to the pull request of 9f2c1ab";
    assert_eq!(high_risk(&policy), after(label));

    policy.approval_mode = ApprovalMode::Comment;
    let unset = "set `approval_command`, so that a comment can approve";
    assert_eq!(high_risk(&policy), after(unset));
    policy.approval_command = Some("/ship".into());
    assert_eq!(high_risk(&policy), after("comment `/ship` on the pull request of 9f2c1ab"));
}

#[test]
fn every_commit_of_unknown_outcome_has_to_be_resolved() {
    let delivery =
        Delivery::Handled { delivery_id: "d1".into(), outcome: HandledOutcome::NoRecord };
    let facts = Facts { unknown: vec![OTHER.into()], delivery: delivery.clone(), ..ready() };
    let hints = decide(&facts, &Policy::default()).unblock_hints;
    let ways = |sha| {
        [
            "   # settles what can be proven",
            " --as success --reason \"...\"",
            " --as failure --reason \"...\"",
        ]
        .map(|words| format!("govctl resolve {sha}{words}"))
    };
    assert_eq!(hints, [ways(OTHER), ways(SHA)].concat(), "in full, and one answer each");

    let facts = Facts { unknown: vec![SHA.to_uppercase()], delivery, ..ready() };
    assert_eq!(decide(&facts, &Policy::default()).unblock_hints.len(), 3, "each commit once");
}

#[test]
fn a_redeploy_is_spelt_out() {
    let delivery = Delivery::Handled { delivery_id: "d1".into(), outcome: HandledOutcome::Failed };
    let hints = decide(&Facts { delivery, ..ready() }, &Policy::default()).unblock_hints;
    assert_eq!(hints, [r#"govctl deploy 9f2c1ab --redeploy --reason "..." ..."#]);
}

#[test]
fn a_freeze_with_an_end_names_it() {
    let freeze = Some(freeze(Some(later(3600))));
    let hints = decide(&Facts { freeze, ..ready() }, &Policy::default()).unblock_hints;
    let expected = [
        r#"govctl approve 9f2c1ab --reason "..."   # an exception for this commit, for 2 h"#,
        "wait until the freeze ends at 2026-11-20T19:00:00Z",
        r#"govctl freeze end 3 --reason "...""#,
    ];
    assert_eq!(hints, expected);
}

#[test]
fn only_commands_that_exist_are_named() {
    for text in release_policy::Reason::all().map(release_policy::Reason::unblock) {
        check(text);
    }
    for facts in crate::table::every_hold() {
        for hint in decide(&facts.0, &facts.1).unblock_hints {
            check(&hint);
        }
    }
}

fn check(hint: &str) {
    for command in hint.split("govctl ").skip(1) {
        let name: String = command.chars().take_while(char::is_ascii_lowercase).collect();
        assert!(COMMANDS.contains(&name.as_str()), "`{hint}` names `{name}`");
    }
}
