//! Running other programs: with a limit, as a group, without leaving anything behind.

use std::{
    fmt,
    io::{self, Read},
    os::{
        fd::OwnedFd,
        unix::{
            net::UnixStream,
            process::{CommandExt, ExitStatusExt},
        },
    },
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
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
/// waiting. From [`listen`](Signals::listen) on they no longer end this process.
#[derive(Debug)]
pub(crate) struct Signals {
    pipes: Vec<(i32, UnixStream)>,
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Signals> {
        let mut pipes = Vec::new();
        for signal in STOPPING {
            let (reader, writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            signal_hook::low_level::pipe::register(signal, writer)?;
            pipes.push((signal, reader));
        }
        Ok(Signals { pipes })
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

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself.
    Exited(ExitStatus),
    /// It was stopped because its time was over.
    TimedOut { status: ExitStatus },
    /// It was stopped because we were asked to stop.
    Interrupted { signal: u8, status: ExitStatus },
}

impl Ended {
    /// Whether it says itself that it has succeeded. A command that ends well after TERM had
    /// finished its work; after its time it is a failure, whatever it says.
    pub(crate) fn is_success(self) -> bool {
        match self {
            Ended::Exited(status) | Ended::Interrupted { status, .. } => status.success(),
            Ended::TimedOut { .. } => false,
        }
    }

    /// Its exit code, as a shell would report it.
    pub(crate) fn code(self) -> i32 {
        let (Ended::Exited(status)
        | Ended::TimedOut { status }
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

/// Runs `command` as a process group of its own until it ends, its `limit` is over or a
/// signal asks us to stop; in the last two cases the whole group gets TERM and, after a
/// grace time, KILL.
pub(crate) fn run(
    mut command: Command,
    limit: Option<Duration>,
    signals: &mut Signals,
) -> Result<Ended, RunError> {
    let child = command.process_group(0).spawn().map_err(RunError::NotStarted)?;
    watch(child, limit, signals).map_err(RunError::Lost)
}

fn watch(mut child: Child, limit: Option<Duration>, signals: &mut Signals) -> io::Result<Ended> {
    let watch = Watch::on(&child);
    let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::Exited(status));
        }
        if let Some(signal) = signals.arrived() {
            let status = stop(&mut child, &watch)?;
            return Ok(Ended::Interrupted { signal, status });
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            let status = stop(&mut child, &watch)?;
            return Ok(Ended::TimedOut { status });
        }
        watch.poll(deadline, signals.pipes.iter().map(|(_, pipe)| pipe))?;
    }
}

/// Ends the whole group: TERM, then KILL when the leader has not gone after the grace time,
/// or right after it has, for those that stayed behind. Returns how the leader ended.
fn stop(child: &mut Child, watch: &Watch) -> io::Result<ExitStatus> {
    // Until the last line the leader is not reaped, so its number, which is that of the
    // group, cannot belong to anybody else.
    kill_process_group(watch.group, Signal::TERM).ok(); // Gone already is what we want.
    let deadline = Instant::now() + GRACE;
    while !has_ended(watch.group)? && Instant::now() < deadline {
        watch.poll(Some(deadline), std::iter::empty())?;
    }
    kill_process_group(watch.group, Signal::KILL).ok();
    child.wait()
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
    fn poll<'a>(
        &self,
        deadline: Option<Instant>,
        pipes: impl Iterator<Item = &'a UnixStream>,
    ) -> io::Result<()> {
        let mut fds: Vec<PollFd<'_>> = pipes.map(|pipe| PollFd::new(pipe, PollFlags::IN)).collect();
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
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
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
        watch.poll(Some(deadline), std::iter::empty())?;
    };
    let joined = |reader: thread::JoinHandle<io::Result<Vec<u8>>>| {
        reader.join().unwrap_or_else(|_| Err(io::Error::other("reading its output panicked")))
    };
    Ok(Output { status, stdout: joined(stdout)?, stderr: joined(stderr)? })
}

/// Reads a pipe to its end beside the wait, so that a full pipe cannot block the child.
fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<io::Result<Vec<u8>>> {
    thread::spawn(move || {
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
        let pid = std::fs::read_to_string(&pid_file).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        let deadline = Instant::now() + Duration::from_secs(10);
        // Gone, or dead and waiting for its parent to notice.
        while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
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
