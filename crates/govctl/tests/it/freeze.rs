//! `freeze`: when nothing goes out, by which clock, and who is excepted.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::{Bench, Ran, SHA};

fn at(bench: &Bench, now: &str, args: &[&str]) -> Ran {
    bench.run(&[&["--json", "--now", now], args].concat())
}

/// The reason and `retry_at` of a check.
fn checked(bench: &Bench, now: &str) -> (Value, Value) {
    let ran = at(bench, now, &["check", SHA]).json();
    (ran["reason"].clone(), ran["retry_at"].clone())
}

const HELD: &str = "freeze";
const FREE: &str = "allow_low";

#[test]
fn a_weekly_window_holds_by_the_clock_of_its_zone() {
    let bench = Bench::new();
    let window = ["--weekly", "fri 16:00-mon 08:00", "--tz", "europe/berlin"];
    let add = [&["freeze", "add"], &window[..], &["--reason", "nobody is here"]].concat();
    let added = at(&bench, "2026-11-16T12:00:00Z", &add).exits(0).json();
    assert_eq!((&added["id"], &added["standing"]), (&json!(1), &json!("to_come")));
    assert_eq!(added["weekly"], json!(["Fri 16:00-Mon 08:00"]));
    assert_eq!(added["time_zone"], "Europe/Berlin");
    assert_eq!(added["begins_at"], "2026-11-20T15:00:00Z");

    let end = json!("2026-11-23T07:00:00Z");
    let cases = [
        ("2026-11-20T14:59:59Z", FREE, Value::Null),
        ("2026-11-20T15:00:00Z", HELD, end.clone()),
        ("2026-11-23T06:59:59Z", HELD, end),
        ("2026-11-23T07:00:00Z", FREE, Value::Null),
        // Over the change to summer time, whose Monday begins an hour earlier.
        ("2027-03-28T12:00:00Z", HELD, json!("2027-03-29T06:00:00Z")),
    ];
    for (now, reason, retry_at) in cases {
        assert_eq!(checked(&bench, now), (json!(reason), retry_at), "{now}");
    }
    let held = ["deploy", SHA, "--", "sh", "-c", ": > started"];
    at(&bench, "2026-11-21T12:00:00Z", &held).exits(1);
    assert!(!bench.path().join("started").exists());
    let status = at(&bench, "2026-11-21T12:00:00Z", &["status"]).exits(0).json();
    let frozen =
        json!({ "reason": "nobody is here", "until": "2026-11-23T07:00:00Z", "ids": ["1"] });
    assert_eq!(status["freeze"], frozen);
    assert_eq!(at(&bench, "2026-11-23T07:00:00Z", &["status"]).json()["freeze"], Value::Null);
}

#[test]
fn a_dated_freeze_holds_from_its_beginning_to_its_end() {
    let bench = Bench::new();
    let now = "2026-11-20T12:00:00Z";
    let args = ["--from", "2026-12-24", "--until", "2026-12-27 06:00", "--tz", "America/New_York"];
    let added = at(&bench, now, &[&["freeze", "add", "--reason", "x"], &args[..]].concat());
    let added = added.exits(0).json();
    assert_eq!(added["from"], "2026-12-24T05:00:00Z");
    assert_eq!(added["until"], "2026-12-27T11:00:00Z");
    assert_eq!(checked(&bench, "2026-12-24T04:59:59Z").0, FREE);
    assert_eq!(checked(&bench, "2026-12-24T05:00:00Z"), (json!(HELD), added["until"].clone()));
    assert_eq!(checked(&bench, "2026-12-27T11:00:00Z").0, FREE);
}

#[test]
fn one_without_an_end_holds_until_it_is_ended_and_both_are_in_the_audit_log() {
    let bench = Bench::new();
    at(&bench, "2026-11-20T12:00:00Z", &["freeze", "add", "--reason", "incident 7"]).exits(0);
    let held = at(&bench, "2027-11-20T12:00:00Z", &["check", SHA]).exits(1).json();
    assert_eq!((&held["reason"], &held["retry_at"]), (&json!(HELD), &Value::Null));
    let hints = held["unblock_hints"].to_string();
    assert!(hints.contains("govctl freeze end 1") && hints.contains("govctl approve"), "{hints}");

    let ended = at(&bench, "2026-11-20T13:00:00Z", &["freeze", "end", "--reason", "solved"]);
    assert_eq!(ended.exits(0).json()[0]["ended"]["reason"], "solved");
    assert_eq!(checked(&bench, "2026-11-20T13:00:00Z").0, FREE);
    // By a clock that went back it is not ended yet.
    assert_eq!(checked(&bench, "2026-11-20T12:59:59Z").0, HELD);

    let history = at(&bench, "2026-11-20T13:00:00Z", &["history", "--verify"]).exits(0).json();
    let words: Vec<&Value> = history.as_array().unwrap().iter().map(|line| &line["what"]).collect();
    assert_eq!(words, ["freeze_added", "freeze_ended"]);
    assert_eq!((&history[0]["why"], &history[1]["why"]), (&json!("incident 7"), &json!("solved")));
    assert_eq!(history[0]["before"], Value::Null);
    assert_eq!(history[0]["after"], history[1]["before"]);
    assert_eq!(history[0]["after"]["id"], 1);
}

