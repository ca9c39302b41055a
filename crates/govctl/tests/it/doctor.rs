//! `govctl doctor`: what it finds, what to do about it, and that it changes nothing.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

use serde_json::Value;

use crate::Bench;

const STATE: &str = ".booty/state";
const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// What was said about `check`, first of all.
#[track_caller]
fn finding<'a>(report: &'a Value, check: &str) -> &'a Value {
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["check"] == check);
    found.unwrap_or_else(|| panic!("nothing about {check}: {report:#}"))
}

#[track_caller]
fn says(report: &Value, check: &str, status: &str, words: &str) {
    let found = finding(report, check);
    assert_eq!(found["status"], status, "{found:#}");
    assert!(found["detail"].as_str().unwrap().contains(words), "{words:?}: {found:#}");
    let has_hint = !found["hints"].as_array().unwrap().is_empty();
    assert!(has_hint || status == "ok", "nothing to do about it: {found:#}");
}

/// Every file below a directory, with its contents.
fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.display().to_string(), fs::read(path).unwrap());
        }
    }
    found
}

#[test]
fn a_sound_place_is_well_and_nothing_in_it_is_changed() {
    let (bench, [sha]) = Bench::with_commits(["a"]);
    bench.deploy(&sha, &[], "true").exits(0);
    let state = bench.path().join(STATE);
    let before = contents(&state);
    let report = bench.run(&["doctor", "--json"]).exits(0).json();
    assert_eq!(report["healthy"], true);
    assert_eq!(report["state_dir"].as_str(), state.to_str());
    for (check, words) in [
        ("state_directory", "open to its owner alone"),
        ("permissions", "yours"),
        ("disk_space", "left"),
        ("write", "files can be made"),
        ("lock", "keeps a second process out"),
        ("replace", "replaced whole"),
        ("fence", "cannot commit"),
        ("identity", "keeps its number"),
        ("leftovers", "none"),
        ("documents", "whole"),
        ("lock_holders", "no lock is held"),
        ("git", "git version"),
        ("clone", "whole"),
        ("config", "the defaults are in force"),
        ("token", "none"),
        ("clock", "later than all"),
    ] {
        says(&report, check, "ok", words);
    }
    finding(&report, "file_system"); // What it is is this machine's business.
    assert_eq!(contents(&state), before);
    let text = bench.run(&["doctor"]).exits(0).stdout();
    assert!(text.starts_with("ok    state directory  `"), "{text}");
}

#[test]
fn before_the_first_change_there_is_a_place_for_the_state_and_it_stays_empty() {
    let bench = Bench::new();
    let report = bench.run(&["doctor", "--json"]).exits(0).json();
    says(&report, "state_directory", "ok", "made by the first change");
    says(&report, "write", "ok", bench.path().to_str().unwrap());
    says(&report, "clone", "warn", "no git work tree");
    assert_eq!(fs::read_dir(bench.path()).unwrap().count(), 0);
}

#[test]
fn a_directory_that_others_may_use_is_named_with_the_command_that_closes_it() {
    let bench = Bench::new();
    let state = bench.path().join("my state");
    bench.given("my state/x.json", "{}");
    for (mode, code, status, words) in [
        (0o777, 3, "fail", "forge what is recorded"),
        (0o750, 0, "warn", "others may look into"),
        (0o700, 0, "ok", "open to its owner"),
    ] {
        fs::set_permissions(&state, Permissions::from_mode(mode)).unwrap();
        let report = bench.run(&["doctor", "--json", "--state-dir", "my state"]).exits(code).json();
        says(&report, "state_directory", status, words);
        let hint = format!("chmod 700 '{}'", state.display());
        let hints = &finding(&report, "state_directory")["hints"];
        assert_eq!(hints.as_array().unwrap().contains(&hint.into()), status != "ok", "{hints}");
    }
    fs::set_permissions(state.join("x.json"), Permissions::from_mode(0o666)).unwrap();
    let report = bench.run(&["doctor", "--json", "--state-dir", "my state"]).exits(0).json();
    says(&report, "permissions", "warn", "others may write to 1 file");
}

#[test]
fn what_is_no_directory_is_no_place_for_the_state() {
    let bench = Bench::new();
    bench.given("file", "");
    let report = bench.run(&["doctor", "--json", "--state-dir", "file"]).exits(3).json();
    assert_eq!(report["healthy"], false);
    says(&report, "state_directory", "fail", "is not a directory");
    assert_eq!(finding(&report, "state_directory")["hints"][0], "govctl --state-dir DIR doctor");
    let text = bench.run(&["doctor", "--state-dir", "file"]).exits(3).stdout();
    assert!(text.contains("FAIL  state directory") && text.contains("failures: 1"), "{text}");
}

#[test]
fn what_killed_runs_left_is_listed_with_its_age_and_stays() {
    let bench = Bench::new();
    let leftovers = [".release.json.{T}.tmp", "breakers/.x.json.{T}.bak", ".a.json.{T}.slot"];
    for name in leftovers {
        bench.given(&format!("{STATE}/{}", name.replace("{T}", TOKEN)), "half");
    }
    bench.given(&format!("{STATE}/release.json.damaged-01234567"), "{");
    // The file's times are the machine's; so the run is moved away from them.
    let later = (std::time::Duration::from_secs(400 * 86_400), "9999-01-01T00:00:00Z");
    let report = bench.run(&["doctor", "--json", "--now", later.1]).exits(0).json();
    says(&report, "leftovers", "warn", "2 files of writers that were killed; the oldest, ");
    assert!(finding(&report, "leftovers")["detail"].as_str().unwrap().contains(" days, is `"));
    let hint = finding(&report, "leftovers")["hints"][0].as_str().unwrap().to_owned();
    assert!(hint.starts_with("govctl --state-dir /") && hint.ends_with(" state sweep"), "{hint}");
    let all = report["findings"].to_string();
    assert!(all.contains("1 file of holders of locks"), "{all}");
    says(&report, "set_aside", "warn", "1 file that others took the place of");
    assert_eq!(contents(&bench.path().join(STATE)).len(), 4);
}

