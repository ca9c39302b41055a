//! The version before, kept without a copy and without a gap.

use std::{fs, os::unix::fs::MetadataExt};

use atomic_file::{Backup, Options};

use crate::{given, names};

#[test]
fn the_backup_is_always_the_version_just_before() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let options = Options::new().backup(Backup::Beside);
    options.replace(&path, b"0").unwrap();
    assert_eq!(names(dir.path()), ["a"], "there was nothing to keep");
    for version in 1..5 {
        options.replace(&path, version.to_string().as_bytes()).unwrap();
        let backup = fs::read_to_string(dir.path().join("a.bak")).unwrap();
        assert_eq!(backup, (version - 1).to_string());
        assert_eq!(names(dir.path()), ["a", "a.bak"]);
    }
}

#[test]
fn the_backup_is_the_old_file_itself_not_a_copy() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    let inode = fs::metadata(&path).unwrap().ino();
    Options::new().backup(Backup::Named("kept".into())).replace(&path, b"new").unwrap();
    assert_eq!(fs::metadata(dir.path().join("kept")).unwrap().ino(), inode);
}

#[test]
fn a_crash_between_the_two_renames_does_not_stop_the_next_replace() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    given(&path, "1");
    // What such a crash leaves: one file under both names.
    fs::hard_link(&path, dir.path().join("a.bak")).unwrap();
    Options::new().backup(Backup::Beside).replace(&path, b"2").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "2");
    assert_eq!(fs::read_to_string(dir.path().join("a.bak")).unwrap(), "1");
    assert_eq!(names(dir.path()), ["a", "a.bak"]);
}
