//! Contention is between processes: this program again, as a worker with one job.
//!
//! A worker gets its job as an argument, says `ready`, reads the time to start from its
//! standard input, works, and prints what it found as JSON.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::time::{ClockId, clock_gettime};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{handover, startup, update, writers};

/// What a worker does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Job {
    /// Contends for a lock.
    Contend(handover::Contend),
    /// Changes one document over and over, like others at the same time.
    Write(writers::Write),
    /// Does an operation some times and says how much memory that took.
    Remember(update::Remember),
    /// Runs a program and says how much memory that took.
    Run(startup::Run),
}

/// Time for the slowest worker to get from `ready` to its work.
const HEAD_START: u64 = 10_000_000;

/// Has all jobs done at the same time, each by a process of its own, and returns what they
/// found, in the same order.
pub(crate) fn team<T: DeserializeOwned>(jobs: &[Job]) -> Result<Vec<T>> {
    let mut workers = jobs.iter().map(Worker::hire).collect::<Result<Vec<_>>>()?;
    for worker in &mut workers {
        worker.wait_until_ready()?;
    }
    let start = now() + HEAD_START;
    for worker in &mut workers {
        worker.start(start)?;
    }
    workers.into_iter().map(Worker::finish).collect()
}

/// What the other side does: all of the life of a worker.
pub(crate) fn work(job: &str) -> Result<String> {
    let job: Job = serde_json::from_str(job).context("a worker has a job")?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "ready").and_then(|()| stdout.flush())?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let start = line.trim().parse().context("a worker starts when it is told to")?;
    let found = match job {
        Job::Contend(job) => serde_json::to_string(&job.work(start)?),
        Job::Write(job) => serde_json::to_string(&job.work(start)?),
        Job::Remember(job) => serde_json::to_string(&job.work()?),
        Job::Run(job) => serde_json::to_string(&job.work()?),
    };
    Ok(found?)
}

/// Nanoseconds on the monotonic clock: the same for all processes of this machine.
pub(crate) fn now() -> u64 {
    nanoseconds(ClockId::Monotonic)
}

/// Nanoseconds of processor time that all threads of this process have used.
pub(crate) fn processor_time() -> u64 {
    nanoseconds(ClockId::ProcessCPUTime)
}

pub(crate) fn sleep_until(time: u64) {
    std::thread::sleep(Duration::from_nanos(time.saturating_sub(now())));
}

fn nanoseconds(clock: ClockId) -> u64 {
    let time = Duration::try_from(clock_gettime(clock)).expect("these clocks start at zero");
    u64::try_from(time.as_nanos()).expect("five hundred years fit")
}

struct Worker {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    fn hire(job: &Job) -> Result<Worker> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["--worker", &serde_json::to_string(job)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a worker")?;
        let orders = process.stdin.take().expect("stdin was piped above");
        let answers = BufReader::new(process.stdout.take().expect("stdout was piped above"));
        Ok(Worker { process, orders, answers })
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        ensure!(line == "ready\n", "a worker ended before it began");
        Ok(())
    }

    fn start(&mut self, start: u64) -> Result<()> {
        writeln!(self.orders, "{start}").context("a worker did not wait for its start")
    }

    fn finish<T: DeserializeOwned>(mut self) -> Result<T> {
        let mut found = String::new();
        self.answers.read_to_string(&mut found)?;
        let status = self.process.wait()?;
        ensure!(status.success(), "a worker ended with {status}");
        serde_json::from_str(&found).context("a worker answered something else")
    }
}
