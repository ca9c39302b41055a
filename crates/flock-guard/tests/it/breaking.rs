//! A lock that is taken from its holder has one valid holder, before and after.

use crate::other::Other;
use crate::{events, eventually, fixture, scribble};
use flock_guard::{Breaking, Life, LockError, LockFile, Machine, Wait};
use std::process::{Command, id};
use std::thread;
use std::time::{Duration, Instant};

fn uptime() -> Duration {
    rustix::time::clock_gettime(rustix::time::ClockId::Monotonic).try_into().unwrap()
}

const SOON: Breaking = Breaking::IfHeldFor(Duration::from_millis(150));
const LONG: Wait = Wait::UpTo(Duration::from_secs(20));

#[test]
fn a_holder_that_keeps_it_too_long_loses_it_and_learns_so() {
    let fixture = fixture();
    let mut hanging = Other::start("hold", &fixture.lock);
    assert_eq!(hanging.says(), "held");

    let patient = fixture.lock.exclusive(Wait::UpTo(Duration::from_millis(300)));
    assert!(matches!(patient, Err(LockError::Busy { .. })), "nobody is robbed unasked");

    let lock = fixture.lock.clone().breaking(SOON);
    let (guard, lines) = events::during(|| lock.exclusive(LONG).unwrap());
    guard.check().unwrap();
    let status = fixture.lock.status().unwrap();
    assert!(status.held && status.is_me, "{status:?}");
    assert_eq!(status.holder.unwrap().token, Some(guard.token()));
    let warned = lines.iter().any(|line| {
        let identities = [format!(" pid={}", hanging.child.id()), format!(" by={}", id())];
        line.starts_with("WARN broke the lock")
            && line.contains(" age=")
            && identities.iter().all(|identity| line.contains(identity))
    });
    assert!(warned, "{lines:?}");
    hanging.end();
    guard.check().unwrap();
    assert!(fixture.lock.exclusive(Wait::Never).is_err(), "the old holder's end frees nothing");
}

#[test]
fn who_waited_for_the_old_holder_waits_for_the_new_one() {
    let fixture = fixture();
    let old = fixture.lock.exclusive(Wait::Never).unwrap();
    thread::scope(|scope| {
        let (patient, breaker) = (fixture.lock.clone(), fixture.lock.clone().breaking(SOON));
        let waiter = scope.spawn(move || patient.exclusive(LONG).unwrap().token());
        let guard = scope.spawn(move || breaker.exclusive(LONG).unwrap()).join().unwrap();
        assert!(matches!(old.check(), Err(LockError::Lost { .. })));
        drop(old);
        thread::sleep(Duration::from_millis(250)); // Long enough to take what is not free.
        assert!(!waiter.is_finished(), "two holders");
        guard.check().unwrap();
        let token = guard.token();
        drop(guard);
        assert_ne!(waiter.join().unwrap(), token);
    });
}

