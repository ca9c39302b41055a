//! The fence: a slot that is taken away stops its commit.

use std::{fs, io::Write};

use atomic_file::{Backup, CommitError, Options, leftover_slots};

use crate::{given, names};

const TOKEN: &str = "00000000000000000000000000000001";

#[test]
fn a_commit_whose_slot_was_removed_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    let mut pending = Options::new().begin_in_slot(&path, TOKEN).unwrap();
    pending.write_all(b"from a holder that was broken").unwrap();

    let found = leftover_slots(&path).unwrap();
    assert_eq!(found.iter().map(|slot| slot.token()).collect::<Vec<_>>(), [TOKEN]);
    found.remove().unwrap();

    let error = pending.commit_if(|| Ok::<(), ()>(())).unwrap_err();
    assert!(matches!(error, CommitError::SlotGone { .. }), "{error:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(names(dir.path()), ["a"]);
}

#[test]
fn a_refusal_at_any_of_the_checks_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    for allowed in 0..2 {
        let options = Options::new().backup(Backup::Named("kept".into()));
        let mut pending = options.begin_in_slot(&path, TOKEN).unwrap();
        pending.write_all(b"new").unwrap();
        let mut asked = 0;
        let error = pending
            .commit_if(|| {
                asked += 1;
                if asked > allowed { Err("not the holder any more") } else { Ok(()) }
            })
            .unwrap_err();
        assert!(matches!(error, CommitError::Refused("not the holder any more")), "{error:?}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert!(names(dir.path()).iter().all(|name| !name.starts_with('.')));
    }
}

#[test]
fn slots_of_other_files_are_not_listed() {
    let dir = tempfile::tempdir().unwrap();
    given(&dir.path().join(format!(".a.json.{TOKEN}.slot")), "");
    given(&dir.path().join(format!(".a.{TOKEN}.tmp")), "");
    assert_eq!(leftover_slots(dir.path().join("a")).unwrap().iter().count(), 0);
    assert_eq!(leftover_slots(dir.path().join("a.json")).unwrap().iter().count(), 1);
}
