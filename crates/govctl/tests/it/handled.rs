//! No commit is started twice without an order, whatever became of the record of the first time.

use crate::{Bench, SHA};

const AGAIN: [&str; 3] = ["--redeploy", "--reason", "once more"];

#[test]
fn a_redeploy_of_what_is_live_that_was_cut_off_is_unknown_and_not_live() {
    let (bench, [sha]) = Bench::with_commits(["a"]);
    bench.deploy(&sha, &[], "true").exits(0);
    bench.deploy(&sha, &[], "true").exits(0);
    assert_eq!(bench.runs(), 1, "it is live already");
    let cut_off = bench.deploy(&sha, &AGAIN, "kill -KILL $PPID");
    assert_eq!(cut_off.output.status.code(), None);
    bench.deploy(&sha, &[], "true").exits(6);
    bench.run(&["resolve", &sha, "--as", "failure", "--reason", "seen"]).exits(0);
    let later = ["--now", "2099-01-01T00:00:00Z"];
    let ran = bench.deploy(&sha, &later, "true").exits(1);
    assert!(ran.stdout().contains("redeploy_required"), "{}", ran.stdout());
    assert_eq!(bench.runs(), 2);
    bench.deploy(&sha, &[&later[..], &AGAIN].concat(), "true").exits(0);
    bench.deploy(&sha, &later, "true").exits(0);
    assert_eq!(bench.runs(), 3);
}

#[test]
fn a_redeploy_of_what_is_live_that_failed_is_no_success() {
    let (bench, [sha]) = Bench::with_commits(["a"]);
    bench.deploy(&sha, &[], "true").exits(0);
    bench.deploy(&sha, &AGAIN, "false").exits(4);
    bench.deploy(&sha, &[], "true").exits(1);
    assert_eq!(bench.runs(), 2);
}

#[test]
fn the_last_attempt_of_the_old_program_counts_without_a_history() {
    for (result, exit) in [("pending", 6), ("failure", 1)] {
        let bench = Bench::new();
        let state = format!(
            "{{\"last_deploy_attempt_sha\": \"{SHA}\", \"last_deploy_result\": \"{result}\", \
             \"last_deploy_time\": \"2026-01-01T00:00:00Z\"}}"
        );
        bench.given("release.json", &state);
        bench.deploy(SHA, &["--state-dir", "."], "true").exits(exit);
        assert_eq!(bench.runs(), 0, "{result}");
    }
}

/// The deploy of `sha` as it looks once everything but the audit log has forgotten it.
fn forget(bench: &Bench) {
    for file in ["release.json", "release.json.bak", "delivery_ids.json", "delivery_ids.json.bak"] {
        std::fs::remove_file(bench.path().join(".booty/state").join(file)).ok();
    }
}

#[test]
fn a_commit_that_was_pruned_from_history_and_deliveries_is_not_started_again() {
    let (bench, [sha, next]) = Bench::with_commits(["a", "b"]);
    bench.deploy(&sha, &[], "true").exits(0);
    bench.deploy(&next, &[], "true").exits(0);
    // An hour later what is not among the newest hundred goes.
    for second in 0..101 {
        let at = format!("2099-01-01T02:{:02}:{:02}Z", second / 60, second % 60);
        bench.run(&["--now", &at, "record", &next, "failure"]).exits(0);
    }
    bench.run(&["--now", "2099-01-01T09:00:00Z", "record", &next, "success"]).exits(0);
    bench.run(&["delivery", "prune", "--keep", "1"]).exits(0);
    let release = std::fs::read_to_string(bench.path().join(".booty/state/release.json")).unwrap();
    assert_eq!(release.matches(&sha).count(), 1, "it is not forgotten yet: {release}");
    let ran = bench.deploy(&sha, &["--now", "2099-01-02T00:00:00Z"], "true").exits(1);
    assert!(ran.stdout().contains("redeploy_required"), "{}", ran.stdout());
    assert_eq!(bench.runs(), 2);
}

/// A claim was on record in the audit log alone, once the delivery cache had no room for it any more,
/// and the commit was deployed beside whoever had claimed it.
#[test]
fn a_commit_whose_claim_has_left_the_cache_is_not_started() {
    let (bench, [sha]) = Bench::with_commits(["a"]);
    bench.run(&["delivery", "claim", "local/work", &sha, "event-1"]).exits(0);
    let held = bench.deploy(&sha, &["--repo", "local/work"], "true");
    held.exits(6);
    forget(&bench);
    bench.deploy(&sha, &["--repo", "local/work"], "true").exits(6);
    assert_eq!(bench.runs(), 0);
}

