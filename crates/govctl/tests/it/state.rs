//! `govctl state`

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
};

use flock_guard::{LockFile, Wait};
use serde_json::{Value, json};

use crate::{Bench, SHA};

const STATE: &str = ".booty/state";
const OTHER: &str = "41be77c041be77c041be77c041be77c041be77c0";

impl Bench {
    fn state_file(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(STATE).join(name)).unwrap()
    }

    fn spoil(&self, name: &str, contents: &str) {
        self.given(&format!("{STATE}/{name}"), contents);
    }

    /// `name: status, backup` for every line of `state check` that is not whole.
    fn unwell(&self, code: i32) -> Vec<String> {
        let lines = self.run(&["state", "check", "--json"]).exits(code).json();
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let name = |line: &Value| word(&line["path"]).rsplit('/').next().unwrap().to_owned();
        let lines = lines.as_array().unwrap().iter();
        let unwell = lines.filter(|line| line["status"] != "whole" || line["backup"] == "damaged");
        unwell
            .map(|line| {
                format!("{}: {}, {}", name(line), word(&line["status"]), word(&line["backup"]))
            })
            .collect()
    }

    /// The words of the audit log about the state.
    fn written_down(&self) -> Vec<String> {
        let history = self.run(&["history", "--verify", "--json"]).exits(0).json();
        let what = history.as_array().unwrap().iter().map(|entry| entry["what"].as_str().unwrap());
        what.filter(|what| what.starts_with("state_")).map(str::to_owned).collect()
    }
}

/// A state with every kind of document that govctl writes, each changed twice.
fn lived_in() -> Bench {
    let bench = Bench::new();
    bench.deploy(SHA, &[], "true").exits(0);
    bench.deploy(OTHER, &[], "true").exits(0);
    for number in ["1", "2"] {
        bench.run(&["ids", "map", &format!("TASK-A-{number}"), "jira", "--key", "SHOP"]).exits(0);
        bench.run(&["breaker", "failure", "api"]).exits(0);
        bench
            .run(&["approve", &format!("{number}{}", &SHA[1..]), "--reason", "it is fine"])
            .exits(0);
    }
    bench.run(&["session", "create", "planner"]).exits(0);
    bench
}

#[test]
fn a_check_names_what_is_wrong_with_each_document_and_its_backup() {
    let bench = lived_in();
    assert_eq!(bench.unwell(0), [""; 0]);
    bench.spoil("release.json", "{\n  \"torn\": ");
    bench.spoil(
        "delivery_ids.json",
        &bench.state_file("delivery_ids.json").replace("govctl-", "x-"),
    );
    bench.spoil("external_id_counters.json.bak", "[]");
    bench.spoil("external_id_mapping.json", "{\"version\": \"7.0\"}");
    bench.spoil("security_overrides.json", "{}");
    fs::remove_file(bench.path().join(STATE).join("breakers/api.json")).unwrap();
    assert_eq!(
        bench.unwell(3),
        [
            "api.json: missing, whole",
            "delivery_ids.json: changed_outside, whole",
            "external_id_counters.json: whole, damaged",
            "external_id_mapping.json: newer_format, whole",
            "release.json: damaged, whole",
        ]
    );
    let text = bench.run(&["state", "check", "release.json"]).exits(3).stdout();
    assert!(text.contains("EOF while parsing a value at line 2 column 10"), "{text}");
    bench.run(&["state", "check", "security_overrides.json", "audit.jsonl"]).exits(0);
    let log = bench.state_file("audit.jsonl");
    bench.spoil("audit.jsonl", &log.replacen("deploy", "d3ploy", 1));
    let text = bench.run(&["state", "check", "audit.jsonl"]).exits(3).stdout();
    assert!(text.contains("line 1 of"), "{text}");
    assert!(!bench.path().join(STATE).join("breakers/api.json").exists(), "a check wrote");
}

