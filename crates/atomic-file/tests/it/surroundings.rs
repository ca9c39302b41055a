//! What the file stands in: directories that move, mounts, limits, names of any bytes.

use std::{
    ffi::OsStr,
    fs, io,
    io::Write,
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, PermissionsExt},
    },
    process::Command,
};

use atomic_file::{Backup, Options, ReplaceError, Step, replace};

use crate::{given, is_root, names, other::Other};

#[test]
#[expect(clippy::disallowed_methods, reason = "stands for a person who moves a directory")]
fn a_directory_that_is_renamed_meanwhile_gets_the_file_wherever_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let (before, after) = (dir.path().join("before"), dir.path().join("after"));
    fs::create_dir(&before).unwrap();
    let mut pending = Options::new().begin(before.join("a")).unwrap();
    pending.write_all(b"new").unwrap();
    fs::rename(&before, &after).unwrap();
    fs::create_dir(&before).unwrap();
    pending.commit().unwrap();
    assert_eq!(names(&after), ["a"]);
    assert!(names(&before).is_empty(), "nothing in the directory that took its name");
}

#[test]
fn a_name_of_any_bytes_is_a_name() {
    let dir = tempfile::tempdir().unwrap();
    for bytes in [&b"\xff\xfe"[..], b"\n", b"a b'\"\\", &[0xff; 255]] {
        let path = dir.path().join(OsStr::from_bytes(bytes));
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two", "{bytes:?}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4);
}

#[test]
fn a_file_that_is_mounted_on_its_own_says_so() {
    if !is_root() {
        return; // Only root may mount.
    }
    let dir = tempfile::tempdir().unwrap();
    let (path, behind) = (dir.path().join("a"), dir.path().join("behind"));
    given(&path, "");
    given(&behind, "old");
    // In a mount namespace of its own, which ends with it.
    let script = r#"mount --bind "$1" "$2" && shift 2 && exec "$@""#;
    let exe = std::env::current_exe().unwrap();
    for (role, step) in [("replace", "BackUp"), ("replace-without-backup", "Rename")] {
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, "sh"]).args([&behind, &path]).arg(&exe);
        let mut other = Other::by(command, role, &path);
        let said = other.says();
        other.end();
        assert!(said.contains(&format!("step: {step}")), "{said}");
        assert!(said.contains("it is mounted on its own"), "{said}");
        assert_eq!(fs::read_to_string(&behind).unwrap(), "old");
        assert_eq!(names(dir.path()), ["a", "behind"]);
    }
}

#[test]
fn tmpfs_and_overlayfs_do_as_the_others_do() {
    if !is_root() {
        return; // Only root may mount.
    }
    let dir = tempfile::tempdir().unwrap();
    let tmpfs = r#"mount -t tmpfs tmpfs "$1""#;
    // The old file is in the lower layer, where nothing may be written.
    let overlay = format!(
        r#"{tmpfs} && cd "$1" && mkdir lower upper work at && printf old > lower/a &&
        mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay at"#
    );
    let exe = std::env::current_exe().unwrap();
    for (mount, place) in [(tmpfs, "a"), (overlay.as_str(), "at/a")] {
        let mut command = Command::new("unshare");
        let script = format!(r#"{mount} && shift && exec "$@""#);
        command.args(["--mount", "sh", "-c", &script, "sh"]).arg(dir.path()).arg(&exe);
        let mut other = Other::by(command, "live-through-it-all", &dir.path().join(place));
        assert_eq!(other.says(), "InUse, two, one, link", "{place}");
        other.end();
    }
}

#[test]
fn without_room_or_inodes_nothing_is_changed_or_left() {
    if !is_root() {
        return; // Only root may mount.
    }
    let dir = tempfile::tempdir().unwrap();
    let exe = std::env::current_exe().unwrap();
    let full = r#"printf old > "$1/a" && ! cat /dev/zero > "$1/b" 2> /dev/null"#;
    for (options, prepare, step) in
        [("size=16k", full, "Write"), ("nr_inodes=2", r#"printf old > "$1/a""#, "Create")]
    {
        let mut command = Command::new("unshare");
        let script =
            format!(r#"mount -t tmpfs -o {options} tmpfs "$1" && {prepare} && shift && exec "$@""#);
        command.args(["--mount", "sh", "-c", &script, "sh"]).arg(dir.path()).arg(&exe);
        let mut other = Other::by(command, "replace-without-room", &dir.path().join("a"));
        let said = other.says();
        other.end();
        assert!(
            said.starts_with(&format!("{step} {:?}, old, ", io::ErrorKind::StorageFull)),
            "{said}"
        );
        assert!(!said.contains("tmp"), "{said}");
    }
}

#[test]
fn without_descriptors_nothing_is_changed_or_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    // With each number of descriptors, from none to enough.
    let mut other = Other::start("replace-with-few-descriptors", &path);
    for free in 0.. {
        let said = other.says();
        if said == "replaced" {
            assert!(free >= 2, "a directory and a file take two");
            break;
        }
        assert!(said.contains("Unchanged") && said.contains("code: 24"), "{free}: {said}");
        assert!(free < 8, "{free} are more than enough: {said}");
    }
    other.end();
    assert_eq!(names(dir.path()), ["a", "a.bak"]);
}

#[test]
fn a_file_that_is_too_large_for_the_process_is_an_error_and_not_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    let mut command = Command::new("sh");
    // As `govctl` does it: who does not ignore the signal is killed by it.
    command.args(["-c", r#"trap "" XFSZ && ulimit -f 0 && exec "$@""#, "sh"]);
    command.arg(std::env::current_exe().unwrap());
    let mut other = Other::by(command, "replace-and-say-the-kind", &path);
    assert_eq!(other.says(), format!("Write {:?}", io::ErrorKind::FileTooLarge));
    other.end();
    assert_eq!(names(dir.path()), ["a"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
}

#[test]
fn what_is_printed_never_lands_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    Other::start("replace-without-standard-descriptors", &path).end();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(names(dir.path()), ["a"]);
}

#[test]
fn a_backup_is_copied_where_a_link_is_not_allowed() {
    if !is_root() {
        return; // Only root can make the file somebody else's.
    }
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::chown(dir.path(), Some(4321), Some(4321)).unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
    // Not writable to others: `protected_hardlinks` refuses a link to it.
    let mut other = Other::start_as(4321, 4321, "replace", &path);
    assert_eq!(other.says(), "the owner, the group");
    other.end();
    let backup = dir.path().join("a.bak");
    assert_eq!(fs::read_to_string(&backup).unwrap(), "old");
    let is = fs::metadata(&backup).unwrap();
    assert_eq!((is.uid(), is.mode() & 0o777, is.nlink()), (4321, 0o644, 1));
    assert_eq!(names(dir.path()), ["a", "a.bak"]);
}

#[test]
fn the_backup_is_of_what_was_there_last_not_of_what_was_there_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let begin = || Options::new().backup(Backup::Beside).begin(&path).unwrap();
    // It came after this one began.
    let pending = begin();
    given(&path, "came meanwhile");
    pending.commit().unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("a.bak")).unwrap(), "came meanwhile");
    // It went after this one began.
    let pending = begin();
    fs::remove_file(&path).unwrap();
    pending.commit().unwrap();
    assert_eq!(names(dir.path()), ["a", "a.bak"]);
}

#[test]
fn a_directory_that_is_gone_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let pending = Options::new().begin(inner.join("a")).unwrap();
    fs::remove_dir_all(&inner).unwrap();
    let error = pending.commit().unwrap_err();
    assert!(matches!(error, ReplaceError::Unchanged { step: Step::Rename, .. }), "{error:?}");
}
