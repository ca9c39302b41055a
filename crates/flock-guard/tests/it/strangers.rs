//! Holders that cannot be judged from here, or not by a signal: other users, other containers,
//! and one whose machine has slept.

use crate::other::Other;
use crate::{eventually, fixture};
use flock_guard::{Breaking, Life, LockError, Machine, Wait};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Words that start a program in a pid namespace with a `/proc` of its own. `None` if this
/// machine does not let us.
fn container() -> Option<&'static [&'static str]> {
    let own: &[&[&str]] = &[
        &["unshare", "--pid", "--fork", "--mount-proc", "--"],
        &["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--"],
    ];
    own.iter().copied().find(|words| {
        let mut tried = Command::new(words[0]);
        tried.args(&words[1..]).arg("true").stderr(Stdio::null());
        tried.status().is_ok_and(|status| status.success())
    })
}

#[test]
fn a_holder_in_another_container_is_neither_alive_nor_dead() {
    let it = fixture();
    let Some(container) = container() else { return };
    let mut inside = Other::start_under(container, "hold", &it.lock);
    assert_eq!(inside.says(), "held");
    let status = it.lock.status().unwrap();
    let life = status.life.unwrap();
    assert!(status.held && matches!(life, Life::Unknown { .. }), "{life:?}");
    // Its number is that of a process here, or of none: that proves nothing.
    let pid = status.holder.unwrap().pid;
    assert!(pid < 10, "numbered in its own namespace: {pid}");
    let lock = it.lock.clone().breaking(Breaking::IfDead);
    let refused = lock.exclusive(Wait::UpTo(Duration::from_millis(2400)));
    assert!(matches!(refused, Err(LockError::Busy { .. })), "{refused:?}");
    inside.end();
    eventually("it is free", || !it.lock.status().unwrap().held);
}

#[test]
fn from_a_container_nobody_outside_looks_dead() {
    let it = fixture();
    let Some(container) = container() else { return };
    let _guard = it.lock.exclusive(Wait::Never).unwrap();
    let mut inside = Other::start_under(container, "judge", &it.lock);
    let life = inside.says();
    assert!(life.starts_with("Some(Unknown"), "{life}");
    assert_eq!(inside.says(), "left alone");
    inside.end();
}

#[test]
fn a_holder_that_must_not_be_signalled_is_alive() {
    let it = fixture();
    if !rustix::process::geteuid().is_root() || Machine::here().machine_id.is_none() {
        return; // Only root can be two users.
    }
    let _guard = it.lock.exclusive(Wait::Never).unwrap();
    // Nobody may see the directory of the build, hence a copy.
    let program = it.dir.path().join("program");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    for (path, mode) in [(it.dir.path(), 0o777), (&program, 0o755), (it.lock.path(), 0o666)] {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    let mut command = Command::new(&program);
    command.uid(65534).gid(65534).current_dir("/");
    let mut nobody = Other::run(command, "judge", &it.lock);
    assert_eq!(nobody.says(), "Some(Alive)");
    assert_eq!(nobody.says(), "left alone");
    nobody.end();
}

/// A time namespace shows the clock that counts suspension ten days ahead of the one that does
/// not, as a machine does that has slept for so long.
#[test]
fn a_holder_is_not_older_for_the_time_that_its_machine_slept() {
    let it = fixture();
    let words = ["unshare", "--time", "--boottime", "864000", "--fork", "--"];
    let mut tried = Command::new(words[0]);
    tried.args(&words[1..]).arg("true").stderr(Stdio::null());
    let may_sleep = tried.status().is_ok_and(|status| status.success());
    if !may_sleep || Machine::here().machine_id.is_none() {
        return; // Not allowed on this machine, or nothing is known about it.
    }
    let mut asleep = Other::start_under(&words, "hold", &it.lock);
    assert_eq!(asleep.says(), "held");
    let age = it.lock.status().unwrap().held_for.expect("a moment of this boot, and not later");
    assert!(age < Duration::from_secs(3600), "{age:?}");
    asleep.end();
}
