//! The real code, stopped at each system call of an update; then its lock is broken and used,
//! and it goes on.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use state_store::{Breaking, Change, Document, FileBackend, LockError, Store, StoreError, Wait};
use system_tests::eventually;

use crate::evidence::{Evidence, Tally};
use crate::proof::Effort;
use crate::savers::{Ear, Flaw, LEDGER, Ledger, Orders, Report, Said, Team};
use crate::{quick, savers, worker};

/// Every call that touches a file or a lock. A call that an update does not make costs one run.
const CALLS: [&str; 16] = [
    "openat",
    "statx",
    "newfstatat",
    "flock",
    "pread64",
    "pwrite64",
    "ftruncate",
    "getdents64",
    "linkat",
    "write",
    "fsync",
    "renameat",
    "unlinkat",
    "read",
    "readlink",
    "close",
];

/// More calls of one kind than an update makes.
const MOST: usize = 100;

const PATIENCE: Duration = Duration::from_secs(60);

/// How long a breaker tries. It looks ten times a second, and breaks at the first look.
const NAMELESS_FOR: Duration = Duration::from_secs(3);

/// The attempts of those who came before, of the one who is stopped, and of the one who breaks.
const BEFORE: u64 = 1;
const STOPPED: u64 = 7;
const BREAKER: u64 = 9 << 32;

pub(super) fn run(effort: Effort, evidence: &mut Evidence) -> Result<()> {
    let what = "stopped at each system call, broken, and gone on";
    let strace = Command::new("strace").arg("--version").output();
    if !strace.is_ok_and(|output| output.status.success()) {
        evidence.skip(what, quick::place(), "strace is missing: run `cargo xtask setup`");
        return Ok(());
    }
    let rounds = effort.pick(1, 5);
    evidence
        .promise(what, quick::place(), |tally| (0..rounds).try_for_each(|_| sweep(None, tally)))?;
    let mutant = format!("{what}, without a slot");
    evidence.mutant(mutant, quick::place(), |tally| sweep(Some(Flaw::NoFence), tally))
}

fn sweep(flaw: Option<Flaw>, tally: &mut Tally) -> Result<()> {
    for call in CALLS {
        for nth in 1.. {
            ensure!(nth < MOST, "an update makes no end of calls to {call}");
            if !stop_at(call, nth, flaw, tally).with_context(|| format!("at {call} {nth}"))? {
                break;
            }
        }
    }
    Ok(())
}

/// Returns whether there was such a call.
fn stop_at(call: &str, nth: usize, flaw: Option<Flaw>, tally: &mut Tally) -> Result<bool> {
    let dir = quick::dir()?;
    // Two versions, so that there is a backup to be replaced.
    for _ in 0..2 {
        turn_page(dir.path(), BEFORE)?;
    }
    let orders = Orders {
        dir: dir.path().to_owned(),
        flaw,
        number: STOPPED,
        count: 1,
        break_after: None,
        patience: 0,
    };
    let log = dir.path().join("calls");
    let mut stopped = Stopped::start(&orders, &log, call, nth)?;
    if !stopped.is_at_call()? {
        stopped.ends()?;
        return Ok(false);
    }
    let at = format!("stopped at {call} {nth}");
    let pid = stopped.pid()?;
    let before = breaks_in(dir.path(), pid, tally, &at)?;
    let said = stopped.goes_on(pid)?;
    let broken = match before {
        Some(broken) => broken,
        None => turn_page(dir.path(), BREAKER)?,
    };
    fs::remove_file(log)?;
    judge(dir.path(), &said, broken, tally, &at)?;
    if flaw.is_none() {
        nothing_is_left(dir.path(), tally, &at)?;
    }
    Ok(true)
}

/// What may be found: both changes, one after the other, or that of the breaker alone, if the
/// other was told that it is fenced.
fn judge(dir: &Path, said: &[Report], broken: u64, tally: &mut Tally, at: &str) -> Result<()> {
    tally.tried(1);
    let end = said.iter().find(|report| report.said != Said::Trying);
    let end = end.with_context(|| format!("{at}: it did not say how it ended"))?;
    let last = document(dir, PATIENCE).load()?.unwrap_or_default();
    let serials = match end.said {
        Said::Saved => {
            tally.count("committed", 1);
            if end.serial == broken {
                tally.violation(|| format!("{at}: both wrote {broken}"));
            }
            4
        }
        Said::Fenced => {
            tally.count("fenced", 1);
            if end.attempt == last.attempt {
                tally.violation(|| format!("{at}: it was fenced and has committed"));
            }
            3
        }
        other => {
            tally.violation(|| format!("{at}: it was neither saved nor fenced, but {other:?}"));
            return Ok(());
        }
    };
    if last.serial != serials {
        tally.violation(|| format!("{at}: {} instead of {serials} changes", last.serial));
    }
    Ok(())
}

