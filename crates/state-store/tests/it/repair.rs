//! What a person can do about a document whose type the program does not know.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};
use state_store::{
    AnyDocument, Change, Condition, Damage, Force, Key, Kind, NoFallback, RepairError, Schema,
    Store, StoreError, Written,
};

use crate::{Counter, KEY, counter, given, names};

const NAME: &str = "counter.json";
const BACKUP: &str = "counter.json.bak";

fn any(dir: &Path) -> Box<dyn AnyDocument> {
    Kind::named::<Counter>(KEY).open(&Store::files(dir), KEY)
}

/// A document at 2, with a backup at 1.
fn at_two(dir: &Path) -> String {
    for count in [1, 2] {
        counter(dir).update(|value| value.set(count)).unwrap();
    }
    fs::read_to_string(dir.join(NAME)).unwrap()
}

fn count(dir: &Path) -> u64 {
    counter(dir).load().unwrap().unwrap().count
}

fn aside(dir: &Path) -> Vec<String> {
    let names = names(dir).into_iter().filter(|name| name.contains(".damaged-"));
    names.map(|name| fs::read_to_string(dir.join(name)).unwrap()).collect()
}

#[test]
fn a_look_judges_the_document_and_its_backup() {
    type Is = fn(&Condition) -> bool;
    let dir = tempfile::tempdir().unwrap();
    let whole = at_two(dir.path());
    let edited = whole.replace(": 2,", ": 3,");
    let cases: [(&str, Is, bool); 6] = [
        (&whole, |is| matches!(is, Condition::Whole), true),
        ("{\"count\": 1}", |is| matches!(is, Condition::Unsealed), true),
        (&edited, |is| matches!(is, Condition::ChangedOutside), false),
        ("{\"version\": 3}", |is| matches!(is, Condition::NewerFormat(3)), false),
        ("{\"count\": 13}", |is| matches!(is, Condition::Damaged(Damage::Impossible(_))), false),
        ("", |is| matches!(is, Condition::Damaged(Damage::Empty)), false),
    ];
    for (contents, is, is_fine) in cases {
        given(&dir.path().join(NAME), contents);
        given(&dir.path().join(BACKUP), contents);
        let examined = any(dir.path()).examine();
        for condition in [&examined.document, &examined.backup] {
            assert!(is(condition), "{contents}: {condition:?}");
            assert_eq!(condition.is_fine(), is_fine, "{contents}");
        }
        assert!(is(&any(dir.path()).judge(contents.as_bytes())), "{contents}");
    }
    fs::remove_file(dir.path().join(NAME)).unwrap();
    let missing = any(dir.path()).examine().document;
    assert!(matches!(missing, Condition::Damaged(Damage::Missing { .. })), "{missing:?}");
    fs::remove_file(dir.path().join(BACKUP)).unwrap();
    let examined = any(dir.path()).examine();
    assert!(matches!(
        (&examined.document, &examined.backup),
        (Condition::Absent, Condition::Absent)
    ));
    fs::create_dir(dir.path().join(NAME)).unwrap();
    let directory = any(dir.path()).examine().document;
    assert!(matches!(directory, Condition::Unreadable(StoreError::Io { .. })), "{directory:?}");
}

#[test]
fn a_restore_needs_a_reason_and_keeps_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let whole = at_two(dir.path());
    let error = any(dir.path()).restore(Force::No).unwrap_err();
    assert!(matches!(error, RepairError::NotNeeded { .. }), "{error:?}");
    assert_eq!(count(dir.path()), 2);
    let edited = whole.replace(": 2,", ": 3,");
    for contents in ["{", edited.as_str()] {
        given(&dir.path().join(NAME), contents);
        let restored = any(dir.path()).restore(Force::No).unwrap();
        assert_eq!(count(dir.path()), 1);
        let aside = fs::read_to_string(restored.aside.unwrap()).unwrap();
        assert_eq!(aside, contents);
    }
    given(&dir.path().join(NAME), &whole);
    any(dir.path()).restore(Force::Yes).unwrap();
    assert_eq!((count(dir.path()), aside(dir.path()).len()), (1, 3));
    given(&dir.path().join(BACKUP), "{");
    given(&dir.path().join(NAME), "");
    let error = any(dir.path()).restore(Force::Yes).unwrap_err();
    let RepairError::NoBackup { backup, .. } = error else { panic!("{error:?}") };
    assert!(matches!(backup, NoFallback::Damaged { .. }), "{backup:?}");
    assert_eq!(fs::read(dir.path().join(NAME)).unwrap(), b"");
}

