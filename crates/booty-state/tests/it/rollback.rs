//! Which commit is bad, which one is good, and how long the bad one is remembered.

use booty_state::{
    AuditLog, DeployResult, Moment, NewEntry, ReleaseState, ReleaseStore, Repo, Sha,
};
use proptest::prelude::*;
use state_store::Store;

use crate::{at, sha};

fn minute(number: u32) -> Moment {
    at(&format!("2026-11-20T{:02}:{:02}:00Z", 10 + number / 60, number % 60))
}

/// One letter a deploy: a small one went well, a capital one failed, one after a `<` was taken
/// back before.
fn after(story: &str) -> ReleaseState {
    let mut state = ReleaseState::default();
    let mut takes_back = false;
    for (number, letter) in (0..).zip(story.chars()) {
        if letter == '<' {
            takes_back = true;
            continue;
        }
        let (now, commit) = (minute(number), sha(letter.to_ascii_lowercase()));
        if takes_back {
            state.take_back(&commit, None, now);
            takes_back = false;
            continue;
        }
        let failed = letter.is_ascii_uppercase();
        state.attempt_started(&commit, now);
        let result = if failed { DeployResult::Failure } else { DeployResult::Success };
        state.finished(&commit, result, now);
    }
    state
}

#[test]
fn the_way_back_leads_from_what_failed_or_is_live_to_what_was_live_last() {
    let cases = [
        ("", None, None),
        ("a", Some('a'), None),
        ("ab", Some('b'), Some('a')),
        ("abc", Some('c'), Some('b')),
        // What failed is bad, and what was live stays good.
        ("aB", Some('b'), Some('a')),
        ("abCD", Some('d'), Some('b')),
        ("A", Some('a'), None),
        // A success since says that production is well again.
        ("aBc", Some('c'), Some('a')),
        // A redeploy of what is live that failed: it is bad.
        ("abB", Some('b'), Some('a')),
        // A rollback that failed is tried once more.
        ("ab<bA", Some('b'), Some('a')),
        ("aB<bA", Some('b'), Some('a')),
        // After one that went well, the next one goes back further, and never to what was bad.
        ("eab<ba", Some('a'), Some('e')),
        ("eab<ba<ae", Some('e'), None),
        ("ab<b", Some('b'), Some('a')),
        // What was deployed once more since is good again.
        ("eab<babc", Some('c'), Some('b')),
    ];
    for (story, bad, good) in cases {
        let state = after(story);
        let found = state.bad().cloned();
        assert_eq!(found, bad.map(sha), "bad after {story:?}");
        let best = found.as_ref().and_then(|bad| state.last_good(bad)).cloned();
        assert_eq!(best, good.map(sha), "good after {story:?}");
    }
}

#[test]
fn a_bad_commit_is_remembered_until_a_deploy_of_it_has_ended() {
    let mut state = after("ab<ba");
    assert!(state.rolled_back_mark(&sha('b')).is_some());
    state.attempt_started(&sha('b'), minute(50));
    assert!(state.rolled_back_mark(&sha('b')).is_some(), "it may never start");
    state.abandon(&sha('b'));
    assert!(state.rolled_back_mark(&sha('b')).is_some(), "it never started");
    state.attempt_started(&sha('b'), minute(51));
    state.finished(&sha('b'), DeployResult::Failure, minute(52));
    assert_eq!(state.rolled_back_mark(&sha('b')), None, "it has an outcome of its own");
    assert!(state.rolled_back_mark(&sha('a')).is_none());
}

#[test]
fn what_was_taken_back_survives_in_the_file_with_when_and_why() {
    let dir = tempfile::tempdir().unwrap();
    let releases = ReleaseStore::new(&Store::files(dir.path()));
    releases.finished(&sha('b'), DeployResult::Success, minute(0)).unwrap();
    releases.take_back(&sha('b'), Some("errors"), minute(1)).unwrap();
    releases.take_back(&sha('b'), Some("still"), minute(2)).unwrap();
    let state = releases.load().unwrap();
    assert_eq!(state.rolled_back.len(), 1, "each commit once");
    let mark = state.rolled_back_mark(&sha('b')).unwrap();
    assert_eq!((mark.time_iso8601, mark.reason.as_deref()), (minute(2), Some("still")));
    assert!(state.is_live(&sha('b')), "nothing else has gone live");
    releases.finished(&sha('b'), DeployResult::Success, minute(3)).unwrap();
    let text = std::fs::read_to_string(dir.path().join("release.json")).unwrap();
    assert!(!text.contains("rolled_back"), "an old program finds what it knows: {text}");
}

#[test]
fn only_the_newest_hundred_are_remembered() {
    let mut state = ReleaseState::default();
    for number in 0..150 {
        state.take_back(&format!("{number:040x}").parse().unwrap(), None, minute(0));
    }
    assert_eq!(state.rolled_back.len(), 100);
    assert!(state.rolled_back_mark(&format!("{:040x}", 149).parse().unwrap()).is_some());
}

#[test]
fn the_log_knows_what_was_ever_live() {
    let dir = tempfile::tempdir().unwrap();
    let log = AuditLog::at(dir.path().join("audit.jsonl"));
    let repo: Repo = "acme/shop".parse().unwrap();
    let ended = |commit: &Sha, what, result| {
        let entry = NewEntry::new(minute(0), "ana", what).about(&repo, commit);
        log.append(&entry.changing("started", result)).unwrap();
    };
    ended(&sha('a'), "deploy_finished", "success");
    ended(&sha('a'), "deploy_finished", "failure");
    ended(&sha('b'), "deploy_finished", "failure");
    ended(&sha('c'), "recorded", "success");
    ended(&sha('d'), "resolved", "success");
    ended(&sha('e'), "approved", "success");
    for (letter, expected) in [('a', true), ('b', false), ('c', true), ('d', true), ('e', false)] {
        assert_eq!(log.has_been_live(&repo, &sha(letter)).unwrap(), expected, "{letter}");
    }
    assert!(!log.has_been_live(&"acme/site".parse().unwrap(), &sha('a')).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_good_one_was_live_and_is_neither_the_bad_one_nor_taken_back(story in "(<?[a-eA-E]){0,30}") {
        let state = after(&story);
        let Some(bad) = state.bad() else { return Ok(()) };
        if let Some(good) = state.last_good(bad) {
            prop_assert!(good != bad);
            prop_assert!(state.has_been_live(good));
            prop_assert!(state.rolled_back_mark(good).is_none());
        }
    }
}
