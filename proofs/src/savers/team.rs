//! Savers, seen from the proof: orders, processes, the pipe they all speak into.

use std::fs::File;
use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Seek, pipe};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::savers::{Flaw, REPORT_BYTES, Report, SAVER};
use crate::worker;

/// What a saver is to do.
#[derive(Clone, Debug)]
pub(crate) struct Orders {
    /// Where the document is.
    pub(crate) dir: PathBuf,
    /// `None` is the real store.
    pub(crate) flaw: Option<Flaw>,
    /// No two savers have the same, or their attempts could not be told apart.
    pub(crate) number: u64,
    /// How many updates it makes.
    pub(crate) count: u64,
    /// How long somebody else may hold the lock before it is broken.
    pub(crate) break_after: Option<Duration>,
    /// How many failures it bears; the next one is its end.
    pub(crate) patience: u64,
}

impl Orders {
    /// The words of the job.
    pub(crate) fn words(&self) -> Vec<String> {
        let millis = self.break_after.map_or("never".to_owned(), |it| it.as_millis().to_string());
        let dir = self.dir.to_str().expect("a proof names its directories").to_owned();
        let flaw = self.flaw.map_or("none", Flaw::name).to_owned();
        let numbers = [self.number, self.count, self.patience].map(|number| number.to_string());
        [dir, flaw, millis].into_iter().chain(numbers).collect()
    }

    pub(crate) fn parse(words: &[String]) -> Result<Orders> {
        let [dir, flaw, millis, number, count, patience] = words else {
            bail!("orders are six words");
        };
        Ok(Orders {
            dir: dir.into(),
            flaw: if flaw == "none" { None } else { Some(flaw.parse()?) },
            number: number.parse()?,
            count: count.parse()?,
            break_after: match millis.as_str() {
                "never" => None,
                millis => Some(Duration::from_millis(millis.parse()?)),
            },
            patience: patience.parse()?,
        })
    }
}

/// A process that saves. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Saver(Child);

impl Saver {
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        // Not reaped before `kill` or `wait`, so the number cannot belong to anybody else.
        Ok(kill_process(Pid::from_child(&self.0), signal)?)
    }

    pub(crate) fn kill(mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Saver {
    /// Whether it has come to its end by itself.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        Ok(self.0.try_wait()?.is_some())
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        self.0.kill().ok(); // It has ended already, or ends now.
        self.0.wait().ok();
    }
}

/// Starts processes that speak into one pipe.
#[derive(Debug)]
pub(crate) struct Team {
    speak: PipeWriter,
    /// What they complain of.
    complaints: File,
}

impl Team {
    /// A team without members, and the ear for it.
    pub(crate) fn new() -> Result<(Team, Ear)> {
        let (hear, speak) = pipe()?;
        let complaints = tempfile::tempfile()?;
        Ok((Team { speak, complaints }, Ear(hear)))
    }

    pub(crate) fn start(&self, orders: &Orders) -> Result<Saver> {
        self.start_job(SAVER, &orders.words())
    }

    /// Starts another job that speaks in reports.
    pub(crate) fn start_job(&self, job: &str, words: &[String]) -> Result<Saver> {
        let start = worker::start(job)?;
        let (program, first) = start.split_first().context("a job is started by a program")?;
        let mut command = Command::new(program);
        command.args(first).args(words).env_clear();
        Ok(Saver(self.spawn(command).with_context(|| format!("cannot start a {job}"))?))
    }

    /// Starts a program that speaks in reports, or starts one that does.
    pub(crate) fn spawn(&self, mut command: Command) -> Result<Child> {
        command.stdin(Stdio::null());
        self.spawn_reading(command)
    }

    /// The same, of a program that is given something to read, or to hand on.
    pub(crate) fn spawn_reading(&self, mut command: Command) -> Result<Child> {
        // Cargo leaves the loader a list of directories, each of which costs calls that are none of
        // what is looked at.
        command.env_remove("LD_LIBRARY_PATH");
        command.current_dir("/").stdout(self.speak.try_clone()?);
        Ok(command.stderr(self.complaints.try_clone()?).spawn()?)
    }

    /// What its members have complained of so far.
    pub(crate) fn complaints(&self) -> Result<String> {
        let mut bytes = vec![0; usize::try_from(self.complaints.metadata()?.len())?];
        // Where they write on is where this descriptor stands, too.
        self.complaints.read_exact_at(&mut bytes, 0)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Everybody has been started: from now on the pipe ends with the last of them. Returns
    /// where they complain.
    pub(crate) fn closed(self) -> Complaints {
        Complaints(self.complaints)
    }
}

/// What processes had to complain of.
#[derive(Debug)]
pub(crate) struct Complaints(File);

impl Complaints {
    /// To be read when all have ended.
    pub(crate) fn read(mut self) -> Result<String> {
        let mut text = String::new();
        self.0.rewind()?;
        self.0.read_to_string(&mut text)?;
        Ok(text)
    }
}

/// Hears the reports of a team.
#[derive(Debug)]
pub(crate) struct Ear(PipeReader);

impl Ear {
    /// An ear that hears what was said already.
    pub(crate) fn without_waiting(self) -> Result<Ear> {
        rustix::io::ioctl_fionbio(&self.0, true)?;
        Ok(self)
    }

    /// The next report, or `None` once every member has ended, or has said no more so far.
    pub(crate) fn hear(&mut self) -> Result<Option<Report>> {
        let mut bytes = [0; REPORT_BYTES];
        match self.0.read_exact(&mut bytes) {
            Ok(()) => Ok(Some(Report::parse(&bytes)?)),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
            // A report is written, and so read, at once.
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
