//! The governor's own breaker, around deploys to one environment.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{Bench, Ran};

/// Another commit for each number.
fn sha(number: u32) -> String {
    format!("{number:040x}")
}

/// Deploys commit `number` at a time of 2026-11-20, by a shell script.
fn deploy(bench: &Bench, time: &str, number: u32, script: &str) -> Ran {
    let (now, sha) = (format!("2026-11-20T{time}Z"), sha(number));
    bench.run(&["--json", "--now", &now, "deploy", &sha, "--", "sh", "-c", script])
}

fn breaker(bench: &Bench, time: &str) -> Value {
    let now = format!("2026-11-20T{time}Z");
    bench.run(&["--json", "--now", &now, "status"]).exits(0).json()["breaker"].clone()
}

/// Five deploys fail, the last one at 12:04.
fn opened() -> Bench {
    let bench = Bench::new();
    for number in 0..5 {
        let failed = deploy(&bench, &format!("12:0{number}:00"), number, "exit 1").exits(4);
        let opens = failed.stderr().contains("OPENED after 5 consecutive failures");
        assert_eq!(opens, number == 4, "{}", failed.stderr());
    }
    bench
}

#[test]
fn five_failed_deploys_hold_the_next_one_until_a_trial() {
    let bench = opened();
    let expected = json!({
        "name": "deploy-production", "state": "open", "failure_count": 0, "threshold": 5,
        "retry_at": "2026-11-20T12:14:00Z",
    });
    assert_eq!(breaker(&bench, "12:05:00"), expected);

    let held = deploy(&bench, "12:13:59", 5, ": > started").exits(1).json();
    assert_eq!((&held["decision"], &held["reason"]), (&json!("HOLD"), &json!("breaker_open")));
    assert_eq!(held["retry_at"], "2026-11-20T12:14:00Z");
    assert!(!bench.path().join("started").exists());
    bench.run(&["--now", "2026-11-20T12:13:59Z", "check", &sha(5)]).exits(1);
    // Neither the hold nor the look has counted or taken the trial.
    assert_eq!(breaker(&bench, "12:14:00")["state"], "half_open");

    deploy(&bench, "12:14:00", 5, "exit 0").exits(0);
    assert_eq!(breaker(&bench, "12:14:00")["state"], "closed");
}

#[test]
fn a_trial_that_fails_holds_again() {
    let bench = opened();
    deploy(&bench, "13:10:00", 5, "exit 1").exits(4);
    let held = deploy(&bench, "13:19:59", 6, "exit 0").exits(1).json();
    assert_eq!(held["retry_at"], "2026-11-20T13:20:00Z");
}

#[test]
fn what_never_started_does_not_count() {
    let bench = Bench::new();
    for number in 0..6 {
        let sha = sha(number);
        bench.run(&["deploy", &sha, "--", "./is-not-there"]).exits(3);
    }
    assert_eq!(breaker(&bench, "12:00:00")["failure_count"], 0);
    bench.run(&["breaker", "trip", "deploy-production"]).exits(0);
    bench.run(&["deploy", &sha(7), "--", "true"]).exits(1);
}

#[test]
fn a_trial_that_never_started_is_free_for_the_next() {
    let bench = opened();
    let at = ["--now", "2026-11-20T13:10:00Z"];
    bench.run(&[&at[..], &["deploy", &sha(5), "--", "./is-not-there"]].concat()).exits(3);
    deploy(&bench, "13:10:00", 5, "exit 0").exits(0);
}

#[test]
fn a_success_begins_the_count_anew() {
    let bench = Bench::new();
    for number in 0..4 {
        deploy(&bench, &format!("12:0{number}:00"), number, "exit 1").exits(4);
    }
    assert_eq!(breaker(&bench, "12:05:00")["failure_count"], 4);
    deploy(&bench, "12:05:00", 4, "exit 0").exits(0);
    let after = breaker(&bench, "12:05:00");
    assert_eq!((&after["state"], &after["failure_count"]), (&json!("closed"), &json!(0)));
}

#[test]
fn a_trial_whose_deploy_was_killed_is_taken_by_the_next_one() {
    let bench = opened();
    let sha = sha(5);
    let mut child = Command::new(env!("CARGO_BIN_EXE_govctl"))
        .args(["--now", "2026-11-20T13:10:00Z", "deploy", &sha, "--", "sh", "-c"])
        .arg(": > started; while [ ! -e end ]; do sleep 0.01; done")
        .current_dir(bench.path())
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", bench.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !bench.path().join("started").exists() {
        assert!(Instant::now() < deadline, "the command does not start");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    bench.given("end", "");
    let now = "2026-11-20T13:11:00Z";
    let resolve = ["--now", now, "resolve", &sha, "--as", "failure", "--reason", "r"];
    let mut ran = bench.run(&resolve);
    // The command goes on for a moment without its govctl.
    while ran.output.status.code() == Some(5) {
        assert!(Instant::now() < deadline, "the command does not end: {}", ran.stderr());
        ran = bench.run(&resolve);
    }
    ran.exits(0);
    deploy(&bench, "13:11:00", 6, "exit 0").exits(0);
    assert_eq!(breaker(&bench, "13:11:00")["state"], "closed");
}

#[test]
fn a_result_is_recorded_though_the_breaker_cannot_be_told() {
    let bench = Bench::new();
    let script = "rm -rf .booty/state/breakers; : > .booty/state/breakers; exit 0";
    let ran = deploy(&bench, "12:00:00", 0, script).exits(0);
    assert_eq!(ran.json()["outcome"], "success");
    // What cannot be read lets nothing through.
    let script = "exit 1";
    deploy(&bench, "12:01:00", 1, script).exits(3);
}
