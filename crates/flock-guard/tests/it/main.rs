//! The public promise of `flock-guard`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod breaking;
mod events;
mod exclusive;
mod holder;
mod life;
mod other;
mod processes;
mod registry;
mod several;
mod shared;
mod strangers;
mod told;
mod waiting;

use flock_guard::LockFile;
use std::time::{Duration, Instant};

/// A lock in a directory of its own, which is removed with it.
struct Fixture {
    dir: tempfile::TempDir,
    lock: LockFile,
}

fn fixture() -> Fixture {
    events::listen();
    let dir = tempfile::tempdir().unwrap();
    let lock = LockFile::beside(&dir.path().join("release.json"));
    Fixture { dir, lock }
}

/// Waits for something that happens elsewhere.
#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::yield_now();
    }
}

/// Puts contents into a lock file, as another program does it.
#[expect(clippy::disallowed_methods, reason = "stands for a program that is not ours")]
fn scribble(lock: &LockFile, contents: &[u8]) {
    std::fs::write(lock.path(), contents).unwrap();
}
