//! Several locks at once.

use crate::fixture;
use flock_guard::{LockError, LockFile, Wait, exclusive_all};
use std::thread;
use std::time::Duration;

#[test]
fn whoever_names_the_same_locks_in_another_order_does_not_block() {
    let it = fixture();
    let roundabout = it.dir.path().join("link");
    std::os::unix::fs::symlink(it.dir.path(), &roundabout).unwrap();
    let lock = |name: &str| LockFile::new(it.dir.path().join(name));
    // By the link `a` would come last.
    let a = LockFile::new(roundabout.join("a.lock"));
    let orders = [
        vec![lock("a.lock"), lock("b.lock"), lock("c.lock")],
        vec![lock("c.lock"), lock("b.lock"), a],
    ];
    thread::scope(|scope| {
        for order in &orders {
            scope.spawn(move || {
                for _ in 0..300 {
                    let guards = exclusive_all(order, Wait::UpTo(Duration::from_secs(20))).unwrap();
                    let paths: Vec<_> = guards.iter().map(flock_guard::LockGuard::path).collect();
                    assert!(
                        paths.iter().eq(order
                            .iter()
                            .map(LockFile::path)
                            .collect::<Vec<_>>()
                            .iter())
                    );
                }
            });
        }
    });
}

#[test]
fn it_is_all_of_them_or_none() {
    let it = fixture();
    let locks = ["a.lock", "b.lock"].map(|name| LockFile::new(it.dir.path().join(name)));
    let held = thread::scope(|scope| {
        scope.spawn(|| locks[1].exclusive(Wait::Never).unwrap()).join().unwrap()
    });
    let refused = exclusive_all(&locks, Wait::UpTo(Duration::from_millis(20))).unwrap_err();
    assert!(
        matches!(&refused, LockError::Busy { path, .. } if path == locks[1].path()),
        "{refused}"
    );
    assert!(!locks[0].status().unwrap().held, "what was had is given back");
    drop(held);

    let twice = [locks[0].clone(), locks[0].clone()];
    let refused = exclusive_all(&twice, Wait::Forever);
    assert!(matches!(refused, Err(LockError::AlreadyHeld { .. })), "{refused:?}");
}
