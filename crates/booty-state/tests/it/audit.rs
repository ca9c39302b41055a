//! The audit log: whatever happens to a line is found.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use booty_state::{AuditLog, ChainBreak, DeployResult, LastDeploy, NewEntry, Repo, StateError};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{at, given, sha};

fn entry(number: u64) -> NewEntry {
    let now = at("2026-11-20T18:53:00Z").later_by(Duration::from_secs(number));
    NewEntry::new(now, "ana@build-3 pid 4711", "deploy_started")
        .about(&"acme/site".parse().unwrap(), &sha('a'))
        .because(format!("reason {number}, \"quoted\"\nover two lines"))
        .changing(json!({"live": null}), json!({"live": number}))
}

fn log_of(entries: u64) -> (tempfile::TempDir, AuditLog) {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::at(dir.path().join("audit.jsonl"));
    for number in 1..=entries {
        assert_eq!(log.append(&entry(number)).unwrap(), number);
    }
    (dir, log)
}

/// Which line does not fit, and why.
fn flaw(log: &AuditLog) -> (u64, ChainBreak) {
    match log.verify() {
        Err(StateError::ChainBroken { line, source, .. }) => (line, source),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_entry_is_one_line_and_reads_back() {
    let (dir, log) = log_of(3);
    let text = fs::read_to_string(dir.path().join("audit.jsonl")).unwrap();
    assert_eq!(text.lines().count(), 3);
    let first = text.lines().next().unwrap();
    assert!(first.starts_with("{\"seq\":1,\"time\":\"2026-11-20T18:53:01Z\",\"who\":"), "{first}");
    assert!(first.contains(&format!("\"prev\":\"{}\",\"hash\":\"", "0".repeat(64))), "{first}");
    let mut entries = log.entries().unwrap();
    for (number, found) in (1..).zip(entries.by_ref()) {
        let (found, expected) = (found.unwrap(), entry(number));
        assert_eq!((found.seq, found.time, found.who), (number, expected.time, expected.who));
        assert_eq!(
            (found.what, found.repo, found.sha),
            (expected.what, expected.repo, expected.sha)
        );
        assert_eq!(
            (found.why, found.before, found.after),
            (expected.why, expected.before, expected.after)
        );
    }
    assert_eq!(entries.skipped(), 0);
    let verified = log.verify().unwrap();
    assert_eq!((verified.entries, verified.head.len()), (3, 64));
}

#[test]
fn what_is_not_said_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::at(dir.path().join("audit.jsonl"));
    log.append(&NewEntry::new(at("2026-11-20T18:53:00Z"), "ana", "freeze_added")).unwrap();
    let text = fs::read_to_string(dir.path().join("audit.jsonl")).unwrap();
    let keys: Vec<String> = serde_json::from_str::<serde_json::Map<_, _>>(&text)
        .unwrap()
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    assert_eq!(keys, ["seq", "time", "who", "what", "prev", "hash"]);
}

#[test]
fn a_log_that_is_not_there_has_no_entries_and_no_flaw() {
    let (_dir, log) = log_of(0);
    assert_eq!(log.entries().unwrap().count(), 0);
    let verified = log.verify().unwrap();
    assert_eq!((verified.entries, verified.head), (0, "0".repeat(64)));
}

#[test]
fn a_flipped_bit_is_found_in_its_line_wherever_it_is() {
    let (dir, log) = log_of(2);
    let path = dir.path().join("audit.jsonl");
    let whole = fs::read(&path).unwrap();
    // Without its newline the last line counts as torn, which is the one thing not found.
    for bit in (0..whole.len() - 1).map(|at| at * 8 + at % 8) {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        given(&path, &bytes);
        let (line, _) = flaw(&log);
        let changed = 1 + whole[..bit / 8].iter().filter(|byte| **byte == b'\n').count() as u64;
        assert_eq!(line, changed, "bit {bit}");
    }
}

#[test]
fn a_line_that_was_removed_added_moved_or_rewritten_is_found() {
    let (dir, log) = log_of(4);
    let path = dir.path().join("audit.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    // The same number of lines by somebody else, each of them whole.
    let (other_dir, other) = log_of(0);
    for number in 0..4 {
        other.append(&entry(100 + number)).unwrap();
    }
    let other = fs::read_to_string(other_dir.path().join("audit.jsonl")).unwrap();
    let others: Vec<&str> = other.lines().collect();
    let cases: [(&str, Vec<&str>, u64, &str); 9] = [
        ("first removed", lines[1..].to_vec(), 1, "it has number 2, and number 1 belongs here"),
        (
            "one removed",
            vec![lines[0], lines[2], lines[3]],
            2,
            "it has number 3, and number 2 belongs",
        ),
        (
            "two swapped",
            vec![lines[0], lines[2], lines[1]],
            2,
            "it has number 3, and number 2 belongs",
        ),
        (
            "one twice",
            vec![lines[0], lines[1], lines[1]],
            3,
            "it has number 2, and number 3 belongs",
        ),
        ("one empty", vec![lines[0], "", lines[1]], 2, "it is not an entry: EOF"),
        ("one no entry", vec![lines[0], "{\"seq\":2}"], 2, "it is not an entry: missing field"),
        ("last rewritten", vec![lines[0], others[1]], 2, "it was not written after the line"),
        ("first rewritten", vec![others[0], lines[1]], 2, "it was not written after the line"),
        ("blanks added", vec![lines[0], lines[1], "{} "], 3, "it is not an entry: missing field"),
    ];
    for (what, lines, line, why) in cases {
        given(&path, lines.join("\n") + "\n");
        let (found, source) = flaw(&log);
        assert_eq!(found, line, "{what}");
        assert!(source.to_string().starts_with(why), "{what}: {source}");
    }
    let blank = format!("{} \n", lines[0]);
    given(&path, blank);
    assert!(matches!(flaw(&log), (1, ChainBreak::Changed)));
}

#[test]
fn a_flaw_stays_to_be_found_and_keeps_nothing_out() {
    for flawed in [&b"not an entry\n"[..], b"\xff\xfe\n", b"{\"seq\":\"3\"}\n"] {
        let (dir, log) = log_of(2);
        let path = dir.path().join("audit.jsonl");
        let whole = fs::read(&path).unwrap();
        given(&path, [&whole, flawed].concat());
        log.append(&entry(4)).unwrap();
        assert_eq!(flaw(&log).0, 3);
        let mut entries = log.entries().unwrap();
        let numbers: Vec<u64> = entries.by_ref().map(|entry| entry.unwrap().seq).collect();
        assert_eq!((numbers, entries.skipped()), (vec![1, 2, 4], 1));
    }
}

#[test]
fn a_garbled_number_does_not_stop_the_log() {
    let (dir, log) = log_of(0);
    given(&dir.path().join("audit.jsonl"), format!("{{\"seq\":{}}}\n", u64::MAX));
    assert_eq!(log.append(&entry(1)).unwrap(), u64::MAX);
    assert_eq!(flaw(&log).0, 1);
}

#[test]
fn a_torn_last_line_was_never_written() {
    let (dir, log) = log_of(2);
    let path = dir.path().join("audit.jsonl");
    let head = log.verify().unwrap().head;
    let mut text = fs::read_to_string(&path).unwrap();
    text.push_str("{\"seq\":3,\"ti");
    given(&path, text);
    assert_eq!(log.verify().unwrap().head, head);
    log.append(&entry(3)).unwrap();
    assert_eq!(log.verify().unwrap().entries, 3);
}

#[test]
fn entries_of_many_threads_make_one_chain() {
    let (_dir, log) = log_of(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for number in 0..20 {
                    log.append(&entry(number)).unwrap();
                }
            });
        }
    });
    assert_eq!(log.verify().unwrap().entries, 160);
}

