//! Running other programs: with a limit, as a group, without leaving anything behind.

use std::{
    fmt, fs,
    io::{self, Read},
    net::TcpListener,
    os::{
        fd::OwnedFd,
        unix::{
            net::UnixStream,
            process::{CommandExt, ExitStatusExt},
        },
    },
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use flock_guard::{Holder, Life, LockError, LockGuard};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::retry_on_intr,
    process::{
        Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open, waitid,
    },
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// How long a command has to end after TERM before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// The signals that ask govctl to stop; they are passed on to what it runs.
const STOPPING: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// Signals that asked us to stop, as bytes in a pipe: nothing is lost between looking and
/// waiting. From [`listen`](Signals::listen) on they no longer end this process. What was ignored
/// when it was started stays ignored.
#[derive(Debug)]
pub(crate) struct Signals {
    pipes: Vec<(i32, UnixStream)>,
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Signals> {
        let mut pipes = Vec::new();
        let ignored = fs::read_to_string("/proc/self/status").map_or(0, |status| ignored(&status));
        // As after `nohup`: whoever started us wants us to live on, and so does the command.
        for signal in STOPPING.into_iter().filter(|signal| ignored >> (signal - 1) & 1 == 0) {
            let (reader, writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            signal_hook::low_level::pipe::register(signal, writer)?;
            pipes.push((signal, reader));
        }
        Ok(Signals { pipes })
    }

    /// Returns when a connection has come, or a signal has.
    pub(crate) fn wait_beside(&self, listener: &TcpListener) -> io::Result<()> {
        let pipes = self.pipes.iter().map(|(_, pipe)| PollFd::new(pipe, PollFlags::IN));
        let mut fds: Vec<PollFd<'_>> = pipes.collect();
        fds.push(PollFd::new(listener, PollFlags::IN));
        retry_on_intr(|| poll(&mut fds, None))?;
        Ok(())
    }

    /// The signal that has arrived since the last look, if any.
    pub(crate) fn arrived(&mut self) -> Option<u8> {
        let mut bytes = [0; 16];
        let mut came =
            |pipe: &mut UnixStream| matches!(pipe.read(&mut bytes), Ok(count) if count > 0);
        let found = self.pipes.iter_mut().find_map(|(signal, pipe)| came(pipe).then_some(*signal));
        found.and_then(|signal| u8::try_from(signal).ok())
    }
}

/// The signals that a process ignores, one bit each, as its `/proc/PID/status` says.
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself.
    Exited(ExitStatus),
    /// It was stopped because its time was over.
    TimedOut { status: ExitStatus },
    /// It was stopped because we were asked to stop.
    Interrupted { signal: u8, status: ExitStatus },
    /// It was stopped because the lock that it ran under was taken away.
    LockLost { status: ExitStatus },
}

impl Ended {
    /// Whether it says itself that it has succeeded. A command that ends well after TERM had
    /// finished its work; after its time, or while another may do the same work, it is a
    /// failure, whatever it says.
    pub(crate) fn is_success(self) -> bool {
        match self {
            Ended::Exited(status) | Ended::Interrupted { status, .. } => status.success(),
            Ended::TimedOut { .. } | Ended::LockLost { .. } => false,
        }
    }

    /// Its exit code, as a shell would report it.
    pub(crate) fn code(self) -> i32 {
        let (Ended::Exited(status)
        | Ended::TimedOut { status }
        | Ended::LockLost { status }
        | Ended::Interrupted { status, .. }) = self;
        exit_code(status)
    }
}

/// What a shell would report: 128 + signal for a process that was killed.
pub(crate) fn exit_code(status: ExitStatus) -> i32 {
    status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Exited(status) => match (status.code(), status.signal()) {
                (Some(code), _) => write!(f, "ended with exit code {code}"),
                (None, Some(signal)) => write!(f, "was killed by signal {signal}"),
                (None, None) => f.write_str("ended"),
            },
            Ended::TimedOut { status } => {
                write!(f, "was stopped because its time was over, and {}", Ended::Exited(*status))
            }
            Ended::LockLost { status } => {
                let ended = Ended::Exited(*status);
                write!(f, "was stopped because its lock was taken away, and {ended}")
            }
            Ended::Interrupted { signal, status } => {
                let ended = Ended::Exited(*status);
                write!(f, "was stopped because of signal {signal}, and {ended}")
            }
        }
    }
}

/// Why it is not known how a command ended.
#[derive(Debug)]
pub(crate) enum RunError {
    /// It never started.
    NotStarted(io::Error),
    /// It has started, and could not be watched.
    Lost(io::Error),
}

/// What ends a command before it ends by itself, beside a signal to us.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Terms<'a> {
    /// How long it may take.
    pub(crate) limit: Option<Duration>,
    /// The lock under which it runs: once that is lost, somebody else may do the same.
    pub(crate) lock: Option<&'a LockGuard>,
}

/// How often a lock is looked at: nothing wakes its holder when it is taken away.
const LOCK_EVERY: Duration = Duration::from_millis(250);

