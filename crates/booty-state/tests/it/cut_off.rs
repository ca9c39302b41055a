//! What a kill has left half done between the audit log and the release state.

use booty_state::{AuditLog, CutOff, DeployResult, NewEntry, ReleaseState, Repo};
use serde_json::Value;

use crate::{at, sha};

const BEFORE: &str = "2026-11-20T18:53:00Z";
const NOW: &str = "2026-11-20T18:54:00Z";
const AFTER: &str = "2026-11-20T18:55:00Z";

fn repo() -> Repo {
    "a/b".parse().unwrap()
}

/// What is half done after these lines of `NOW`, by a state that these changes led to.
fn found(lines: &[(&str, &str)], changes: impl FnOnce(&mut ReleaseState)) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::at(dir.path().join("audit.jsonl"));
    for (what, after) in lines {
        let entry = NewEntry::new(at(NOW), "ana", *what).about(&repo(), &sha('a'));
        log.append(&entry.changing(Value::Null, *after)).unwrap();
    }
    let mut state = ReleaseState::default();
    changes(&mut state);
    let found = log.cut_off(&repo(), &state).unwrap();
    assert_eq!(log.cut_off(&"else/where".parse().unwrap(), &state).unwrap(), None);
    found.map(|found| match found {
        CutOff::Change(line) => line.what,
        CutOff::Line { sha, result } => format!("{} {result}", sha.short()),
    })
}

#[test]
fn a_line_without_its_change_is_found_until_that_is_made() {
    let success = DeployResult::Success;
    for what in ["recorded", "resolved"] {
        let line = [(what, "success")];
        let lacks = |changes: &dyn Fn(&mut ReleaseState)| found(&line, changes);
        assert_eq!(lacks(&|_| {}).as_deref(), Some(what));
        assert_eq!(
            lacks(&|state| state.attempt_started(&sha('a'), at(BEFORE))).as_deref(),
            Some(what)
        );
        assert_eq!(lacks(&|state| state.finished(&sha('a'), success.clone(), at(NOW))), None);
        let other = lacks(&|state| state.finished(&sha('a'), success.clone(), at(AFTER)));
        assert_eq!(other, None, "what is newer was made by somebody else");
        for next in ["deploy_started", "change_failed", "state_imported", "state_edited"] {
            assert_eq!(found(&[(what, "success"), (next, "x")], |_| {}), None, "{next}");
        }
        assert_eq!(found(&[(what, "success"), ("approved", "x")], |_| {}).as_deref(), Some(what));
    }
    let mark = [("rolled_back", "x")];
    assert_eq!(found(&mark, |_| {}).as_deref(), Some("rolled_back"));
    assert_eq!(found(&mark, |state| state.take_back(&sha('a'), None, at(NOW))), None);
}

#[test]
fn a_result_without_its_line_is_found_if_it_is_of_that_start() {
    let lines = [("deploy_started", "x"), ("command_started", "x")];
    let end = |commit, time| {
        move |state: &mut ReleaseState| {
            state.attempt_started(&sha(commit), at(BEFORE));
            state.finished(&sha(commit), DeployResult::Failure, at(time));
        }
    };
    assert_eq!(found(&lines, end('a', NOW)).as_deref(), Some("aaaaaaa failure"));
    assert_eq!(found(&lines, end('a', AFTER)).as_deref(), Some("aaaaaaa failure"));
    assert_eq!(found(&lines, end('a', BEFORE)), None, "an older state was put in place by hand");
    assert_eq!(found(&lines, end('b', AFTER)), None);
    assert_eq!(found(&lines, |state| state.attempt_started(&sha('a'), at(NOW))), None);
    assert_eq!(found(&lines[..1], end('a', AFTER)), None, "no command was let go");
    for last in ["deploy_finished", "deploy_taken_back", "command_not_started", "state_restored"] {
        assert_eq!(found(&[&lines[..], &[(last, "x")]].concat(), end('a', AFTER)), None, "{last}");
    }
}