#[test]
fn the_log_knows_what_became_of_a_commit_that_was_forgotten_elsewhere() {
    let ended = |result| Some(LastDeploy::Ended(result));
    let cancelled = DeployResult::Other("cancelled".into());
    type Lines = &'static [(&'static str, &'static str)];
    let cases: [(Lines, Option<LastDeploy>); 10] = [
        (&[], None),
        (&[("delivery_claimed", "x")], None),
        (&[("deploy_started", "1")], Some(LastDeploy::Open)),
        (&[("deploy_started", "1"), ("deploy_finished", "success")], ended(DeployResult::Success)),
        (&[("recorded", "success"), ("recorded", "cancelled")], ended(cancelled)),
        (&[("recorded", "pending")], Some(LastDeploy::Open)),
        (&[("deploy_started", "1"), ("resolved", "failure")], ended(DeployResult::Failure)),
        (&[("deploy_started", "1"), ("deploy_taken_back", "1")], None),
        // The earlier deploy has happened all the same.
        (
            &[
                ("deploy_started", "1"),
                ("deploy_finished", "success"),
                ("deploy_started", "2"),
                ("deploy_taken_back", "2"),
            ],
            ended(DeployResult::Success),
        ),
        // Its own start is not in the log, and it must not take back that of another.
        (&[("deploy_started", "1"), ("deploy_taken_back", "2")], Some(LastDeploy::Open)),
    ];
    let repo: Repo = "acme/site".parse().unwrap();
    for (lines, expected) in cases {
        let (dir, log) = log_of(0);
        for (what, after) in lines {
            let now = at("2026-11-20T18:53:00Z");
            let entry = NewEntry::new(now, "ana", *what).about(&repo, &sha('a'));
            log.append(&entry.changing(json!(null), *after)).unwrap();
        }
        // Lines about something else, and lines that are none, change nothing.
        let other: Repo = "acme/blog".parse().unwrap();
        for (repo, letter) in [(&other, 'a'), (&repo, 'b')] {
            let now = at("2026-11-20T18:53:00Z");
            let entry = NewEntry::new(now, "ana", "recorded").about(repo, &sha(letter));
            let why = format!("not {}", sha('a'));
            log.append(&entry.changing(json!(null), "timed_out").because(why)).unwrap();
        }
        let path = dir.path().join("audit.jsonl");
        let text = [fs::read(&path).unwrap(), b"\xff\n{}\n".to_vec()].concat();
        given(&path, text);
        assert_eq!(log.last_deploy_of(&repo, &sha('a')).unwrap(), expected, "{lines:?}");
    }
}

