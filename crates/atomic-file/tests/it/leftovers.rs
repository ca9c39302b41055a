//! Nothing stays behind, whatever went wrong.

use std::{fs, io::Write, panic};

use atomic_file::{Backup, Options, ReplaceError, Step};

use crate::{given, names};

#[test]
fn a_dropped_and_a_discarded_writer_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    let begin = || {
        let mut pending = Options::new().begin(&path).unwrap();
        pending.write_all(b"new").unwrap();
        assert_eq!(names(dir.path()).len(), 2, "the new contents are on disk");
        pending
    };
    drop(begin());
    assert_eq!(names(dir.path()), ["a"]);
    begin().discard().unwrap();
    assert_eq!(names(dir.path()), ["a"]);
    panic::catch_unwind(|| {
        let _pending = begin();
        panic!("half way");
    })
    .unwrap_err();
    assert_eq!(names(dir.path()), ["a"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
}

#[test]
fn a_failed_rename_leaves_nothing_and_the_old_contents() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let mut pending = Options::new().begin(&path).unwrap();
    pending.write_all(b"new").unwrap();
    fs::create_dir(&path).unwrap(); // In the way since we looked.
    let error = pending.commit().unwrap_err();
    assert!(matches!(error, ReplaceError::Unchanged { step: Step::Rename, .. }), "{error:?}");
    assert_eq!(names(dir.path()), ["a"]);
}

#[test]
fn a_failed_backup_leaves_nothing_and_the_old_contents() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    fs::create_dir(dir.path().join("a.bak")).unwrap();
    let error = Options::new().backup(Backup::Beside).replace(&path, b"new").unwrap_err();
    assert!(matches!(error, ReplaceError::Unchanged { step: Step::BackUp, .. }), "{error:?}");
    assert_eq!(names(dir.path()), ["a", "a.bak"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
}