#[test]
fn what_was_left_behind_is_shown_and_no_harm_and_swept_if_nobody_owns_it() {
    let bench = lived_in();
    let token = "a".repeat(32);
    for name in [
        format!(".release.json.{token}.slot"),
        format!(".audit.jsonl.{token}.tmp"),
        format!("breakers/.api.json.{token}.slot"),
    ] {
        bench.spoil(&name, "half");
    }
    bench.spoil("release.json.damaged-01234567", "kept");
    let left = bench.unwell(0);
    assert_eq!(left.len(), 4, "{left:?}");
    let swept = bench.run(&["state", "sweep", "--json"]).exits(0).json();
    assert_eq!(swept["removed"].as_array().unwrap().len(), 3, "{swept}");
    assert_eq!(bench.unwell(0), ["release.json.damaged-01234567: set_aside, -"]);
    assert_eq!(bench.run(&["state", "sweep"]).exits(0).stdout(), "nothing to remove\n");
}

#[test]
fn an_edit_by_hand_says_how_to_accept_it_and_how_to_undo_it_and_both_can_be_pasted() {
    for (command, word) in [("accept", "state_accepted"), ("restore", "state_restored")] {
        let bench = lived_in();
        let whole = bench.state_file("delivery_ids.json");
        bench.spoil("delivery_ids.json", &whole.replace("govctl-", "mine-"));
        let error = bench.run(&["delivery", "has", "local/x", SHA, "--json"]).exits(3).json();
        let hints: Vec<&str> = error["error"]["hints"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hint| hint.as_str().unwrap())
            .collect();
        let hint = hints.iter().find(|hint| hint.contains(&format!("state {command}"))).unwrap();
        let (_, line) = hint.split_once(": govctl ").unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        bench.run(&words).exits(0);
        assert_eq!(bench.written_down(), [word]);
        assert_eq!(bench.state_file("delivery_ids.json").contains("mine-"), command == "accept");
        bench.deploy(OTHER, &[], "true").exits(0);
        assert_eq!(bench.runs(), 2, "{command}");
    }
}

#[test]
fn a_restore_needs_a_reason_or_force_and_says_where_the_rest_is() {
    let bench = lived_in();
    let ran = bench.run(&["state", "restore", "external_id_counters.json"]).exits(2);
    assert!(ran.stderr().contains("--force"), "{}", ran.stderr());
    bench
        .run(&["state", "restore", "external_id_counters.json", "--force", "--reason", "I said so"])
        .exits(0);
    // The number of the lost change is skipped.
    let next = bench.run(&["ids", "next", "jira", "--key", "SHOP"]).exits(0).stdout();
    assert_eq!(next, "SHOP-4\n");
    bench.spoil("release.json", "{");
    let restored = bench.run(&["state", "restore", "release.json", "--json"]).exits(0).json();
    assert_eq!(fs::read_to_string(restored["aside"].as_str().unwrap()).unwrap(), "{");
    // It is one change old until the next deploy asks the log, or a person has accepted it.
    assert!(bench.unwell(3).contains(&"release.json: one_change_old, whole".to_owned()));
    let status = bench.run(&["status", "--json"]).exits(0).json();
    assert_eq!(status["production_sha_current"], OTHER);
    bench.run(&["state", "accept", "release.json"]).exits(0);
    assert_eq!(bench.unwell(0).len(), 2, "{:?}", bench.unwell(0));
    assert_eq!(bench.written_down(), ["state_restored", "state_restored", "state_accepted"]);
    let ran = bench.run(&["state", "accept", "release.json"]).exits(0);
    assert!(ran.stdout().contains("was whole already"), "{}", ran.stdout());
}

#[test]
fn where_the_log_does_not_tell_a_person_can() {
    let bench = lived_in();
    fs::remove_file(bench.path().join(STATE).join("audit.jsonl")).unwrap();
    bench.spoil("delivery_ids.json", "{");
    let ran = bench.deploy(OTHER, &[], "true").exits(3);
    for hint in ["govctl history", "govctl delivery record", "state accept delivery_ids.json"] {
        assert!(ran.stderr().contains(hint), "{}", ran.stderr());
    }
    bench.run(&["state", "restore", "delivery_ids.json"]).exits(0);
    bench.deploy(OTHER, &[], "true").exits(3);
    bench.run(&["state", "accept", "delivery_ids.json", "--reason", "looked"]).exits(0);
    bench.run(&["delivery", "has", "local/x", SHA]).exits(1);
    assert_eq!(bench.runs(), 2);
}

