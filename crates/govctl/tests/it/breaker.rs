//! `govctl breaker`, step by step, at times that `--now` says.

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{Bench, Ran};

/// Runs a breaker command at a time of 2026-11-20.
fn at(bench: &Bench, time: &str, args: &[&str]) -> Ran {
    let now = format!("2026-11-20T{time}Z");
    let mut all = vec!["--now", &now, "breaker"];
    all.extend(args);
    bench.run(&all)
}

fn state(bench: &Bench, time: &str, name: &str) -> Value {
    at(bench, time, &["status", name, "--json"]).exits(0).json()
}

#[test]
fn five_failures_open_it_and_a_trial_a_minute_later_closes_it() {
    let bench = Bench::new();
    for count in 1..5 {
        let report = at(&bench, "12:00:00", &["failure", "api", "--json"]).exits(0).json();
        assert_eq!((&report["state"], &report["failure_count"]), (&json!("closed"), &json!(count)));
        at(&bench, "12:00:00", &["check", "api"]).exits(0);
    }
    let report = at(&bench, "12:00:00", &["failure", "api", "--json"]).exits(0).json();
    assert_eq!(report["state"], "open");
    assert_eq!(report["opened_at"], "2026-11-20T12:00:00Z");
    assert_eq!(report["retry_at"], "2026-11-20T12:01:00Z");

    let check = at(&bench, "12:00:59", &["check", "api", "--json"]).exits(1).json();
    assert_eq!((&check["go"], &check["state"]), (&json!(false), &json!("open")));
    at(&bench, "12:01:00", &["check", "api"]).exits(0);
    at(&bench, "12:01:00", &["check", "api"]).exits(1);
    at(&bench, "12:01:01", &["success", "api"]).exits(0);
    let report = state(&bench, "12:01:02", "api");
    assert_eq!((&report["state"], &report["failure_count"]), (&json!("closed"), &json!(0)));
    let outage = json!([{"start": "2026-11-20T12:00:00Z", "end": "2026-11-20T12:01:01Z"}]);
    assert_eq!((&report["outages"], &report["mean_time_to_repair_s"]), (&outage, &json!(61.0)));
}

#[test]
fn rules_are_options() {
    let bench = Bench::new();
    let rules =
        ["--failure-threshold", "2", "--recovery-timeout", "2h", "--success-threshold", "2"];
    let tell = |time: &str, word: &str| {
        let args: Vec<&str> = [word, "api"].iter().chain(&rules).copied().collect();
        at(&bench, time, &args).exits(0);
    };
    tell("10:00:00", "failure");
    tell("10:00:00", "failure");
    // Whoever asks by other rules keeps the wait that was chosen.
    assert_eq!(state(&bench, "10:00:00", "api")["retry_at"], "2026-11-20T12:00:00Z");
    at(&bench, "11:59:59", &["check", "api"]).exits(1);
    tell("12:00:00", "success");
    assert_eq!(state(&bench, "12:00:00", "api")["state"], "half_open");
    tell("12:00:00", "success");
    assert_eq!(state(&bench, "12:00:00", "api")["state"], "closed");

    let senseless = ["failure", "api", "--failure-threshold", "0"];
    assert!(at(&bench, "12:00:00", &senseless).exits(2).stderr().contains("`opening` is 0"));
}

#[test]
fn a_person_opens_and_closes_it_and_that_is_on_record() {
    let bench = Bench::new();
    let trip = ["trip", "api", "--reason", "they said so", "--json"];
    let report = at(&bench, "12:00:00", &trip).exits(0).json();
    assert_eq!((&report["state"], &report["reason"]), (&json!("open"), &json!("they said so")));
    at(&bench, "12:00:01", &["check", "api"]).exits(1);
    at(&bench, "12:00:02", &["reset", "api"]).exits(0);
    at(&bench, "12:00:03", &["check", "api"]).exits(0);
    at(&bench, "12:00:04", &["failure", "api"]).exits(0);

    let history = bench.run(&["history", "--verify", "--json"]).exits(0).json();
    let lines: Vec<_> = history.as_array().unwrap().iter().collect();
    let of = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let what: Vec<_> = lines.iter().map(|line| of(line, "what")).collect();
    assert_eq!(what, ["breaker_tripped", "breaker_reset"], "what programs do is not for the log");
    assert_eq!(of(lines[0], "why"), "they said so");
    assert_eq!(lines[1]["before"], json!({"breaker": "api", "state": "open"}));
    assert_eq!(lines[1]["after"], json!({"breaker": "api", "state": "closed"}));
}

#[test]
fn a_clock_that_steps_by_hours_ends_the_wait_or_begins_it_anew() {
    let bench = Bench::new();
    let open = || at(&bench, "12:00:00", &["trip", "api"]).exits(0);
    open();
    at(&bench, "04:00:00", &["check", "api"]).exits(1);
    // Seen at four, it began at four at the latest.
    assert_eq!(state(&bench, "04:00:00", "api")["retry_at"], "2026-11-20T04:01:00Z");
    open();
    at(&bench, "23:00:00", &["check", "api"]).exits(0);
    // The trial has gone with the clock; its lease is counted from now.
    at(&bench, "03:00:00", &["check", "api"]).exits(1);
    at(&bench, "03:10:00", &["check", "api"]).exits(0);
    at(&bench, "03:10:01", &["success", "api"]).exits(0);
    assert_eq!(state(&bench, "01:00:00", "api")["state"], "closed");
}

