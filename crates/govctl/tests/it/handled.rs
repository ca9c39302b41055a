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
