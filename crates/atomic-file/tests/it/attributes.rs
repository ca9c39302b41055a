//! Extended attributes and access lists: kept, or reported, and never wider than before.

use std::{
    ffi::CStr,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::Path,
};

use atomic_file::{Attributes, Options, ReplaceError, Step, replace};
use rustix::{fs::XattrFlags, io::Errno};

use crate::{given, is_root, names, other::Other};

const ACCESS: &CStr = c"system.posix_acl_access";
const DEFAULT: &CStr = c"system.posix_acl_default";

/// Who is on an access list: the tags of `posix_acl_xattr.h`.
const OWNER: u16 = 0x01;
const USER: u16 = 0x02;
const GROUP: u16 = 0x04;
const MASK: u16 = 0x10;
const EVERYBODY: u16 = 0x20;

/// An access list that lets user 4321 read, as the kernel takes it.
fn list_for_4321(mask: u16) -> Vec<u8> {
    let entries = [(OWNER, 6, u32::MAX), (USER, 4, 4321), (GROUP, 0, u32::MAX)];
    let rest = [(MASK, mask, u32::MAX), (EVERYBODY, 0, u32::MAX)];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, may, id) in entries.into_iter().chain(rest) {
        list.extend(tag.to_le_bytes());
        list.extend(u16::to_le_bytes(may));
        list.extend(u32::to_le_bytes(id));
    }
    list
}

fn set(path: &Path, name: &CStr, value: &[u8]) {
    rustix::fs::setxattr(path, name, value, XattrFlags::empty()).unwrap();
}

fn get(path: &Path, name: &CStr) -> Option<Vec<u8>> {
    let mut room = [0; 4096];
    match rustix::fs::getxattr(path, name, &mut room) {
        Ok(got) => Some(room[..got].to_vec()),
        Err(Errno::NODATA) => None,
        Err(errno) => panic!("{errno}"),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[track_caller]
fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn what_users_attached_to_the_file_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    let long = vec![b'x'; 2000];
    let attached: [(&CStr, &[u8]); 3] =
        [(c"user.origin", b"ci"), (c"user.empty", b""), (c"user.long", &long)];
    attached.iter().for_each(|(name, value)| set(&path, name, value));
    // Read-only: the attributes are set before the mode, which would forbid it.
    chmod(&path, 0o440);
    for _ in 0..2 {
        let pending = Options::new().attributes(Attributes::KeepAll).begin(&path).unwrap();
        pending.commit().unwrap();
        for (name, value) in attached {
            assert_eq!(get(&path, name).as_deref(), Some(value), "{name:?}");
        }
        assert_eq!(mode(&path), 0o440);
    }
}

#[test]
fn an_owner_that_is_not_root_keeps_what_was_attached_to_a_read_only_file() {
    if !is_root() {
        return; // Then the test before this one says it.
    }
    let dir = tempfile::tempdir().unwrap();
    chown(dir.path(), Some(4321), Some(4321)).unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    set(&path, c"user.origin", b"ci");
    set(&path, ACCESS, &list_for_4321(4));
    chown(&path, Some(4321), Some(4321)).unwrap();
    chmod(&path, 0o440);
    let mut other = Other::start_as(4321, 4321, "replace", &path);
    assert_eq!(other.says(), "", "nothing is lacking");
    other.end();
    assert_eq!(get(&path, c"user.origin").unwrap(), b"ci");
    assert!(get(&path, ACCESS).is_some());
    assert_eq!(mode(&path), 0o440);
}

#[test]
fn set_id_bits_outlive_the_writing_which_clears_them() {
    if !is_root() {
        return; // Only root can become somebody to whom that happens.
    }
    let dir = tempfile::tempdir().unwrap();
    chown(dir.path(), Some(4321), Some(4321)).unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    chown(&path, Some(4321), Some(4321)).unwrap();
    chmod(&path, 0o6755);
    let mut other = Other::start_as(4321, 4321, "replace", &path);
    assert_eq!(other.says(), "");
    other.end();
    assert_eq!(mode(&path), 0o6755);
}

#[test]
fn an_access_list_stays_and_its_mask_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    set(&path, ACCESS, &list_for_4321(4));
    assert_eq!(mode(&path), 0o640, "the mask shows as the group's bits");
    replace(&path, b"new").unwrap();
    assert_eq!(get(&path, ACCESS), Some(list_for_4321(4)));
    assert_eq!(mode(&path), 0o640);
}