#[test]
fn an_edit_is_checked_and_sealed_before_it_replaces_anything() {
    let bench = lived_in();
    let edit = |editor: &str, file: &str| {
        let editor = format!("{editor} #");
        bench.run_with(
            &[("EDITOR", editor.as_str())],
            &["state", "edit", file, "--reason", "because"],
        )
    };
    let file = "breakers/api.json";
    let before = bench.state_file(file);
    let ran = edit("sed -i s/2/7/ \"$1\"", file).exits(0);
    assert!(ran.stdout().contains("is replaced"), "{}", ran.stdout());
    assert!(bench.state_file(file).contains("\"failure_count\": 7"));
    assert_eq!(bench.unwell(0), [""; 0]);
    assert_eq!(bench.state_file("breakers/api.json.bak"), before);
    // Nothing edited, the editor fails, what it leaves is no breaker, the document has changed.
    edit("true", file).exits(0);
    let whole = bench.state_file(file);
    for (editor, why) in [
        ("false", "nothing was changed"),
        ("echo '{' > \"$1\"", "EOF while parsing"),
        ("echo '{\"state\": \"ajar\"}' > \"$1\"", "unknown variant"),
    ] {
        let ran = edit(editor, file).exits(3);
        assert!(ran.stderr().contains(why), "{editor}: {}", ran.stderr());
        assert!(ran.stderr().contains("what you have edited is still in "), "{}", ran.stderr());
        let copy = ran.stderr().split("is still in ").nth(1).unwrap().trim().to_owned();
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_file(copy).unwrap();
        assert_eq!(bench.state_file(file), whole, "{editor}");
    }
    let path = bench.path().join(STATE).join(file).display().to_string();
    let ran = edit(&format!("sed -i s/7/8/ \"$1\"; printf ' ' >> {path}"), file).exits(3);
    assert!(ran.stderr().contains("was changed in the meantime"), "{}", ran.stderr());
    assert_eq!(bench.state_file(file), format!("{whole} "));
    assert_eq!(bench.written_down(), ["state_edited"]);
    // The last resort for what is damaged.
    bench.spoil(file, "{");
    bench.spoil("breakers/api.json.bak", "{");
    bench.given("whole", &before);
    let copy = format!("cp {} \"$1\"", bench.path().join("whole").display());
    edit(&copy, file).exits(0);
    assert_eq!(bench.state_file(file), before);
    bench.run(&["state", "edit", file]).exits(2);
}

#[test]
fn an_export_is_read_back_to_the_byte() {
    let bench = lived_in();
    let unknown = bench.state_file("release.json").replacen('{', "{\n  \"theirs\": 1.0,", 1);
    bench.spoil("release.json", &unknown);
    bench.run(&["state", "accept", "release.json"]).exits(0);
    bench.run(&["state", "export", "all.json"]).exits(0);
    assert_eq!(fs::metadata(bench.path().join("all.json")).unwrap().permissions().mode() & 0o77, 0);
    let bundle: Value =
        serde_json::from_str(&fs::read_to_string(bench.path().join("all.json")).unwrap()).unwrap();
    let printed = bench.run(&["state", "export"]).exits(0).stdout();
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap()["files"], bundle["files"]);
    let imported =
        bench.run(&["--state-dir", "new", "state", "import", "all.json", "--json"]).exits(0).json();
    assert_eq!(imported["files"][0], "audit.jsonl", "what knows everything comes first");
    let files = bundle["files"].as_array().unwrap();
    assert_eq!(files.len(), imported["files"].as_array().unwrap().len());
    for file in files {
        let path = file["path"].as_str().unwrap();
        let there = fs::read_to_string(bench.path().join("new").join(path)).unwrap();
        let here = bench.state_file(path);
        if path == "audit.jsonl" {
            // The import is a line of its own.
            assert!(there.starts_with(&here) && there.lines().count() == here.lines().count() + 1);
        } else {
            assert_eq!(there, here, "{path}");
        }
    }
    bench.run(&["--state-dir", "new", "history", "--verify"]).exits(0);
    bench.run(&["--state-dir", "new", "state", "check"]).exits(0);
    bench.deploy(OTHER, &["--state-dir", "new"], "true").exits(0);
    assert_eq!(bench.runs(), 2, "nothing is forgotten");
    let ran = bench.run(&["--state-dir", "new", "state", "import", "all.json"]).exits(2);
    assert!(ran.stderr().contains("there is a state already"), "{}", ran.stderr());
    bench.run(&["--state-dir", "new", "state", "import", "all.json", "--force"]).exits(0);
    bench.run(&["--state-dir", "new", "state", "check"]).exits(0);
}