#[test]
fn a_shallow_clone_is_named() {
    let (origin, _) = Bench::with_commits(["a", "b"]);
    let bench = Bench::new();
    let url = format!("file://{}", origin.path().display());
    bench.git(&["clone", "--quiet", "--depth=1", &url, "."]);
    let report = bench.run(&["doctor", "--json"]).exits(0).json();
    says(&report, "clone", "warn", "shallow");
    assert_eq!(finding(&report, "clone")["hints"][0], "git fetch --unshallow");
}

#[test]
fn without_git_it_says_so() {
    let bench = Bench::new();
    let report = bench.run_with(&[("PATH", "/nowhere")], &["doctor", "--json"]).exits(3).json();
    says(&report, "git", "fail", "cannot run git");
}

#[test]
fn a_token_is_seen_and_never_shown() {
    let (bench, _) = Bench::with_commits(["a"]);
    bench.git(&["remote", "add", "origin", "git@github.com:acme/shop.git"]);
    let report = bench.run(&["doctor", "--json"]).exits(0).json();
    says(&report, "token", "warn", "GITHUB_TOKEN is not set");
    for (token, code, status) in [("ghp_secret", 0, "ok"), ("ghp_secret\n", 3, "fail")] {
        let ran = bench.run_with(&[("GITHUB_TOKEN", token)], &["-vv", "doctor", "--json"]);
        let ran = ran.exits(code);
        assert!(!ran.stdout().contains("secret") && !ran.stderr().contains("secret"));
        says(&ran.json(), "token", status, "GITHUB_TOKEN is");
    }
}

#[test]
fn a_clock_that_is_behind_the_record_is_wrong() {
    let (bench, [sha]) = Bench::with_commits(["a"]);
    bench.deploy(&sha, &["--now", "2026-11-20T12:00:00Z"], "true").exits(0);
    let at = |now| bench.run(&["doctor", "--json", "--now", now]);
    says(&at("2026-11-20T12:00:30Z").exits(0).json(), "clock", "ok", "later than all");
    let report = at("2026-11-20T11:59:00Z").exits(3).json();
    says(&report, "clock", "fail", "in the audit log was at 2026-11-20T12:00:00Z");
}

#[test]
fn a_configuration_that_cannot_be_read_is_named_and_one_that_disables_too() {
    let bench = Bench::new();
    bench.given(".booty.yml", "schema_version: 1\nrelease_governor:\n  cooldwn_minutes: 5\n");
    let report = bench.run(&["doctor", "--json"]).exits(3).json();
    says(&report, "config", "fail", "cooldwn_minutes");
    bench.given(".booty.yml", "schema_version: 1\nrelease_governor:\n  enabled: false\n");
    let report = bench.run(&["doctor", "--json"]).exits(0).json();
    says(&report, "config", "warn", "disables the governor");
}

#[test]
fn a_damaged_log_does_not_stop_the_rest() {
    let bench = Bench::new();
    bench.given(&format!("{STATE}/audit.jsonl"), "{}\n");
    let report = bench.run(&["doctor", "--json"]).exits(3).json();
    says(&report, "documents", "fail", "audit.jsonl");
    says(&report, "lock", "ok", "keeps a second process out");
    finding(&report, "clock");
}

#[test]
fn a_document_that_stops_every_command_stops_this_one() {
    /// Puts something in the place of the document at a path.
    type Spoil = fn(&Path);

    let state = |bench: &Bench| bench.path().join(STATE);
    let spoilt: [(&str, Spoil); 3] = [
        ("a directory", |path| fs::create_dir(path).unwrap()),
        ("a pipe", |path| {
            let made = Command::new("mkfifo").arg(path).status().unwrap();
            assert!(made.success());
        }),
        ("damaged", |path| fs::hard_link(path.with_file_name("damaged"), path).unwrap()),
    ];
    for (what, spoil) in spoilt {
        let bench = Bench::new();
        bench.given(&format!("{STATE}/damaged"), "{");
        spoil(&state(&bench).join("release.json"));
        bench.run(&["state", "check"]).exits(3);
        let report = bench.run(&["doctor", "--json"]).exits(3).json();
        says(&report, "documents", "fail", "release.json");
        let hint = finding(&report, "documents")["hints"][0].to_string();
        assert!(
            hint.contains("govctl --state-dir ") && hint.contains(" state check"),
            "{what}: {hint}"
        );
    }
}

#[test]
fn what_is_wrong_with_every_lock_file_is_said_once() {
    let bench = Bench::new();
    for name in ["a", "b", "c"] {
        bench.given(&format!("{STATE}/locks/x"), "");
        let path = bench.path().join(STATE).join(format!("locks/{name}.lock"));
        std::os::unix::fs::symlink(&path, &path).unwrap();
    }
    let report = bench.run(&["doctor", "--json"]).exits(3).json();
    says(&report, "lock_holders", "fail", "cannot look at 3 lock files, such as `");
    let all = report["findings"].as_array().unwrap();
    assert_eq!(all.iter().filter(|one| one["check"] == "lock_holders").count(), 1, "{report:#}");
}
