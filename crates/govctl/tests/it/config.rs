//! `govctl config`, and what the configuration does to the other commands.

use std::{fs, os::unix::fs::symlink, process::Command};

use crate::{Bench, SHA, repository::Repository};

#[test]
fn a_mistake_is_shown_with_line_column_and_the_source_line() {
    let bench = Bench::new();
    bench.given(".booty.yml", "schema_version: 1\nrelease_governor:\n  cooldwn_minutes: 5\n");
    for args in [&["config", "check"][..], &["status"], &["check", SHA]] {
        let stderr = bench.run(args).exits(2).stderr();
        for expected in [
            "line 3, column 3",
            "unknown key `cooldwn_minutes`",
            "3 |   cooldwn_minutes: 5",
            "did you mean `cooldown_minutes`?",
        ] {
            assert!(stderr.contains(expected), "{args:?} lacks {expected}: {stderr}");
        }
    }
}

#[test]
fn every_value_is_shown_with_where_it_came_from() {
    let bench = Bench::new();
    bench.given(".booty.yml", "release_governor:\n  cooldown_minutes: 5\n");
    let variables = [("RELEASE_GOVERNOR_MAX_DEPLOYS_PER_HOUR", "2")];
    let json = bench.run_with(&variables, &["config", "show", "--json"]).exits(0).json();
    let setting = |name: &str| {
        let settings = json["settings"].as_array().unwrap();
        settings.iter().find(|setting| setting["field"] == name).cloned().unwrap()
    };
    assert_eq!(setting("cooldown_minutes")["value"], 5);
    assert_eq!(setting("cooldown_minutes")["origin"]["from"], "file");
    assert_eq!(setting("max_deploys_per_hour")["value"], 2);
    assert_eq!(setting("max_deploys_per_hour")["origin"]["name"], variables[0].0);
    assert_eq!(setting("enabled")["origin"]["from"], "default");
}

#[test]
fn an_empty_variable_can_mean_none() {
    let bench = Bench::new();
    bench.given(".booty.yml", "release_governor:\n  approval_label: go\n  cooldown_minutes: 5\n");
    let empty =
        [("RELEASE_GOVERNOR_APPROVAL_LABEL", ""), ("RELEASE_GOVERNOR_COOLDOWN_MINUTES", "")];
    let text = bench.run_with(&empty, &["config", "show"]).exits(0).stdout();
    let value = |key: &str| {
        let line = text.lines().find(|line| line.trim_start().starts_with(key)).unwrap();
        line.split_whitespace().nth(1).unwrap()
    };
    assert_eq!((value("approval_label"), value("cooldown_minutes")), ("none", "5"), "{text}");
}

#[test]
fn without_a_file_the_defaults_are_in_force_and_without_a_block_the_governor_is_off() {
    let bench = Bench::new();
    assert_eq!(bench.run(&["status", "--json"]).exits(0).json()["governor"], "enabled");
    bench.given(".booty.yml", "test_command: make test\n");
    assert_eq!(bench.run(&["status", "--json"]).exits(0).json()["governor"], "disabled");
    let decision = bench.run(&["check", SHA, "--json"]).exits(1).json();
    assert_eq!(
        (&decision["decision"], &decision["reason"]),
        (&"HOLD".into(), &"governor_disabled".into())
    );
}

#[test]
fn a_misspelt_variable_is_pointed_out() {
    let bench = Bench::new();
    let ran = bench.run_with(&[("RELEASE_GOVERNOR_COOLDOWN_MINUTE", "5")], &["status"]).exits(0);
    assert!(
        ran.stderr().contains("did you mean RELEASE_GOVERNOR_COOLDOWN_MINUTES?"),
        "{}",
        ran.stderr()
    );
}

#[test]
fn a_subdirectory_is_governed_by_the_file_at_the_top_of_its_work_tree() {
    let bench = Bench::new();
    Repository::at(&bench.path().join("shop")).commit(&[
        (".booty.yml", "release_governor:\n  cooldown_minutes: 7\n"),
        ("web/index.html", "1"),
        ("api/.booty.yml", "release_governor:\n  cooldown_minutes: 3\n"),
    ]);
    for (dir, file, minutes) in
        [("shop", "shop", 7), ("shop/web", "shop", 7), ("shop/api", "shop/api", 3)]
    {
        let json = bench.run(&["-C", dir, "config", "show", "--json"]).exits(0).json();
        let settings = json["settings"].as_array().unwrap();
        let found = settings.iter().find(|setting| setting["field"] == "cooldown_minutes");
        assert_eq!(found.unwrap()["value"], minutes, "{dir}");
        let file = bench.path().canonicalize().unwrap().join(file).join(".booty.yml");
        assert_eq!(json["file"], file.to_str().unwrap(), "{dir}");
        let text = bench.run(&["-C", dir, "config", "show"]).exits(0).stdout();
        assert!(text.contains(file.to_str().unwrap()), "{dir}: {text}");
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_an_error_at_once() {
    let bench = Bench::new();
    let file = bench.path().join(".booty.yml");
    let fails = |code: i32, expected: &str| {
        for args in [&["config", "check"][..], &["--config", ".booty.yml", "status"]] {
            let stderr = bench.run(args).exits(code).stderr();
            assert!(stderr.contains(expected), "{args:?}: {stderr}");
        }
        fs::remove_dir(&file).or_else(|_| fs::remove_file(&file)).unwrap();
    };
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    fails(2, "it is not a regular file");
    fs::create_dir(&file).unwrap();
    fails(2, "it is not a regular file");
    bench.given(".booty.yml", &"# long\n".repeat(200_000));
    fails(2, "it is larger than 1048576 bytes");
    symlink("nowhere", &file).unwrap();
    fails(2, "No such file");
    // Not even root can follow it, as nobody else can a file without permission.
    symlink(".booty.yml", &file).unwrap();
    fails(3, "caused by: Too many levels of symbolic links");
}

#[test]
fn a_note_about_something_from_outside_cannot_move_the_cursor() {
    let bench = Bench::new();
    let name = "RELEASE_GOVERNOR_X\u{1b}[2J\u{202e}\nerror: forged";
    let stderr = bench.run_with(&[(name, "1")], &["status"]).exits(0).stderr();
    assert!(
        stderr.contains("note: nothing reads RELEASE_GOVERNOR_X\u{fffd}[2J\u{fffd}"),
        "{stderr}"
    );
    assert!(!stderr.contains(['\u{1b}', '\u{202e}']), "{stderr:?}");
    assert!(!stderr.contains("\nerror:"), "a forged line: {stderr}");
}
