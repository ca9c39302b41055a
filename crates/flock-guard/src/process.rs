//! Who this process is, and what `/proc` says about another.

use crate::record;
use crate::{Machine, Sighting, Token};
use rustix::rand::{GetRandomFlags, getrandom};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What stays the same about a process while it lives.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) machine: Machine,
    /// The middle of each record that this process writes.
    pub(crate) fields: String,
}

/// Returns this process. Reads the facts once: they cost more than a lock.
pub(crate) fn me() -> Arc<Process> {
    // The pid is compared each time because a fork copies this memory.
    static ME: Mutex<Option<Arc<Process>>> = Mutex::new(None);
    let pid = std::process::id();
    let mut me = ME.lock().unwrap_or_else(PoisonError::into_inner);
    match &*me {
        Some(process) if process.pid == pid => Arc::clone(process),
        _ => Arc::clone(me.insert(Arc::new(Process::read(pid)))),
    }
}

/// The monotonic clock of this machine: time since boot, without suspension.
pub(crate) fn uptime() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    // It begins at zero, so it is never negative.
    Duration::try_from(now).unwrap_or_default()
}

/// Names an acquisition. The random bytes are fetched for some acquisitions at once, because a
/// system call costs as much as a third of a lock.
pub(crate) fn token(pid: u32) -> io::Result<Token> {
    // A fork copies this memory, and must not give out the same names.
    static LEFT: Mutex<(u32, Vec<Token>)> = Mutex::new((0, Vec::new()));
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    if left.0 != pid || left.1.is_empty() {
        let mut bytes = [0; 16 * 16];
        // As many bytes are never cut short once the kernel's generator is ready.
        rustix::io::retry_on_intr(|| getrandom(&mut bytes, GetRandomFlags::empty()))?;
        let (tokens, _) = bytes.as_chunks::<16>();
        *left = (pid, tokens.iter().map(|token| Token(u128::from_ne_bytes(*token))).collect());
    }
    Ok(left.1.pop().expect("it was filled a moment ago"))
}

impl Process {
    fn read(pid: u32) -> Process {
        let stat = fs::read_to_string("/proc/self/stat").ok().and_then(|text| Stat::parse(&text));
        // A /proc of another pid namespace numbers us differently: then nothing
        // that it says about pids is about ours.
        let stat = stat.filter(|stat| stat.pid == pid);
        let pid_namespace = stat.and_then(|_| inode(Path::new("/proc/self/ns/pid")));
        let machine = Machine { machine_id: machine_id(), boot_id: boot_id(), pid_namespace };
        let fields = record::constant_fields(
            &machine,
            stat.map(|stat| stat.start_time),
            &rustix::system::uname().nodename().to_string_lossy(),
            &command().unwrap_or_default(),
        );
        Process { pid, machine, fields }
    }
}

impl Machine {
    /// Returns what this machine is, as seen by this process.
    #[must_use]
    pub fn here() -> Machine {
        me().machine.clone()
    }
}

impl Sighting {
    /// Looks up a pid of this process's own pid namespace in `/proc`.
    #[must_use]
    pub fn of(pid: u32) -> Sighting {
        match fs::read_to_string(format!("/proc/{pid}/stat")) {
            Ok(text) => Stat::parse(&text).map_or(Sighting::Hidden, Stat::sighting),
            // The process may end between opening and reading: ESRCH.
            Err(error) if is_gone(&error) && !proc_hides_processes() => Sighting::Absent,
            Err(_) => Sighting::Hidden,
        }
    }
}

fn is_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// Whether `/proc` may show a living process as missing: it is mounted with
/// `hidepid`, or not mounted at all.
fn proc_hides_processes() -> bool {
    fs::read_to_string("/proc/self/mountinfo").map_or(true, |mounts| hides_processes(&mounts))
}

/// The same, from the text of `/proc/self/mountinfo`. The last mount on a
/// directory is the one that is seen.
fn hides_processes(mountinfo: &str) -> bool {
    let on_proc = |line: &&str| line.split(' ').nth(4) == Some("/proc");
    let mount = mountinfo.lines().rfind(on_proc);
    let options = mount.and_then(|line| line.split(" - proc ").nth(1));
    options.is_none_or(|options| options.contains("hidepid="))
}

