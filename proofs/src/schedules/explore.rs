//! One schedule, from its orders to the account of it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use flock_guard::{LockFile, Wait};
use state_store::{Breaking, Change, FileBackend, Store};

use crate::evidence::Tally;
use crate::killed::settle;
use crate::quick;
use crate::savers::{Flaw, History, LEDGER, Ledger, Orders};
use crate::schedules::chance::Chance;
use crate::schedules::crew::Crew;
use crate::schedules::task::{Before, Id};
use crate::schedules::trail::Trail;

/// The versions before, so that there is a backup to be replaced.
const BEFORE: u64 = 2;
/// Updates that each saver makes.
const COUNT: u64 = 2;
/// More calls than any schedule takes.
const MOST: u64 = 20_000;
/// So many naps of one that waits are enough for a while.
const PATIENT_NAPS: usize = 3;

/// Plays the schedule of a seed. Returns who made which call.
pub(super) fn explore(
    crew: &mut Crew,
    seed: u64,
    flaw: Option<Flaw>,
    tally: &mut Tally,
) -> Result<Trail> {
    let mut chance = Chance::of(seed);
    let count = chance.savers();
    for number in 0..count {
        if crew.engage(number)? {
            break_in(crew, number)?;
        }
    }
    let dir = quick::dir()?;
    for _ in 0..BEFORE {
        turn_page(dir.path())?;
    }
    for number in 0..count {
        crew.order(number, &orders(dir.path(), number, flaw))?;
    }
    let mut schedule = Schedule {
        chance,
        dir: dir.path(),
        trail: Trail::default(),
        history: History::since(BEFORE),
        found: Tally::default(),
        seen: None,
    };
    schedule.play(crew)?;
    let Schedule { trail, mut history, mut found, .. } = schedule;
    if flaw.is_none() || found.violations() == 0 {
        settle(dir.path(), &mut history, &mut found)?;
    }
    found.tried(1);
    found.count("calls", trail.len());
    if found.violations() > 0 {
        tally.violation(|| format!("repeat with --seed {seed}: {trail}"));
    }
    tally.add(found);
    Ok(trail)
}

fn orders(dir: &Path, number: usize, flaw: Option<Flaw>) -> Orders {
    Orders {
        dir: dir.to_owned(),
        flaw,
        number: 1 + number as u64,
        count: COUNT,
        break_after: Some(Duration::ZERO),
        patience: 0,
    }
}

/// Lets a new saver do all that a process does the first time only, so that it makes the same
/// calls as an old one: it breaks a lock, and then takes one.
fn break_in(crew: &mut Crew, number: usize) -> Result<()> {
    let dir = quick::dir()?;
    turn_page(dir.path())?;
    let lock = LockFile::beside(&dir.path().join(LEDGER.as_str()));
    let held = lock.exclusive(Wait::Never)?;
    crew.order(number, &orders(dir.path(), number, None))?;
    crew.tasks.go_on_in_any_order()?;
    held.release(); // Its queue ends, too.
    crew.tasks.are_let_in();
    crew.tasks.go_on_in_any_order()?;
    while crew.ear.hear()?.is_some() {}
    ensure!(crew.tasks.are_done(), "a new saver does not come to its end");
    Ok(())
}

struct Schedule<'a> {
    chance: Chance,
    dir: &'a Path,
    trail: Trail,
    history: History,
    found: Tally,
    /// Which file was the document when a reader looked last.
    seen: Option<u64>,
}

impl Schedule<'_> {
    /// Lets one after the other go on until all have ended.
    fn play(&mut self, crew: &mut Crew) -> Result<()> {
        loop {
            let now = self.trail.len();
            ensure!(now < MOST, "there is no end to it: {}", self.trail);
            if let Some(saver) = self.chance.kills(now).filter(|saver| crew.has(*saver)) {
                crew.kill(saver)?;
                self.found.count("killed", 1);
                self.trail.killed(saver);
                continue;
            }
            let able = crew.tasks.able()?;
            if able.is_empty() {
                break;
            }
            let id = self.chance.pick(now, &able);
            let call = crew.tasks.step(id)?;
            self.trail.made(id, call);
            self.has_stopped(crew, id)?;
            if call.starts_with("renameat") {
                self.see(crew)?;
            }
        }
        if !crew.tasks.are_done() {
            self.found.violation(|| "all wait for each other".to_owned());
            crew.dismiss()?;
        }
        self.hear(crew)
    }

    fn has_stopped(&mut self, crew: &mut Crew, id: Id) -> Result<()> {
        match crew.tasks.at(id) {
            Some(task) => {
                if matches!(task.before, Before::Wait { .. }) {
                    task.is_impatient = self.chance.is_impatient();
                    if task.naps >= PATIENT_NAPS {
                        task.naps = 0;
                        self.chance.step_back(id);
                    }
                }
            }
            None if id.thread == 0 => {
                let why = crew.complaints()?;
                let last = why.lines().last().unwrap_or_default();
                self.found.violation(|| format!("a saver could not go on: {last}"));
            }
            None => {}
        }
        Ok(())
    }

    /// What a reader without a lock finds at this moment, if there is anything new.
    fn see(&mut self, crew: &mut Crew) -> Result<()> {
        // Of a file and the one that replaces it both are there at once, so their numbers differ.
        let inode = fs::metadata(self.dir.join(LEDGER.as_str())).map(|file| file.ino()).ok();
        if inode.is_some() && self.seen == inode {
            return Ok(());
        }
        self.seen = inode;
        self.hear(crew)?;
        let acknowledged = self.history.newest_saved;
        match Store::files(self.dir).document::<Ledger>(LEDGER).load() {
            Ok(Some(ledger)) => self.history.saw(&ledger, acknowledged, &mut self.found),
            Ok(None) => self.found.violation(|| "a reader found no document".to_owned()),
            Err(error) => self.found.violation(|| format!("a reader found damage: {error}")),
        }
        Ok(())
    }

    fn hear(&mut self, crew: &mut Crew) -> Result<()> {
        while let Some(report) = crew.ear.hear()? {
            self.history.heard(report, &mut self.found);
        }
        Ok(())
    }
}

fn turn_page(dir: &Path) -> Result<()> {
    let store = Store::on(FileBackend::new(dir).breaking(Breaking::Never));
    store.document::<Ledger>(LEDGER).update(|ledger| {
        ledger.turn_page(1);
        Change::Write(())
    })?;
    Ok(())
}