#[test]
fn an_edit_is_accepted_as_it_is_and_the_backup_stays() {
    let dir = tempfile::tempdir().unwrap();
    let whole = at_two(dir.path());
    assert!(!any(dir.path()).accept().unwrap(), "there is nothing to accept");
    assert_eq!(fs::read_to_string(dir.path().join(NAME)).unwrap(), whole);
    let edited = whole.replace(": 2,", ": 3,");
    for (contents, accepted) in [(edited.as_str(), 3), ("{\"later\": [1], \"count\": 4}", 4)] {
        given(&dir.path().join(NAME), contents);
        assert!(any(dir.path()).accept().unwrap());
        assert_eq!(count(dir.path()), accepted);
        assert!(matches!(any(dir.path()).examine().document, Condition::Whole));
        let before = fs::read_to_string(dir.path().join(BACKUP)).unwrap();
        assert!(before.contains("\"count\": 1"), "{before}");
        assert!(aside(dir.path()).is_empty());
    }
    assert!(fs::read_to_string(dir.path().join(NAME)).unwrap().contains("later"));
    for contents in ["{", "{\"version\": 2}", "{\"count\": 13}"] {
        given(&dir.path().join(NAME), contents);
        any(dir.path()).accept().unwrap_err();
        assert_eq!(fs::read_to_string(dir.path().join(NAME)).unwrap(), contents);
    }
}

#[test]
fn a_replacement_has_to_fit_and_to_know_what_it_replaces() {
    let dir = tempfile::tempdir().unwrap();
    let whole = at_two(dir.path());
    let replace = |expected: Option<&str>, contents: &str| {
        let expected = expected.map(str::as_bytes);
        any(dir.path()).replace(expected, contents.as_bytes(), Written::Anew)
    };
    for unfit in ["", "{\"count\": 13}", "{\"count\": []}", "[1]"] {
        let error = replace(Some(&whole), unfit).unwrap_err();
        assert!(matches!(error, RepairError::Unfit { .. }), "{unfit}: {error:?}");
    }
    for older in [None, Some("{\"count\": 1}")] {
        let error = replace(older, "{\"count\": 5}").unwrap_err();
        assert!(matches!(error, RepairError::Changed { .. }), "{error:?}");
    }
    assert_eq!(fs::read_to_string(dir.path().join(NAME)).unwrap(), whole);
    // A checksum of before does not fit what was edited, and is written anew.
    replace(Some(&whole), &whole.replace(": 2,", ": 5,")).unwrap();
    assert_eq!(count(dir.path()), 5);
    assert_eq!(fs::read_to_string(dir.path().join(BACKUP)).unwrap(), whole);
    // What is damaged must not become the backup.
    given(&dir.path().join(NAME), "{");
    replace(Some("{"), "{\"count\": 6}").unwrap();
    assert_eq!((count(dir.path()), aside(dir.path())), (6, vec!["{".to_owned()]));
    assert_eq!(fs::read_to_string(dir.path().join(BACKUP)).unwrap(), whole);
    for name in [NAME, BACKUP] {
        fs::remove_file(dir.path().join(name)).unwrap();
    }
    let text = "{ \"count\":7 }";
    any(dir.path()).replace(None, text.as_bytes(), Written::AsTheyAre).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join(NAME)).unwrap(), text, "to the byte");
}

/// A type that notes a fall back, and refuses one from 13.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Noted {
    #[serde(default)]
    noted: bool,
    number: u64,
}

impl Schema for Noted {
    fn restored(&mut self) -> Result<(), String> {
        self.noted = true;
        if self.number == 13 { Err("13 is too old".to_owned()) } else { Ok(()) }
    }

    fn accepted(&mut self) {
        self.noted = false;
    }
}

#[test]
fn what_a_fall_back_has_noted_is_seen_and_can_be_taken_back_by_a_person_alone() {
    let dir = tempfile::tempdir().unwrap();
    let key = Key::fixed("noted.json");
    let (store, path) = (Store::files(dir.path()), dir.path().join("noted.json"));
    let any = Kind::named::<Noted>(key.clone()).open(&store, key.clone());
    let add = || {
        store.document::<Noted>(key.clone()).update(|value| {
            value.number += 1;
            Change::Write((value.number, value.noted))
        })
    };
    for number in 12..14 {
        given(&path, format!("{{\"number\": {number}}}"));
        add().unwrap();
        given(&path, "{");
        match number {
            12 => assert_eq!(add().unwrap(), (13, true)),
            _ => {
                assert!(add().is_err(), "13 is too old");
                assert!(matches!(any.restore(Force::No), Err(RepairError::NoBackup { .. })));
                any.restore(Force::Yes).unwrap();
            }
        }
        let examined = any.examine().document;
        assert!(matches!(examined, Condition::OneChangeOld), "{examined:?}");
        assert!(any.accept().unwrap());
        assert!(matches!(any.examine().document, Condition::Whole));
    }
}

#[test]
fn a_sweep_removes_what_dead_holders_of_the_lock_left() {
    let dir = tempfile::tempdir().unwrap();
    at_two(dir.path());
    for end in ["slot", "bak"] {
        given(&dir.path().join(format!(".{NAME}.{}.{end}", "a".repeat(32))), "half");
    }
    any(dir.path()).sweep().unwrap();
    assert_eq!(names(dir.path()), [NAME, BACKUP, "counter.json.lock"]);
}
