//! Which calls there are, and in which ways they fail.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use system_tests::{Answer, Trace};

use Fault::{Error, Kill};

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It fails with this number.
    Error(&'static str),
    /// The process is killed before it is made.
    Kill,
}

impl Fault {
    /// For `strace --inject`.
    pub(super) fn words(self) -> String {
        match self {
            Error(errno) => format!("error={errno}"),
            Kill => "signal=KILL".to_owned(),
        }
    }
}

const NO_ROOM: [Fault; 3] = [Error("EIO"), Error("ENOSPC"), Error("EDQUOT")];

/// Each call with the ways in which it fails on Linux. Interrupted calls are only here where
/// Linux interrupts them.
pub(super) const FAULTS: &[(&str, &[Fault])] = &[
    ("open", &[Error("EIO"), Error("EACCES"), Error("EMFILE"), Error("EINTR"), Kill]),
    (
        "openat",
        &[
            Error("EIO"),
            Error("ENOSPC"),
            Error("EDQUOT"),
            Error("EACCES"),
            Error("EMFILE"),
            Error("ENFILE"),
            Error("EROFS"),
            Error("EINTR"),
            Kill,
        ],
    ),
    ("read", &[Error("EIO"), Error("EINTR"), Kill]),
    ("write", &[NO_ROOM[0], NO_ROOM[1], NO_ROOM[2], Error("EFBIG"), Error("EINTR"), Kill]),
    ("pwrite64", &[NO_ROOM[0], NO_ROOM[1], NO_ROOM[2], Error("EINTR"), Kill]),
    ("ftruncate", &[Error("EIO"), Error("EINTR"), Kill]),
    ("fsync", &[NO_ROOM[0], NO_ROOM[1], NO_ROOM[2], Error("EROFS"), Kill]),
    ("fdatasync", &[NO_ROOM[0], NO_ROOM[1], NO_ROOM[2], Kill]),
    (
        "renameat",
        &[
            NO_ROOM[0],
            NO_ROOM[1],
            NO_ROOM[2],
            Error("EACCES"),
            Error("EROFS"),
            Error("EPERM"),
            Kill,
        ],
    ),
    (
        "linkat",
        &[
            NO_ROOM[0],
            NO_ROOM[1],
            NO_ROOM[2],
            Error("EACCES"),
            Error("EPERM"),
            Error("EMLINK"),
            Kill,
        ],
    ),
    ("unlinkat", &[Error("EIO"), Error("EACCES"), Error("EROFS"), Kill]),
    ("mkdir", &[NO_ROOM[0], NO_ROOM[1], Error("EACCES"), Error("EROFS"), Kill]),
    ("flock", &[Error("EIO"), Error("ENOLCK"), Error("EINTR"), Kill]),
    ("fstat", &[Error("EIO"), Kill]),
    ("newfstatat", &[Error("EIO"), Error("EACCES"), Kill]),
    ("statx", &[Error("EIO"), Error("EACCES"), Kill]),
    ("getdents64", &[Error("EIO"), Kill]),
    ("fchmod", &[Error("EIO"), Error("EPERM"), Kill]),
    ("fchown", &[Error("EIO"), Error("EPERM"), Kill]),
    ("lseek", &[Kill]),
    // An injected error keeps it from being closed, which no real one does.
    ("close", &[Kill]),
    ("clone3", &[Error("EAGAIN"), Error("ENOMEM"), Kill]),
    ("vfork", &[Error("EAGAIN"), Kill]),
    ("pipe2", &[Error("EMFILE"), Kill]),
];

/// Where the program itself begins: the runtime of Rust sets this signal before `main`, and
/// after everything that the loader does.
const BEGINNING: &str = "rt_sigaction";

/// For each call, which ones of its name the program makes itself, counted from 1.
pub(super) fn sites(
    traced: impl Fn(&[String]) -> (Trace, Answer),
) -> Result<BTreeMap<&'static str, Vec<usize>>> {
    let names: Vec<&str> = FAULTS.iter().map(|(name, _)| *name).chain([BEGINNING]).collect();
    let (trace, answer) = traced(&[format!("--trace={}", names.join(","))]);
    ensure!(answer.code() == 0, "the run without a fault fails\n{}", answer.shown());
    let is_beginning = |name: &str, args: &str| name == BEGINNING && args.starts_with("SIGPIPE");
    let mut sites: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (name, _) in FAULTS {
        let (mut count, mut has_begun) = (0, false);
        for call in &trace.calls {
            has_begun |= is_beginning(&call.name, &call.args);
            if call.name == *name {
                count += 1;
                if has_begun && !is_of_the_runtime(&call.args) {
                    sites.entry(name).or_default().push(count);
                }
            }
        }
    }
    Ok(sites)
}

/// What the standard library asks of the machine before `main`.
fn is_of_the_runtime(args: &str) -> bool {
    args.contains("/proc/self/maps")
        || args.contains("/sys/fs/cgroup")
        || args.contains("/proc/self/cgroup")
}
