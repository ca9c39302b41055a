//! Waiting: bounded, visible, fair enough, and never the owner of a lock by mistake.

use crate::{events, eventually, fixture, scribble};
use flock_guard::{LockError, LockFile, LockGuard, Wait};
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Whether somebody is blocked on the lock in the kernel.
fn is_queued_for(lock: &LockFile) -> bool {
    queued_for(lock) > 0
}

/// How many are.
fn queued_for(lock: &LockFile) -> usize {
    let inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata(lock.path()).unwrap());
    let locks = fs::read_to_string("/proc/locks").unwrap();
    let is_queued = |line: &&str| line.contains("->") && line.contains(&format!(":{inode} "));
    locks.lines().filter(is_queued).count()
}

#[test]
fn a_waiter_gets_the_lock_soon_after_the_release() {
    let it = fixture();
    let mut delays: Vec<_> = (0..20)
        .map(|_| {
            let guard = it.lock.exclusive(Wait::Never).unwrap();
            thread::scope(|scope| {
                let waiter = scope.spawn(|| {
                    let guard = it.lock.exclusive(Wait::UpTo(Duration::from_secs(20))).unwrap();
                    let had = Instant::now();
                    drop(guard);
                    had
                });
                eventually("the waiter queues", || is_queued_for(&it.lock));
                let released = Instant::now();
                drop(guard);
                waiter.join().unwrap().saturating_duration_since(released)
            })
        })
        .collect();
    delays.sort();
    // Far above the usual 0.1 ms, far below what any polling would need.
    assert!(delays[5] < Duration::from_millis(10), "{delays:?}");
}

#[test]
fn giving_up_names_the_holder_and_is_told() {
    let it = fixture();
    let guard = it.lock.exclusive(Wait::Never).unwrap();
    let limit = Duration::from_millis(30);
    let (error, lines) = thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            events::during(|| it.lock.exclusive(Wait::UpTo(limit)).map(drop).unwrap_err())
        });
        waiter.join().unwrap()
    });
    let LockError::Busy { waited, holder: Some(holder), .. } = error else { panic!("{error:?}") };
    assert!(waited >= limit, "{waited:?}");
    assert_eq!(holder.token, Some(guard.token()));
    let [waiting, timed_out] = &lines[..] else { panic!("{lines:?}") };
    let about = format!("path={} holder=pid {} on ", it.lock.path().display(), holder.pid);
    assert!(waiting.starts_with(&format!("INFO waiting {about}")), "{waiting}");
    assert!(timed_out.starts_with(&format!("ERROR timed out {about}")), "{timed_out}");
    assert!(timed_out.contains(" waited="), "{timed_out}");
}

#[test]
fn every_waiter_gets_its_turn() {
    let it = fixture();
    let guard = it.lock.exclusive(Wait::Never).unwrap();
    let served = AtomicUsize::new(0);
    thread::scope(|scope| {
        for wait in [Wait::Forever, Wait::UpTo(Duration::from_secs(60))] {
            let served = &served;
            let lock = &it.lock;
            scope.spawn(move || {
                lock.exclusive(wait).unwrap().release();
                served.fetch_add(1, Ordering::Relaxed);
            });
        }
        eventually("somebody queues", || is_queued_for(&it.lock));
        assert_eq!(served.load(Ordering::Relaxed), 0);
        drop(guard);
    });
    assert_eq!(served.load(Ordering::Relaxed), 2);
}

#[test]
fn a_busy_loop_of_one_does_not_starve_another() {
    let it = fixture();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let _guard = it.lock.exclusive(Wait::Forever).unwrap();
                thread::sleep(Duration::from_millis(1));
            }
        });
        for _ in 0..5 {
            let wait = Wait::UpTo(Duration::from_secs(20));
            it.lock.exclusive(wait).unwrap().release();
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn of_a_hundred_waiters_none_is_overtaken_for_ever() {
    const WAITERS: usize = 100;
    let it = fixture();
    let guard = it.lock.exclusive(Wait::Never).unwrap();
    let served = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..WAITERS {
            scope.spawn(|| {
                let wait = Wait::UpTo(Duration::from_secs(60));
                it.lock.exclusive(wait).unwrap().release();
                served.fetch_add(1, Ordering::Relaxed);
            });
        }
        eventually("all of them queue", || queued_for(&it.lock) == WAITERS);
        drop(guard);
        // One that comes again and again gets no more turns than there are waiters, or so.
        let mut turns = 0;
        while served.load(Ordering::Relaxed) < WAITERS {
            it.lock.exclusive(Wait::UpTo(Duration::from_secs(60))).unwrap().release();
            turns += 1;
        }
        assert!(turns < 50 * WAITERS, "{turns} turns of one who came last");
    });
}

