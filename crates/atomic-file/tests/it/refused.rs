//! What is refused before anything is written, unless an option allows it.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::{PermissionsExt, chown, lchown, symlink},
    path::Path,
};

use atomic_file::{
    Backup, HardLinks, Options, ReplaceError, SharedDirectory, Step, Symlinks, replace,
};

use crate::{given, is_root, names};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Why `options` refuse to replace the file at `path`, which stays as it is.
#[track_caller]
fn refusal(options: &Options, path: &Path) -> String {
    let dir = path.parent().unwrap();
    let before = (names(dir), fs::read(path).ok());
    let error = options.replace(path, b"new").unwrap_err();
    assert!(matches!(error, ReplaceError::Unchanged { step: Step::Accept, .. }), "{error:?}");
    assert_eq!((names(dir), fs::read(path).ok()), before);
    std::error::Error::source(&error).unwrap().to_string()
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_file_with_another_name_is_not_split_from_it_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let (path, twin) = (dir.path().join("a"), dir.path().join("twin"));
    given(&path, "old");
    fs::hard_link(&path, &twin).unwrap();
    let why = "another name leads to it as well, and would keep the old contents";
    assert_eq!(refusal(&Options::new(), &path), why);
    // Also where it has a backup, and one half-made, on top.
    fs::hard_link(&path, dir.path().join("a.bak")).unwrap();
    fs::hard_link(&path, dir.path().join(format!(".a.{TOKEN}.bak"))).unwrap();
    assert_eq!(refusal(&Options::new().backup(Backup::Beside), &path), why);

    let split = Options::new().hard_links(HardLinks::Split);
    split.replace(&path, b"new").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(fs::read_to_string(&twin).unwrap(), "old");
}

#[test]
fn what_a_crash_half_way_leaves_on_the_same_file_is_no_other_name() {
    for role in ["tmp", "slot", "bak"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        given(&path, "old");
        fs::hard_link(&path, dir.path().join(format!(".a.{TOKEN}.{role}"))).unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new", "{role}");
    }
}

#[test]
fn a_link_that_may_not_be_followed_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    given(&dir.path().join("real"), "old");
    let link = dir.path().join("link");
    symlink("real", &link).unwrap();
    let options = Options::new().symlinks(Symlinks::Refuse);
    assert_eq!(refusal(&options, &link), "it is a symbolic link");
    options.replace(dir.path().join("real"), b"new").unwrap();
}

#[test]
fn a_directory_in_which_everybody_may_replace_files_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    chmod(dir.path(), 0o777);
    let why = "everybody may remove and replace files in its directory";
    assert_eq!(refusal(&Options::new(), &path), why);
    Options::new().shared_directory(SharedDirectory::Allow).replace(&path, b"new").unwrap();
    // With the sticky bit, as `/tmp` has it, others may only add files of their own.
    chmod(dir.path(), 0o1777);
    replace(&path, b"newer").unwrap();
}

#[test]
fn a_strangers_file_or_link_in_a_directory_for_all_is_refused() {
    if !is_root() {
        return; // Only root can make a file somebody else's.
    }
    let dir = tempfile::tempdir().unwrap();
    chmod(dir.path(), 0o1777);
    let (planted, link) = (dir.path().join("planted"), dir.path().join("link"));
    given(&planted, "");
    chown(&planted, Some(4321), Some(4321)).unwrap();
    let why = "it belongs to another user, and everybody may write to its directory";
    assert_eq!(refusal(&Options::new(), &planted), why);

    let precious = tempfile::tempdir().unwrap();
    let precious = precious.path().join("precious");
    symlink(&precious, &link).unwrap();
    lchown(&link, Some(4321), Some(4321)).unwrap();
    let any = Options::new().shared_directory(SharedDirectory::Allow);
    for options in [Options::new(), any] {
        let why =
            "the link to it belongs to another user, and everybody may write to its directory";
        assert_eq!(refusal(&options, &link), why);
    }
    assert!(!precious.exists());

    // Who owns the directory may do in it what he likes.
    chown(dir.path(), Some(4321), Some(4321)).unwrap();
    replace(&planted, b"new").unwrap();
}

#[test]
fn a_backup_that_cannot_be_beside_the_file_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    for name in ["", ".", "..", "../b", "x/b", "/b", "b/", "a"] {
        let options = Options::new().backup(Backup::Named(OsString::from(name)));
        let error = options.begin(&path).unwrap_err();
        assert!(matches!(error, ReplaceError::Unchanged { step: Step::BackUp, .. }), "{name:?}");
    }
    let long = dir.path().join("n".repeat(252));
    let error = Options::new().backup(Backup::Beside).begin(&long).unwrap_err();
    assert!(matches!(error, ReplaceError::Unchanged { step: Step::BackUp, .. }), "{error:?}");
    assert_eq!(names(dir.path()), ["a"]);
}

#[test]
fn a_name_of_any_length_can_be_replaced_and_one_that_is_too_long_fails_at_once() {
    let dir = tempfile::tempdir().unwrap();
    for length in [216, 217, 251, 255] {
        let path = dir.path().join("n".repeat(length));
        let kept = Options::new().backup(Backup::Named("kept".into()));
        for contents in ["one", "two"] {
            kept.replace(&path, contents.as_bytes()).unwrap();
            let slot = kept.begin_in_slot(&path, TOKEN).unwrap();
            let found = atomic_file::leftover_slots(&path).unwrap();
            assert_eq!(found.iter().map(|slot| slot.token()).collect::<Vec<_>>(), [TOKEN]);
            slot.discard().unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_to_string(dir.path().join("kept")).unwrap(), "one");
        fs::remove_file(&path).unwrap();
    }
    assert_eq!(names(dir.path()), ["kept"]);
    let error = Options::new().begin(dir.path().join("n".repeat(256))).unwrap_err();
    assert!(matches!(error, ReplaceError::Unchanged { step: Step::Open, .. }), "{error:?}");
}
