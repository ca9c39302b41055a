//! The log that only grows.

use std::{
    error::Error,
    fs::{self, Permissions},
    io::{Write, stdin},
    os::unix::fs::{PermissionsExt, chown},
    process::{Command, Stdio},
    thread,
};

use state_store::{LineLog, StoreError};

use crate::{given, names};

fn lines(log: &LineLog) -> Vec<String> {
    log.lines().unwrap().map(|line| line.unwrap()).collect()
}

#[test]
fn a_log_that_is_not_there_has_no_lines() {
    let dir = tempfile::tempdir().unwrap();
    assert!(lines(&LineLog::at(dir.path().join("log"))).is_empty());
}

#[test]
fn each_append_sees_the_line_before_whatever_its_length() {
    let dir = tempfile::tempdir().unwrap();
    let log = LineLog::at(dir.path().join("log"));
    let mut before: Option<String> = None;
    for length in [0, 1, 8191, 8192, 8193, 100_000, 3] {
        let line = "x".repeat(length);
        log.append(|last| {
            assert_eq!(last, before.as_deref());
            line.clone()
        })
        .unwrap();
        before = Some(line);
    }
    assert_eq!(lines(&log).len(), 7);
}

#[test]
fn a_torn_last_line_is_left_out_and_cut_by_the_next_append() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = LineLog::at(&path);
    for torn in ["half", "\u{1f980}".repeat(5000).as_str(), "{\"a\":"] {
        given(&path, format!("first\nsecond\n{torn}"));
        assert_eq!(lines(&log), ["first", "second"]);
        log.append(|last| format!("after {}", last.unwrap())).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\nsecond\nafter second\n");
    }
    given(&path, [b"first\n".as_slice(), &"\u{1f980}".as_bytes()[..2]].concat());
    assert_eq!(lines(&log), ["first"], "cut within a character");
    given(&path, "only half a line");
    log.append(|last| format!("{last:?}")).unwrap();
    assert_eq!(lines(&log), ["None"]);
}

/// A power cut may keep the block that a line ends in, and lose the one that it begins in.
#[test]
fn a_line_whose_beginning_is_lost_is_left_out_and_cut_by_the_next_append() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = LineLog::at(&path);
    for zeros in [1, 4096, 20_000] {
        given(&path, format!("first\nsecond\n{}its end\n", "\0".repeat(zeros)));
        assert_eq!(lines(&log), ["first", "second"]);
        assert_eq!(log.last().unwrap().as_deref(), Some("second"));
        log.append(|last| format!("after {}", last.unwrap())).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "first\nsecond\nafter second\n");
    }
    given(&path, "\0\0its end\n");
    log.append(|last| format!("{last:?}")).unwrap();
    assert_eq!(lines(&log), ["None"]);
}

#[test]
fn a_line_whose_middle_is_lost_is_left_out_and_one_with_a_flipped_bit_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    given(&path, format!("first\nbegin{}end\n", "\0".repeat(512)));
    assert_eq!(lines(&LineLog::at(&path)), ["first"]);
    // A blank is one bit away from a zero: whoever reads the line has to see that it is damaged.
    given(&path, "first\nbegin\0end\n");
    assert_eq!(lines(&LineLog::at(&path)), ["first", "begin\0end"]);
    assert_eq!(LineLog::at(&path).last().unwrap().as_deref(), Some("begin\0end"));
}

#[test]
fn zeros_before_the_last_line_are_no_torn_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    given(&path, "first\n\0second\nthird\n");
    assert_eq!(lines(&LineLog::at(&path)), ["first", "\0second", "third"]);
}

#[test]
fn a_line_cannot_smuggle_in_another() {
    let dir = tempfile::tempdir().unwrap();
    let log = LineLog::at(dir.path().join("log"));
    for line in ["one\ntwo", "one\0two"] {
        let error = log.append(|_| line.to_owned()).unwrap_err();
        assert!(matches!(error, StoreError::Io { .. }), "{error:?}");
    }
    assert!(lines(&log).is_empty());
}

#[test]
fn appends_of_many_threads_are_all_there_and_whole() {
    let dir = tempfile::tempdir().unwrap();
    let log = LineLog::at(dir.path().join("log"));
    thread::scope(|scope| {
        for writer in 0..8 {
            let log = log.clone();
            scope.spawn(move || {
                for line in 0..25 {
                    log.append(|_| format!("{writer} {line} {}", "x".repeat(500))).unwrap();
                }
            });
        }
    });
    let lines = lines(&log);
    assert_eq!(lines.len(), 200);
    assert!(lines.iter().all(|line| line.ends_with(&"x".repeat(500))));
}

#[test]
fn a_line_that_is_not_text_is_an_error_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut file = fs::File::options().create(true).append(true).open(&path).unwrap();
    file.write_all(b"one\n\xff\xfe\nthree\n").unwrap();
    let read: Vec<bool> = LineLog::at(&path).lines().unwrap().map(|line| line.is_ok()).collect();
    assert_eq!(read, [true, false, true]);
}

