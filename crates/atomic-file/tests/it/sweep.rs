//! What dead writers left behind goes, what living ones use stays.

use std::{
    fs,
    io::Write,
    os::unix::fs::symlink,
    path::Path,
    thread,
    time::{Duration, Instant, SystemTime},
};

use atomic_file::{Fate, Options, Orphans, replace, sweep};

use crate::{given, is_root, names, other::Other};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// What a sweep says about each file, in the order of their names.
fn fates(place: &Path, orphans: Orphans) -> Vec<String> {
    let found = sweep(place, orphans).unwrap();
    found.iter().map(|temporary| format!("{:?}", temporary.fate)).collect()
}

#[test]
fn what_a_killed_writer_left_is_removed_and_a_living_one_commits() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name| dir.path().join(name);
    let [mut dead, mut living] = ["dead", "living"].map(|name| Other::start("write", &at(name)));
    assert_eq!((dead.says(), living.says()), ("written".into(), "written".into()));
    assert_eq!(fates(dir.path(), Orphans::Remove), ["InUse", "InUse"]);
    dead.kill();

    assert_eq!(fates(dir.path(), Orphans::Report), ["Orphaned", "InUse"]);
    assert_eq!(names(dir.path()).len(), 2, "to report is not to remove");
    assert_eq!(fates(dir.path(), Orphans::Remove), ["Removed", "InUse"]);
    assert_eq!(names(dir.path()).len(), 1);
    living.end();
    assert_eq!(names(dir.path()), ["living"]);
    assert_eq!(fates(dir.path(), Orphans::Remove), [] as [&str; 0]);
}

#[test]
fn a_stopped_writer_is_a_living_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let mut other = Other::start("write", &path);
    other.says();
    other.stop();
    assert_eq!(fates(&path, Orphans::Remove), ["InUse"]);
    other.wake();
    other.end();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
}

#[test]
fn a_writer_in_another_pid_namespace_is_a_living_one() {
    if !is_root() {
        return; // Only root may make one.
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let mut other = Other::start_in_pid_namespace("write", &path);
    other.says();
    assert_eq!(fates(&path, Orphans::Remove), ["InUse"]);
    other.end();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
}

#[test]
fn a_child_does_not_keep_the_file_of_its_dead_parent_alive() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let mut other = Other::start("write-and-start-a-child", &path);
    let child = i32::try_from(other.says().parse::<u32>().unwrap()).unwrap();
    other.kill();
    // The child may be on its way through exec, which closes what it has inherited.
    let deadline = Instant::now() + Duration::from_secs(20);
    while fates(&path, Orphans::Report) != ["Orphaned"] {
        assert!(Instant::now() < deadline, "the child keeps the file");
        thread::yield_now();
    }
    let child = rustix::process::Pid::from_raw(child).unwrap();
    rustix::process::kill_process(child, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn a_half_made_backup_has_the_fate_of_its_temporary_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    replace(&path, b"old").unwrap();
    let mut other = Other::start("link-the-backup", &path);
    assert_eq!(other.says(), "linked");
    let half_way = names(dir.path());
    assert_eq!(half_way.len(), 3, "{half_way:?}");

    assert_eq!(fates(dir.path(), Orphans::Remove), ["InUse"]);
    assert_eq!(names(dir.path()), half_way);
    other.kill();
    assert_eq!(fates(dir.path(), Orphans::Remove), ["Removed"]);
    assert_eq!(names(dir.path()), ["a"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
}

#[test]
fn a_half_made_backup_that_a_power_cut_left_alone_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    given(&dir.path().join(format!(".a.{TOKEN}.bak")), "old");
    assert_eq!(fates(dir.path(), Orphans::Report), ["Orphaned"]);
    assert_eq!(fates(dir.path(), Orphans::Remove), ["Removed"]);
    assert!(names(dir.path()).is_empty());
}

#[test]
fn what_belongs_to_a_lock_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    replace(&path, b"old").unwrap();
    let slot = Options::new().begin_in_slot(&path, TOKEN).unwrap();
    fs::hard_link(&path, dir.path().join(format!(".a.{TOKEN}.bak"))).unwrap();
    assert_eq!(fates(dir.path(), Orphans::Remove), ["OfALock", "OfALock"]);
    slot.commit().unwrap();
}

#[test]
fn a_sweep_for_one_file_leaves_those_of_others() {
    let dir = tempfile::tempdir().unwrap();
    // The second name is too long to stand in the names beside it as it is.
    for name in ["a".to_owned(), "n".repeat(250)] {
        let path = dir.path().join(&name);
        for _ in 0..2 {
            Other::start("write", &path).kill_once_it_has_written();
            given(&dir.path().join(format!(".a.json.{TOKEN}.tmp")), "of another file");
        }
        assert_eq!(fates(&path, Orphans::Remove), ["Removed", "Removed"]);
        assert_eq!(names(dir.path()), [format!(".a.json.{TOKEN}.tmp")]);
    }
}

impl Other {
    fn kill_once_it_has_written(mut self) {
        assert_eq!(self.says(), "written");
        self.kill();
    }
}

#[test]
fn what_no_writer_makes_is_not_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: String| dir.path().join(name);
    given(&at("a.tmp".into()), "");
    given(&at(format!("a.{TOKEN}.tmp")), "");
    given(&at(format!(".a.{TOKEN}.tmp.gz")), "");
    fs::create_dir(at(format!(".b.{TOKEN}.tmp"))).unwrap();
    symlink("a.tmp", at(format!(".c.{TOKEN}.tmp"))).unwrap();
    crate::fifo(&at(format!(".d.{TOKEN}.tmp")));
    let before = names(dir.path());
    assert_eq!(fates(dir.path(), Orphans::Remove), [] as [&str; 0]);
    assert_eq!(names(dir.path()), before);
}

