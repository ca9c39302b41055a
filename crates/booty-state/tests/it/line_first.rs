//! A line of the audit log before its change, and the one that takes it back.

use booty_state::{
    AuditLog, DeployResult, Entry, LastDeploy, NewEntry, ReleaseState, ReleaseStore, StateError,
};
use serde_json::{Value, json};
use state_store::{Store, StoreError};

use crate::{at, given, sha};

const NOW: &str = "2026-11-20T18:53:00Z";

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Place {
        Place { dir: tempfile::tempdir().unwrap() }
    }

    fn log(&self) -> AuditLog {
        AuditLog::at(self.dir.path().join("audit.jsonl"))
    }

    fn releases(&self) -> ReleaseStore {
        ReleaseStore::new(&Store::files(self.dir.path())).witnessed_by(self.log())
    }

    fn entry(what: &str, commit: char, after: impl Into<Value>) -> NewEntry {
        let entry =
            NewEntry::new(at(NOW), "ana", what).about(&"a/b".parse().unwrap(), &sha(commit));
        entry.changing(Value::Null, after)
    }

    /// A deploy that went well, by its lines.
    fn deployed(&self, commit: char) {
        self.log().append(&Place::entry("deploy_started", commit, "one")).unwrap();
        self.releases().attempt_started(&sha(commit), at(NOW)).unwrap();
        self.releases().finished(&sha(commit), DeployResult::Success, at(NOW)).unwrap();
        self.log().append(&Place::entry("deploy_finished", commit, "success")).unwrap();
    }

    /// Tries to record that the deploy of `commit` went well, while others change the state.
    fn recorded_in_vain(&self, what: &str, commit: char) {
        let contended = StoreError::Contended { place: "release.json".into(), attempts: 9 };
        let change = || Err::<ReleaseState, _>(StateError::Store(contended));
        let error = self.log().change(&Place::entry(what, commit, "success"), change).unwrap_err();
        assert!(error.changed_nothing(), "{error:?}");
    }

    fn lines(&self) -> Vec<Entry> {
        self.log().entries().unwrap().collect::<Result<_, _>>().unwrap()
    }
}

fn repo() -> booty_state::Repo {
    "a/b".parse().unwrap()
}

/// Once `record` wrote its line, could not change the state, and said so; after that the line
/// counted: a release state that fell back to its backup had the commit as live.
#[test]
fn a_line_whose_change_was_not_made_counts_for_nobody_who_asks_the_log() {
    for what in ["recorded", "resolved"] {
        let place = Place::new();
        place.deployed('a');
        place.recorded_in_vain(what, 'b');
        let log = place.log();
        assert_eq!(log.last_deploy_of(&repo(), &sha('b')).unwrap(), None, "{what}");
        assert!(!log.has_been_live(&repo(), &sha('b')).unwrap(), "{what}");
        given(&place.dir.path().join("release.json"), "{");
        let state = place.releases().load().unwrap();
        assert!(state.is_live(&sha('a')), "{what}");
        assert_eq!(state.newest_result_of(&sha('b')), None, "{what}");
        assert!(log.verify().is_ok());
    }
}

#[test]
fn an_end_that_was_not_recorded_leaves_the_deploy_open() {
    for what in ["recorded", "resolved"] {
        let place = Place::new();
        let log = place.log();
        log.append(&Place::entry("deploy_started", 'a', "one")).unwrap();
        log.append(&Place::entry("command_started", 'a', json!({ "pid": 7 }))).unwrap();
        for _ in 0..2 {
            place.recorded_in_vain(what, 'a');
            let open = log.open_deploy_of(&repo(), &sha('a')).unwrap().unwrap();
            assert_eq!((open.delivery.as_str(), open.is_whole), ("one", true), "{what}");
            assert_eq!(open.command, Some(json!({ "pid": 7 })), "{what}");
            assert_eq!(log.last_deploy_of(&repo(), &sha('a')).unwrap(), Some(LastDeploy::Open));
            assert_eq!(place.releases().load().unwrap().unknown(), [&sha('a')], "{what}");
        }
        log.append(&Place::entry(what, 'a', "success")).unwrap();
        place.recorded_in_vain(what, 'a');
        assert_eq!(log.open_deploy_of(&repo(), &sha('a')).unwrap(), None, "that one stands");
    }
}

#[test]
fn the_line_that_takes_back_names_the_other_and_says_why() {
    let place = Place::new();
    place.recorded_in_vain("recorded", 'a');
    let [line, back] = &place.lines()[..] else { panic!("{:?}", place.lines()) };
    assert_eq!((line.what.as_str(), back.what.as_str()), ("recorded", "change_failed"));
    assert_eq!(back.before, Some(json!({ "seq": line.seq, "what": "recorded" })));
    assert_eq!((&back.repo, &back.sha), (&line.repo, &line.sha));
    assert!(back.why.as_ref().unwrap().contains("others changed it 9 times"), "{back:?}");
}

#[test]
fn the_line_of_a_change_that_may_have_been_made_stands() {
    let place = Place::new();
    let unknown = || {
        let source = atomic_file::ReplaceError::NotDurable {
            path: "release.json".into(),
            step: atomic_file::Step::Rename,
            source: std::io::Error::other("the disk is gone"),
        };
        let place = "release.json".to_owned();
        Err::<ReleaseState, _>(StateError::Store(StoreError::Unknown { place, source }))
    };
    let entry = Place::entry("recorded", 'a', "success");
    assert!(!place.log().change(&entry, unknown).unwrap_err().changed_nothing());
    assert_eq!(place.lines().len(), 1);
}