/// Half a gigabyte that takes no room on the disk, as a tool that resizes files may leave it.
#[test]
fn a_line_that_is_longer_than_any_is_an_error_and_is_never_kept_in_memory() {
    const HOLE_BYTES: u64 = 1 << 29;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = LineLog::at(&path);
    let mut file = fs::File::options().create(true).append(true).open(&path).unwrap();
    file.write_all(b"first\n").unwrap();
    file.set_len(HOLE_BYTES).unwrap();

    let too_long = "a line in it has more than 67108864 bytes";
    let is_too_long = |error: StoreError| error.source().unwrap().to_string() == too_long;
    // As `...` if it is one, so that a failure of this test can be printed.
    let shown = |line: String| if line.len() > 99 { "...".to_owned() } else { line };
    let read = || log.lines().unwrap().map(|line| line.ok().map(shown)).collect::<Vec<_>>();
    assert_eq!(read(), [Some("first".to_owned()), None]);
    assert!(is_too_long(log.last().map(drop).unwrap_err()));
    assert!(is_too_long(log.append(|_| "next".to_owned()).unwrap_err()));
    assert!(!log.remove_if(|last| last != Some("")).unwrap());
    assert_eq!(file.metadata().unwrap().len(), HOLE_BYTES, "nothing was cut off");

    // With an end, it is one line of many.
    file.write_all(b"\nlast\n").unwrap();
    assert_eq!(read(), [Some("first".to_owned()), None, Some("last".to_owned())]);
    log.append(|last| format!("after {}", last.unwrap())).unwrap();
    let peak = peak_of_memory_kib();
    assert!(peak < 384 * 1024, "{peak} KiB of memory were used");
}

#[test]
fn a_directory_in_which_everybody_may_replace_files_takes_no_line() {
    let dir = tempfile::tempdir().unwrap();
    let log = LineLog::at(dir.path().join("log"));
    let chmod = |mode| fs::set_permissions(dir.path(), Permissions::from_mode(mode)).unwrap();
    let refused = |error: StoreError| error.source().unwrap().to_string();
    log.append(|_| "first".to_owned()).unwrap();
    chmod(0o777);
    let why = "everybody may remove and replace files in its directory";
    assert_eq!(refused(log.append(|_| "second".to_owned()).unwrap_err()), why);
    assert_eq!(refused(log.remove_if(|_| true).unwrap_err()), why);
    // With the sticky bit, as `/tmp` has it, others may only add files of their own.
    chmod(0o1777);
    log.append(|_| "second".to_owned()).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(log.path(), Some(4321), Some(4321)).unwrap();
        let why = "it belongs to another user, and everybody may write to its directory";
        assert_eq!(refused(log.append(|_| "third".to_owned()).unwrap_err()), why);
        chmod(0o755);
        log.append(|_| "third".to_owned()).unwrap();
    }
    assert_eq!(lines(&log)[..2], ["first", "second"]);
}

#[test]
fn a_line_that_would_be_too_long_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = LineLog::at(dir.path().join("log"));
    log.append(|_| "first".to_owned()).unwrap();
    log.append(|_| "x".repeat(64 * 1024 * 1024 + 1)).unwrap_err();
    assert_eq!(lines(&log), ["first"]);
}

/// The most that this process ever had.
fn peak_of_memory_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_line_that_the_last_one_forbids_changes_and_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = LineLog::at(&path);
    assert!(!log.append_if(|last| last.map(|_| "never first".to_owned())).unwrap());
    assert!(!path.exists());
    assert!(log.append_if(|last| last.is_none().then(|| "first".to_owned())).unwrap());
    assert!(!log.append_if(|last| last.is_none().then(|| "first".to_owned())).unwrap());
    assert_eq!(lines(&log), ["first"]);
    assert_eq!(log.last().unwrap().as_deref(), Some("first"));
}

#[test]
fn a_log_is_removed_only_if_its_last_whole_line_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let log = LineLog::at(&path);
    assert!(!log.remove_if(|_| true).unwrap(), "there was nothing to remove");
    given(&path, "keep\ntor");
    assert!(!log.remove_if(|last| last != Some("keep")).unwrap());
    assert!(log.remove_if(|last| last == Some("keep")).unwrap());
    assert!(log.last().unwrap().is_none());
    assert_eq!(names(dir.path()), ["log.lock"]);
}

#[test]
fn logs_that_come_and_go_can_leave_one_lock_file_behind() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        let log = LineLog::at(dir.path().join(name)).taking_turns_by(dir.path().join("turns"));
        log.append(|_| "line".to_owned()).unwrap();
        assert!(log.remove_if(|_| true).unwrap());
    }
    assert_eq!(names(dir.path()), ["turns"]);
}

#[test]
fn an_append_never_brings_a_removed_log_back() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..20 {
        let log = LineLog::at(dir.path().join("log"));
        log.append(|_| "line".to_owned()).unwrap();
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| log.append_if(|last| last.map(str::to_owned)).unwrap());
            }
            scope.spawn(|| assert!(log.remove_if(|_| true).unwrap()));
        });
        assert!(lines(&log).is_empty());
    }
}

#[test]
fn what_is_printed_is_never_a_line_of_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    // This program once more, told by its standard input where the log is.
    let mut process = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "log::process_without_standard_descriptors", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(process.stdin.take().unwrap(), "{}", path.display()).unwrap();
    assert!(process.wait().unwrap().success());
    assert_eq!(fs::read_to_string(&path).unwrap(), "first\nsecond\n");
}

#[test]
#[ignore = "this is the other process of the test above"]
fn process_without_standard_descriptors() {
    let mut path = String::new();
    stdin().read_line(&mut path).unwrap();
    let log = LineLog::at(path.trim_end());
    log.append(|_| "first".to_owned()).unwrap();
    (0..3).for_each(|descriptor| nix::unistd::close(descriptor).unwrap());
    // The files that take 0 and 1, so that the log could become 2.
    let _taken = [(); 2].map(|()| fs::File::open("/dev/null").unwrap());
    log.append(|_| {
        writeln!(std::io::stderr(), "noise").unwrap();
        "second".to_owned()
    })
    .unwrap();
}