#[test]
fn only_a_commit_that_was_approved_since_is_an_exception() {
    let bench = Bench::new();
    let now = "2026-11-20T12:30:00Z";
    at(&bench, "2026-11-20T12:00:00Z", &["approve", SHA, "--reason", "early"]).exits(0);
    at(&bench, "2026-11-20T12:10:00Z", &["freeze", "add", "--reason", "fair"]).exits(0);
    assert_eq!(checked(&bench, now).0, HELD, "whoever approved it knew nothing of the freeze");
    let variable = [("RELEASE_GOVERNOR_APPROVED", "yes")];
    bench.run_with(&variable, &["--now", now, "check", SHA]).exits(1);

    at(&bench, "2026-11-20T12:20:00Z", &["approve", SHA, "--reason", "it mends it"]).exits(0);
    let allowed = at(&bench, now, &["check", SHA]).exits(0).json();
    let rules = allowed["rules"].as_array().unwrap();
    let rule = rules.iter().find(|rule| rule["rule"] == "freeze").unwrap();
    let detail = rule["detail"].as_str().unwrap();
    assert!(detail.starts_with("lifted for this commit by ") && detail.ends_with("it mends it"));
    at(&bench, now, &["check", &SHA.replace('9', "8")]).exits(1);
    at(&bench, now, &["approvals", "revoke", SHA]).exits(0);
    assert_eq!(checked(&bench, now).0, HELD);
}

#[test]
fn of_several_freezes_the_last_one_counts_and_the_one_to_end_has_to_be_named() {
    let bench = Bench::new();
    let now = "2026-11-20T12:00:00Z";
    for until in ["2026-11-20T14:00:00Z", "2026-11-20T13:00:00Z"] {
        at(&bench, now, &["freeze", "add", "--until", until, "--reason", until]).exits(0);
    }
    assert_eq!(checked(&bench, now), (json!(HELD), json!("2026-11-20T14:00:00Z")));
    let error = at(&bench, now, &["freeze", "end"]).exits(2).json();
    assert_eq!(error["error"]["hints"], json!(["govctl freeze end 1", "govctl freeze end 2"]));
    at(&bench, now, &["freeze", "end", "1"]).exits(0);
    assert_eq!(checked(&bench, now), (json!(HELD), json!("2026-11-20T13:00:00Z")));
    at(&bench, now, &["freeze", "end", "1"]).exits(1);
    at(&bench, now, &["freeze", "end"]).exits(0);
    at(&bench, now, &["freeze", "end"]).exits(1);
    let all = at(&bench, "2026-11-20T15:00:00Z", &["freeze", "list", "--all"]).exits(0).json();
    assert_eq!((&all[0]["standing"], &all[1]["standing"]), (&json!("ended"), &json!("ended")));
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let bench = Bench::new();
    let refused: [&[&str]; 12] = [
        &[],
        &["--reason", " "],
        &["--reason", "x", "--tz", "Europe/Atlantis"],
        &["--reason", "x", "--weekly", "Fri 16:00-Fri 16:00"],
        &["--reason", "x", "--weekly", "Fri 16:00-15:00"],
        &["--reason", "x", "--weekly", "weekend"],
        &["--reason", "x", "--until", "2026-11-20T12:00:00Z"],
        &["--reason", "x", "--until", "2020-01-01"],
        &["--reason", "x", "--from", "2027-01-02", "--until", "2027-01-02"],
        &["--reason", "x", "--from", "2027-01-02", "--until", "2027-01-01"],
        &["--reason", "x", "--from", "tomorrow"],
        &["--reason", "x", "--until", "2027-02-30"],
    ];
    for args in refused {
        at(&bench, "2026-11-20T12:00:00Z", &[&["freeze", "add"], args].concat()).exits(2);
    }
    assert!(!bench.path().join(".booty").exists());
}