#[test]
fn a_log_that_cannot_be_read_does_not_say_that_nothing_was_started() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::at(dir.path());
    log.last_deploy_of(&"acme/site".parse().unwrap(), &sha('a')).unwrap_err();
}

/// The format, once more and by other means.
#[test]
fn ten_thousand_entries_written_by_the_book_are_listed_and_verified_at_once() {
    let (dir, log) = log_of(0);
    let digest = |text: &str| -> String {
        Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let (mut text, mut prev) = (String::new(), "0".repeat(64));
    for seq in 1..=10_000 {
        let body = format!(
            "{{\"seq\":{seq},\"time\":\"2026-11-20T18:53:00Z\",\"who\":\"ana@build-3 pid 4711\",\
             \"what\":\"recorded\",\"repo\":\"acme/site\",\"sha\":\"{}\",\"prev\":\"{prev}\"",
            sha('a')
        );
        let line = format!("{body},\"hash\":\"{}\"}}", digest(&body));
        prev = digest(&line);
        text = text + &line + "\n";
    }
    given(&dir.path().join("audit.jsonl"), &text);
    let started = Instant::now();
    let verified = log.verify().unwrap();
    assert_eq!((verified.entries, verified.head), (10_000, prev));
    assert_eq!(log.entries().unwrap().filter(Result::is_ok).count(), 10_000);
    // Tens of milliseconds when optimised; a cost that grows with the square takes minutes.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}
