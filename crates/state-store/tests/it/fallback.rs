//! A damaged document falls back to its backup by itself, and nothing that was there is lost.

use std::{
    fs::{self, OpenOptions},
    path::Path,
    sync::{Arc, Mutex},
};

use serde::{Deserialize, Serialize};
use state_store::{
    Change, Damage, Document, Key, NoFallback, Restored, Schema, Store, StoreError, UpdateError,
};

use crate::{Counter, KEY, counter, given, names};

const NAME: &str = "counter.json";
const BACKUP: &str = "counter.json.bak";

/// A document at 2, with a backup at 1.
fn at_two(dir: &Path) -> Document<Counter> {
    for count in [1, 2] {
        counter(dir).update(|value| value.set(count)).unwrap();
    }
    counter(dir)
}

/// The names and contents of what was set aside.
fn aside(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let names = names(dir).into_iter().filter(|name| name.contains(".damaged-"));
    names.map(|name| (name.clone(), fs::read(dir.join(name)).unwrap())).collect()
}

#[test]
fn an_update_puts_the_backup_in_place_and_sets_the_damaged_file_aside() {
    let dir = tempfile::tempdir().unwrap();
    let document = at_two(dir.path());
    given(&dir.path().join(NAME), "{\"count\": 2");
    let backup = fs::read(dir.path().join(BACKUP)).unwrap();
    assert_eq!(document.update(|value| Change::Keep(value.count)).unwrap(), 1);
    assert_eq!(fs::read(dir.path().join(NAME)).unwrap(), backup);
    assert_eq!(fs::read(dir.path().join(BACKUP)).unwrap(), backup, "the backup stays");
    let [(name, contents)] = &aside(dir.path())[..] else { panic!("{:?}", names(dir.path())) };
    assert_eq!(contents, b"{\"count\": 2");
    assert_eq!(name.len(), NAME.len() + ".damaged-01234567".len());
    assert_eq!(names(dir.path()).len(), 4, "{:?}", names(dir.path()));
    // A second damage is another file.
    given(&dir.path().join(NAME), "");
    document.update(|value| value.add(5)).unwrap();
    assert_eq!(aside(dir.path()).len(), 2);
    assert_eq!(document.load().unwrap().unwrap().count, 6);
}

#[test]
fn a_change_that_refuses_has_repaired_the_document_and_changed_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let document = at_two(dir.path());
    given(&dir.path().join(NAME), "");
    let refused = document.try_update(|_| Err::<Change<()>, _>("no"));
    assert!(matches!(refused, Err(UpdateError::Refused("no"))), "{refused:?}");
    assert!(document.look().unwrap().unwrap().instead_of.is_none());
    assert_eq!(document.load().unwrap().unwrap().count, 1);
}

#[test]
fn a_document_that_was_removed_comes_back_from_its_backup() {
    let dir = tempfile::tempdir().unwrap();
    let document = at_two(dir.path());
    fs::remove_file(dir.path().join(NAME)).unwrap();
    let seen = document.look().unwrap().unwrap();
    assert!(matches!(seen.instead_of, Some(Damage::Missing { .. })), "{seen:?}");
    assert_eq!(seen.value.count, 1);
    assert!(!dir.path().join(NAME).exists(), "looking wrote");
    document.update(|value| value.add(1)).unwrap();
    assert_eq!(document.load().unwrap().unwrap().count, 2);
    assert!(aside(dir.path()).is_empty());
    for name in [NAME, BACKUP] {
        fs::remove_file(dir.path().join(name)).unwrap();
    }
    assert_eq!(document.load().unwrap(), None, "what never was is no damage");
}

#[test]
fn a_file_that_is_too_large_is_set_aside_without_being_copied() {
    let dir = tempfile::tempdir().unwrap();
    let document = at_two(dir.path());
    let huge = OpenOptions::new().write(true).truncate(true).open(dir.path().join(NAME)).unwrap();
    huge.set_len(1 << 36).unwrap(); // Sparse: 64 GiB that take no space.
    document.update(|value| value.add(1)).unwrap();
    assert_eq!(document.load().unwrap().unwrap().count, 2);
    let set_aside = names(dir.path()).into_iter().find(|name| name.contains(".damaged-")).unwrap();
    assert_eq!(fs::metadata(dir.path().join(set_aside)).unwrap().len(), 1 << 36);
}

#[test]
fn without_a_whole_backup_both_are_named_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let document = at_two(dir.path());
    let edited = fs::read_to_string(dir.path().join(BACKUP)).unwrap().replace(": 1,", ": 7,");
    let huge = " ".repeat((64 << 20) + 1);
    let bak = dir.path().join(BACKUP).display().to_string();
    let cases = [
        (
            Some("{\n  \"count\": x"),
            format!(
                ", and its backup `{bak}` is damaged, too: it is not a JSON object: expected value at line 2 column 12"
            ),
        ),
        (
            Some("{\"count\": 13}"),
            format!(", and its backup `{bak}` is damaged, too: `count` is 13"),
        ),
        (Some(&edited), format!(", and its backup `{bak}` was changed outside the program")),
        (Some("{\"version\": 7}"), format!(", and its backup `{bak}` has the newer format 7")),
        (
            Some("{\"version\": 7, \"count\": []}"),
            format!(", and its backup `{bak}` has the newer format 7"),
        ),
        (Some(&huge), format!(", and its backup `{bak}` cannot be read: `{bak}` is damaged")),
        (None, ", and there is no backup of it".to_owned()),
    ];
    for (backup, expected) in cases {
        given(&dir.path().join(NAME), "{");
        match backup {
            Some(contents) => given(&dir.path().join(BACKUP), contents),
            None => fs::remove_file(dir.path().join(BACKUP)).unwrap(),
        }
        let place = dir.path().join(NAME).display().to_string();
        for error in [document.load().unwrap_err(), document.update(|v| v.set(1)).unwrap_err()] {
            assert_eq!(error.to_string(), format!("`{place}` is damaged{expected}"));
        }
        assert_eq!(fs::read(dir.path().join(NAME)).unwrap(), b"{");
        if let Some(contents) = backup {
            assert_eq!(fs::read_to_string(dir.path().join(BACKUP)).unwrap(), contents);
        }
        assert!(aside(dir.path()).is_empty());
    }
}