#[test]
fn all_breakers_are_listed_and_nothing_else() {
    let bench = Bench::new();
    assert_eq!(bench.run(&["breaker", "list", "--json"]).exits(0).json(), json!([]));
    for name in ["b", "a.b", "b"] {
        at(&bench, "12:00:00", &["failure", name]).exits(0);
    }
    let list = bench.run(&["breaker", "list", "--json"]).exits(0).json();
    let names: Vec<_> = list.as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["a.b", "b"]);
    let text = bench.run(&["breaker", "list"]).exits(0).stdout();
    assert_eq!(text, "a.b  closed  1 of 5 failures\nb  closed  2 of 5 failures\n");
}

#[test]
fn a_bad_name_is_a_wrong_use() {
    let bench = Bench::new();
    for name in ["../x", ".x", "a b", "", &"n".repeat(65)] {
        assert!(!bench.run(&["breaker", "failure", name]).exits(2).stderr().is_empty(), "{name}");
    }
}

#[test]
fn a_command_runs_unless_the_breaker_is_open_and_its_code_is_passed_on() {
    let bench = Bench::new();
    let run = |time: &str, script: &str| {
        at(&bench, time, &["run", "api", "--failure-threshold", "2", "--", "sh", "-c", script])
    };
    assert_eq!(run("12:00:00", "echo out").exits(0).stdout(), "out\n");
    run("12:00:00", "exit 7").exits(7);
    run("12:00:00", "kill -9 $$").exits(137);
    let refused = run("12:00:30", "echo started > started").exits(1);
    assert!(refused.stderr().contains("api is open; again at 2026-11-20T12:01:00Z"));
    assert_eq!(refused.stdout(), "");
    assert!(!bench.path().join("started").exists());
    run("12:01:00", "exit 1").exits(1);
    run("12:01:30", "exit 0").exits(1);
    run("12:02:00", "exit 0").exits(0);
    assert_eq!(state(&bench, "12:02:00", "api")["state"], "closed");
}

#[test]
fn with_json_the_output_of_the_command_is_not_on_stdout() {
    let bench = Bench::new();
    let ran = bench.run(&["--json", "breaker", "run", "api", "--", "sh", "-c", "echo out; exit 3"]);
    let ran = ran.exits(3);
    assert_eq!(ran.stderr(), "out\n");
    let report = ran.json();
    assert_eq!((&report["ran"], &report["exit_code"]), (&json!(true), &json!(3)));
    assert_eq!((&report["name"], &report["failure_count"]), (&json!("api"), &json!(1)));
}

#[test]
fn a_command_that_cannot_be_started_says_nothing_about_what_it_calls() {
    let bench = Bench::new();
    let ran = bench.run(&["breaker", "run", "api", "--", "./is-not-there"]).exits(3);
    assert!(ran.stderr().contains("cannot start `./is-not-there`"));
    assert_eq!(state(&bench, "12:00:00", "api")["failure_count"], 0);
}

#[test]
fn a_command_that_is_interrupted_gives_its_trial_back() {
    let bench = Bench::new();
    at(&bench, "12:00:00", &["trip", "api"]).exits(0);
    let script = "touch started; sleep 1000";
    let mut child = Command::new(env!("CARGO_BIN_EXE_govctl"))
        .args(["--now", "2026-11-20T12:01:00Z", "breaker", "run", "api", "--", "sh", "-c", script])
        .current_dir(bench.path())
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", bench.path())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !bench.path().join("started").exists() {
        assert!(Instant::now() < deadline, "the command does not start");
        std::thread::yield_now();
    }
    at(&bench, "12:01:00", &["check", "api"]).exits(1);
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    at(&bench, "12:01:00", &["check", "api"]).exits(0);
}

#[test]
fn how_a_command_ended_is_passed_on_though_it_cannot_be_recorded() {
    let bench = Bench::new();
    let script =
        "rm -rf .booty/state/breakers; mkdir -p .booty/state; : > .booty/state/breakers; exit 9";
    let ran = bench.run(&["breaker", "run", "api", "--", "sh", "-c", script]).exits(9);
    assert!(ran.stderr().contains("how the command ended is not recorded"), "{}", ran.stderr());
    // Who cannot look cannot say yes.
    bench.run(&["breaker", "check", "api"]).exits(3);
    bench.run(&["breaker", "failure", "api"]).exits(3);
}

#[test]
fn a_damaged_breaker_is_closed_with_a_warning_and_is_kept() {
    let bench = Bench::new();
    at(&bench, "12:00:00", &["trip", "api"]).exits(0);
    bench.given(".booty/state/breakers/api.json", "garbage");
    let status = bench.run(&["breaker", "status", "api"]).exits(0);
    assert!(status.stderr().contains("WARN") && status.stdout().contains("closed"));
    at(&bench, "12:00:00", &["failure", "api"]).exits(0);
    assert_eq!(bench.run(&["breaker", "status", "api"]).exits(0).stderr(), "");
    let names = fs::read_dir(bench.path().join(".booty/state/breakers")).unwrap();
    let aside = names.filter(|name| {
        let path = name.as_ref().unwrap().path();
        path.to_string_lossy().contains("damaged") && fs::read_to_string(path).unwrap() == "garbage"
    });
    assert_eq!(aside.count(), 1);
}

#[test]
fn what_opened_in_the_future_is_open_since_now_as_the_machine_counts() {
    let bench = Bench::new();
    bench.run(&["--now", "2031-01-01T00:00:00Z", "breaker", "trip", "api"]).exits(0);
    let report = state(&bench, "12:00:00", "api");
    assert_eq!(report["opened_at"], "2026-11-20T12:00:00Z");
    assert!(report["retry_at"].as_str().unwrap().starts_with("2026-11-20T12:"), "{report:#}");
}
