//! Bad input gets a clear error, exit code 2, and loses nothing.

use std::process::Command;

use crate::{Bench, SHA};

#[test]
fn whatever_is_used_wrongly_exits_2_and_says_why() {
    let bench = Bench::new();
    let cases: [(&[&str], &str); 14] = [
        (&[], "Usage: govctl"),
        (&["frobnicate"], "unrecognized subcommand 'frobnicate'"),
        (&["status", "--frob"], "unexpected argument '--frob'"),
        (&["deploy", SHA, "--redeploy", "--", "true"], "--reason <TEXT>"),
        (&["deploy", SHA], "no command to deploy 9f2c1ab with"),
        (&["check", "HEAD"], "`HEAD` is not a full commit id"),
        (&["--lock-wait", "soon", "status"], "expected a duration such as 500ms"),
        (&["--now", "today", "status"], "`today` is not a time"),
        (&["-C", "nowhere", "status"], "is not a directory"),
        (&["--config", "missing.yml", "status"], "cannot read the configuration `missing.yml`"),
        (&["--repo", "no-slash", "status"], "`no-slash` is not a repository"),
        (&["delivery", "has", "a/b/c", SHA], "is not a repository"),
        (&["delivery", "claim", "a/b", SHA, "bad\nid"], "delivery"),
        (&["delivery", "has", "a/b", "HEAD"], "`HEAD` is neither a commit nor a key"),
    ];
    for (args, expected) in cases {
        let ran = bench.run(args).exits(2);
        assert!(ran.stderr().contains(expected), "{args:?}: {}", ran.stderr());
        assert_eq!(ran.stdout(), "", "{args:?}");
    }
    assert!(!bench.path().join(".booty").exists(), "nothing was written");
}

#[test]
fn errors_are_json_on_stdout_when_json_is_wanted() {
    let bench = Bench::new();
    for args in [&["--json", "check", "HEAD"][..], &["status", "--json", "--frob"]] {
        let json = bench.run(args).exits(2).json();
        assert_eq!(json["schema"], "govctl.error/1", "{args:?}");
        assert_eq!(json["error"]["kind"], "usage", "{args:?}");
        assert_eq!(json["error"]["exit_code"], 2, "{args:?}");
        assert!(json["error"]["hints"].as_array().is_some_and(|hints| !hints.is_empty()), "{json}");
    }
}

#[test]
fn an_environment_value_that_cannot_be_read_is_an_error_that_names_it() {
    let bench = Bench::new();
    let cases = [
        ("RELEASE_GOVERNOR_COOLDOWN_MINUTES", "soon"),
        ("RELEASE_GOVERNOR_ENABLED", "maybe"),
        ("RELEASE_GOVERNOR_APPROVED", "true # for now"),
    ];
    for (name, value) in cases {
        let ran = bench.run_with(&[(name, value)], &["check", SHA]).exits(2);
        assert!(ran.stderr().contains(name), "{name}: {}", ran.stderr());
    }
}

#[test]
fn damaged_state_is_exit_3_and_never_an_answer() {
    let bench = Bench::new();
    bench.run(&["delivery", "claim", "a/b", SHA, "one"]).exits(0);
    bench.given(".booty/state/delivery_ids.json", "{\"a/b:");
    for args in [
        &["delivery", "has", "a/b", SHA][..],
        &["check", SHA, "--repo", "a/b"],
        &["delivery", "claim", "a/b", SHA, "two"],
    ] {
        let ran = bench.run(args).exits(3);
        assert!(ran.stderr().contains("is damaged"), "{args:?}: {}", ran.stderr());
        assert_eq!(ran.stdout(), "", "{args:?}");
    }
}

#[test]
fn a_limit_of_the_file_size_is_an_error_and_loses_nothing() {
    let bench = Bench::new();
    bench.run(&["record", SHA, "failure"]).exits(0);
    let limited = bench.command(&[], &["record", SHA, "success"]);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 0; exec \"$0\" \"$@\""]).arg(limited.get_program());
    command.args(limited.get_args()).current_dir(bench.path()).env("HOME", bench.path());
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    assert!(stderr.contains("File too large"), "{stderr}");
    let status = bench.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["last_deploy_result"], "failure");
}

#[test]
fn the_missing_arguments_are_named_in_json_too() {
    let bench = Bench::new();
    let json = bench.run(&["deploy", "--json"]).exits(2).json();
    let message = json["error"]["message"].as_str().unwrap();
    assert_eq!(message, "the following required arguments were not provided: <SHA>");
    let causes = json["error"]["causes"].as_array().unwrap();
    assert!(causes[0].as_str().unwrap().starts_with("Usage: govctl deploy"), "{json}");
    assert_eq!(causes.len(), 1, "what is no cause is not among them: {json}");
    let json = bench.run(&["--json", "freeze"]).exits(2).json();
    assert_eq!(json["error"]["message"], "no command was given");
    assert_eq!(json["error"]["causes"], serde_json::json!([]), "not the whole help");
    // What follows `--` is the command's own.
    let ran = bench.run(&["deploy", "--", "curl", "--json"]).exits(2);
    assert_eq!(ran.stdout(), "");
}

#[test]
fn an_error_goes_into_the_file_of_the_answer() {
    let bench = Bench::new();
    for args in [&["check", "HEAD"][..], &["deploy"]] {
        for form in [&["--json-file", "e.json"][..], &["--json-file=e.json", "--json"]] {
            let ran = bench.run(&[form, args].concat()).exits(2);
            assert!(ran.stderr().contains("error: "), "{args:?}: {}", ran.stderr());
            let file = bench.path().join("e.json");
            let json: serde_json::Value =
                serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            assert_eq!(json["error"]["kind"], "usage", "{args:?}");
            std::fs::remove_file(file).unwrap();
        }
    }
    let json = bench.run(&["status", "--json", "--json-file", "/nonexistent/x"]).exits(3).json();
    assert_eq!(json["error"]["exit_code"], 3, "one value, which is the error");
}

#[test]
fn a_hint_is_a_command() {
    let bench = Bench::new();
    for (args, code, hint) in [
        (&["--repo", "no-slash", "status"][..], 2, "hint: govctl --repo OWNER/NAME status\n"),
        (&["rollback", "--", "true"], 1, "hint: govctl rollback --to SHA -- COMMAND\n"),
    ] {
        let told = bench.run(args).exits(code).stderr();
        assert!(told.contains(hint), "{args:?}: {told}");
    }
    let told = bench.run(&["--now", "today", "status"]).exits(2).stderr();
    assert!(told.contains("is not a time such as 2026-11-20T18:53:00Z"), "{told}");
    assert!(!told.contains("hint"), "{told}");
}