#[test]
fn an_export_removes_what_a_killed_one_has_left_beside_it_and_nothing_else() {
    let bench = lived_in();
    let left = |name: &str| format!(".{name}.0123456789abcdef0123456789abcdef.tmp");
    bench.given(&left("all.json"), "half of");
    bench.given(&left("other.json"), "half of");
    bench.run(&["state", "export", "all.json"]).exits(0);
    assert!(!bench.path().join(left("all.json")).exists());
    assert!(bench.path().join(left("other.json")).exists());
}

#[test]
fn an_older_export_does_not_forget_what_was_deployed_since() {
    let bench = Bench::new();
    bench.deploy(SHA, &[], "true").exits(0);
    bench.run(&["state", "export", "all.json"]).exits(0);
    bench.deploy(OTHER, &[], "true").exits(0);
    let log = bench.state_file("audit.jsonl");
    for _ in 0..2 {
        bench.run(&["state", "import", "all.json", "--force"]).exits(0);
        let ran = bench.deploy(OTHER, &[], "true").exits(1);
        assert!(ran.stdout().contains("redeploy_required"), "{}", ran.stdout());
    }
    assert_eq!(bench.runs(), 2);
    assert!(bench.state_file("audit.jsonl").starts_with(&log));
    bench.run(&["history", "--verify"]).exits(0);
}

#[test]
fn what_was_about_to_start_when_it_was_exported_may_have_started() {
    let bench = Bench::new();
    bench.deploy(SHA, &[], "true").exits(0);
    let log = bench.state_file("audit.jsonl");
    let start = log.lines().next().unwrap();
    assert!(start.contains("deploy_started"), "{start}");
    let files = json!([{"path": "audit.jsonl", "text": format!("{start}\n")}]);
    let bundle = json!({"schema": "govctl.state-export/1", "exported_at": "", "files": files});
    bench.given("cut.json", &bundle.to_string());
    bench.run(&["--state-dir", "new", "state", "import", "cut.json"]).exits(0);
    bench.deploy(SHA, &["--state-dir", "new"], "true").exits(6);
    assert_eq!(bench.runs(), 1);
}

#[test]
fn nothing_is_imported_under_a_deploy_that_runs() {
    let bench = Bench::new();
    bench.deploy(SHA, &[], "true").exits(0);
    bench.run(&["state", "export", "all.json"]).exits(0);
    let before = bench.state_file("audit.jsonl");
    let lock = LockFile::new(bench.path().join(STATE).join("locks/deploy-production.lock"));
    let running = lock.exclusive(Wait::Never).unwrap();
    let import = ["--lock-wait", "0", "state", "import", "all.json", "--force"];
    let ran = bench.run(&import).exits(5);
    assert!(ran.stderr().contains("nothing was imported"), "{}", ran.stderr());
    assert_eq!(bench.state_file("audit.jsonl"), before);
    running.release();
    bench.run(&import).exits(0);
}

#[test]
fn an_import_that_is_not_right_in_every_file_writes_nothing() {
    let bench = lived_in();
    bench.run(&["state", "export", "all.json"]).exits(0);
    let text = fs::read_to_string(bench.path().join("all.json")).unwrap();
    let good: Value = serde_json::from_str(&text).unwrap();
    let with = |path: &str, text: &str| {
        let mut bundle = good.clone();
        bundle["files"].as_array_mut().unwrap().push(json!({ "path": path, "text": text }));
        bundle.to_string()
    };
    let mut garbled = good.clone();
    for file in garbled["files"].as_array_mut().unwrap() {
        if file["path"] == "audit.jsonl" {
            file["text"] = file["text"].as_str().unwrap().replacen("deploy", "d3ploy", 1).into();
        }
    }
    for bad in [
        String::new(),
        "[]".to_owned(),
        text.replace("state-export/1", "state-export/2"),
        text.replace("\\\"deploy_history\\\"", "\\\"history\\\""),
        garbled.to_string(),
        with("../release.json", "{}"),
        with("sessions/../../x.jsonl", ""),
        with("sessions/.x.jsonl", ""),
        with("/tmp/release.json", "{}"),
        with("breakers/x.json", "{}"),
        with("release.json", "{}"),
        with("strange.json", "{}"),
    ] {
        bench.given("bad.json", &bad);
        bench.run(&["--state-dir", "new", "state", "import", "bad.json"]).exits(2);
        assert!(!bench.path().join("new").exists(), "{bad}");
    }
    bench.run(&["--state-dir", "new", "state", "import", "not-there.json"]).exits(2);
}

