//! What is at the path afterwards.

use std::{
    fs,
    os::unix::fs::symlink,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use atomic_file::{Durability, Options, ReplaceError, Step, replace};

use crate::{given, names};

#[test]
fn a_missing_file_is_created_and_an_old_one_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    for contents in ["one", "two, longer", ""] {
        replace(&path, contents.as_bytes()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), contents);
        assert_eq!(names(dir.path()), ["a"]);
    }
}

#[test]
fn a_path_without_a_directory_part_is_taken_from_the_working_directory() {
    // The package directory is the working directory of a test; nothing is left in it.
    let name = format!("replace-{}.tmp-test", std::process::id());
    replace(&name, b"here").unwrap();
    assert_eq!(fs::read_to_string(&name).unwrap(), "here");
    fs::remove_file(&name).unwrap();
}

#[test]
fn a_reader_never_sees_half_and_never_misses_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a");
    let versions: Vec<String> =
        ["a", "b", "c"].iter().map(|letter| letter.repeat(100_000)).collect();
    replace(&path, versions[0].as_bytes()).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !done.load(Ordering::Relaxed) {
                let seen = fs::read_to_string(&path).unwrap();
                assert!(versions.contains(&seen), "a torn read of {} bytes", seen.len());
                reads += 1;
            }
            reads
        });
        let relaxed =
            Options::new().durability(Durability::Relaxed).backup(atomic_file::Backup::Beside);
        for version in versions.iter().cycle().take(300) {
            relaxed.replace(&path, version.as_bytes()).unwrap();
        }
        done.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
}

#[test]
fn a_link_stays_and_the_file_behind_it_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("real");
    fs::create_dir(&real).unwrap();
    given(&real.join("file"), "old");
    symlink("real/file", dir.path().join("first")).unwrap();
    symlink(dir.path().join("first"), dir.path().join("second")).unwrap();

    replace(dir.path().join("second"), b"new").unwrap();

    assert_eq!(fs::read_to_string(real.join("file")).unwrap(), "new");
    for link in ["first", "second"] {
        assert!(dir.path().join(link).is_symlink(), "{link} is still a link");
    }
    assert_eq!(names(&real), ["file"]);
}

#[test]
fn a_link_to_nothing_creates_what_it_names() {
    let dir = tempfile::tempdir().unwrap();
    symlink("later", dir.path().join("link")).unwrap();
    replace(dir.path().join("link"), b"new").unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("later")).unwrap(), "new");
}

#[test]
fn what_is_not_a_regular_file_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir(at("directory")).unwrap();
    crate::fifo(&at("fifo"));
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    symlink("loop", at("loop")).unwrap();
    let before = names(dir.path());

    for name in ["directory", "fifo", "socket", "loop"] {
        let error = replace(at(name), b"new").unwrap_err();
        assert!(
            matches!(&error, ReplaceError::Unchanged { path, step: Step::Accept, .. } if *path == at(name)),
            "{name}: {error:?}"
        );
    }
    let device = replace("/dev/null", b"new").unwrap_err();
    assert!(matches!(device, ReplaceError::Unchanged { step: Step::Accept, .. }), "{device:?}");
    assert_eq!(names(dir.path()), before);
}

#[test]
fn errors_name_the_path_the_step_and_the_cause() {
    let error = replace("/nowhere/at/all", b"").unwrap_err();
    assert_eq!(error.to_string(), "`/nowhere/at/all` is unchanged: could not open its directory");
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "No such file or directory (os error 2)");

    let error = replace("/dev/null", b"").unwrap_err();
    assert_eq!(error.to_string(), "`/dev/null` is unchanged: could not replace what is there");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "it is a device");
}