#[test]
fn freezes_that_cannot_be_read_or_understood_let_nothing_out() {
    let bench = Bench::new();
    let now = "2026-11-20T12:00:00Z";
    at(&bench, now, &["freeze", "add", "--weekly", "Mon 1:00-2:00", "--reason", "x"]).exits(0);
    assert_eq!(checked(&bench, now).0, FREE);
    let path = bench.path().join(".booty/state/freezes.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    let (body, _) = whole.rsplit_once(",\n  \"checksum\"").unwrap();
    let unsealed = format!("{body}\n}}\n");
    bench.given(".booty/state/freezes.json", &unsealed);
    assert_eq!(checked(&bench, now).0, FREE, "the form itself is right");
    let damaged = [
        "{".to_owned(),
        whole.replace("Mon 01:00", "Mon 01:30"),
        unsealed.replace("Mon 01:00-Mon 02:00", "first Monday of the month"),
        unsealed.replace("UTC", "Mars/Olympus"),
    ];
    for text in damaged {
        bench.given(".booty/state/freezes.json", &text);
        let error = at(&bench, now, &["check", SHA]).exits(3).json();
        assert_eq!(error["error"]["kind"], "broken", "{text}");
        at(&bench, now, &["deploy", SHA, "--", "true"]).exits(3);
        at(&bench, now, &["status"]).exits(3);
    }
    // One of a newer program can still be ended.
    at(&bench, now, &["freeze", "end", "1"]).exits(0);
    assert_eq!(checked(&bench, now).0, FREE);
}

/// Once four freezes that were declared at once had four lines in the audit log that all said
/// number 1, and one that was ended three times at once had three lines that said so.
#[test]
fn of_many_at_once_each_has_a_number_and_one_has_ended_it() {
    let bench = Bench::new();
    let at_once = |count: usize, words: &[&str]| -> Vec<i32> {
        let started: Vec<_> = (0..count)
            .map(|_| bench.command(&[], words).stderr(Stdio::null()).stdout(Stdio::null()).spawn())
            .collect();
        let ended = started.into_iter().map(|run| run.unwrap().wait().unwrap().code().unwrap());
        ended.collect()
    };
    let told = |what: &str| -> Vec<Value> {
        let all = bench.run(&["history", "--json"]).exits(0).json();
        let all = all.as_array().unwrap().iter().filter(|entry| entry["what"] == what);
        all.cloned().collect()
    };
    let one_of = |count: usize, codes: &[i32]| {
        let won = codes.iter().filter(|code| **code == 0).count();
        let lost = codes.iter().filter(|code| **code == 1).count();
        assert_eq!((won, lost), (1, count - 1), "{codes:?}");
    };
    assert_eq!(at_once(8, &["freeze", "add", "--reason", "the fair"]), [0; 8]);
    let mut ids: Vec<_> = told("freeze_added").iter().map(|e| e["after"]["id"].as_u64()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (1..=8).map(Some).collect::<Vec<_>>());

    one_of(6, &at_once(6, &["freeze", "end", "1"]));
    assert_eq!(told("freeze_ended").len(), 1);

    bench.run(&["approve", SHA, "--reason", "r"]).exits(0);
    one_of(6, &at_once(6, &["approvals", "revoke", SHA]));
    assert_eq!(told("approval_revoked").len(), 1);
}

#[test]
fn whoever_does_not_get_a_turn_leaves_no_line() {
    let bench = Bench::new();
    bench.run(&["freeze", "add", "--reason", "the fair"]).exits(0);
    bench.run(&["approve", SHA, "--reason", "r"]).exits(0);
    let before = bench.run(&["history", "--json"]).exits(0).json();
    let held = ["freezes.json", "approvals.json"].map(|name| {
        let lock = bench.path().join(".booty/state").join(name);
        flock_guard::LockFile::beside(&lock).exclusive(flock_guard::Wait::Never).unwrap()
    });
    let orders: [&[&str]; 3] = [
        &["freeze", "add", "--reason", "r"],
        &["freeze", "end", "1"],
        &["approvals", "revoke", SHA],
    ];
    for order in orders {
        bench.run(&[&["--lock-wait", "0"], order].concat()).exits(5);
    }
    assert_eq!(bench.run(&["history", "--json"]).exits(0).json(), before);
    drop(held);
    for order in orders {
        bench.run(order).exits(0);
    }
}