#[test]
fn an_edit_by_hand_and_a_newer_format_are_no_damage_to_fall_back_from() {
    let dir = tempfile::tempdir().unwrap();
    let document = at_two(dir.path());
    let edited = fs::read_to_string(dir.path().join(NAME)).unwrap().replace(": 2,", ": 3,");
    for contents in [edited.as_str(), "{\"version\": 2, \"count\": \"of another shape\"}"] {
        given(&dir.path().join(NAME), contents);
        for error in [document.load().unwrap_err(), document.update(|v| v.set(1)).unwrap_err()] {
            let is_right = match contents == edited {
                true => matches!(error, StoreError::ChangedOutside { .. }),
                false => matches!(error, StoreError::NewerFormat { found: 2, known: 1, .. }),
            };
            assert!(is_right, "{error:?}");
        }
        assert_eq!(fs::read_to_string(dir.path().join(NAME)).unwrap(), contents);
    }
}

/// Whatever a crash leaves, the next change finds it, and nothing that was there is lost.
#[test]
fn a_fall_back_that_was_cut_off_is_done_again() {
    let dir = tempfile::tempdir().unwrap();
    let document = at_two(dir.path());
    given(&dir.path().join(NAME), "damaged");
    document.update(|_| Change::Keep(())).unwrap();
    let (name, _) = aside(dir.path()).remove(0);
    // As after a crash between setting aside and replacing: both names are there.
    fs::remove_file(dir.path().join(NAME)).unwrap();
    fs::hard_link(dir.path().join(&name), dir.path().join(NAME)).unwrap();
    document.update(|value| value.add(1)).unwrap();
    assert_eq!(aside(dir.path()), [(name, b"damaged".to_vec())]);
    assert_eq!(document.load().unwrap().unwrap().count, 2);
}

#[test]
fn whoever_listens_is_told_once_and_may_use_the_store() {
    let dir = tempfile::tempdir().unwrap();
    at_two(dir.path());
    let told: Arc<Mutex<Vec<Restored>>> = Arc::default();
    let (notes, other) = (Arc::clone(&told), at_two(dir.path()));
    let store = Store::files(dir.path()).telling(move |restored| {
        other.update(|value| value.add(1)).unwrap(); // Or it would wait for its own lock.
        notes.lock().unwrap().push(restored.clone());
    });
    given(&dir.path().join(NAME), "");
    store.document::<Counter>(KEY).load().unwrap();
    assert!(told.lock().unwrap().is_empty(), "looking restores nothing");
    for _ in 0..2 {
        store.document::<Counter>(KEY).update(|value| value.add(1)).unwrap();
    }
    let [restored] = &told.lock().unwrap()[..] else { panic!("{told:?}") };
    assert!(restored.place.ends_with(NAME) && restored.backup.ends_with(BACKUP), "{restored:?}");
    assert!(restored.aside.as_ref().unwrap().contains(".damaged-"), "{restored:?}");
    assert_eq!(restored.damage, "it is empty");
    assert_eq!(counter(dir.path()).load().unwrap().unwrap().count, 4);
}

/// A type to which a fall back is more than a value that is one change old.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Ticket {
    last: u64,
}

impl Schema for Ticket {
    fn restored(&mut self) -> Result<(), String> {
        if self.last == 13 {
            return Err("tickets from 13 on are sold one by one".to_owned());
        }
        self.last += 100;
        Ok(())
    }
}

#[test]
fn what_a_fall_back_means_is_for_the_schema_to_say() {
    let dir = tempfile::tempdir().unwrap();
    let tickets = Store::files(dir.path()).document::<Ticket>(Key::fixed("tickets.json"));
    let path = dir.path().join("tickets.json");
    let sell = || {
        tickets.update(|ticket| {
            ticket.last += 1;
            Change::Write(ticket.last)
        })
    };
    assert_eq!((sell().unwrap(), sell().unwrap()), (1, 2));
    given(&path, "");
    // Readers see what the next change starts from.
    assert_eq!(tickets.load().unwrap().unwrap().last, 101);
    assert_eq!(sell().unwrap(), 102);

    given(&path, "{\"last\": 13}");
    sell().unwrap();
    given(&path, "");
    let error = sell().unwrap_err();
    let StoreError::Damaged { backup: NoFallback::Refused { why, .. }, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(why, "tickets from 13 on are sold one by one");
    assert_eq!(fs::read(&path).unwrap(), b"");
}
