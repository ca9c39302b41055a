//! `govctl lock status` and `lock break`: who holds a lock, and taking it from them.

use std::{fs, path::PathBuf};

use flock_guard::{LockError, LockFile, LockGuard, Wait};
use serde_json::{Value, json};

use crate::{Bench, schemas};

const NAME: &str = "production-db";

fn lock(bench: &Bench) -> LockFile {
    let dir = bench.path().join(".booty/state/locks");
    fs::create_dir_all(&dir).unwrap();
    LockFile::new(dir.join(format!("{NAME}.lock")))
}

/// Held by this test, with the record of somebody else.
fn held_by(bench: &Bench, record: &Value) -> LockGuard {
    let guard = lock(bench).exclusive(Wait::Never).unwrap();
    bench.given(&format!(".booty/state/locks/{NAME}.lock"), &record.to_string());
    guard
}

/// The record of a process that is gone for certain: the kernel gives out no such number.
fn of_the_dead(bench: &Bench) -> Value {
    drop(lock(bench).exclusive(Wait::Never).unwrap());
    let record = fs::read_to_string(lock(bench).path()).unwrap();
    let mut record: Value = serde_json::from_str(&record).unwrap();
    let keys = record.as_object_mut().unwrap();
    keys.remove("checksum");
    keys["pid"] = json!(u32::MAX);
    keys["released"] = json!(false);
    record
}

fn status(bench: &Bench) -> Value {
    let status = bench.run(&["--json", "lock", "status", NAME]).exits(0).json();
    schemas::check(&status);
    status
}

fn history(bench: &Bench) -> String {
    bench.run(&["--json", "history"]).exits(0).stdout().to_owned()
}

#[test]
fn who_holds_a_lock_is_shown_without_taking_it() {
    let bench = Bench::new();
    assert_eq!(status(&bench)["held"], false);
    assert!(!bench.path().join(".booty/state/locks").exists(), "looking creates nothing");
    assert_eq!(bench.run(&["lock", "status"]).exits(0).stdout(), "");

    let guard = lock(&bench).exclusive(Wait::Never).unwrap();
    let held = status(&bench);
    let holder = &held["holder"];
    assert_eq!(
        (&held["name"], &held["held"], &held["stale"]),
        (&json!(NAME), &json!(true), &json!(false))
    );
    assert_eq!(holder["pid"], std::process::id());
    assert_eq!((&holder["alive"], &holder["me"]), (&json!(true), &json!(true)));
    assert!(holder["held_for_s"].is_u64() && holder["hostname"].is_string());
    let text = bench.run(&["lock", "status"]).exits(0).stdout().to_owned();
    let begin = format!("{NAME}  held  by pid {} on ", std::process::id());
    assert!(text.starts_with(&begin) && text.contains(" s, alive, yours"), "{text}");
    assert!(!text.contains("ns,"), "{text}");
    guard.check().unwrap();
    drop(guard);

    let free = status(&bench);
    assert_eq!((&free["held"], &free["holder"]["held_for_s"]), (&json!(false), &Value::Null));
    let text = bench.run(&["lock", "status", NAME]).exits(0).stdout().to_owned();
    assert!(text.starts_with(&format!("{NAME}  free  last held by pid ")), "{text}");
}

#[test]
fn a_change_that_is_being_made_is_listed_by_its_document() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path().join(".booty/state/breakers")).unwrap();
    let names = ["release.json", "breakers/api.json"];
    let locks = names.map(|name| LockFile::beside(&bench.path().join(".booty/state").join(name)));
    let guards = locks.each_ref().map(|lock| lock.exclusive(Wait::Never).unwrap());
    let list = bench.run(&["--json", "lock", "status"]).exits(0).json();
    schemas::check(&list);
    let listed: Vec<&Value> = list.as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(listed, ["breakers/api.json", "release.json"]);
    drop(guards);
    assert_eq!(bench.run(&["--json", "lock", "status"]).exits(0).json(), json!([]));
}