#[test]
fn what_the_state_forgot_is_as_it_ended() {
    for (command, exit, again, said) in
        [("true", 0, 0, "ALREADY DEPLOYED"), ("false", 4, 1, "redeploy_required")]
    {
        let bench = Bench::new();
        bench.deploy(SHA, &[], command).exits(exit);
        forget(&bench);
        let later = ["--now", "2099-01-01T00:00:00Z"];
        let ran = bench.deploy(SHA, &later, "true").exits(again);
        assert!(ran.stdout().contains(said), "{}", ran.stdout());
        assert_eq!(bench.runs(), 1);
        bench.deploy(SHA, &[&AGAIN[..], &later].concat(), "true").exits(0);
    }
}

#[test]
fn what_the_state_forgot_and_was_cut_off_is_unknown_and_can_be_resolved() {
    let bench = Bench::new();
    assert_eq!(bench.deploy(SHA, &[], "kill -KILL $PPID").output.status.code(), None);
    forget(&bench);
    bench.deploy(SHA, &AGAIN, "true").exits(6);
    bench.run(&["resolve", SHA, "--as", "failure"]).exits(0);
    bench.run(&["resolve", SHA, "--as", "failure"]).exits(1);
    assert_eq!(bench.runs(), 1);
}

#[test]
fn what_the_state_forgot_and_was_cut_off_holds_every_other_commit() {
    let bench = Bench::new();
    let other = "41be77c0".repeat(5);
    assert_eq!(bench.deploy(SHA, &[], "kill -KILL $PPID").output.status.code(), None);
    forget(&bench);
    let json = bench.run(&["check", &other, "--json"]).exits(1).json();
    assert_eq!(json["reason"], "outcome_unknown");
    bench.deploy(&other, &[], "true").exits(1);
    let status = bench.run(&["status"]).exits(0).stdout();
    assert!(status.contains(&format!("govctl resolve {SHA}")), "{status}");
    assert_eq!(bench.runs(), 1);
    bench.run(&["resolve", SHA, "--as", "failure"]).exits(0);
    bench.deploy(&other, &["--now", "2099-01-01T00:00:00Z"], "true").exits(0);
    assert_eq!(bench.runs(), 2);
}

#[test]
fn what_provably_never_started_is_new() {
    let bench = Bench::new();
    let deploy = ["deploy", SHA, "--", "./not-there"];
    let approved = [("RELEASE_GOVERNOR_APPROVED", "yes")];
    bench.run_with(&approved, &deploy).exits(3);
    bench.deploy(SHA, &[], "true").exits(0);
    assert_eq!(bench.runs(), 1);
}

#[test]
fn an_older_commit_does_not_replace_what_is_live_without_an_order() {
    let (bench, [old, live]) = Bench::with_commits(["a", "b"]);
    bench.deploy(&live, &[], "true").exits(0);
    let ran = bench.deploy(&old, &[], "true").exits(1);
    assert!(ran.stdout().contains("not_descendant"), "{}", ran.stdout());
    assert_eq!(bench.runs(), 1);
    bench.given("paths", "a\n");
    let descendant = |args: &[&str]| {
        let json = bench.run(&[&["check", &old, "--json"], args].concat()).json();
        let rules = json["rules"].as_array().unwrap();
        let rule = rules.iter().find(|rule| rule["rule"] == "descendant").unwrap();
        rule["detail"].as_str().unwrap().to_owned()
    };
    assert_eq!(descendant(&[]), format!("does not contain {}, which is live", &live[..7]));
    for elsewhere in [["--base", &old], ["--paths-from", "paths"]] {
        assert_eq!(descendant(&elsewhere), "not looked at", "{elsewhere:?}");
    }
    bench.deploy(&old, &AGAIN, "true").exits(0);
    bench.deploy(&live, &AGAIN, "true").exits(0);
    bench.given("c", "c");
    let next = bench.commit("c");
    let ran = bench.deploy(&next, &[], "true").exits(0);
    assert!(!ran.stdout().contains("not_descendant"), "{}", ran.stdout());
}

#[test]
fn either_answer_to_an_unknown_can_be_pasted_alone() {
    let (bench, [sha]) = Bench::with_commits(["a"]);
    assert_eq!(bench.deploy(&sha, &[], "kill -KILL $PPID").output.status.code(), None);
    let answers = ["success", "failure"]
        .map(|word| format!("govctl resolve {sha} --as {word} --reason \"...\""));
    let status = bench.run(&["status"]).exits(0).stdout();
    let json = bench.run(&["check", &sha, "--json"]).exits(1).json();
    let hints = json["unblock_hints"].as_array().unwrap();
    assert_eq!(hints[0], format!("govctl resolve {sha}   # settles what can be proven"));
    assert_eq!(hints[1..], answers);
    for answer in answers {
        assert!(status.lines().any(|line| line.trim() == answer), "{status}");
    }
}

