//! Which calls there are, and in which ways they fail.

use std::collections::BTreeMap;

use system_tests::Trace;

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
    ("pread64", &[Error("EIO"), Error("EINTR"), Kill]),
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
    ("unlink", &[Error("EIO"), Error("EACCES"), Error("EROFS"), Kill]),
    ("mkdir", &[NO_ROOM[0], NO_ROOM[1], Error("EACCES"), Error("EROFS"), Kill]),
    ("flock", &[Error("EIO"), Error("ENOLCK"), Error("EINTR"), Kill]),
    ("fstat", &[Error("EIO"), Kill]),
    ("newfstatat", &[Error("EIO"), Error("EACCES"), Kill]),
    ("statx", &[Error("EIO"), Error("EACCES"), Kill]),
    ("readlink", &[Error("EIO"), Error("EACCES"), Kill]),
    ("fcntl", &[Kill]),
    ("flistxattr", &[Error("EIO"), Error("EOPNOTSUPP"), Kill]),
    ("llistxattr", &[Error("EIO"), Error("EOPNOTSUPP"), Kill]),
    ("getdents64", &[Error("EIO"), Kill]),
    ("fchmod", &[Error("EIO"), Error("EPERM"), Kill]),
    ("fchown", &[Error("EIO"), Error("EPERM"), Kill]),
    ("lseek", &[Kill]),
    // An injected error keeps it from being closed, which no real one does.
    ("close", &[Kill]),
    ("socket", &[Error("EMFILE"), Error("EACCES"), Kill]),
    ("connect", &[Error("ECONNREFUSED"), Error("ETIMEDOUT"), Error("ENETUNREACH"), Kill]),
    ("sendto", &[Error("EPIPE"), Error("ECONNRESET"), Kill]),
    ("recvfrom", &[Error("ECONNRESET"), Error("ETIMEDOUT"), Kill]),
    ("clone3", &[Error("EAGAIN"), Error("ENOMEM"), Kill]),
    ("vfork", &[Error("EAGAIN"), Kill]),
    ("pipe2", &[Error("EMFILE"), Kill]),
];

/// Where the program itself begins: the runtime of Rust sets this signal before `main`, and
/// after everything that the loader does.
const BEGINNING: &str = "rt_sigaction";

/// A call that the program makes itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site {
    pub(super) name: &'static str,
    /// The how-manieth of its name it is, counted from 1 and with those of others.
    pub(super) nth: usize,
    /// Whether it says something to a person.
    pub(super) is_said: bool,
    /// Whether it failed because it was made to.
    is_hit: bool,
}

impl Site {
    /// The ways in which it fails.
    pub(super) fn faults(&self) -> impl Iterator<Item = Fault> + use<> {
        let faults = FAULTS.iter().find(|(name, _)| *name == self.name);
        faults.into_iter().flat_map(|(_, faults)| faults.iter().copied())
    }
}

/// The word that lets `strace` see every call that may fail, and where the program begins.
pub(super) fn all_calls() -> String {
    let names: Vec<&str> = FAULTS.iter().map(|(name, _)| *name).chain([BEGINNING]).collect();
    format!("--trace={}", names.join(","))
}

/// What the program calls itself, in that order.
pub(super) fn sites(trace: &Trace) -> Vec<Site> {
    let is_beginning = |name: &str, args: &str| name == BEGINNING && args.starts_with("SIGPIPE");
    let (mut counts, mut has_begun) = (BTreeMap::<&str, usize>::new(), false);
    let mut sites = Vec::new();
    for call in &trace.calls {
        has_begun |= is_beginning(&call.name, &call.args);
        let Some((name, _)) = FAULTS.iter().find(|(name, _)| *name == call.name) else { continue };
        let count = counts.entry(name).or_default();
        *count += 1;
        if has_begun && !is_of_the_runtime(&call.args) {
            let is_said = call.args.starts_with("1<") || call.args.starts_with("2<");
            let is_hit = call.result.ends_with("(INJECTED)");
            sites.push(Site { name, nth: *count, is_said, is_hit });
        }
    }
    sites
}

/// What it calls after the first call that was made to fail; `None` if there is none.
pub(super) fn after_the_fault(trace: &Trace) -> Option<Vec<Site>> {
    let all = sites(trace);
    let at = all.iter().position(|site| site.is_hit)?;
    Some(all[at + 1..].to_vec())
}

/// What the standard library asks of the machine before `main`.
fn is_of_the_runtime(args: &str) -> bool {
    args.contains("/proc/self/maps")
        || args.contains("/sys/fs/cgroup")
        || args.contains("/proc/self/cgroup")
}
