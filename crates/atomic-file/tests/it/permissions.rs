//! Who may read and write the file, before, during and after.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::Path,
};

use atomic_file::{Backup, Options, replace};

use crate::{given, names};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_mode_of_the_file_that_was_there_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    for wanted in [0o600, 0o640, 0o644, 0o755, 0o400] {
        given(&path, "old");
        fs::set_permissions(&path, fs::Permissions::from_mode(wanted)).unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(mode(&path), wanted, "{wanted:o}");
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn the_temporary_file_never_has_more_permission_than_the_target_will_have() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secret");
    let temporary_mode = |options: &Options| {
        let _pending = options.begin(&path).unwrap();
        let hidden = names(dir.path()).into_iter().find(|name| name.starts_with('.')).unwrap();
        mode(&dir.path().join(hidden))
    };
    let private = Options::new().mode_if_new(0o600);
    assert_eq!(temporary_mode(&private), 0o600);

    given(&path, "old");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
    assert_eq!(temporary_mode(&private), 0o440);
}

#[test]
fn owner_and_group_stay_where_the_process_may_set_them() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root may give a file away, so there is nothing to keep.
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    chown(&path, Some(4321), Some(8765)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o4750)).unwrap();
    replace(&path, b"new").unwrap();
    let after = fs::metadata(&path).unwrap();
    assert_eq!((after.uid(), after.gid(), mode(&path)), (4321, 8765, 0o4750));
}

#[test]
fn a_planted_link_at_the_temporary_name_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let victim = dir.path().join("victim");
    given(&victim, "precious");
    let token = "0123456789abcdef0123456789abcdef";
    symlink(&victim, dir.path().join(format!(".a.{token}.slot"))).unwrap();
    Options::new().begin_in_slot(dir.path().join("a"), token).unwrap_err();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
}

#[test]
fn a_token_cannot_leave_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    for token in ["", "../../etc/x", "0123", "ABCDEF0123456789ABCDEF0123456789"] {
        let begun = Options::new().begin_in_slot(dir.path().join("a"), token);
        assert!(begun.is_err(), "{token:?} was accepted");
    }
    assert!(names(dir.path()).is_empty());
}

#[test]
fn the_backup_keeps_its_mode_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    Options::new().backup(Backup::Beside).replace(&path, b"new").unwrap();
    assert_eq!(mode(&dir.path().join("a.bak")), 0o600);
}