/// The part of `/proc/PID/stat` that identifies a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    pid: u32,
    state: char,
    threads: u32,
    start_time: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Stat> {
        // The name in field 2 may hold blanks and parentheses: count behind the last one.
        let (pid_and_name, rest) = text.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        Some(Stat {
            pid: pid_and_name.split(' ').next()?.parse().ok()?,
            state: fields.next()?.chars().next()?,
            threads: fields.nth(16)?.parse().ok()?,
            start_time: fields.nth(1)?.parse().ok()?,
        })
    }

    fn sighting(self) -> Sighting {
        match self.state {
            // The first thread of a process may end before the others, and looks like this too.
            'Z' if self.threads > 1 => Sighting::Running { start_time: self.start_time },
            'Z' | 'X' | 'x' => Sighting::Zombie,
            _ => Sighting::Running { start_time: self.start_time },
        }
    }
}

fn inode(path: &Path) -> Option<u64> {
    fs::metadata(path).ok().map(|file| std::os::unix::fs::MetadataExt::ino(&file))
}

fn boot_id() -> Option<String> {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned()).filter(|id| !id.is_empty())
}

/// A digest, because the manual asks to keep the id itself confidential.
fn machine_id() -> Option<String> {
    let text = fs::read_to_string("/etc/machine-id").ok()?;
    // Images are shipped with an empty file or the word `uninitialized`.
    let id = text.trim();
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| format!("{:016x}", record::checksum(id.as_bytes())))
}

fn command() -> Option<String> {
    let line = fs::read("/proc/self/cmdline").ok()?;
    let program = line.split(|&byte| byte == 0).next()?;
    let program = String::from_utf8_lossy(program);
    Some(Path::new(&*program).file_name()?.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_have_any_name() {
        let tail = "S 1 1 1 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 8871 3190784 0";
        for name in ["sh", "a b", "x) R 2 (y", ") ", ""] {
            let stat = Stat::parse(&format!("42 ({name}) {tail}"));
            let expected = Stat { pid: 42, state: 'S', threads: 1, start_time: 8871 };
            assert_eq!(stat, Some(expected), "named `{name}`");
        }
        for damaged in ["", "42", "42 (sh)", "42 (sh) S 1 2", "x (sh) S"] {
            assert_eq!(Stat::parse(damaged), None, "`{damaged}`");
        }
    }

    #[test]
    fn a_fork_gives_out_names_of_its_own() {
        let pid = std::process::id();
        let ours = [token(pid).unwrap(), token(pid).unwrap()];
        let theirs = token(pid + 1).unwrap();
        let again = token(pid).unwrap();
        assert!(ours[0] != ours[1] && !ours.contains(&theirs) && theirs != again);
        assert!(!ours.contains(&again));
    }

    #[test]
    fn a_process_lives_as_long_as_one_of_its_threads() {
        let seen = |state, threads| {
            let text = format!("7 (sh) {state} 1 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 {threads} 0 88 1");
            Stat::parse(&text).unwrap().sighting()
        };
        let running = Sighting::Running { start_time: 88 };
        for (state, threads, expected) in [
            ('S', 1, running),
            ('Z', 2, running),
            ('Z', 1, Sighting::Zombie),
            ('Z', 0, Sighting::Zombie),
            ('X', 1, Sighting::Zombie),
        ] {
            assert_eq!(seen(state, threads), expected, "{state} {threads}");
        }
    }

    #[test]
    fn a_proc_that_hides_processes_proves_no_absence() {
        let line = |options| format!("24 30 0:22 / /proc rw,nosuid - proc proc {options}\n");
        let root = "30 1 254:0 / / rw - ext4 /dev/vda rw\n";
        assert!(!hides_processes(&format!("{root}{}", line("rw"))));
        assert!(hides_processes(&format!("{root}{}", line("rw,hidepid=invisible"))));
        assert!(hides_processes(&format!("{}{}", line("rw"), line("rw,hidepid=2"))));
        assert!(!hides_processes(&format!("{}{}", line("rw,hidepid=2"), line("rw"))));
        assert!(hides_processes(root), "no /proc at all");
        assert!(hides_processes("24 30 0:22 / /proc rw - tmpfs tmpfs rw\n"), "something else");
    }
}