/// Runs `command` as a process group of its own until it ends, its `limit` is over or a
/// signal asks us to stop; in the last two cases the whole group gets TERM and, after a
/// grace time, KILL.
pub(crate) fn run(
    mut command: Command,
    limit: Option<Duration>,
    signals: &mut Signals,
) -> Result<Ended, RunError> {
    let child = command.process_group(0).spawn().map_err(RunError::NotStarted)?;
    let terms = Terms { limit, lock: None };
    watch(child, terms, signals).map_err(RunError::Lost)
}

/// Waits for the end of a child that leads a group of its own, and stops that group when the
/// terms say so or a signal asks us to.
pub(crate) fn watch(
    mut child: Child,
    terms: Terms<'_>,
    signals: &mut Signals,
) -> io::Result<Ended> {
    let watch = Watch::on(&child);
    let deadline = terms.limit.and_then(|limit| Instant::now().checked_add(limit));
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::Exited(status));
        }
        if let Some(signal) = signals.arrived() {
            let status = stop(&mut child, &watch, signals)?;
            return Ok(Ended::Interrupted { signal, status });
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            let status = stop(&mut child, &watch, signals)?;
            return Ok(Ended::TimedOut { status });
        }
        // That the lock cannot be looked at is no news of it.
        let is_lost = |lock: &LockGuard| matches!(lock.check(), Err(LockError::Lost { .. }));
        if terms.lock.is_some_and(is_lost) {
            let status = stop(&mut child, &watch, signals)?;
            return Ok(Ended::LockLost { status });
        }
        let look = terms.lock.map(|_| Instant::now() + LOCK_EVERY);
        watch.poll(look.into_iter().chain(deadline).min(), Some(signals))?;
    }
}

/// The number of the signal that ends what is no longer wanted.
const TERM: u8 = 15;

/// As [`watch`], for one of several children: it is stopped when it is `told`, not by a signal.
pub(crate) fn watch_unless(mut child: Child, told: &AtomicBool) -> io::Result<Ended> {
    let (watch, mut deaf) = (Watch::on(&child), Signals { pipes: Vec::new() });
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::Exited(status));
        }
        if told.load(Ordering::SeqCst) {
            let status = stop(&mut child, &watch, &mut deaf)?;
            return Ok(Ended::Interrupted { signal: TERM, status });
        }
        watch.poll(Some(Instant::now() + LOCK_EVERY), None)?;
    }
}

/// How long after the first signal another one means: now.
pub(crate) const INSISTING: Duration = Duration::from_secs(1);

/// Ends the whole group: TERM, then KILL when the leader has not gone after the grace time or
/// somebody insists, or right after it has, for those that stayed behind. Returns how the
/// leader ended.
fn stop(child: &mut Child, watch: &Watch, signals: &mut Signals) -> io::Result<ExitStatus> {
    // Until the last line the leader is not reaped, so its number, which is that of the
    // group, cannot belong to anybody else.
    kill_process_group(watch.group, Signal::TERM).ok(); // Gone already is what we want.
    let asked = Instant::now();
    let deadline = asked + GRACE;
    while !has_ended(watch.group)? && Instant::now() < deadline {
        // A terminal and a shell may both pass on the same key. A runner that sends a second
        // signal seconds later is about to kill us, and the result must be on record by then.
        if signals.arrived().is_some() && asked.elapsed() >= INSISTING {
            break;
        }
        watch.poll(Some(deadline), Some(signals))?;
    }
    kill_process_group(watch.group, Signal::KILL).ok();
    child.wait()
}

/// Ends the group of a process that is not ours to wait for, after proof that it is the one
/// that was recorded: TERM, then KILL after the grace time or, once the leader has gone, for
/// those that stayed behind. Returns when the leader has ended.
pub(crate) fn stop_group(recorded: &Holder) -> io::Result<()> {
    let group = i32::try_from(recorded.pid).ok().and_then(Pid::from_raw);
    let group = group.ok_or(io::ErrorKind::InvalidInput)?;
    let pidfd = pidfd_open(group, PidfdFlags::empty())?;
    // Looked at after that: while the process behind the descriptor lives, the number is its own.
    if Life::of(recorded) != Life::Alive {
        return Err(io::Error::other("it is not there any more"));
    }
    let gone_within = |limit: Duration| -> io::Result<bool> {
        let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
        let mut fds = [PollFd::new(&pidfd, PollFlags::IN)];
        Ok(retry_on_intr(|| poll(&mut fds, Some(&limit)))? > 0)
    };
    kill_process_group(group, Signal::TERM)?;
    let gone = gone_within(GRACE)?;
    kill_process_group(group, Signal::KILL).ok(); // Nobody stayed behind, most often.
    if gone || gone_within(GRACE)? {
        return Ok(());
    }
    Err(io::Error::other("it does not end, not even by KILL"))
}

/// Whether a child has ended, which stays to be asked for.
fn has_ended(child: Pid) -> io::Result<bool> {
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    Ok(waitid(WaitId::Pid(child), look)?.is_some())
}

