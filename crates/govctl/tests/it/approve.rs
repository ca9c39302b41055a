//! `approve` and `approvals`: one commit, for a while, with who and why.

use serde_json::{Value, json};

use crate::{Bench, Ran, SHA};

/// 2026-11-20, at that time of the day.
fn at(bench: &Bench, time: &str, args: &[&str]) -> Ran {
    let now = format!("2026-11-20T{time}Z");
    bench.run(&[&["--json", "--now", &now], args].concat())
}

/// A workspace in which every commit is of high risk.
fn risky() -> Bench {
    let bench = Bench::new();
    bench.given("paths", "db/migrations/1.sql\n");
    bench
}

const CHECK: [&str; 4] = ["check", SHA, "--paths-from", "paths"];

fn reason(ran: &Ran) -> Value {
    ran.json()["reason"].clone()
}

#[test]
fn an_approval_lets_a_commit_of_high_risk_out_until_it_ends() {
    let bench = risky();
    assert_eq!(reason(&at(&bench, "12:00:00", &CHECK).exits(1)), "high_risk_no_approval");
    let given = at(&bench, "12:00:00", &["approve", SHA, "--ttl", "30m", "--reason", "seen"]);
    let given = given.exits(0).json();
    assert_eq!((&given["sha"], &given["standing"]), (&json!(SHA), &json!("in_force")));
    assert_eq!(given["expires_at"], "2026-11-20T12:30:00Z");

    let allowed = at(&bench, "12:29:59", &CHECK).exits(0);
    assert_eq!(reason(&allowed), "allow_high_approved");
    assert_eq!(allowed.stderr(), "");
    let rules = allowed.json()["rules"].clone();
    let rule = rules.as_array().unwrap().iter().find(|rule| rule["rule"] == "approval").unwrap();
    let detail = rule["detail"].as_str().unwrap();
    assert!(detail.starts_with("given by commit by ") && detail.ends_with(": seen"), "{detail}");
    at(&bench, "12:30:00", &CHECK).exits(1);
    // Nor does it count before it was given.
    at(&bench, "11:59:59", &CHECK).exits(1);
}

#[test]
fn it_is_for_one_commit_of_one_repository_in_one_environment() {
    let bench = risky();
    at(&bench, "12:00:00", &["approve", SHA]).exits(0);
    at(&bench, "12:00:00", &CHECK).exits(0);
    let other = SHA.replace('9', "8");
    at(&bench, "12:00:00", &["check", &other, "--paths-from", "paths"]).exits(1);
    at(&bench, "12:00:00", &[&["--repo", "acme/other"], &CHECK[..]].concat()).exits(1);
    let args = [&["--json", "--now", "2026-11-20T12:00:00Z"], &CHECK[..]].concat();
    let staging = [("RELEASE_GOVERNOR_PRODUCTION_ENVIRONMENT_NAME", "staging")];
    bench.run_with(&staging, &args).exits(1);
}

#[test]
fn what_is_taken_back_counts_no_more_and_both_are_in_the_audit_log() {
    let bench = risky();
    at(&bench, "12:00:00", &["approve", SHA, "--reason", "seen"]).exits(0);
    at(&bench, "12:10:00", &["approve", SHA, "--ttl", "4h"]).exits(0);
    let revoked = at(&bench, "12:20:00", &["approvals", "revoke", SHA, "--reason", "oh"]).exits(0);
    assert_eq!(revoked.json().as_array().unwrap().len(), 2);
    at(&bench, "12:20:00", &CHECK).exits(1);
    let again = at(&bench, "12:21:00", &["approvals", "revoke", SHA]).exits(1);
    assert_eq!(again.json(), json!([]));

    assert_eq!(at(&bench, "12:21:00", &["approvals", "list"]).exits(0).json(), json!([]));
    let all = at(&bench, "12:21:00", &["approvals", "list", "--all"]).exits(0).json();
    assert_eq!(all[1]["standing"], "revoked");
    assert_eq!(all[1]["revoked"]["reason"], "oh");

    let history = at(&bench, "12:21:00", &["history", "--verify"]).exits(0).json();
    let lines: Vec<_> = history.as_array().unwrap().iter().collect();
    let words: Vec<_> = lines.iter().map(|line| line["what"].as_str().unwrap()).collect();
    assert_eq!(words, ["approved", "approved", "approval_revoked"]);
    assert_eq!(lines[0]["before"], Value::Null);
    assert_eq!(lines[0]["why"], "seen");
    assert_eq!(lines[0]["after"]["expires_at"], "2026-11-20T14:00:00Z");
    assert_eq!(lines[1]["before"], lines[0]["after"], "what counted before");
    assert_eq!(lines[2]["before"], json!([lines[0]["after"], lines[1]["after"]]));
    assert!(lines.iter().all(|line| line["sha"] == SHA));
}

