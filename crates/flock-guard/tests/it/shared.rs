//! Any number of holders together, or one alone.

use crate::{events, fixture};
use flock_guard::{LockError, LockFile, Wait};
use std::fs;
use std::thread;

#[test]
fn sharers_admit_each_other_and_nobody_else() {
    let it = fixture();
    let elsewhere = |act: fn(&LockFile) -> bool| {
        thread::scope(|scope| scope.spawn(|| act(&it.lock)).join().unwrap())
    };
    let can_share = |lock: &LockFile| lock.shared(Wait::Never).is_ok();
    let can_have = |lock: &LockFile| lock.exclusive(Wait::Never).is_ok();

    let first = it.lock.shared(Wait::Never).unwrap();
    let second = it.lock.shared(Wait::Never).unwrap();
    assert!(elsewhere(can_share));
    assert!(!elsewhere(can_have));
    drop(first);
    assert!(!elsewhere(can_have), "one is left");
    second.check().unwrap();
    drop(second);
    assert!(elsewhere(can_have));

    let alone = it.lock.exclusive(Wait::Never).unwrap();
    assert!(!elsewhere(can_share));
    drop(alone);
}

#[test]
fn sharing_writes_no_record_and_names_nobody() {
    let it = fixture();
    let shared = it.lock.shared(Wait::Never).unwrap();
    assert_eq!(fs::read(it.lock.path()).unwrap(), b"");
    drop(shared);

    it.lock.exclusive(Wait::Never).unwrap().release();
    let _shared = it.lock.shared(Wait::Never).unwrap();
    let status = it.lock.status().unwrap();
    assert!(status.held && status.is_me);
    assert_eq!(status.holder, None, "the last exclusive holder does not hold it now");
}

#[test]
fn a_file_that_can_only_be_read_can_still_be_shared() {
    events::listen();
    // Refused for writing even to root, like a file system that is mounted read-only.
    let lock = LockFile::new("/sys/kernel/uevent_seqnum");
    drop(lock.shared(Wait::Never).unwrap());
    let error = lock.exclusive(Wait::Never).unwrap_err();
    assert!(matches!(error, LockError::Io { action: "open", .. }), "{error:?}");
}
