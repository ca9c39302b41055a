//! A command that waits at a gate until its process is on record.
//!
//! Between the start of a process and the line that tells of it there is a moment in which
//! govctl can be killed; whoever comes next would find a command that runs and no word about
//! it. So what is started first is govctl itself, which waits. The process is written down,
//! and then told to become the command: its number and its start stay the same. If govctl dies
//! before, the gate closes and what waited goes away. Hence no line, no command. And as the last
//! thing before it becomes the command it takes away the [note](crate::waits) that it waits.
//!
//! What waits begins a session of its own. The command then has no terminal that it could be
//! stopped for reading from: opening `/dev/tty` is an error for it, and not a silence.

use std::{
    convert::Infallible,
    ffi::OsString,
    io::{self, IoSlice, IoSliceMut, Read, Write},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{net::UnixStream, process::CommandExt},
    },
    path::Path,
    process::{Child, Command, ExitCode},
    time::Duration,
};

use rustix::{
    cmsg_space,
    io::{Errno, fcntl_dupfd_cloexec, retry_on_intr},
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
    },
    process::setsid,
    stdio::{dup2_stdin, stdin},
};

use crate::waits;

/// The first argument of a govctl that waits at the gate.
const WORD: &str = "run-when-told";

/// How long what waits may take to get to the gate, and from there to its command.
const PATIENCE: Duration = Duration::from_secs(60);

/// What to start so that `argv` waits at the gate, and takes away the note at `waits` before it
/// starts. Its stdin comes with [`open`](Waiting::open).
pub(crate) fn command(argv: &[OsString], waits: &Path) -> Command {
    // This very program, also if its file was replaced or removed since it was started.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("govctl").arg(WORD).arg(waits).args(argv);
    command
}

/// A process that waits at the gate. Dropped, it goes away without having run anything.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// There until it has become the command.
    child: Option<Child>,
    /// Our end. That it is closed, by us or by our death, sends away whoever waits.
    gate: UnixStream,
}

impl Waiting {
    /// Starts what [`command`] made, and returns once it waits.
    pub(crate) fn start(mut command: Command) -> io::Result<Waiting> {
        let (gate, theirs) = UnixStream::pair()?;
        gate.set_read_timeout(Some(PATIENCE))?;
        let child = command.stdin(OwnedFd::from(theirs)).spawn()?;
        drop(command); // It has their end, too, and would keep it open.
        let mut waiting = Waiting { child: Some(child), gate };
        waiting.gate.read_exact(&mut [0])?;
        Ok(waiting)
    }

    /// Its process id, which is also that of its group and of its session.
    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Tells it to become the command, with this as its stdin. After an error it has not.
    ///
    /// `still_waits` says whether the note is there.
    pub(crate) fn open(
        mut self,
        stdin: impl AsFd,
        still_waits: impl FnOnce() -> bool,
    ) -> io::Result<Child> {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fds = [stdin.as_fd()];
        control.push(SendAncillaryMessage::ScmRights(&fds));
        let told = [IoSlice::new(&[1])];
        retry_on_intr(|| sendmsg(&self.gate, &told, &mut control, SendFlags::NOSIGNAL))?;
        let mut errno = [0; 4];
        match self.gate.read_exact(&mut errno) {
            Ok(()) => return Err(io::Error::from_raw_os_error(i32::from_ne_bytes(errno))),
            // Its end is closed, and not by becoming another program.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && still_waits() => {
                return Err(io::Error::other("its process ended before that"));
            }
            Err(_) => {}
        }
        // Becoming another program closes its end. Whatever else keeps it silent: it was told,
        // so it counts as started.
        self.child.take().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            child.kill().ok(); // It has run nothing; gone already is what we want.
            child.wait().ok();
        }
    }
}

/// The program of whoever waits at the gate, or `None` if this process is not that.
pub(crate) fn waits(mut args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    (args.nth(1)? == WORD).then(|| {
        let argv: Vec<OsString> = args.collect();
        // Nobody sees what it says or how it ends, but whoever opens the gate.
        wait(&argv).map_or(ExitCode::from(3), |never| match never {})
    })
}

/// Waits, and becomes the command.
fn wait(argv: &[OsString]) -> io::Result<Infallible> {
    let [note, program, args @ ..] = argv else { return Err(io::ErrorKind::InvalidInput.into()) };
    let mut gate = UnixStream::from(fcntl_dupfd_cloexec(stdin(), 3)?);
    setsid()?;
    gate.write_all(&[1])?;
    let input = told(&gate)?;
    dup2_stdin(&input)?;
    drop(input);
    let error = match waits::take_away(Path::new(note)) {
        Ok(()) => Command::new(program).args(args).exec(),
        Err(error) => error,
    };
    // Without a number it was refused before the system was asked, as a name with a NUL is.
    let errno = error.raw_os_error().unwrap_or(Errno::INVAL.raw_os_error());
    gate.write_all(&errno.to_ne_bytes())?;
    Err(error)
}

/// Waits for the gate to be opened, and returns the stdin that is meant for the command.
fn told(gate: &UnixStream) -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    retry_on_intr(|| recvmsg(gate, &mut bytes, &mut control, RecvFlags::CMSG_CLOEXEC))?;
    // A gate that was closed gives nothing.
    let input = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    });
    input.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
