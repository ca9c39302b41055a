//! Several processes: exclusion, death, and what children inherit.

use crate::other::Other;
use crate::{events, eventually, fixture, scribble};
use flock_guard::{Life, LockFile, Machine, Sighting, Wait};
use std::fs;
use std::process::Command;
use std::time::Duration;

#[test]
fn processes_exclude_each_other() {
    let it = fixture();
    let counter = it.lock.path().with_extension("count");
    scribble(&LockFile::new(&counter), b"0");
    let others: Vec<_> = (0..4).map(|_| Other::start("count", &it.lock)).collect();
    others.into_iter().for_each(Other::end);
    assert_eq!(fs::read_to_string(counter).unwrap(), "200");
}

#[test]
fn a_killed_holder_leaves_a_free_lock_and_a_warning() {
    let it = fixture();
    let mut other = Other::start("hold", &it.lock);
    assert_eq!(other.says(), "held");
    let status = it.lock.status().unwrap();
    let pid = other.child.id();
    assert_eq!((status.held, status.is_me), (true, false));
    assert_eq!(status.holder.unwrap().pid, pid);
    other.kill();

    let (guard, lines) = events::during(|| it.lock.exclusive(Wait::Never).unwrap());
    drop(guard);
    if Machine::here().machine_id.is_none() {
        return; // Without an id of the machine nothing is proven, so nothing is warned about.
    }
    let [warning, acquired] = &lines[..] else { panic!("{lines:?}") };
    assert!(warning.starts_with("WARN took over a lock its holder left behind"), "{warning}");
    assert!(warning.contains(&format!(" pid={pid} hostname=")), "{warning}");
    assert!(warning.contains(" age="), "{warning}");
    assert!(acquired.starts_with("INFO acquired"), "{acquired}");
}

#[test]
fn a_holder_that_let_go_before_it_ended_is_nothing_to_warn_about() {
    let it = fixture();
    let mut other = Other::start("hold", &it.lock);
    other.says();
    other.end();
    let (_guard, lines) = events::during(|| it.lock.exclusive(Wait::Never).unwrap());
    assert_eq!(lines.len(), 1, "{lines:?}");
}

#[test]
fn a_child_gets_no_lock_by_accident() {
    let it = fixture();
    let guard = it.lock.exclusive(Wait::Never).unwrap();
    let mut child = Command::new("sleep").arg("600").spawn().unwrap();
    let descriptors = fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap();
    let targets: Vec<_> =
        descriptors.filter_map(|fd| fs::read_link(fd.unwrap().path()).ok()).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(targets.len() >= 3, "{targets:?}");
    assert!(!targets.iter().any(|target| target == it.lock.path()), "{targets:?}");
    drop(guard);
}

#[test]
fn a_child_that_was_handed_the_lock_holds_it_beyond_its_parent() {
    let it = fixture();
    let mut other = Other::start("hold-and-hand-to-a-child", &it.lock);
    let child = i32::try_from(other.says().parse::<u32>().unwrap()).unwrap();
    let pid = other.child.id();
    other.kill();

    let status = it.lock.status().unwrap();
    let holder = status.holder.unwrap();
    assert_eq!((status.held, holder.pid), (true, pid), "held, although its holder is dead");
    assert_eq!(Sighting::of(pid), Sighting::Absent);
    if Machine::here().machine_id.is_some() {
        assert!(matches!(Life::of(&holder), Life::Dead { .. }));
    }
    assert_eq!(status.keepers, [child.cast_unsigned()], "who has it now");
    let error = it.lock.exclusive(Wait::UpTo(Duration::from_millis(5))).unwrap_err();
    let keeps = format!("(held by pid {child}, which got it from pid {pid} on ");
    assert!(error.to_string().contains(&keeps), "{error}");

    let child = rustix::process::Pid::from_raw(child).unwrap();
    rustix::process::kill_process(child, rustix::process::Signal::KILL).unwrap();
    eventually("the child is dead", || it.lock.exclusive(Wait::Never).is_ok());
}

#[test]
fn giving_up_costs_no_thread_each_time() {
    let it = fixture();
    let guard = it.lock.exclusive(Wait::Never).unwrap();
    let mut other = Other::start("give-up-often", &it.lock);
    assert_eq!(other.says(), "0", "who does not wait needs no thread");
    assert_eq!(other.says(), "1", "who waits takes over the place of who gave up");
    other.end();
    drop(guard);
}

#[test]
fn what_is_printed_never_lands_in_the_record() {
    let fixture = fixture();
    Other::start("hold-without-standard-descriptors", &fixture.lock).end();
    assert!(fixture.lock.status().unwrap().holder.unwrap().released);
}