#[test]
fn without_a_work_tree_the_second_deploy_is_high_risk_and_can_be_approved() {
    let bench = Bench::new();
    let next = "41be77c0".repeat(5);
    bench.deploy(SHA, &[], "true").exits(0);
    let json = bench.run(&["check", &next, "--json"]).exits(1).json();
    assert_eq!(
        (&json["risk_class"], &json["reason"]),
        (&"HIGH".into(), &"high_risk_no_approval".into())
    );
    bench.deploy(&next, &[], "true").exits(0);
    assert_eq!(bench.runs(), 2);
}

#[test]
fn the_failure_of_another_commit_does_not_end_the_cooldown() {
    let (bench, [first, second]) = Bench::with_commits(["a", "b"]);
    bench.deploy(&first, &[], "false").exits(4);
    bench.deploy(&second, &[], "false").exits(4);
    for sha in [&first, &second] {
        let ran = bench.deploy(sha, &AGAIN, "true").exits(1);
        assert!(ran.stdout().contains("cooldown"), "{}", ran.stdout());
    }
    let later = ["--now", "2099-01-01T00:00:00Z"];
    bench.deploy(&first, &[&AGAIN[..], &later].concat(), "true").exits(0);
    assert_eq!(bench.runs(), 3);
}

#[test]
fn what_cannot_be_taken_back_is_not_called_settled() {
    let bench = Bench::new();
    bench.deploy(SHA, &[], "true").exits(0);
    let log = std::fs::read_to_string(bench.path().join(".booty/state/audit.jsonl")).unwrap();
    // Cut off right after the line of the start.
    bench.given("new/audit.jsonl", &format!("{}\n", log.lines().next().unwrap()));
    let document = bench.path().join("new/release.json");
    let changing = flock_guard::LockFile::beside(&document);
    let changing = changing.exclusive(flock_guard::Wait::Never).unwrap();
    let resolve = ["--state-dir", "new", "--lock-wait", "0", "resolve", SHA];
    let ran = bench.run(&resolve).exits(5);
    assert!(ran.stderr().contains("error: the intent could not be taken back"), "{}", ran.stderr());
    changing.release();
    bench.run(&resolve).exits(0);
    bench.deploy(SHA, &["--state-dir", "new"], "true").exits(0);
    assert_eq!(bench.runs(), 2);
}

/// Once the words that GitHub has for a run which still goes on settled an unknown outcome: the
/// next deploy went out beside it.
#[test]
fn a_word_that_is_no_conclusion_settles_nothing() {
    let bench = Bench::new();
    assert_eq!(bench.deploy(SHA, &[], "kill -KILL $PPID").output.status.code(), None);
    for word in ["queued", "in_progress", "requested", "waiting", "completed"] {
        let ran = bench.run(&["record", SHA, word]).exits(2);
        assert!(ran.stderr().contains("does not say how a deploy ended"), "{}", ran.stderr());
    }
    let status = bench.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["unknown"], serde_json::json!([SHA]));
    bench.run(&["record", SHA, "cancelled"]).exits(0);
}

/// Once `resolve --as success` of a deploy whose command had never started took the deploy back, and
/// exited 0: the word of the person was gone.
#[test]
fn a_word_against_what_can_be_proven_changes_nothing() {
    let bench = Bench::new();
    bench.deploy(SHA, &[], "true").exits(0);
    let log = std::fs::read_to_string(bench.path().join(".booty/state/audit.jsonl")).unwrap();
    // Cut off right after the line of the start.
    let start = format!("{}\n", log.lines().next().unwrap());
    bench.given("new/audit.jsonl", &start);
    let resolve = ["--state-dir", "new", "resolve", SHA, "--as", "success", "--reason", "r"];
    let ran = bench.run(&resolve).exits(1);
    assert!(ran.stderr().contains("its command was never started"), "{}", ran.stderr());
    assert_eq!(std::fs::read_to_string(bench.path().join("new/audit.jsonl")).unwrap(), start);
    assert!(!bench.path().join("new/release.json").exists());
    bench.run(&[&resolve[..], &["--force"]].concat()).exits(0);
    let status = bench.run(&["--state-dir", "new", "status", "--json"]).exits(0).json();
    assert_eq!(status["production_sha_current"], SHA);
    bench.run(&["resolve", SHA, "--as", "success", "--force"]).exits(2);
}
