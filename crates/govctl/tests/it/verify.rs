//! `govctl verify`: what is run, what ends it, and what comes of it.

use serde_json::{Value, json};

use crate::{Bench, Ran, SHA};

fn bench(config: &str) -> (Bench, String) {
    let (bench, [sha]) = Bench::with_commits(["a.txt"]);
    // Neither the configuration nor the state is a change of the work tree.
    bench.given(".git/info/exclude", ".booty*\nran*\n");
    bench.given(".booty.yml", &format!("schema_version: 1\nrelease_governor: {{}}\n{config}"));
    (bench, sha)
}

fn verify(bench: &Bench) -> Ran {
    bench.run(&["--json", "verify"])
}

fn reason(bench: &Bench, sha: &str, code: i32) -> Value {
    bench.run(&["--json", "check", sha]).exits(code).json()["reason"].clone()
}

const ALL: &str = "setup_command: echo setup >> ran\ninstall_command: echo install >> ran\n\
    test_command: echo \"test | $0\" >> ran && cat ran | wc -l\n";

#[test]
fn setup_install_and_test_run_in_this_order_by_the_shell() {
    let (bench, sha) = bench(ALL);
    let ran = verify(&bench).exits(0);
    assert!(ran.stderr().trim_start().starts_with('3'), "{}", ran.stderr());
    let report = ran.json();
    assert_eq!(
        (&report["passed"], &report["recorded"], &report["sha"]),
        (&json!(true), &json!(true), &json!(sha))
    );
    let names: Vec<_> =
        report["steps"].as_array().unwrap().iter().map(|step| &step["name"]).collect();
    assert_eq!(names, ["setup_command", "install_command", "test_command"]);
    let ran = std::fs::read_to_string(bench.path().join("ran")).unwrap();
    assert_eq!(ran, "setup\ninstall\ntest | sh\n");
    assert_eq!(reason(&bench, &sha, 0), "allow_low");
}

#[test]
fn the_first_that_fails_ends_it_and_holds_the_commit_until_it_passes() {
    let (bench, sha) = bench("setup_command: test ! -e ran-fail\ntest_command: echo >> ran\n");
    bench.given("ran-fail", "");
    let report = verify(&bench).exits(4).json();
    assert_eq!(
        (&report["passed"], &report["failed"]),
        (&json!(false), &json!("setup_command: it ended with exit code 1"))
    );
    assert_eq!(report["steps"].as_array().unwrap().len(), 1);
    assert!(!bench.path().join("ran").exists(), "the test was run");
    assert_eq!(reason(&bench, &sha, 1), "verification_failed");
    bench.deploy(&sha, &[], "true").exits(1);
    std::fs::remove_file(bench.path().join("ran-fail")).unwrap();
    verify(&bench).exits(0);
    assert_eq!(reason(&bench, &sha, 0), "allow_low");
    let history = bench.run(&["history", "--json"]).exits(0).json();
    let lines: Vec<_> =
        history.as_array().unwrap().iter().map(|line| (&line["what"], &line["after"])).collect();
    assert_eq!(
        lines,
        [(&json!("verified"), &json!("failed")), (&json!("verified"), &json!("passed"))]
    );
}

#[test]
fn a_test_beyond_its_time_is_stopped_with_all_it_started() {
    let (bench, _) = bench("timeout_seconds: 10\ntest_command: sleep 1000 & echo $! > ran; wait\n");
    let report = verify(&bench).exits(4).json();
    assert_eq!(report["steps"][0]["timed_out"], true, "{report:#}");
    let pid = std::fs::read_to_string(bench.path().join("ran")).unwrap();
    let stat = format!("/proc/{}/stat", pid.trim());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(std::time::Instant::now() < deadline, "its child lives on");
        std::thread::yield_now();
    }
}

#[test]
fn what_is_not_the_commit_is_not_recorded_for_it() {
    let (bench, sha) = bench("test_command: 'true'\n");
    bench.given("new.txt", "not in the commit");
    let ran = verify(&bench).exits(0);
    assert!(ran.stderr().contains("is not recorded"), "{}", ran.stderr());
    assert_eq!(ran.json()["recorded"], false);
    assert_eq!(bench.run(&["history", "--json"]).exits(0).json(), json!([]));
    bench.commit("new.txt");
    let ran = bench.run(&["verify", &sha]).exits(2);
    assert!(ran.stderr().contains("the work tree is at"), "{}", ran.stderr());
}

/// A test command that commits left a result for the commit before, which it had not looked at.
#[test]
fn commands_that_move_the_work_tree_record_nothing() {
    let commit = "git -c user.name=a -c user.email=a@b commit -q --allow-empty -m x";
    let (bench, _) = bench(&format!("test_command: '{commit}'\n"));
    let ran = verify(&bench).exits(0);
    assert!(ran.stderr().contains("the work tree went from"), "{}", ran.stderr());
    assert_eq!(ran.json()["recorded"], false);
    assert_eq!(bench.run(&["history", "--json"]).exits(0).json(), json!([]));
}

#[test]
fn without_a_command_there_is_nothing_to_verify() {
    bench("").0.run(&["verify"]).exits(2);
    Bench::new().run(&["verify", SHA]).exits(2);
}
