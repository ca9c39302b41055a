//! Commands that only look.

use crate::{Bench, SHA};

#[test]
fn help_and_version_are_answers_and_not_errors() {
    let bench = Bench::new();
    for args in
        [&["--help"][..], &["help", "deploy"], &["--version"], &["delivery", "claim", "--help"]]
    {
        let ran = bench.run(args).exits(0);
        assert!(ran.stdout().contains("govctl"), "{args:?}");
        assert_eq!(ran.stderr(), "", "{args:?}");
    }
}

#[test]
fn a_reason_is_explained_and_a_misspelt_one_is_pointed_out() {
    let bench = Bench::new();
    let ran = bench.run(&["explain", "cooldown"]).exits(0);
    assert!(ran.stdout().starts_with("HOLD  cooldown: "), "{}", ran.stdout());
    assert_eq!(bench.run(&["explain", "cooldown", "--json"]).exits(0).json()["reason"], "cooldown");
    let ran = bench.run(&["explain", "cooldwn"]).exits(2);
    assert!(ran.stderr().contains("hint: govctl explain cooldown"), "{}", ran.stderr());
}

#[test]
fn the_same_state_and_time_give_the_same_answer() {
    let bench = Bench::new();
    let check = |at: &str| bench.run(&["check", SHA, "--json", "--at", at]).exits(0).json();
    let first = check("2026-11-20T10:00:00Z");
    assert_eq!(first, check("2026-11-20T10:00:00Z"));
    assert_eq!(first["evaluated_at"], "2026-11-20T10:00:00Z");
    assert!(!bench.path().join(".booty").exists(), "looking writes nothing");
}

#[test]
fn changed_paths_can_come_from_a_file_or_standard_input() {
    let bench = Bench::new();
    bench.given("lines", "docs/a.md\ndb/migrations/1.sql\n");
    bench.given("nuls", "docs/a.md\0db/migrations/new\nline.sql\0");
    for (file, path) in [("lines", "db/migrations/1.sql"), ("nuls", "db/migrations/new\nline.sql")]
    {
        let json = bench.run(&["check", SHA, "--paths-from", file, "--json"]).exits(1).json();
        assert_eq!(json["reason"], "high_risk_no_approval", "{file}");
        assert_eq!(json["paths"], serde_json::json!([path]), "{file}");
    }
    let approved = [("RELEASE_GOVERNOR_APPROVED", "yes")];
    bench.run_with(&approved, &["check", SHA, "--paths-from", "lines"]).exits(0);
    let text = bench.run(&["check", SHA, "--paths-from", "nuls"]).exits(1).stdout();
    assert!(
        text.contains("new\u{fffd}line.sql"),
        "a newline in a path reached the terminal: {text}"
    );
}

#[test]
fn a_list_of_paths_that_lists_none_is_no_answer() {
    let bench = Bench::new();
    bench.given("lines", "package.json\r\n");
    let json = bench.run(&["check", SHA, "--paths-from", "lines", "--json"]).exits(0).json();
    assert_eq!((&json["changed_paths"], &json["risk_class"]), (&1.into(), &"MEDIUM".into()));
    // The standard input of a test is empty.
    let ran = bench.run(&["check", SHA, "--paths-from", "-"]).exits(2);
    assert!(ran.stderr().contains("`-` names no changed path"), "{}", ran.stderr());
}

#[test]
fn another_exit_code_for_hold_can_be_asked_for() {
    let bench = Bench::new();
    bench.given("paths", "db/migrations/1.sql\n");
    bench.run(&["check", SHA, "--paths-from", "paths", "--hold-exit-code", "42"]).exits(42);
    // That would be a yes: a pipeline that took it for one let a held commit out.
    bench.run(&["check", SHA, "--paths-from", "paths", "--hold-exit-code", "0"]).exits(2);
}

#[test]
fn the_json_goes_into_a_file_beside_the_text() {
    let bench = Bench::new();
    let ran = bench.run(&["status", "--json-file", "status.json"]).exits(0);
    assert!(ran.stdout().contains("governor enabled"), "{}", ran.stdout());
    let json = std::fs::read_to_string(bench.path().join("status.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["schema"], "govctl.status/1");
}

#[test]
fn the_state_directory_is_found_as_promised() {
    let bench = Bench::new();
    let home = bench.path().join(".booty/state").display().to_string();
    let path = |variables: &[(&str, &str)], args: &[&str]| {
        bench.run_with(variables, args).exits(0).stdout().trim_end().to_owned()
    };
    assert_eq!(path(&[], &["state", "path"]), home);
    assert_eq!(path(&[("RELEASE_GOVERNOR_STATE_DIR", "")], &["state", "path"]), home);
    assert_eq!(path(&[("RELEASE_GOVERNOR_STATE_DIR", "/x")], &["state", "path"]), "/x");
    assert_eq!(
        path(&[("RELEASE_GOVERNOR_STATE_DIR", "/x")], &["--state-dir", "/y", "state", "path"]),
        "/y"
    );
}

#[test]
fn the_state_of_another_repository_or_environment_is_no_answer() {
    let bench = Bench::new();
    bench.run(&["--repo", "acme/shop", "record", SHA, "success"]).exits(0);
    bench.run(&["--repo", "acme/shop", "status"]).exits(0);
    let ran = bench.run(&["--repo", "acme/blog", "check", SHA]).exits(2);
    assert!(
        ran.stderr().contains("is the state of `acme/shop` in `production`"),
        "{}",
        ran.stderr()
    );
    bench.run(&["--repo", "acme/blog", "record", SHA, "failure"]).exits(2);
    let staging = [("RELEASE_GOVERNOR_PRODUCTION_ENVIRONMENT_NAME", "staging")];
    bench.run_with(&staging, &["--repo", "acme/shop", "status"]).exits(2);
    let json = bench.run(&["--repo", "acme/shop", "status", "--json"]).exits(0).json();
    assert_eq!(json["last_deploy_result"], "success");
}

#[test]
fn a_completion_script_is_one_json_value_with_the_script_in_it() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish"] {
        let args = ["completions", shell, "--json", "--json-file", "script.json"];
        let json = bench.run(&args).exits(0).json();
        assert_eq!(json["shell"], shell);
        assert_eq!(
            bench.run(&["completions", shell]).exits(0).stdout().trim_end(),
            json["script"].as_str().unwrap().trim_end()
        );
        assert!(bench.path().join("script.json").exists());
    }
}

#[test]
fn one_path_and_two_paths_are_counted_as_people_count() {
    let bench = Bench::new();
    let live = "1111111111111111111111111111111111111111";
    bench.run(&["record", live, "success"]).exits(0);
    for (paths, code, expected) in [
        ("docs/a.md\n", 0, "  the one changed path is not risky, compared"),
        ("docs/a.md\ndocs/b.md\n", 0, "  none of 2 changed paths is risky, compared"),
        ("db/migrations/1.sql\n", 1, "  1 of 1 changed path is high risk, compared"),
        ("db/migrations/1.sql\ndocs/a.md\n", 1, "  1 of 2 changed paths is high risk, compared"),
        ("db/migrations/1.sql\ndb/migrations/2.sql\n", 1, "  2 of 2 changed paths are high risk"),
    ] {
        bench.given("paths", paths);
        let text = bench.run(&["check", SHA, "--paths-from", "paths"]).exits(code).stdout();
        assert!(text.contains(expected), "{expected}: {text}");
    }
}