/// Waits for a child without polling, where the kernel can (pidfd, Linux 5.3).
struct Watch {
    group: Pid,
    pidfd: Option<OwnedFd>,
}

/// How often a child is looked at where there is no pidfd.
const LOOK_EVERY: Duration = Duration::from_millis(10);

impl Watch {
    fn on(child: &Child) -> Watch {
        let group = Pid::from_child(child);
        Watch { group, pidfd: pidfd_open(group, PidfdFlags::empty()).ok() }
    }

    /// Returns when the child has ended, a signal has come, or the deadline has.
    fn poll(&self, deadline: Option<Instant>, signals: Option<&Signals>) -> io::Result<()> {
        let pipes = signals.into_iter().flat_map(|signals| &signals.pipes);
        let mut fds: Vec<PollFd<'_>> =
            pipes.map(|(_, pipe)| PollFd::new(pipe, PollFlags::IN)).collect();
        let mut limit = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match &self.pidfd {
            Some(pidfd) => fds.push(PollFd::new(pidfd, PollFlags::IN)),
            None => limit = Some(limit.unwrap_or(LOOK_EVERY).min(LOOK_EVERY)),
        }
        let limit = limit.map(|limit| {
            // A limit that the kernel's type cannot hold is no limit.
            Timespec::try_from(limit).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 })
        });
        match poll(&mut fds, limit.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Runs `command` for its output, with nothing on its input, and kills it at `limit`.
pub(crate) fn capture(mut command: Command, limit: Duration) -> io::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn()?;
    let watch = Watch::on(&child);
    let readers = drain(child.stdout.take())
        .and_then(|stdout| drain(child.stderr.take()).map(|stderr| (stdout, stderr)));
    let (stdout, stderr) = match readers {
        Ok(readers) => readers,
        Err(error) => {
            kill_process_group(watch.group, Signal::KILL).ok();
            child.wait()?;
            return Err(error);
        }
    };
    let deadline = Instant::now() + limit;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() >= deadline {
            kill_process_group(watch.group, Signal::KILL).ok();
            child.wait()?;
            let message = format!("it did not end within {limit:?}");
            return Err(io::Error::new(io::ErrorKind::TimedOut, message));
        }
        watch.poll(Some(deadline), None)?;
    };
    let joined = |reader: Reader| {
        reader.join().unwrap_or_else(|_| Err(io::Error::other("reading its output panicked")))
    };
    Ok(Output { status, stdout: joined(stdout)?, stderr: joined(stderr)? })
}

type Reader = thread::JoinHandle<io::Result<Vec<u8>>>;

/// Reads a pipe to its end beside the wait, so that a full pipe cannot block the child.
fn drain(pipe: Option<impl Read + Send + 'static>) -> io::Result<Reader> {
    // Where no more threads may be had, `thread::spawn` panics.
    thread::Builder::new().spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_is_ignored_is_read_from_a_mask() {
        let status = "Name:\tgovctl\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000004001\n";
        assert_eq!(ignored(status), 1 << (SIGHUP - 1) | 1 << (SIGTERM - 1));
        assert_eq!(ignored("Name:\tgovctl\n"), 0);
    }

    #[test]
    fn output_larger_than_a_pipe_is_captured_whole() {
        let output =
            capture(shell("head -c 300000 /dev/zero; echo done >&2"), Duration::from_secs(60));
        let output = output.unwrap();
        assert_eq!((output.stdout.len(), output.stderr.as_slice()), (300_000, &b"done\n"[..]));
    }

    #[test]
    fn a_command_that_does_not_end_is_stopped_with_its_children() {
        let dir = tempfile::tempdir().unwrap();
        let pid_file = dir.path().join("pid");
        let script = format!("sleep 1000 & echo $! > {}; wait", pid_file.display());
        let mut signals = Signals::listen().unwrap();
        let ended = run(shell(&script), Some(Duration::from_millis(300)), &mut signals).unwrap();
        assert!(matches!(ended, Ended::TimedOut { .. }), "{ended}");
        assert_eq!(ended.code(), 143);
        let pid = fs::read_to_string(&pid_file).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        let deadline = Instant::now() + Duration::from_secs(10);
        // Gone, or dead and waiting for its parent to notice.
        while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(Instant::now() < deadline, "the grandchild lives on");
            thread::yield_now();
        }
    }

    #[test]
    fn a_command_that_ends_well_after_its_time_has_failed() {
        let mut signals = Signals::listen().unwrap();
        let limit = Some(Duration::from_millis(300));
        let script = "trap 'exit 0' TERM; while :; do sleep 0.01; done";
        let ended = run(shell(script), limit, &mut signals).unwrap();
        assert!(matches!(ended, Ended::TimedOut { .. }), "{ended}");
        assert_eq!((ended.is_success(), ended.code()), (false, 0));
        assert!(ended.to_string().ends_with("its time was over, and ended with exit code 0"));
    }

    #[test]
    fn a_capture_over_its_limit_is_an_error() {
        let error = capture(shell("sleep 1000"), Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
