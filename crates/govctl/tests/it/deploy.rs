//! `govctl deploy`: what its exit code says is what has happened.

use std::{
    ffi::OsStr,
    fs::OpenOptions,
    os::unix::ffi::OsStrExt,
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{Bench, SHA};

#[test]
fn a_deploy_whose_report_cannot_be_written_ends_as_the_command_did() {
    for (script, code, word) in [("true", 0, "DEPLOYED"), ("false", 4, "FAILED")] {
        let bench = Bench::new();
        let args = ["deploy", SHA, "--json-file", "/nonexistent/x", "--", script];
        let ran = bench.run(&args).exits(code);
        assert!(ran.stderr().contains("cannot write the answer to `/nonexistent/x`"));
        assert!(ran.stdout().contains(word), "{}", ran.stdout());

        let bench = Bench::new();
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut command = bench.command(&[], &["deploy", SHA, "--json", "--", script]);
        let output = command.stdout(full).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains("cannot print the answer"), "{stderr}");
        assert!(stderr.contains(word), "{stderr}");
    }
}

#[test]
fn a_look_whose_report_cannot_be_written_is_an_error() {
    let bench = Bench::new();
    let ran = bench.run(&["status", "--json-file", "/nonexistent/x"]).exits(3);
    assert!(ran.stdout().contains("governor enabled"), "{}", ran.stdout());
}

/// Deploys with `script`, asks govctl to stop as soon as the script runs, and waits.
fn interrupted(bench: &Bench, script: &str) -> Output {
    let script = format!("{script} touch started; while :; do sleep 0.01; done");
    let mut command = bench.command(&[], &["deploy", SHA, "--json", "--", "sh", "-c", &script]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while !bench.path().join("started").exists() {
        assert!(Instant::now() < deadline, "the command has not started");
        thread::yield_now();
    }
    let kill = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    child.wait_with_output().unwrap()
}

#[test]
fn a_command_that_ends_well_after_an_interruption_is_a_success() {
    let cases = [
        ("trap 'exit 0' TERM;", "success", 0),
        ("trap 'exit 9' TERM;", "failure", 9),
        ("", "failure", 143),
    ];
    for (trap, outcome, code) in cases {
        let bench = Bench::new();
        let output = interrupted(&bench, trap);
        assert_eq!(output.status.code(), Some(143), "{trap}");
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&json["outcome"], &json["exit_code"]),
            (&outcome.into(), &code.into()),
            "{trap}"
        );
        let status = bench.run(&["status", "--json"]).exits(0).json();
        assert_eq!(status["last_deploy_result"], outcome, "{trap}");
    }
}

#[test]
fn an_argument_of_the_command_that_is_not_utf8_arrives_as_it_is() {
    let bench = Bench::new();
    let script = "test \"$1\" = \"$(printf 'a\\377')\"";
    let mut command = bench.command(&[], &["deploy", SHA, "--", "sh", "-c", script, "sh"]);
    let output = command.arg(OsStr::from_bytes(b"a\xff")).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}
