//! What happens where the audit log cannot be written, and who waits for whom.

use crate::{Bench, SHA};

/// Makes the audit log a directory, which nobody can append to.
fn break_log(bench: &Bench) {
    let log = bench.path().join(".booty/state/audit.jsonl");
    std::fs::remove_file(&log).ok();
    std::fs::create_dir_all(log).unwrap();
}

#[test]
fn what_cannot_be_written_down_is_not_recorded_or_resolved() {
    let bench = Bench::new();
    bench.run(&["record", SHA, "pending"]).exits(0);
    // Without any freezes on record, the log is asked for them.
    bench.run(&["freeze", "add", "--reason", "r"]).exits(0);
    break_log(&bench);
    bench.run(&["resolve", SHA, "--as", "success"]).exits(3);
    bench.run(&["record", SHA, "success", "--delivery-id", "one"]).exits(3);
    let status = bench.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["unknown"], serde_json::json!([SHA]));
    assert_eq!(status["production_sha_current"], serde_json::Value::Null);
    assert_eq!(bench.run(&["delivery", "list"]).exits(0).stdout(), "");
}

#[test]
fn a_claim_that_was_won_is_one_also_without_its_line() {
    let bench = Bench::new();
    break_log(&bench);
    let ran = bench.run(&["--quiet", "delivery", "claim", "acme/shop", SHA, "one", "--json"]);
    let ran = ran.exits(0);
    assert_eq!(ran.json()["new"], true);
    assert!(ran.stderr().contains("line in the audit log is missing"), "{}", ran.stderr());
    bench.run(&["delivery", "claim", "acme/shop", SHA, "two"]).exits(1);
    let ran = bench.run(&["delivery", "record", "acme/shop", SHA, "two"]).exits(0);
    assert!(ran.stderr().contains("line in the audit log is missing"), "{}", ran.stderr());
    let ran = bench.run(&["delivery", "prune", "--keep", "1"]).exits(0);
    assert_eq!(ran.stderr(), "", "nothing was pruned");
}

#[test]
fn an_attempt_that_cannot_be_written_down_is_none() {
    let bench = Bench::new();
    // Looking at the log takes no lock, appending to it does.
    std::fs::create_dir_all(bench.path().join(".booty/state/audit.jsonl.lock")).unwrap();
    let ran = bench.deploy(SHA, &[], "true").exits(3);
    assert!(ran.stderr().contains("audit.jsonl"), "{}", ran.stderr());
    assert_eq!(bench.run(&["delivery", "list"]).exits(0).stdout(), "");
    assert_eq!(bench.runs(), 0);
    std::fs::remove_dir(bench.path().join(".booty/state/audit.jsonl.lock")).unwrap();
    bench.deploy(SHA, &[], "true").exits(0);
}

#[test]
fn a_running_deploy_is_not_settled_by_somebody_else() {
    let bench = Bench::new();
    let govctl = env!("CARGO_BIN_EXE_govctl");
    let record = format!("'{govctl}' --lock-wait 0s record {SHA} failure; test $? = 5");
    bench.deploy(SHA, &[], &record).exits(0);
    let status = bench.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["last_deploy_result"], "success");
}

#[test]
fn only_a_held_lock_is_worth_waiting_for() {
    let bench = Bench::new();
    bench.given(".booty/state/locks/deploy-production.lock/x", "");
    let ran = bench.run(&["record", SHA, "failure"]).exits(3);
    assert!(!ran.stderr().contains("--lock-wait"), "{}", ran.stderr());
}

#[test]
fn a_commit_that_git_has_lost_can_still_be_settled_and_looked_up() {
    let (bench, _) = Bench::with_commits(["a"]);
    bench.run(&["record", SHA, "pending"]).exits(0);
    bench.run(&["resolve", SHA, "--as", "failure"]).exits(0);
    let history = bench.run(&["history", "--sha", SHA, "--json"]).exits(0).json();
    assert_eq!(history.as_array().unwrap().len(), 2);
    bench.run(&["resolve", &SHA[..39], "--as", "failure"]).exits(2);
    bench.deploy(SHA, &[], "true").exits(2);
}

#[test]
fn a_line_of_a_pretended_time_says_so() {
    let bench = Bench::new();
    bench.run(&["record", SHA, "failure"]).exits(0);
    bench.run(&["--now", "2026-01-01T00:00:00Z", "record", SHA, "failure"]).exits(0);
    let history = bench.run(&["history", "--json"]).exits(0).json();
    let pretends = |line: usize| {
        history[line]["who"].as_str().unwrap().ends_with("(pretending it is 2026-01-01T00:00:00Z)")
    };
    assert_eq!((pretends(0), pretends(1)), (false, true));
}