#[test]
fn of_many_breakers_at_once_each_has_it_alone() {
    let fixture = fixture();
    let stuck = fixture.lock.exclusive(Wait::Never).unwrap();
    let valid = std::sync::atomic::AtomicU32::new(0);
    thread::scope(|scope| {
        for _ in 0..6 {
            let (lock, valid) = (fixture.lock.clone().breaking(SOON), &valid);
            scope.spawn(move || {
                let guard = lock.exclusive(LONG).unwrap();
                assert_eq!(valid.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                guard.check().unwrap();
                valid.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
            });
        }
    });
    assert!(stuck.check().is_err());
}

#[test]
fn a_child_of_a_dead_holder_cannot_keep_it() {
    let fixture = fixture();
    let mut holder = Other::start("hold-and-hand-to-a-child", &fixture.lock);
    let child = holder.says();
    holder.kill();
    assert!(fixture.lock.status().unwrap().held, "the child has it");
    let lock = fixture.lock.clone().breaking(Breaking::IfDead);
    lock.exclusive(LONG).unwrap().check().unwrap();
    assert!(Command::new("kill").args(["-KILL", &child]).status().unwrap().success());
}

#[test]
fn a_holder_that_nobody_has_buried_is_dead_too() {
    let fixture = fixture();
    let mut holder = Other::start("hold-and-hand-to-a-child", &fixture.lock);
    let child = holder.says();
    let mut zombie = holder.make_zombie();
    // Its first thread ends before the others do.
    eventually("it has ended", || {
        let life = fixture.lock.status().unwrap().life;
        life == Some(Life::Dead { why: "its process has ended" })
    });
    let lock = fixture.lock.clone().breaking(Breaking::IfDead);
    let start = Instant::now();
    lock.exclusive(LONG).unwrap().check().unwrap();
    assert!(start.elapsed() >= Duration::from_secs(2), "it had no time to end");
    zombie.wait().unwrap();
    assert!(Command::new("kill").args(["-KILL", &child]).status().unwrap().success());
}

#[test]
fn an_age_that_was_written_down_counts_at_once() {
    let fixture = fixture();
    let mut hanging = Other::start("hold", &fixture.lock);
    assert_eq!(hanging.says(), "held");
    let holder = fixture.lock.status().unwrap().holder.unwrap();
    let old = Duration::from_millis(1200);
    eventually("the holder has had it for a while", || {
        holder.held_for(&Machine::here(), uptime()).is_some_and(|held| held > old)
    });
    // A waiter that had to watch for itself would give up first.
    let lock = fixture.lock.clone().breaking(Breaking::IfHeldFor(old));
    lock.exclusive(Wait::UpTo(Duration::from_millis(1000))).unwrap().check().unwrap();
    hanging.end();
}

#[test]
fn a_living_holder_is_not_dead_however_long_it_takes() {
    let fixture = fixture();
    let mut living = Other::start("hold", &fixture.lock);
    assert_eq!(living.says(), "held");
    let lock = fixture.lock.clone().breaking(Breaking::IfDead);
    let refused = lock.exclusive(Wait::UpTo(Duration::from_millis(2500)));
    assert!(matches!(refused, Err(LockError::Busy { .. })), "{refused:?}");
    living.end();
}

#[test]
fn a_holder_without_a_name_is_never_robbed() {
    let fixture = fixture();
    let take = || fixture.lock.exclusive(Wait::Never).unwrap();
    let guard = thread::scope(|scope| scope.spawn(take).join().unwrap());
    scribble(&fixture.lock, b"");
    let refused =
        fixture.lock.clone().breaking(SOON).exclusive(Wait::UpTo(Duration::from_millis(500)));
    assert!(matches!(refused, Err(LockError::Busy { holder: None, .. })), "{refused:?}");
    guard.check().unwrap();
}

#[test]
fn an_order_breaks_the_acquisition_that_it_names_and_no_other() {
    let fixture = fixture();
    let first = fixture.lock.exclusive(Wait::Never).unwrap();
    let token = first.token();
    drop(first);
    let second = thread::scope(|scope| {
        scope.spawn(|| fixture.lock.exclusive(Wait::Never).unwrap()).join().unwrap()
    });
    let refused = fixture.lock.take_over(token);
    assert!(matches!(refused, Err(LockError::Busy { .. })), "an old order: {refused:?}");
    second.check().unwrap();

    let third = fixture.lock.take_over(second.token()).unwrap();
    assert!(matches!(second.check(), Err(LockError::Lost { .. })));
    third.check().unwrap();
    drop(second);
    third.check().unwrap();
}

#[test]
fn what_killed_breakers_leave_is_removed_and_nothing_else() {
    let fixture = fixture();
    let left = fixture.dir.path().join(".release.json.lock.0123.lk");
    let other = fixture.dir.path().join(".other.lock.0123.lk");
    for file in [&left, &other] {
        scribble(&LockFile::new(file), b"");
    }
    let stuck = fixture.lock.exclusive(Wait::Never).unwrap();
    let lock = fixture.lock.clone().breaking(SOON);
    thread::scope(|scope| scope.spawn(|| drop(lock.exclusive(LONG).unwrap())).join().unwrap());
    assert!(!left.exists() && other.exists());
    drop(stuck);
    eventually("the lock is free", || !fixture.lock.status().unwrap().held);
}

#[test]
fn a_lock_whose_name_is_as_long_as_names_may_be_can_be_broken_too() {
    let dir = fixture().dir;
    let ends = [218, 219, 250, 251, 254, 255].map(|length| "n".repeat(length));
    let names = ends.into_iter().chain(["\u{1f980}".repeat(60), "\u{e9}".repeat(127)]);
    for (count, name) in (1..).zip(names) {
        let lock = LockFile::new(dir.path().join(&name));
        let stuck = lock.exclusive(Wait::Never).unwrap();
        let breaker = lock.clone().breaking(SOON);
        let guard =
            thread::scope(|scope| scope.spawn(|| breaker.exclusive(LONG).unwrap()).join().unwrap());
        assert!(matches!(stuck.check(), Err(LockError::Lost { .. })), "{name}");
        guard.check().unwrap();
        let files = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(files, 2 * count, "a lock and its gate each: {name}");
    }
}
