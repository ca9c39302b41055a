//! Whether eight processes that update one document get as much done as one.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use state_store::Change;

use crate::arena::Arena;
use crate::contest::{self, Contender};
use crate::floor::{Extra, RawFile, RawLock};
use crate::gate::Gate;
use crate::report::Table;
use crate::update::{KILOBYTE, fill, notes};
use crate::workers::{self, Job, now};

/// How long one team writes in one turn.
const RUN: Duration = Duration::from_millis(400);
const LIMIT: Duration = Duration::from_secs(20);

const ONE: &str = "update, 1 process (floor)";
const EIGHT: &str = "update, 8 processes";
const GATES: &[Gate] = &[Gate { of: EIGHT, to: ONE, at_most: 1.0 }];

const TEAMS: &[(&str, usize, Way)] = &[
    (ONE, 1, Way::Update),
    (EIGHT, 8, Way::Update),
    ("raw flock and replace, 1 process", 1, Way::Raw),
    ("raw flock and replace, 8 processes", 8, Way::Raw),
];

/// How a document is written.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Way {
    Update,
    /// Locks by a blocking `flock` and replaces by bare system calls.
    Raw,
}

pub(crate) fn run(arena: &Arena) -> Result<Vec<Table>> {
    let dir = arena.field("writers")?;
    fill(&notes(&dir))?;
    let run = arena.shortened(RUN);
    let contenders = TEAMS.iter().map(|&(name, size, way)| {
        let job = Job::Write(Write { dir: dir.clone(), way, run });
        Contender::new(name, {
            let dir = dir.clone();
            move || {
                let before = notes(&dir).load()?.map_or(0, |notes| notes.serial);
                let done: Vec<Done> = workers::team(&vec![job.clone(); size])?;
                let written: u32 = done.iter().map(|done| done.written).sum();
                ensure!(written > 0, "nothing was written");
                if let Way::Update = way {
                    let after = notes(&dir).load()?.map_or(0, |notes| notes.serial);
                    ensure!(after - before == u64::from(written), "an update was lost");
                }
                let took = done.iter().map(|done| done.took).max().unwrap_or_default();
                Ok(vec![took.as_secs_f64() * 1e9 / f64::from(written)])
            }
        })
    });
    let standings = contest::hold(arena, LIMIT, contenders.collect())?;
    let mut table = standings.table("writers: time for each update of one document", GATES);
    table.note("eight processes are as good as one if the ratio is 1");
    Ok(vec![table])
}

/// The job of one worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Write {
    dir: PathBuf,
    way: Way,
    run: Duration,
}

/// What one worker did.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    written: u32,
    /// From the common start to its last acknowledged update.
    took: Duration,
}

impl Write {
    pub(crate) fn work(&self, start: u64) -> Result<Done> {
        let end = start + u64::try_from(self.run.as_nanos())?;
        let document = notes(&self.dir);
        let raw = RawFile::new(&self.dir, "raw.json");
        let lock = RawLock::open(&self.dir.join("raw.json.lock"))?;
        let contents = [b' '; KILOBYTE];
        let mut written = 0;
        workers::sleep_until(start);
        while now() < end {
            match self.way {
                Way::Update => document.update(|notes| {
                    notes.serial += 1;
                    Change::Write(())
                })?,
                Way::Raw => {
                    lock.lock()?;
                    raw.replace(&contents, Extra::StrictBackup)?;
                    lock.unlock()?;
                }
            }
            written += 1;
        }
        Ok(Done { written, took: Duration::from_nanos(now() - start) })
    }
}
