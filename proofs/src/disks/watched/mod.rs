//! Disks that see each write and each flush, and can forget them, tear them or refuse them.
//!
//! Such a disk is a process of its own that no user of it shares a descriptor with: whoever
//! waits for the disk cannot be killed before the disk has answered, and a disk that is killed
//! fails whoever waits for it.

mod contents;
mod file;

use std::io::{BufRead, stdin};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, bail, ensure};
use fuser::{Config, MountOption, Session};
use rustix::mount::UnmountFlags;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::disks::servant::Servant;
use crate::disks::watched::contents::Contents;
use crate::disks::watched::file::{IMAGE, IMAGE_NODE, OneFile, open};
use crate::savers::{Report, die_with_the_proof};
use crate::{quick, worker};

pub(crate) use contents::{Noted, Part, SECTOR};

/// One of them.
#[derive(Debug)]
pub(crate) struct WatchedDisk {
    servant: Servant,
    dir: TempDir,
    is_well: bool,
}

#[derive(Debug, Serialize, Deserialize)]
enum Order {
    DieIn(u64),
    Mend,
    Record,
    Mark(Report),
    Log,
    Show(Vec<Part>),
    Settle(usize),
}

impl WatchedDisk {
    /// Starts one without contents, where this thread can see it.
    pub(super) fn start(megabytes: u64) -> Result<WatchedDisk> {
        let dir = quick::dir()?;
        let start = worker::start(WATCHED_DISK)?;
        let (program, first) = start.split_first().context("a job is started by a program")?;
        let mut command = Command::new(program);
        command.args(first).arg(dir.path()).arg(megabytes.to_string());
        let mut servant = Servant::start(command)?;
        let said = servant.hear()?;
        ensure!(said == DONE, "{said}");
        Ok(WatchedDisk { servant, dir, is_well: true })
    }

    /// The file that is this disk.
    pub(super) fn image(&self) -> PathBuf {
        self.dir.path().join(IMAGE)
    }

    /// So many writes from now it fails every write and every flush.
    pub(super) fn die_in(&mut self, writes: u64) -> Result<()> {
        self.is_well = false;
        self.order(&Order::DieIn(writes)).map(drop)
    }

    /// It has what it had when it died, and takes writes again.
    pub(super) fn mend(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.is_well, true) {
            true => Ok(()),
            false => self.order(&Order::Mend).map(drop),
        }
    }

    /// From now on it remembers what is written.
    pub(crate) fn record(&mut self) -> Result<()> {
        self.order(&Order::Record).map(drop)
    }

    /// Leaves a mark between what was written before and what is written afterwards.
    pub(crate) fn mark(&mut self, mark: Report) -> Result<()> {
        self.order(&Order::Mark(mark)).map(drop)
    }

    /// What it remembers and is not settled yet.
    pub(crate) fn log(&mut self) -> Result<Vec<Noted>> {
        Ok(serde_json::from_str(&self.order(&Order::Log)?)?)
    }

    /// Lets it be what is settled and these parts of its log.
    pub(crate) fn show(&mut self, parts: Vec<Part>) -> Result<()> {
        self.order(&Order::Show(parts)).map(drop)
    }

    /// Settles so many lines of the log.
    pub(crate) fn settle(&mut self, count: usize) -> Result<()> {
        self.order(&Order::Settle(count)).map(drop)
    }

    fn order(&mut self, order: &Order) -> Result<String> {
        self.servant.ask(&serde_json::to_string(order)?)
    }
}

impl Drop for WatchedDisk {
    fn drop(&mut self) {
        // If it cannot be unmounted here, it goes with the thread.
        rustix::mount::unmount(self.dir.path(), UnmountFlags::DETACH).ok();
    }
}

/// The job of [`be_watched_disk`].
pub(crate) const WATCHED_DISK: &str = "watched-disk";

const DONE: &str = "done";

/// Is a disk, mounted at a directory, and takes orders: `DIR MEGABYTES`.
pub(crate) fn be_watched_disk(words: &[String]) -> Result<()> {
    die_with_the_proof()?;
    let [dir, megabytes] = words else { bail!("a disk is given two words") };
    let length = usize::try_from(megabytes.parse::<u64>()? << 20)?;
    let contents = Arc::new(Mutex::new(Contents::new(length)));
    let session = match mount(Path::new(dir), &contents) {
        Ok(session) => session,
        Err(why) => {
            println!("cannot mount a FUSE file system: {why}");
            return Ok(());
        }
    };
    let serving = session.spawn()?;
    println!("{DONE}");
    for order in stdin().lock().lines() {
        let (answer, changed) = obey(serde_json::from_str(&order?)?, &mut open(&contents))?;
        // The kernel keeps what it has read: asking for all of it again takes most of the time.
        for Range { start, end } in changed {
            let (start, length) = (i64::try_from(start)?, i64::try_from(end - start)?);
            serving.notifier().inval_inode(IMAGE_NODE, start, length)?;
        }
        println!("{answer}");
    }
    Ok(())
}

fn mount(dir: &Path, contents: &Arc<Mutex<Contents>>) -> std::io::Result<Session<OneFile>> {
    let mut config = Config::default();
    config.mount_options = vec![MountOption::FSName(WATCHED_DISK.to_owned())];
    Session::new(OneFile(Arc::clone(contents)), dir, &config)
}

/// Returns the answer, and what is no longer what it was.
fn obey(order: Order, contents: &mut Contents) -> Result<(String, Vec<Range<usize>>)> {
    let mut changed = Vec::new();
    match order {
        Order::DieIn(writes) => contents.die_in(Some(writes)),
        Order::Mend => {
            contents.die_in(None);
            changed.push(0..contents.length()); // A write that failed may be in the cache.
        }
        Order::Record => contents.record(),
        Order::Mark(mark) => contents.mark(mark),
        Order::Log => return Ok((serde_json::to_string(&contents.log())?, changed)),
        Order::Show(parts) => changed = contents.show(&parts),
        Order::Settle(count) => changed = contents.settle(count),
    }
    Ok((DONE.to_owned(), changed))
}