/// The document, the version before it, and no other file.
fn nothing_is_left(dir: &Path, tally: &mut Tally, at: &str) -> Result<()> {
    let last = document(dir, PATIENCE).load()?.unwrap_or_default();
    let backup = backup(dir)?;
    if backup + 1 != last.serial {
        tally.violation(|| format!("{at}: {} with the backup {backup}", last.serial));
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    let known = ["ledger.json", "ledger.json.bak", "ledger.json.lock", "ledger.json.lock.gate"];
    if let Some(left) = names.iter().find(|name| !known.contains(&name.as_str())) {
        tally.violation(|| format!("{at}: `{left}` is left"));
    }
    Ok(())
}

fn document(dir: &Path, limit: Duration) -> Document<Ledger> {
    let breaking = Breaking::IfHeldFor(Duration::ZERO);
    let store = Store::on(FileBackend::new(dir).breaking(breaking));
    store.waiting(Wait::UpTo(limit)).document(LEDGER)
}

/// One change, which breaks the lock of whoever holds it. Returns the serial number.
fn turn_page(dir: &Path, attempt: u64) -> Result<u64> {
    let changed = document(dir, PATIENCE).update(|ledger| {
        ledger.turn_page(attempt);
        Change::Write(ledger.serial)
    });
    Ok(changed?)
}

/// The same, if the holder has left its name. One that is stopped between locking and writing
/// its name cannot be told from a program that nothing fences, so it is waited for.
fn breaks_in(dir: &Path, stopped: Pid, tally: &mut Tally, at: &str) -> Result<Option<u64>> {
    let changed = document(dir, NAMELESS_FOR).update(|ledger| {
        ledger.turn_page(BREAKER);
        Change::Write(ledger.serial)
    });
    match changed {
        Err(StoreError::Locked {
            source: LockError::Busy { holder: None, keepers, .. }, ..
        }) => {
            tally.count("waited for, without a name", 1);
            if !keepers.iter().any(|keeper| keeper.cast_signed() == stopped.as_raw_nonzero().get())
            {
                tally.violation(|| format!("{at}: held by {keepers:?}, and not by {stopped:?}"));
            }
            Ok(None)
        }
        changed => Ok(Some(changed?)),
    }
}

/// The serial number of the version before.
fn backup(dir: &Path) -> Result<u64> {
    let text = fs::read_to_string(dir.join("ledger.json.bak"))?;
    let serial = text.lines().find_map(|line| line.trim().strip_prefix("\"serial\": "));
    let serial = serial.context("the backup has no serial number")?;
    Ok(serial.trim_end_matches(',').parse()?)
}

/// A saver under `strace`, which stops it as it enters one call.
struct Stopped<'a> {
    strace: Child,
    ear: Ear,
    log: &'a Path,
}

impl<'a> Stopped<'a> {
    fn start(orders: &Orders, log: &'a Path, call: &str, nth: usize) -> Result<Stopped<'a>> {
        let words = worker::start(savers::SAVER)?;
        let mut command = Command::new("strace");
        command.args(["-qq", "-o"]).arg(log).arg(format!("--trace={call}"));
        command.arg(format!("--inject={call}:signal=STOP:when={nth}"));
        command.args(words).args(orders.words().into_iter().map(OsString::from));
        let (team, ear) = Team::new()?;
        let strace = team.spawn(command)?;
        Ok(Stopped { strace, ear, log })
    }

    /// Waits until it is stopped, or has ended without coming to that call.
    fn is_at_call(&mut self) -> Result<bool> {
        let (mut is_stopped, mut has_ended) = (false, false);
        eventually("it is stopped, or has ended", || {
            has_ended = self.strace.try_wait().is_ok_and(|status| status.is_some());
            let log = fs::read_to_string(self.log).unwrap_or_default();
            is_stopped = log.contains("--- stopped by SIGSTOP ---");
            is_stopped || has_ended
        });
        Ok(is_stopped)
    }

    /// Lets it go on, and returns everything that it says.
    fn goes_on(mut self, pid: Pid) -> Result<Vec<Report>> {
        kill_process(pid, Signal::CONT)?;
        self.heard()
    }

    fn pid(&self) -> Result<Pid> {
        let strace = self.strace.id();
        let children = fs::read_to_string(format!("/proc/{strace}/task/{strace}/children"))?;
        let child = children.trim().parse().ok().and_then(Pid::from_raw);
        child.context("strace has one child")
    }

    fn ends(mut self) -> Result<()> {
        self.heard().map(drop)
    }

    fn heard(&mut self) -> Result<Vec<Report>> {
        let mut said = Vec::new();
        while let Some(report) = self.ear.hear()? {
            said.push(report);
        }
        let ended = self.strace.wait()?;
        ensure!(ended.success(), "it {ended}");
        Ok(said)
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.strace.kill().ok(); // It has ended, most often. What it traced dies with the proof.
        self.strace.wait().ok();
    }
}
