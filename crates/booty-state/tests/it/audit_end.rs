//! The end of the audit log: whatever is cut off is found, and a crash is not taken for a cut.

use std::{fs, path::PathBuf};

use booty_state::{AuditLog, ChainBreak, NewEntry, StateError};

use crate::{at, given, sha};

struct Place {
    dir: tempfile::TempDir,
    log: AuditLog,
}

impl Place {
    fn with(entries: u64) -> Place {
        let dir = tempfile::tempdir().unwrap();
        let log = AuditLog::at(dir.path().join("audit.jsonl"));
        let place = Place { dir, log };
        for number in 1..=entries {
            assert_eq!(place.append("recorded"), number);
        }
        place
    }

    fn append(&self, what: &str) -> u64 {
        let now = at("2026-11-20T18:53:00Z");
        self.log.append(&NewEntry::new(now, "ana@build-3", what)).unwrap()
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("audit.jsonl")
    }

    fn mark(&self) -> PathBuf {
        self.dir.path().join("audit.jsonl.mark")
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path()).unwrap();
        text.split_inclusive('\n').map(str::to_owned).collect()
    }

    /// Which line does not fit, and why.
    fn flaw(&self) -> Option<(u64, ChainBreak)> {
        match self.log.verify() {
            Ok(_) => None,
            Err(StateError::ChainBroken { line, source, .. }) => Some((line, source)),
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn lines_that_were_cut_off_are_missed_and_stay_missed() {
    for kept in 0..5 {
        let place = Place::with(5);
        given(&place.path(), place.lines()[..kept as usize].concat());
        let Some((line, ChainBreak::Missing { last: 5 })) = place.flaw() else {
            panic!("{kept} lines: {:?}", place.flaw())
        };
        assert_eq!(line, kept + 1);
        // No number is given twice, and what is missing stays missing.
        assert_eq!(place.append("recorded"), 6);
        let (line, source) = place.flaw().unwrap();
        assert_eq!(line, kept + 1);
        let why = format!("it has number 6, and number {} belongs here", kept + 1);
        assert_eq!(source.to_string(), why);
    }
}

#[test]
fn a_log_that_was_removed_is_missed() {
    let place = Place::with(2);
    fs::remove_file(place.path()).unwrap();
    assert!(matches!(place.flaw(), Some((1, ChainBreak::Missing { last: 2 }))));
    assert_eq!(place.append("recorded"), 3);
    assert!(matches!(place.flaw(), Some((1, ChainBreak::Number { found: 3, expected: 1 }))));
}

#[test]
fn a_torn_line_that_was_acknowledged_is_missed() {
    let place = Place::with(3);
    let text = place.lines().concat();
    given(&place.path(), &text[..text.len() - 1]);
    assert!(matches!(place.flaw(), Some((3, ChainBreak::Missing { last: 3 }))));
}

#[test]
fn a_last_line_and_a_log_that_were_written_anew_are_found() {
    let place = Place::with(3);
    let other = Place::with(0);
    other.append("approved");
    other.append("recorded");
    other.append("recorded");
    given(&place.path(), other.lines().concat());
    assert!(matches!(place.flaw(), Some((3, ChainBreak::Rewritten))));
    // Also when it has become longer since.
    other.append("recorded");
    given(&place.path(), other.lines().concat());
    assert!(matches!(place.flaw(), Some((3, ChainBreak::Rewritten))));
}

#[test]
fn a_start_whose_command_was_cut_off_the_log_proves_nothing() {
    let place = Place::with(0);
    let (repo, sha) = ("acme/site".parse().unwrap(), sha('a'));
    for what in ["deploy_started", "command_started"] {
        let entry = NewEntry::new(at("2026-11-20T18:53:00Z"), "ana", what).about(&repo, &sha);
        place.log.append(&entry.changing((), "one")).unwrap();
    }
    let open = || place.log.open_deploy_of(&repo, &sha).unwrap().unwrap();
    assert!(open().is_whole && open().command.is_some());
    given(&place.path(), &place.lines()[0]);
    assert!(!open().is_whole, "a command may have started: {:?}", open());
    place.append("approved");
    assert!(!open().is_whole);
    fs::remove_file(place.mark()).unwrap();
    given(&place.path(), &place.lines()[0]);
    assert!(open().is_whole, "without a mark nobody can know");
}

#[test]
fn a_mark_that_is_behind_missing_or_damaged_is_no_flaw() {
    let place = Place::with(2);
    assert!(place.log.verify().unwrap().is_end_known);
    let before = fs::read(place.mark()).unwrap();
    place.append("recorded");
    type Spoil = fn(&Place, &[u8]);
    let cases: [(&str, Spoil); 4] = [
        ("behind, as after a kill", |place, before| given(&place.mark(), before)),
        ("missing, as after a power cut", |place, _| fs::remove_file(place.mark()).unwrap()),
        ("empty", |place, _| given(&place.mark(), "")),
        ("garbage", |place, _| given(&place.mark(), [0xff; 4096])),
    ];
    for (what, spoil) in cases {
        spoil(&place, &before);
        let verified = place.log.verify().unwrap();
        assert!(!verified.is_end_known, "{what}");
        let next = place.append("recorded");
        assert_eq!(next, verified.entries + 1, "{what}");
        assert!(place.log.verify().unwrap().is_end_known, "{what}: it heals");
    }
}

#[test]
fn a_mark_that_cannot_be_written_keeps_no_line_out() {
    let place = Place::with(0);
    fs::create_dir(place.mark()).unwrap();
    assert_eq!((place.append("recorded"), place.append("recorded")), (1, 2));
    place.log.verify().unwrap_err();
    fs::remove_dir(place.mark()).unwrap();
    assert_eq!(place.log.verify().unwrap().entries, 2);
}

#[test]
fn another_log_takes_its_place_once_the_end_is_forgotten() {
    let place = Place::with(3);
    place.log.forget_end().unwrap();
    given(&place.path(), Place::with(1).lines().concat());
    assert!(!place.log.verify().unwrap().is_end_known);
    assert_eq!(place.append("state_imported"), 2);
    assert!(place.log.verify().unwrap().is_end_known);
}
