//! What the audit log proves about a deploy that has no end.

use std::fs;

use booty_state::{AuditLog, NewEntry, Repo};
use serde_json::{Value, json};

use crate::{at, given, sha};

fn log(lines: &[(&str, Value)]) -> (tempfile::TempDir, AuditLog) {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::at(dir.path().join("audit.jsonl"));
    for (what, after) in lines {
        let entry = NewEntry::new(at("2026-11-20T18:53:00Z"), "ana", *what);
        let entry = entry.about(&repo(), &sha('a')).changing(json!({"way": "gate"}), after.clone());
        log.append(&entry).unwrap();
        // Of another commit, which changes nothing.
        let other = NewEntry::new(at("2026-11-20T18:53:00Z"), "ana", "command_started");
        log.append(&other.about(&repo(), &sha('b')).because(sha('a').to_string())).unwrap();
    }
    (dir, log)
}

fn repo() -> Repo {
    "acme/site".parse().unwrap()
}

#[test]
fn a_start_without_an_end_says_whether_its_command_was_let_go() {
    let (_dir, log) = log(&[("recorded", json!("failure")), ("deploy_started", json!("one"))]);
    let open = log.open_deploy_of(&repo(), &sha('a')).unwrap().unwrap();
    assert_eq!((open.delivery.as_str(), &open.command), ("one", &None));
    assert_eq!((open.before, open.is_whole), (Some(json!({"way": "gate"})), true));

    let entry = NewEntry::new(at("2026-11-20T18:53:00Z"), "ana", "command_started");
    log.append(&entry.about(&repo(), &sha('a')).changing("one", json!({"pid": 7}))).unwrap();
    let open = log.open_deploy_of(&repo(), &sha('a')).unwrap().unwrap();
    assert_eq!((open.command, open.is_whole), (Some(json!({"pid": 7})), true));
    assert_eq!(log.open_deploy_of(&repo(), &sha('b')).unwrap(), None);
}

#[test]
fn who_wrote_the_line_can_say_that_it_was_not_let_go_after_all() {
    let (_dir, log) = log(&[("deploy_started", json!("one"))]);
    let line = |what, by: &str, after: Value| {
        let entry = NewEntry::new(at("2026-11-20T18:53:00Z"), "ana", what);
        log.append(&entry.about(&repo(), &sha('a')).changing(by, after)).unwrap();
        log.open_deploy_of(&repo(), &sha('a')).unwrap().unwrap().command
    };
    assert_eq!(line("command_started", "one", json!({"run": 7})), Some(json!({"run": 7})));
    assert!(line("command_not_started", "two", Value::Null).is_some(), "that was another");
    assert_eq!(line("command_not_started", "one", Value::Null), None);
}

#[test]
fn whatever_ends_a_deploy_ends_it() {
    for end in ["deploy_taken_back", "deploy_finished", "resolved", "recorded"] {
        let (_dir, log) = log(&[("deploy_started", json!("one")), (end, json!("one"))]);
        assert_eq!(log.open_deploy_of(&repo(), &sha('a')).unwrap(), None, "{end}");
    }
    let (_dir, log) = log(&[("deploy_started", json!("two")), ("deploy_taken_back", json!("one"))]);
    let open = log.open_deploy_of(&repo(), &sha('a')).unwrap().unwrap();
    assert_eq!((open.delivery.as_str(), open.is_whole), ("two", true), "that was another");
}

#[test]
fn a_line_that_was_touched_since_the_start_leaves_nothing_proven() {
    let lines = [("deploy_finished", json!("x")), ("deploy_started", json!("one"))];
    let tail = [("delivery_claimed", json!("y")), ("delivery_claimed", json!("z"))];
    let (dir, log) = log(&[&lines[..], &tail].concat());
    let path = dir.path().join("audit.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let is_whole = || log.open_deploy_of(&repo(), &sha('a')).unwrap().unwrap().is_whole;
    assert!(is_whole());
    // Lines 1 and 2 are before the start, which is line 3.
    for number in 0..text.lines().count() {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        if number != 2 {
            lines[number] = lines[number].replace("2026", "2027");
            given(&path, lines.join("\n") + "\n");
            assert_eq!(is_whole(), number < 2, "line {number} was changed");
        }
        if (3..7).contains(&number) {
            lines.remove(number);
            given(&path, lines.join("\n") + "\n");
            assert!(!is_whole(), "line {number} was removed");
        }
    }
    given(&path, [text.as_bytes(), b"\xff\n"].concat());
    assert!(!is_whole(), "what cannot be read may have been the line that is missing");
}
