//! A thread that would wait for itself is told so.

use crate::fixture;
use flock_guard::{LockError, LockFile, Wait};
use std::fs;
use std::future::{Future, pending};
use std::task::{Context, Poll, Waker};
use std::thread;

#[track_caller]
fn assert_already_held(result: Result<flock_guard::LockGuard, LockError>) {
    assert!(matches!(result, Err(LockError::AlreadyHeld { .. })), "{result:?}");
}

#[test]
fn a_thread_is_never_made_to_wait_for_itself() {
    let it = fixture();
    let exclusive = it.lock.exclusive(Wait::Never).unwrap();
    for wait in [Wait::Never, Wait::Forever] {
        assert_already_held(it.lock.exclusive(wait));
        assert_already_held(it.lock.shared(wait));
    }
    drop(exclusive);
    let shared = it.lock.shared(Wait::Never).unwrap();
    assert_already_held(it.lock.exclusive(Wait::Forever));
    drop(shared);
    it.lock.exclusive(Wait::Never).unwrap().release();
}

#[test]
fn it_is_the_file_that_counts_not_its_name() {
    let it = fixture();
    let _guard = it.lock.exclusive(Wait::Never).unwrap();
    let other_name = it.dir.path().join("other.lock");
    fs::hard_link(it.lock.path(), &other_name).unwrap();
    assert_already_held(LockFile::new(&other_name).exclusive(Wait::Forever));
    let roundabout = it.dir.path().join(".").join("release.json.lock");
    assert_already_held(LockFile::new(roundabout).exclusive(Wait::Forever));
    LockFile::new(it.dir.path().join("unrelated.lock")).exclusive(Wait::Never).unwrap().release();
}

#[test]
fn another_thread_is_just_somebody_else() {
    let it = fixture();
    let _guard = it.lock.exclusive(Wait::Never).unwrap();
    let result = thread::scope(|scope| {
        scope.spawn(|| it.lock.exclusive(Wait::Never).map(drop)).join().unwrap()
    });
    assert!(matches!(result, Err(LockError::Busy { .. })), "{result:?}");
}

#[test]
fn a_guard_may_be_dropped_by_another_thread() {
    let it = fixture();
    let guard = it.lock.exclusive(Wait::Never).unwrap();
    thread::spawn(move || drop(guard)).join().unwrap();
    it.lock.exclusive(Wait::Never).unwrap().release();
}

#[test]
fn a_forgotten_guard_keeps_the_lock() {
    let it = fixture();
    std::mem::forget(it.lock.exclusive(Wait::Never).unwrap());
    assert_already_held(it.lock.exclusive(Wait::Never));
    assert!(it.lock.status().unwrap().held);
}

/// No runtime is needed for that: a task is a future, and cancelling it is dropping it.
#[test]
fn a_task_that_is_cancelled_lets_go_and_another_one_of_its_thread_is_told_so() {
    let it = fixture();
    let mut context = Context::from_waker(Waker::noop());
    let hold = || async {
        let _guard = it.lock.exclusive(Wait::Forever)?;
        pending::<()>().await;
        Ok::<(), LockError>(())
    };
    let mut first = Box::pin(hold());
    assert!(first.as_mut().poll(&mut context).is_pending());
    assert!(it.lock.status().unwrap().held);
    let Poll::Ready(told) = Box::pin(hold()).as_mut().poll(&mut context) else {
        panic!("two tasks have it")
    };
    assert!(matches!(told, Err(LockError::AlreadyHeld { .. })), "{told:?}");
    drop(first);
    assert!(!it.lock.status().unwrap().held);
}