#[test]
fn nothing_is_exported_that_cannot_be_trusted() {
    let bench = lived_in();
    bench.spoil("release.json", "{");
    let ran = bench.run(&["state", "export", "all.json"]).exits(3);
    assert!(ran.stderr().contains("govctl state check"), "{}", ran.stderr());
    assert!(!bench.path().join("all.json").exists());
}

#[test]
fn a_file_is_named_by_name_or_path_and_must_be_a_document_of_this_state() {
    let bench = lived_in();
    let inside = bench.path().join(STATE).join("release.json").display().to_string();
    for name in ["release.json", "./.booty/state/release.json", &inside, "breakers/api.json"] {
        bench.run(&["state", "check", name]).exits(0);
    }
    bench.given("elsewhere/release.json", "{}");
    let outside = bench.path().join("elsewhere/release.json").display().to_string();
    for command in ["check", "restore", "accept", "edit"] {
        for (name, why) in [
            ("freezes.json", "there is no"),
            ("strange.json", "is no document of govctl"),
            ("release.json.bak", "is no document of govctl"),
            ("../release.json", "is not in the state directory"),
            (&outside, "is not in the state directory"),
            ("", "a value is required"),
        ] {
            let ran = bench.run_with(&[("EDITOR", "true")], &["state", command, name]).exits(2);
            assert!(ran.stderr().contains(why), "{command} {name}: {}", ran.stderr());
        }
    }
}

#[test]
fn a_link_stays_a_link_and_a_lock_is_respected() {
    let bench = lived_in();
    let state = bench.path().join(STATE);
    fs::create_dir(bench.path().join("real")).unwrap();
    fs::copy(state.join("release.json"), bench.path().join("real/r.json")).unwrap();
    fs::remove_file(state.join("release.json")).unwrap();
    symlink(bench.path().join("real/r.json"), state.join("release.json")).unwrap();
    bench.given(
        "real/r.json",
        &bench.state_file("release.json").replacen('{', "{\n  \"theirs\": 1,", 1),
    );
    bench.run(&["state", "check", "release.json"]).exits(3);
    bench.run(&["state", "accept", "release.json"]).exits(0);
    bench.run(&["state", "check", "release.json"]).exits(0);
    assert!(state.join("release.json").is_symlink());

    let lock = LockFile::beside(&state.join("delivery_ids.json"));
    let held = lock.exclusive(Wait::Never).unwrap();
    bench.spoil("delivery_ids.json", "{");
    for command in ["restore", "accept"] {
        let ran = bench.run(&["--lock-wait", "0", "state", command, "delivery_ids.json"]).exits(5);
        assert!(ran.stderr().contains("pid "), "{}", ran.stderr());
    }
    bench.run(&["state", "check", "delivery_ids.json"]).exits(3);
    held.release();
    bench.run(&["state", "restore", "delivery_ids.json"]).exits(0);
}

#[test]
fn a_state_directory_whose_name_is_no_text_works_and_no_hint_names_another_one() {
    let bench = Bench::new();
    let dir = bench.path().join(OsStr::from_bytes(b"state-\xff"));
    let run = |words: &[&str]| {
        let mut command = bench.command(&[], &["--state-dir"]);
        let output = command.arg(&dir).args(words).output().unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let claim = ["delivery", "claim", "acme/site", "deploy_run_1", "event-1"];
    assert_eq!(run(&claim), (Some(0), "new, claimed by event-1\n".to_owned(), String::new()));
    assert!(dir.join("delivery_ids.json").exists());
    let (_, said, _) = run(&["--json", "state", "path"]);
    assert!(said.contains("state-\u{fffd}\""), "{said}");

    fs::remove_file(dir.join("delivery_ids.json")).unwrap();
    fs::File::create_new(dir.join("delivery_ids.json")).unwrap();
    let (code, _, said) = run(&claim);
    assert_eq!(code, Some(3), "{said}");
    let hint = "with the same state directory: govctl state edit delivery_ids.json";
    assert!(said.contains(hint) && !said.contains("--state-dir"), "{said}");
}