#[test]
fn a_file_that_may_not_be_opened_stays_and_says_why() {
    if !is_root() {
        return; // Only root can become somebody else.
    }
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o1777)).unwrap();
    let path = dir.path().join("a");
    let _pending = Options::new().mode_if_new(0o600).begin(&path).unwrap();
    let mut other = Other::start_as(4321, 4321, "sweep", &path);
    assert!(other.says().starts_with("[Kept(Os { code: 13,"));
    other.end();
    assert_eq!(fates(&path, Orphans::Remove), ["InUse"]);
}

#[test]
fn what_is_found_is_described() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let mut pending = Options::new().begin(&path).unwrap();
    pending.write_all(b"12345").unwrap();
    let [found] = &sweep(&path, Orphans::Report).unwrap()[..] else { panic!("there is one") };
    let name = names(dir.path()).remove(0);
    assert_eq!((&found.path, found.size_bytes), (&dir.path().join(name), 5));
    assert!(matches!(found.fate, Fate::InUse));
    let written = fs::metadata(&found.path).unwrap().modified().unwrap();
    let apart =
        |a: SystemTime, b: SystemTime| a.duration_since(b).or_else(|e| Ok::<_, ()>(e.duration()));
    assert!(apart(found.changed, written).unwrap() < Duration::from_secs(2));

    let error = sweep("/nowhere/at/all", Orphans::Report).unwrap_err();
    assert_eq!(error.to_string(), "cannot list the directory of `/nowhere/at/all`");
}

#[test]
fn no_sweep_ever_takes_a_file_from_its_writer() {
    writers_among("sweep-often");
}

#[test]
fn who_only_looks_makes_no_writer_leave_anything() {
    writers_among("look-often");
}

/// Lets writers replace one file again and again, none of whom may notice the others.
fn writers_among(sweepers: &str) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    replace(&path, b"whole").unwrap();
    let mut sweepers = [(); 2].map(|()| Other::start(sweepers, &path));
    sweepers.iter_mut().for_each(|sweeper| assert_eq!(sweeper.says(), "sweeping"));
    let writers = [(); 3].map(|()| Other::start("replace-often", &path));
    writers.into_iter().for_each(Other::end);
    given(&path.with_extension("done"), "");
    sweepers.into_iter().for_each(Other::end);
    assert_eq!(names(dir.path()), ["a", "a.bak", "a.done"]);
}