#[test]
fn a_private_file_does_not_become_readable_to_whom_the_directory_lists() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    chmod(&path, 0o640);
    set(dir.path(), DEFAULT, &list_for_4321(7));
    replace(&path, b"new").unwrap();
    assert_eq!((get(&path, ACCESS), mode(&path)), (None, 0o640));

    // A new file gets what every new file gets there.
    let new = dir.path().join("new");
    replace(&new, b"new").unwrap();
    assert!(get(&new, ACCESS).is_some());
}

#[test]
fn what_may_not_be_set_is_reported_and_opens_the_file_to_nobody_else() {
    if !is_root() {
        return; // Only root can give the file to somebody else first.
    }
    // What the file is, what the new one lacks, and its mode then.
    let cases: [(_, _, u32, bool, &str, u32); 5] = [
        (1111, 4321, 0o4755, false, "the owner", 0o755),
        (1111, 2222, 0o660, false, "the owner, the group", 0o600),
        (4321, 2222, 0o2775, false, "the group", 0o755),
        (4321, 2222, 0o644, false, "the group", 0o644),
        (4321, 2222, 0o640, true, "the group, the access control list", 0o600),
    ];
    for (uid, gid, old_mode, with_list, lacking, new_mode) in cases {
        let dir = tempfile::tempdir().unwrap();
        chown(dir.path(), Some(4321), Some(4321)).unwrap();
        let path = dir.path().join("a");
        given(&path, "old");
        chown(&path, Some(uid), Some(gid)).unwrap();
        if with_list {
            set(&path, ACCESS, &list_for_4321(4));
        }
        chmod(&path, old_mode);
        let mut other = Other::start_as(4321, 4321, "replace-without-backup", &path);
        assert_eq!(other.says(), lacking, "{uid}:{gid} {old_mode:o}");
        other.end();
        let is = fs::metadata(&path).unwrap();
        assert_eq!((is.uid(), is.gid(), mode(&path)), (4321, 4321, new_mode), "{old_mode:o}");
        assert_eq!(get(&path, ACCESS), None);
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }
}

#[test]
fn an_attribute_that_must_be_kept_and_may_not_be_set_stops_the_replace() {
    if !is_root() {
        return; // Only root can become somebody else.
    }
    let dir = tempfile::tempdir().unwrap();
    chown(dir.path(), Some(4321), Some(4321)).unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    chmod(&path, 0o644);
    let mut other = Other::start_as(4321, 4321, "replace-keeping-all", &path);
    let said = other.says();
    other.end();
    assert!(said.contains("step: Permit"), "{said}");
    assert!(said.contains("the owner may not be set: Operation not permitted"), "{said}");
    assert_eq!(names(dir.path()), ["a"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
}

#[test]
fn attributes_of_an_unreadable_file_are_reported() {
    if !is_root() {
        return; // Only root can make the file somebody else's.
    }
    let dir = tempfile::tempdir().unwrap();
    chown(dir.path(), Some(4321), Some(4321)).unwrap();
    let path = dir.path().join("a");
    given(&path, "old");
    set(&path, c"user.secret", b"s");
    chmod(&path, 0o600);
    let mut other = Other::start_as(4321, 4321, "replace", &path);
    // And without permission to read the file it cannot be copied, so there is no backup.
    let said = other.says();
    other.end();
    assert!(said.contains("step: BackUp"), "{said}");

    let mut other = Other::start_as(4321, 4321, "replace-without-backup", &path);
    assert_eq!(other.says(), "the owner, the group, the attribute user.secret");
    other.end();
    let error = Options::new().attributes(Attributes::KeepAll).begin(dir.path()).unwrap_err();
    assert!(matches!(error, ReplaceError::Unchanged { step: Step::Accept, .. }));
}