#[test]
fn a_damaged_file_is_no_approval_and_no_hold_but_exit_3() {
    let bench = risky();
    at(&bench, "12:00:00", &["approve", SHA]).exits(0);
    for text in ["{", "", "[]", r#"{"approvals": 7}"#] {
        bench.given(".booty/state/approvals.json", text);
        for args in [&CHECK[..], &["approve", SHA], &["approvals", "revoke", SHA]] {
            let error = at(&bench, "12:00:00", args).exits(3).json();
            assert_eq!(error["error"]["kind"], "broken", "{text:?}: {args:?}");
        }
        // Also with the variable set: nobody knows what was taken back.
        let args = [&["--now", "2026-11-20T12:00:00Z"], &CHECK[..]].concat();
        bench.run_with(&[("RELEASE_GOVERNOR_APPROVED", "yes")], &args).exits(3);
    }
}

#[test]
fn what_cannot_be_written_down_is_not_approved() {
    let bench = risky();
    std::fs::create_dir_all(bench.path().join(".booty/state/audit.jsonl")).unwrap();
    at(&bench, "12:00:00", &["approve", SHA]).exits(3);
    assert!(!bench.path().join(".booty/state/approvals.json").exists());
}

#[test]
fn the_variable_that_approves_everything_is_warned_of_where_it_decides() {
    let bench = risky();
    let run = |args: &[&str]| {
        bench.run_with(&[("RELEASE_GOVERNOR_APPROVED", "yes")], &[&["-v"], args].concat())
    };
    let warned = run(&CHECK).exits(0).stderr();
    let hint = "for this commit alone: govctl approve 9f2c1ab --reason \"...\"";
    assert!(warned.contains("warning: RELEASE_GOVERNOR_APPROVED"), "{warned}");
    assert!(warned.contains(hint) && warned.contains("INFO"), "note and event: {warned}");

    // Not where nothing asks for an approval.
    bench.given("low", "docs/a.md\n");
    assert_eq!(run(&["check", SHA, "--paths-from", "low"]).exits(0).stderr(), "");
    // Nor where the commit was approved for itself, and then that is what is named.
    bench.run(&["approve", SHA, "--reason", "seen"]).exits(0);
    let quiet = run(&CHECK).exits(0);
    assert_eq!(quiet.stderr(), "");
    assert!(quiet.stdout().contains(": seen"), "{}", quiet.stdout());
}

#[test]
fn a_first_deploy_that_the_variable_approves_is_warned_of_too() {
    let bench = Bench::new();
    bench.given(".booty.yml", "release_governor:\n  require_approval_for_first_deploy: true\n");
    bench.run(&["check", SHA]).exits(1);
    let ran = bench.run_with(&[("RELEASE_GOVERNOR_APPROVED", "yes")], &["check", SHA]).exits(0);
    assert!(ran.stderr().contains("approves everything"), "{}", ran.stderr());
}

#[test]
fn a_lifetime_that_makes_no_sense_is_refused() {
    let bench = risky();
    for ttl in ["0", "721h", "soon"] {
        bench.run(&["approve", SHA, "--ttl", ttl]).exits(2);
    }
    bench.run(&["approve", "9f2c1ab"]).exits(2);
    assert!(!bench.path().join(".booty").exists(), "nothing was changed");
}

#[test]
fn an_empty_reason_is_refused_by_every_command_that_takes_one() {
    let bench = Bench::new();
    let commands: [&[&str]; 11] = [
        &["approve", SHA],
        &["approvals", "revoke", SHA],
        &["freeze", "add"],
        &["freeze", "end", "1"],
        &["breaker", "trip", "x"],
        &["lock", "break", "x"],
        &["resolve", SHA, "--as", "success"],
        &["rollback", "--dry-run"],
        &["state", "accept", "release.json"],
        &["state", "edit", "release.json"],
        &["state", "restore", "release.json"],
    ];
    for command in commands {
        for empty in ["--reason=", "--reason= \t"] {
            let told = bench.run(&[command, &[empty]].concat()).exits(2).stderr();
            assert!(told.contains("say why"), "{command:?}: {told}");
        }
    }
    let deploy = ["deploy", SHA, "--redeploy", "--reason=", "--", "true"];
    assert!(bench.run(&deploy).exits(2).stderr().contains("say why"));
    assert!(!bench.path().join(".booty").exists(), "something was recorded");
}
