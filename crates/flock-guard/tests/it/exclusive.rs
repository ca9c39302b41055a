//! One holder at a time, and what stands in the way of a lock.

use crate::{events, fixture, scribble};
use flock_guard::{LockError, LockFile, Wait};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::thread;

#[test]
fn threads_exclude_each_other() {
    let it = fixture();
    let counter = it.dir.path().join("counter");
    fs::OpenOptions::new().create(true).append(true).open(&counter).unwrap();
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let guard = it.lock.exclusive(Wait::Forever).unwrap();
                    let count = fs::read_to_string(&counter).unwrap().parse().unwrap_or(0);
                    let mut file = fs::OpenOptions::new().write(true).open(&counter).unwrap();
                    write!(file, "{}", count + 1).unwrap();
                    guard.check().unwrap();
                }
            });
        }
    });
    assert_eq!(fs::read_to_string(&counter).unwrap(), "400");
}

#[test]
fn a_held_lock_is_busy_until_the_guard_is_gone() {
    let it = fixture();
    let busy =
        || thread::scope(|scope| scope.spawn(|| it.lock.exclusive(Wait::Never).is_err()).join());
    for release in [drop, |guard: flock_guard::LockGuard| guard.release()] {
        let guard = it.lock.exclusive(Wait::Never).unwrap();
        assert!(busy().unwrap());
        release(guard);
        assert!(!busy().unwrap());
    }
    let panicked = thread::scope(|scope| {
        scope
            .spawn(|| {
                let _guard = it.lock.exclusive(Wait::Never).unwrap();
                std::panic::resume_unwind(Box::new("with the lock held"));
            })
            .join()
    });
    assert!(panicked.is_err());
    assert!(!busy().unwrap(), "a panic releases");
}

#[test]
fn the_lock_file_is_private_and_stays() {
    let it = fixture();
    it.lock.exclusive(Wait::Never).unwrap().release();
    let first = fs::metadata(it.lock.path()).unwrap();
    assert_eq!(first.permissions().mode() & 0o777, 0o600);
    it.lock.exclusive(Wait::Never).unwrap().release();
    assert_eq!(fs::metadata(it.lock.path()).unwrap().ino(), first.ino());
    assert_eq!(it.lock.path().file_name().unwrap(), "release.json.lock");
}

#[test]
fn each_acquisition_has_a_token_of_its_own() {
    let it = fixture();
    let mut tokens: Vec<_> =
        (0..100).map(|_| it.lock.exclusive(Wait::Never).unwrap().token()).collect();
    tokens.sort();
    tokens.dedup();
    assert_eq!(tokens.len(), 100);
    assert_eq!(tokens[0].to_string().len(), 32);
    assert_eq!(tokens[0].to_string().parse(), Ok(tokens[0]));
    for wrong in ["", "+0000000000000000000000000000000", "00", "g0000000000000000000000000000000"]
    {
        assert!(wrong.parse::<flock_guard::Token>().is_err(), "`{wrong}`");
    }
}

#[test]
fn a_guard_whose_file_was_removed_or_replaced_is_lost() {
    let it = fixture();
    let guard = it.lock.exclusive(Wait::Never).unwrap();
    guard.check().unwrap();
    fs::remove_file(it.lock.path()).unwrap();
    assert!(matches!(guard.check(), Err(LockError::Lost { .. })), "removed");
    scribble(&it.lock, b"");
    assert!(matches!(guard.check(), Err(LockError::Lost { .. })), "replaced");

    // The path names another lock now, which is free, and has nothing to do with the lost one.
    let next = it.lock.exclusive(Wait::Never).unwrap();
    drop(guard);
    next.check().unwrap();
    assert!(it.lock.status().unwrap().held);
}

#[test]
fn what_is_not_a_lock_file_is_refused_and_left_alone() {
    let it = fixture();
    let at = |name: &str| it.dir.path().join(name);
    fs::create_dir(at("directory")).unwrap();
    symlink(at("elsewhere"), at("dangling")).unwrap();
    symlink(it.dir.path(), at("link")).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap();
    assert!(fifo.success());
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    let table = [
        (at("directory"), "cannot lock", "a directory is in the place of the lock file"),
        (at("dangling"), "cannot lock", "a symbolic link is in the place of the lock file"),
        (at("link"), "cannot lock", "a symbolic link is in the place of the lock file"),
        (at("fifo"), "cannot lock", "a FIFO is in the place of the lock file"),
        (at("socket"), "cannot lock", "a socket is in the place of the lock file"),
        ("/dev/null".into(), "cannot lock", "a device is in the place of the lock file"),
        (at("no/such.lock"), "cannot find the directory of", "No such file or directory"),
        (at("fifo/x.lock"), "cannot find the directory of", "Not a directory"),
    ];
    for (path, problem, reason) in table {
        let lock = LockFile::new(&path);
        for result in [lock.exclusive(Wait::Forever), lock.shared(Wait::Forever)] {
            let error = result.unwrap_err();
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert_eq!(error.to_string(), format!("{problem} `{}`", path.display()));
            assert!(source.starts_with(reason), "{}: {source}", path.display());
        }
    }
    assert!(!at("elsewhere").exists(), "a link is not followed");
}

#[test]
fn taking_and_releasing_are_told() {
    let it = fixture();
    let ((), lines) = events::during(|| it.lock.exclusive(Wait::Never).unwrap().release());
    let [acquired, released] = &lines[..] else { panic!("{lines:?}") };
    let path = format!("path={} pid={}", it.lock.path().display(), std::process::id());
    assert_eq!(*acquired, format!("INFO acquired {path} mode=Exclusive"));
    assert!(released.starts_with(&format!("INFO released {path} held_for=")), "{released}");
}