#[test]
fn a_living_holder_is_broken_by_force_only_and_learns_it() {
    let bench = Bench::new();
    let guard = lock(&bench).exclusive(Wait::Never).unwrap();
    let order = ["lock", "break", NAME, "--reason", "it hangs"];
    let refused = bench.run(&order).exits(5);
    let words =
        ["is held by pid ", ", alive, yours", "hint: govctl lock break production-db --force"];
    for words in words {
        assert!(refused.stderr().contains(words), "{words}: {}", refused.stderr());
    }
    guard.check().unwrap();
    assert_eq!(history(&bench), "[]\n", "nothing was done");

    let broken = bench.run(&[&["--json"][..], &order, &["--force"]].concat()).exits(0).json();
    schemas::check(&broken);
    assert_eq!(
        (&broken["broken"], &broken["holder"]["pid"]),
        (&json!(true), &json!(std::process::id()))
    );
    assert!(matches!(guard.check(), Err(LockError::Lost { .. })));
    assert_eq!(status(&bench)["held"], false);
    let history = history(&bench);
    assert!(history.contains("lock_broken") && history.contains("it hangs"), "{history}");
    assert!(history.contains(&format!("pid {} on ", std::process::id())), "{history}");
}

#[test]
fn a_dead_holder_is_broken_without_force() {
    let bench = Bench::new();
    let record = of_the_dead(&bench);
    let guard = held_by(&bench, &record);
    let seen = status(&bench);
    if seen["holder"]["alive"].is_null() {
        return; // A machine without an id cannot prove anything.
    }
    assert_eq!((&seen["stale"], &seen["holder"]["alive"]), (&json!(true), &json!(false)));
    assert_eq!(seen["keepers"], json!([std::process::id()]));
    let text = bench.run(&["lock", "status", NAME]).exits(0).stdout().to_owned();
    assert!(text.starts_with(&format!("{NAME}  STALE  by pid {}", u32::MAX)), "{text}");
    assert!(text.contains("dead: its process is gone; who has it now: pid "), "{text}");
    let order = ["lock", "break", NAME, "--reason", "its child hangs"];
    let broken = bench.run(&order).exits(0);
    assert!(broken.stdout().starts_with(&format!("{NAME} is free; it was held by pid ")));
    guard.check().unwrap_err();
}

#[test]
fn a_holder_elsewhere_is_not_provably_alive() {
    let bench = Bench::new();
    let mut record = of_the_dead(&bench);
    record["machine_id"] = json!("0123456789abcdef");
    let guard = held_by(&bench, &record);
    let seen = status(&bench);
    assert_eq!((&seen["stale"], &seen["holder"]["alive"]), (&json!(false), &Value::Null));
    bench.run(&["lock", "break", NAME, "--reason", "that machine is gone"]).exits(0);
    guard.check().unwrap_err();
}

#[test]
fn a_holder_without_a_name_cannot_be_fenced() {
    let bench = Bench::new();
    for record in [json!({}), json!({ "pid": u32::MAX })] {
        let guard = held_by(&bench, &record);
        let order = ["lock", "break", NAME, "--force", "--reason", "who is it"];
        let refused = bench.run(&order).exits(5);
        assert!(refused.stderr().contains("its holder has left no name to fence"));
        let hint = format!("hint: kill {}\n", std::process::id());
        assert!(refused.stderr().contains(&hint), "{}", refused.stderr());
        guard.check().unwrap();
    }
    assert_eq!(history(&bench), "[]\n");
}

#[test]
fn a_lock_that_is_free_needs_no_breaking() {
    let bench = Bench::new();
    let free = bench.run(&["--json", "lock", "break", NAME, "--reason", "x"]).exits(0).json();
    assert_eq!((&free["broken"], &free["holder"]), (&json!(false), &Value::Null));
    assert_eq!(history(&bench), "[]\n");
    bench.run(&["lock", "break", NAME]).exits(2);
    for name in ["../x", ".x", "a b"] {
        bench.run(&["lock", "status", name]).exits(2);
    }
}

#[test]
fn what_cannot_be_written_down_is_not_broken() {
    let bench = Bench::new();
    let guard = lock(&bench).exclusive(Wait::Never).unwrap();
    let audit: PathBuf = bench.path().join(".booty/state/audit.jsonl");
    fs::create_dir(audit).unwrap();
    bench.run(&["lock", "break", NAME, "--force", "--reason", "x"]).exits(3);
    guard.check().unwrap();
}
