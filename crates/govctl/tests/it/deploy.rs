//! `govctl deploy`: what its exit code says is what has happened.

use std::fs::OpenOptions;

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