#[test]
fn whoever_gave_up_lets_go_when_its_turn_comes() {
    let it = fixture();
    for _ in 0..20 {
        // Not `Never`: the last round's thread may be letting go just now.
        let guard = it.lock.exclusive(Wait::UpTo(Duration::from_secs(20))).unwrap();
        thread::scope(|scope| {
            let (lock, wait) = (&it.lock, Wait::UpTo(Duration::from_millis(5)));
            let given_up = scope.spawn(move || lock.exclusive(wait).is_err());
            assert!(given_up.join().unwrap());
        });
        // Its thread may not have come as far as the queue when it gave up.
        eventually("a place is left in the queue", || is_queued_for(&it.lock));
        drop(guard);
        eventually("nobody queues any more", || !is_queued_for(&it.lock));
        eventually("the lock is free", || it.lock.exclusive(Wait::Never).is_ok());
    }
}

#[test]
fn whoever_gave_up_never_ends_up_with_the_lock() {
    let it = fixture();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Release at all moments of the others' giving up.
            while !is_over.load(Ordering::Relaxed) {
                drop(it.lock.exclusive(Wait::Forever).unwrap());
            }
        });
        let waiters: Vec<_> = (0..4)
            .map(|seed| {
                let lock = &it.lock;
                scope.spawn(move || {
                    for round in 0..200 {
                        let limit = Duration::from_micros((round * 7 + seed * 13) % 300);
                        match lock.exclusive(Wait::UpTo(limit)) {
                            Ok(guard) => guard.check().unwrap(),
                            Err(error) => assert!(matches!(error, LockError::Busy { .. })),
                        }
                    }
                })
            })
            .collect();
        for waiter in waiters {
            waiter.join().unwrap();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    eventually("nobody queues any more", || !is_queued_for(&it.lock));
    eventually("the lock is free", || it.lock.exclusive(Wait::Never).is_ok());
}

#[test]
fn a_waiter_follows_the_path_to_a_new_lock_file() {
    let it = fixture();
    let lost = it.lock.exclusive(Wait::Never).unwrap();
    let (send, receive) = mpsc::channel::<LockGuard>();
    thread::scope(|scope| {
        scope.spawn(|| {
            let wait = Wait::UpTo(Duration::from_secs(10));
            send.send(it.lock.exclusive(wait).unwrap()).unwrap();
        });
        eventually("the waiter queues", || is_queued_for(&it.lock));
        fs::remove_file(it.lock.path()).unwrap();
        scribble(&it.lock, b"");
        let guard = receive.recv_timeout(Duration::from_secs(20)).unwrap();
        guard.check().unwrap();
        assert!(matches!(lost.check(), Err(LockError::Lost { .. })));
    });
}

#[test]
fn a_waiter_who_is_served_a_removed_file_takes_the_new_one() {
    let it = fixture();
    let lost = it.lock.exclusive(Wait::Never).unwrap();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| it.lock.exclusive(Wait::Forever).unwrap());
        eventually("the waiter queues", || is_queued_for(&it.lock));
        fs::remove_file(it.lock.path()).unwrap();
        drop(lost);
        waiter.join().unwrap().check().unwrap();
    });
}

#[test]
fn a_limit_beyond_all_clocks_is_no_limit() {
    let it = fixture();
    let guard = it.lock.exclusive(Wait::Never).unwrap();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| it.lock.exclusive(Wait::UpTo(Duration::MAX)).map(drop));
        eventually("the waiter queues", || is_queued_for(&it.lock));
        drop(guard);
        waiter.join().unwrap().unwrap();
    });
}
